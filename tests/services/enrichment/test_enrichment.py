"""enrichment as it is deployed: real bus, workflow, function processes and table, and a partner behind real TLS."""

import base64
import json
import os
from collections.abc import Iterator
from functools import partial
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_

from pipeline.local.lifecycle import CloudLocation, LocalCloud, start, stop
from pipeline.local.processes import free_port
from services.enrichment.service import Enrichment
from services.ingest.service import Ingest
from services.intake.service import Intake
from services.library.constructs.tracing import trace
from services.library.contract.service import Service
from services.library.contract.tracing import Datadog
from services.library.runtime.datadog import ALLOWED
from services.library.runtime.trace import TraceContext
from tests.services.enrichment.deployed_enrichment import DeployedEnrichment, offering
from tests.testbed import datadog_agent as agents
from tests.testbed.datadog_agent import Agent
from tests.testbed.functions import until
from tests.testbed.partner import LocalPartner
from tests.testbed.signed import SignedApi
from tests.testbed.stacks import HERE, Deployed, deploy, environment

pytestmark = pytest.mark.cloud
API_KEY = "0123456789abcdef0123456789abcdef"
CANARY = "Schmidt-1957"

KILLING = """
import os, pathlib, signal
from services.enrichment.runtime import compensate, handler, store

whole = store.EnrichmentTable._write

def write(self, work, before, state, **more):
    done = whole(self, work, before, state, **more)
    note = pathlib.Path({notes!r}) / f"{{work.id}}-{{state}}"
    if done and not note.exists():
        note.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return done

store.EnrichmentTable._write = write
enrich, undo = handler.handle, compensate.handle
"""
"""Handlers of which each dies after its first effect on a change and before it answers."""


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with agents.running(tmp_path_factory.mktemp("agent")) as running:
        yield running


@pytest.fixture(scope="module")
def traced_cloud(agent: Agent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    place = CloudLocation(home=tmp_path_factory.mktemp("cloud"), port=free_port())
    yield start(place, environment={**os.environ, "PENSTOCK_DATADOG_AGENT": agent.url})
    stop(place)


@pytest.fixture(scope="module")
def running(traced_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> DeployedEnrichment:
    def build(stage: cdk.Stage) -> None:
        offered = offering(stage, HERE)
        Enrichment(retries=1, attempts=2).deploy(stage, HERE).add_stack_dependency(offered)

    return DeployedEnrichment(deploy(traced_cloud, tmp_path_factory.mktemp("a"), build)["enrichment"])


@pytest.fixture
def partner(traced_cloud: LocalCloud) -> LocalPartner:
    partner = LocalPartner(traced_cloud)
    partner.control(clear=True)
    return partner


def test_an_event_is_enriched_once_however_often_it_comes(running: DeployedEnrichment, partner: LocalPartner) -> None:
    for _ in range(2):
        running.closed(running.start("c-1", "p-1"))
    item = running.items()["patient#p-1"]
    assert item["applied"] == {"N": "1"}
    assert item["relying"] == {"SS": ["c-1"]}
    assert "pending" not in item
    assert item["coverage"]["M"].keys() == {"payer", "member", "active"}
    assert len(partner.requests("p-1")) == 1
    assert partner.requests("p-1")[0]["headers"]["host"] == "partner.example.com"


def test_whom_the_partner_does_not_know_is_known_to_be_unknown(
    running: DeployedEnrichment, partner: LocalPartner
) -> None:
    partner.fails("status", status=404, path="p-unknown")
    assert running.closed(running.start("c-unknown", "p-unknown"))["status"] == "SUCCEEDED"
    assert running.items()["patient#p-unknown"]["coverage"] == {"NULL": True}


def test_a_passing_fault_passes(running: DeployedEnrichment, partner: LocalPartner) -> None:
    partner.fails("reset", path="p-passing")
    assert running.closed(running.start("c-passing", "p-passing"))["status"] == "SUCCEEDED"
    assert len(partner.requests("p-passing")) == 2


def test_a_broken_partner_leads_to_compensation_a_dead_letter_and_an_alarm(
    running: DeployedEnrichment, partner: LocalPartner
) -> None:
    partner.fails("status", status=400, path=CANARY, times=9)
    running.dead_letters()  # of others
    execution = running.start("c-broken", CANARY)
    assert running.closed(execution)["error"] == "PartnerRefused"
    firing = until(
        lambda: [
            alarm["AlarmDescription"]
            for alarm in running.stack.client("cloudwatch").describe_alarms(StateValue="ALARM")["MetricAlarms"]
            if "DeadLetters" in alarm["AlarmName"]
        ],
        bool,
    )
    assert all("docs/runbooks/enrichment.md" in description for description in firing)
    (message,) = running.dead_letters()
    assert message == {
        "change": "c-broken",
        "execution": execution,
        "error": "PartnerRefused",
        "compensated": True,
    }
    item = running.items()[f"patient#{CANARY}"]
    assert item["released"] == {"N": "1"}
    assert item.keys() == {"id", "released"}
    # Mended, the same event is a new execution, which does what the first could not.
    partner.control(clear=True)
    assert running.closed(running.start("c-broken", CANARY))["status"] == "SUCCEEDED"
    assert running.items()[f"patient#{CANARY}"]["applied"] == {"N": "1"}
    assert CANARY not in running.logs()


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"detail": {"id": "c-none"}},
        {"detail": {"id": "c-none", "patient": 7}},
        {"detail": {"id": "c-none", "patient": f"{CANARY} and more"}},
    ],
)
def test_an_event_that_is_no_change_is_kept_for_an_operator_and_nothing_is_undone(
    running: DeployedEnrichment, partner: LocalPartner, event: dict[str, Any]
) -> None:
    running.dead_letters()  # of others
    before = running.items()
    execution = running.start_with(event)
    assert running.closed(execution)["error"] == "NotAChange"
    assert running.dead_letters() == [{"execution": execution, "error": "NotAChange"}]
    assert running.items() == before
    assert not partner.requests()
    assert CANARY not in running.logs()


def test_x_ray_has_a_span_of_the_trace_that_the_event_came_with(
    running: DeployedEnrichment, partner: LocalPartner
) -> None:
    trace = TraceContext.new()
    running.closed(running.start("c-trace", "p-trace", trace=trace.traceparent))
    xray = running.stack.client("xray")
    (found,) = until(lambda: xray.batch_get_traces(TraceIds=[trace.xray_id])["Traces"], bool)
    (segment,) = (json.loads(each["Document"]) for each in found["Segments"])
    assert segment["annotations"]["resource"] == "GET https://partner.example.com/v1/patients/{id}/coverage"
    (headers,) = (each["headers"] for each in partner.requests("p-trace"))
    assert headers["traceparent"] == f"00-{trace.trace_id:032x}-{segment['id']}-01"
    assert int(headers["x-datadog-trace-id"]) == trace.trace_id & ((1 << 64) - 1)


@pytest.fixture(scope="module")
def killing(traced_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> DeployedEnrichment:
    here, notes, code = environment("killing"), tmp_path_factory.mktemp("notes"), tmp_path_factory.mktemp("layer")
    (code / "python").mkdir()
    (code / "python" / "killing.py").write_text(KILLING.format(notes=str(notes)))

    def build(stage: cdk.Stage) -> None:
        offered = offering(stage, here)
        stack = Enrichment(retries=4).deploy(stage, here)
        stack.add_stack_dependency(offered)
        layer = lambda_.LayerVersion(stack, "Killing", code=lambda_.Code.from_asset(str(code)))
        for function, handler in ((stack.enrich, "killing.enrich"), (stack.compensate, "killing.undo")):
            function.function.add_layers(layer)
            made = function.function.node.default_child
            assert isinstance(made, lambda_.CfnFunction)
            made.handler = handler

    assembly = tmp_path_factory.mktemp("killing")
    return DeployedEnrichment(deploy(traced_cloud, assembly, build, environment=here)["enrichment"])


@pytest.mark.parametrize("changes", [pytest.param(4, id="fast"), pytest.param(100, id="full", marks=pytest.mark.soak)])
def test_killed_after_each_effect_and_before_each_answer_every_effect_happens_once(
    killing: DeployedEnrichment, partner: LocalPartner, changes: int
) -> None:
    """Of half of the changes the partner refuses to speak, so that they are compensated. Two are about each patient."""
    partner.fails("status", status=400, path="refused", times=99 * changes)

    def begin(what: str, patient: str) -> dict[str, str]:
        return {
            (change := f"{what}-{changes}-{each}"): killing.start(change, f"{patient}-{changes}-{each // 2}")
            for each in range(changes)
        }

    good, bad = begin("good", "p"), begin("bad", "refused")
    assert {killing.closed(execution)["status"] for execution in good.values()} == {"SUCCEEDED"}
    assert {killing.closed(execution)["error"] for execution in bad.values()} == {"PartnerRefused"}
    items = killing.items()
    for number in range(changes // 2):
        enriched, released = items[f"patient#p-{changes}-{number}"], items[f"patient#refused-{changes}-{number}"]
        assert enriched["applied"] == {"N": "2"}
        assert released["released"] == {"N": "2"}
        assert "applied" not in released
        assert "pending" not in enriched.keys() | released.keys()
    assert {message["change"] for message in killing.dead_letters()} == bad.keys()
    assert killing.logs().count("Runtime exited") >= 4 * changes, "each dies after each of its two effects"


@pytest.fixture(scope="module")
def platform(traced_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Deployed]:
    """Three services as a stage deploys them, with Datadog's layers."""
    here = environment("traced")
    secrets = traced_cloud.client("secretsmanager", here.account, here.region)
    made = secrets.create_secret(Name="observability/datadog", SecretString=API_KEY)
    datadog = Datadog(site="datadoghq.eu", api_key_secret_arn=made["ARN"])

    def build(stage: cdk.Stage) -> None:
        def deployed(service: Service[Any]) -> cdk.Stack:
            instrument = partial(trace, service=service.name, environment=here)
            stack: cdk.Stack = service.deploy(stage, here, instrument=instrument)
            return stack

        ingest = deployed(Ingest(tracing=datadog))
        for service in (Intake(tracing=datadog), Enrichment(tracing=datadog)):
            deployed(service).add_stack_dependency(ingest)

    return deploy(traced_cloud, tmp_path_factory.mktemp("platform"), build, environment=here)


def test_one_trace_goes_from_the_api_over_workflow_stream_and_bus_to_the_partner(
    platform: dict[str, Deployed], traced_cloud: LocalCloud, partner: LocalPartner, agent: Agent
) -> None:
    api = SignedApi(cloud=traced_cloud, url=platform["intake"].outputs["Url"])
    payload = {"patient": CANARY, "resource": {"resourceType": "Observation", "name": CANARY}}
    posted = api.post(payload).json()["id"]
    (machine,) = platform["intake"].ids("AWS::StepFunctions::StateMachine")
    execution = (
        platform["intake"]
        .client("stepfunctions")
        .describe_execution(executionArn=f"{machine.replace(':stateMachine:', ':execution:')}:{posted}")
    )
    root = execution["traceHeader"].removeprefix("Root=1-").replace("-", "")
    (request,) = until(lambda: partner.requests(CANARY), bool, 60)
    _, w3c, parent, _ = request["headers"]["traceparent"].split("-")
    assert w3c == root
    high = request["headers"]["x-datadog-tags"].partition("_dd.p.tid=")[2][:16]
    assert f"{high}{int(request['headers']['x-datadog-trace-id']):016x}" == root

    def of_the_trace() -> list[dict[str, Any]]:
        return [span for span in agent.spans() if f"{span['trace_id']:016x}" == root[16:]]

    spans = until(of_the_trace, lambda found: {each["service"] for each in found} >= {"intake", "enrichment"}, 30)
    names = [(span["service"], span["name"]) for span in spans]
    assert names.count(("intake", "aws.lambda")) == 2
    assert ("enrichment", "aws.lambda") in names
    (call,) = (span for span in spans if span["name"] == "http.request")
    assert f"{call['span_id']:016x}" == parent
    assert call["resource"] == "GET https://partner.example.com/v1/patients/{id}/coverage"
    assert CANARY not in json.dumps(agent.spans())
    allowed = {"language", "process_id"} | ALLOWED
    for span in agent.spans():  # those of services too that trace nothing themselves
        assert {name for name in span["meta"] if not name.startswith("_dd.")} <= allowed


def test_datadogs_key_is_read_from_secrets_manager_and_without_it_no_trace_is_sent(
    platform: dict[str, Deployed], agent: Agent
) -> None:
    """What the extension does on AWS; a wrong ARN is not to be found out only there."""
    stack = platform["enrichment"]
    functions, secrets = stack.client("lambda"), stack.client("secretsmanager")
    (name,) = (each for each in stack.ids("AWS::Lambda::Function") if "Compensate" in each)
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    arn = variables["DD_API_KEY_SECRET_ARN"]
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == API_KEY
    assert API_KEY not in json.dumps(variables)

    def called(execution: str, secret: str) -> str:
        told = variables | {"DD_API_KEY_SECRET_ARN": secret}
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": told})
        event = {"execution": execution, "change": {"id": execution, "patient": "p-1"}}
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(event).encode(), LogType="Tail")
        assert json.load(answer["Payload"]) == {"outcome": "NOTHING"}
        return base64.b64decode(answer["LogResult"]).decode()

    def of_this_function() -> int:
        return sum(span["name"] == "aws.lambda" and span["resource"] == name for span in agent.spans())

    before = of_this_function()
    other = secrets.create_secret(Name="nowhere/datadog", SecretString=API_KEY)["ARN"]
    assert f"DD_API_KEY_SECRET_ARN={other} (AccessDeniedException)" in called("e-unknown", other)
    assert "the API key cannot be read" not in called("e-known", arn)
    until(of_this_function, lambda found: found == before + 1)
