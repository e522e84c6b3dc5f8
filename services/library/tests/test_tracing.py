"""One trace through everything, in all its formats, and nothing in it about whom it was for."""

import base64
import json
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template
from hypothesis import given
from hypothesis import strategies as st

from services.library.cloudformation import template as guarded
from services.library.constructs.tracing import VARIABLES, trace
from services.library.contract import constraints
from services.library.contract.environment import Environment, Tier
from services.library.contract.service import ServiceStack
from services.library.contract.tracing import PYTHON_LAYER_VERSION, Datadog
from services.library.guardrails import nag, platform_rules
from services.library.guardrails.finding import DeploymentLocation, without_hashes
from services.library.runtime.client import Client
from services.library.runtime.resilience import CallError, Deadline
from services.library.runtime.trace import TraceContext
from services.library.runtime.xray import XRayTracing
from services.library.tests.traced import CAME_WITH_THE_WORK, CANARY, TOLD, UNTOLD, WORDS, Host
from tests.testbed import small
from tests.testbed.datadog_agent import running

ROOT = Path(__file__).resolve().parents[3]
URLS = 10_000
SECRET = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:observability/datadog-AbCdEf"
DATADOG = Datadog(site="datadoghq.eu", api_key_secret_arn=SECRET)

contexts = st.builds(
    TraceContext,
    trace_id=st.integers(1 << 96, (1 << 128) - 1),
    span_id=st.integers(1, (1 << 64) - 1),
    sampled=st.booleans(),
)


@given(context=contexts)
def test_all_trace_formats_carry_the_same_ids(context: TraceContext) -> None:
    assert TraceContext.from_traceparent(context.traceparent) == context
    assert TraceContext.from_xray(context.xray) == context
    headers = context.headers
    low, high = int(headers["x-datadog-trace-id"]), int(headers["x-datadog-tags"].removeprefix("_dd.p.tid="), 16)
    assert (high << 64) + low == context.trace_id
    assert int(headers["x-datadog-parent-id"]) == context.span_id


@given(text=st.text(max_size=80) | st.none() | st.integers())
def test_traceparent_refuses_malformed_text(text: object) -> None:
    assert TraceContext.from_traceparent(text) is None
    assert TraceContext.from_xray(text) is None


@pytest.mark.parametrize("text", ["Root=1-6b0557b4-aabbccdd0011223344556677", f"00-{'0' * 32}-{'1' * 16}-01"])
def test_a_trace_without_a_place_in_it_is_none(text: str) -> None:
    assert TraceContext.from_xray(text) is None
    assert TraceContext.from_traceparent(text) is None


class Daemon:
    """Takes what the daemon beside a function is sent."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.socket.getsockname()[1]}"

    def document(self) -> dict[str, Any]:
        header, _, document = self.socket.recv(65_536).partition(b"\n")
        assert json.loads(header) == {"format": "json", "version": 1}
        found: dict[str, Any] = json.loads(document)
        return found


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    daemon = Daemon()
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", daemon.address)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-6b0557b4-000000000000000000000001;Parent=00000000000000aa;Sampled=1")
    yield daemon
    daemon.socket.close()


def call(host: Host, *, to: str = TOLD) -> None:
    client = Client(words=WORDS, tracing=XRayTracing(), traces_to=frozenset({TOLD}), transport=host)
    with suppress(CallError):
        client.call("POST", f"https://{to}/v1/patients/{CANARY}/coverage?q={CANARY}", deadline=Deadline.after(5))


def test_without_datadog_the_daemon_gets_a_span_of_the_invocations_trace(daemon: Daemon) -> None:
    host = Host()
    call(host)
    document = daemon.document()
    assert document["trace_id"] == "1-6b0557b4-000000000000000000000001"
    assert document["parent_id"] == "00000000000000aa"
    assert document["http"]["request"] == {"method": "POST", "url": f"https://{TOLD}/v1/patients/{{id}}/coverage"}
    assert document["http"]["response"] == {"status": 200}
    (headers,) = host.headers[TOLD]
    assert headers["traceparent"].split("-")[1:3] == ["6b0557b4000000000000000000000001", document["id"]]


def test_a_trace_that_came_with_the_work_goes_on(daemon: Daemon) -> None:
    host = Host()
    with XRayTracing().continuing(CAME_WITH_THE_WORK):
        call(host)
    assert daemon.document()["trace_id"] == CAME_WITH_THE_WORK.xray_id
    assert f"{CAME_WITH_THE_WORK.trace_id:032x}" in host.headers[TOLD][0]["traceparent"]


def test_the_invocations_own_segment_is_the_parent_if_it_is_of_that_trace(daemon: Daemon) -> None:
    same = TraceContext(trace_id=int("6b0557b4000000000000000000000001", 16), span_id=0xBB)
    with XRayTracing().continuing(same):
        call(Host())
    assert daemon.document()["parent_id"] == "00000000000000aa"


def test_an_unsampled_trace_is_propagated_but_sends_no_span(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-6b0557b4-000000000000000000000001;Parent=00000000000000aa;Sampled=0")
    host = Host()
    call(host)
    assert host.headers[TOLD][0]["x-datadog-sampling-priority"] == "0"
    daemon.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        daemon.document()


def test_xray_ignores_a_daemon_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-6b0557b4-000000000000000000000001;Parent=00000000000000aa;Sampled=1")
    for address in ("", "127.0.0.1:1"):
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", address)
        call(Host())


def test_nothing_personal_reaches_the_daemon(daemon: Daemon) -> None:
    host = Host()
    for _ in range(300):
        call(host)
        document = daemon.document()
        assert CANARY not in json.dumps(document)


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a process with Datadog's settings sent to its hosts, and the spans that the real test agent received."""
    with running(tmp_path_factory.mktemp("agent")) as agent:
        variables = {"DD_LAMBDA_HANDLER": "a.b", "DD_TRACE_AGENT_URL": agent.url, "PYTHONPATH": str(ROOT), **VARIABLES}
        done = subprocess.run(
            [sys.executable, ROOT / "services/library/tests/traced.py", str(URLS)],
            env={"PATH": os.environ["PATH"], **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert CANARY not in done.stderr
        return json.loads(done.stdout), agent.spans()


Traced = tuple[dict[str, Any], list[dict[str, Any]]]


def test_ten_thousand_random_urls_reach_the_agent_without_ids_and_queries(traced: Traced) -> None:
    _, spans = traced
    ours = [span for span in spans if span["name"] == "http.request"]
    assert len(ours) == URLS
    path = "/v1/patients/{id}/coverage/{id}"
    assert Counter(span["resource"] for span in ours) == {
        f"POST https://{host}{path}": URLS // 2 for host in (TOLD, UNTOLD)
    }
    assert {span["meta"]["http.url"] for span in ours} == {f"https://{host}{path}" for host in (TOLD, UNTOLD)}


def test_no_span_has_personal_data(traced: Traced) -> None:
    sent, spans = traced
    assert CANARY not in json.dumps(spans)
    assert {name for span in spans for name in span["metrics"] if not name.startswith("_")} <= {
        "process_id",
        "retry_attempts",
    }
    names = {span["name"] for span in spans}
    assert {"http.request", "requests.request", "aws.lambda", "kinesis.command"} <= names
    assert "recorded" not in names
    errors = Counter(span["meta"].get("error.type") for span in spans if span["error"])
    assert errors["AttemptError"] > 0
    assert errors["StatusError"] > 0
    assert errors["builtins.ValueError"] == 1
    assert sum(sent["failed"].values()) == errors["AttemptError"] + errors["StatusError"]


def test_the_trace_goes_on_in_both_formats_and_to_no_host_that_is_not_allowed(traced: Traced) -> None:
    sent, spans = traced
    assert sent["headers"][UNTOLD] == [{}] * (URLS // 2)
    told = sent["headers"][TOLD]
    assert len(told) == URLS // 2
    spans_told = {span["span_id"] for span in spans if TOLD in span["resource"]}
    for headers in told:
        _, w3c, parent, _ = headers["traceparent"].split("-")
        assert int(w3c, 16) == CAME_WITH_THE_WORK.trace_id
        assert int(headers["x-datadog-trace-id"]) == CAME_WITH_THE_WORK.trace_id & ((1 << 64) - 1)
        assert int(headers["x-datadog-parent-id"]) == int(parent, 16)
        assert int(parent, 16) in spans_told
        assert f"_dd.p.tid={CAME_WITH_THE_WORK.trace_id >> 64:016x}" in headers["x-datadog-tags"]
        assert "baggage" not in headers
        assert "b3" not in headers


def test_datadog_adds_nothing_to_a_record(traced: Traced) -> None:
    sent, _ = traced
    assert base64.b64decode(sent["headers"]["kinesis"][0]["Data"]) == b'{"id": "1"}'


def deploy(app: cdk.App, name: str, tracing: Datadog | None) -> ServiceStack:
    """Build the small service as a stage does."""
    environment = Environment(name=name, tier=Tier.PRODUCTION, account="111111111111", region="eu-west-1")
    stage = cdk.Stage(app, name, env=environment.to_cdk())
    instrument = partial(trace, service="orders", environment=environment)
    return small.Orders(tracing=tracing).deploy(stage, environment, instrument=instrument)


def template(tmp_path: Path, *, tracing: Datadog | None = None) -> Template:
    return Template.from_stack(deploy(cdk.App(outdir=str(tmp_path)), "prod", tracing))


def test_datadog_is_a_setting_of_the_stage_entry(tmp_path: Path) -> None:
    made = template(tmp_path, tracing=DATADOG)
    layer = f"arn:aws:lambda:eu-west-1:464622532012:layer:Datadog-Python314-ARM:{PYTHON_LAYER_VERSION}"
    made.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Handler": "datadog_lambda.handler.handler",
            "Layers": Match.array_with([layer]),
            "TracingConfig": {"Mode": "Active"},
            "Environment": {
                "Variables": Match.object_like(
                    {
                        **VARIABLES,
                        "DD_LAMBDA_HANDLER": small.ORDERS_HANDLER,
                        "DD_API_KEY_SECRET_ARN": SECRET,
                        "DD_CAPTURE_LAMBDA_PAYLOAD": "false",
                        "DD_SERVERLESS_LOGS_ENABLED": "false",
                        "DD_SITE": "datadoghq.eu",
                    }
                )
            },
        },
    )
    statement = {"Action": Match.array_with(["secretsmanager:GetSecretValue"]), "Resource": SECRET}
    made.has_resource_properties(
        "AWS::IAM::ManagedPolicy", {"PolicyDocument": {"Statement": Match.array_with([Match.object_like(statement)])}}
    )


def test_datadog_brings_no_finding(tmp_path: Path) -> None:
    found = []
    for name, tracing in (("without", None), ("with", DATADOG)):
        app = cdk.App(outdir=str(tmp_path / name), context={"aws:cdk:enable-path-metadata": True})
        stack = deploy(app, name, tracing)
        made = guarded.Template(Template.from_stack(stack).to_json(), stack.node.path)
        own_ = platform_rules.findings(made, DeploymentLocation(keeps_data=True, account=stack.account))
        each = [*(finding for _, finding in nag.findings(app)), *own_]
        found.append({(without_hashes(one.rule), one.path.partition("/")[2]) for one in each})
    assert found[0]
    assert found[1] == found[0]


def test_a_stack_without_the_setting_has_nothing_of_datadog(tmp_path: Path) -> None:
    made = template(tmp_path)
    assert "datadog" not in json.dumps(made.to_json()).lower()
    made.has_resource_properties(
        "AWS::Lambda::Function",
        {"Handler": small.ORDERS_HANDLER, "TracingConfig": {"Mode": "Active"}},
    )


@pytest.mark.parametrize(
    "given", ["0123456789abcdef0123456789abcdef", "observability/datadog", SECRET.removesuffix("-AbCdEf")]
)
def test_a_key_in_the_place_of_its_secret_is_refused(given: str) -> None:
    (wrong,) = constraints.validate_fields(Datadog(site="datadoghq.eu", api_key_secret_arn=given))
    assert "never the key itself" in wrong.sentence


def test_the_layer_is_the_release_that_tests_run_with() -> None:
    lock = (ROOT / "uv.lock").read_text()
    assert f'name = "datadog-lambda"\nversion = "8.{PYTHON_LAYER_VERSION}.' in lock
