"""enrichment's stack: what is stored keeps its logical id, and settings and tiers arrive where they matter."""

import json
from typing import Any

import aws_cdk as cdk
import httpx
import pytest
from aws_cdk import assertions

from services.enrichment.runtime import partner
from services.enrichment.service import CIRCUIT_OPEN, TIMEOUT, Enrichment
from services.library.contract import constraints
from services.library.contract.environment import Environment, Tier
from services.library.runtime.resilience import Deadline
from services.library.runtime.tracing import NoTracing

# A changed logical id is a new, empty resource: CloudFormation deletes the old one, or leaves it behind.
STATEFUL = {
    "AWS::DynamoDB::Table": {"EnrichmentsTableC4AF6E2E"},
    "AWS::KMS::Key": {"AlarmsKey7F5A268D", "BackupsKeyCDE6E041", "Key9BCD29C7", "OperationsKeyC8E359A5"},
}


def template(tier: Tier, **settings: Any) -> assertions.Template:
    environment = Environment(name="here", tier=tier, account="111111111111", region="eu-west-1")
    stage = cdk.Stage(cdk.App(), "here", env=environment.to_cdk())
    return assertions.Template.from_stack(Enrichment(**settings).deploy(stage, environment))


@pytest.fixture(scope="module")
def production() -> assertions.Template:
    return template(Tier.PRODUCTION)


@pytest.mark.parametrize("type_", STATEFUL)
def test_what_is_stored_keeps_its_logical_id(type_: str, production: assertions.Template) -> None:
    assert set(production.find_resources(type_)) == STATEFUL[type_]


def test_production_keeps_all_data_whatever_happens_to_the_stack(production: assertions.Template) -> None:
    for type_ in STATEFUL:
        production.all_resources(type_, {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"})


def test_settings_reach_function_workflow_and_concurrency() -> None:
    made = template(
        Tier.SANDBOX,
        partner="https://api.contoso.example.com:8443",
        partner_sees_traces=False,
        attempts=2,
        deadline_seconds=7,
        retries=0,
        reserved_concurrency=3,
    )
    made.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "ReservedConcurrentExecutions": 3,
            "Environment": {
                "Variables": assertions.Match.object_like(
                    {
                        "PARTNER_URL": "https://api.contoso.example.com:8443",
                        "PARTNER_SEES_TRACES": "false",
                        "PARTNER_ATTEMPTS": "2",
                        "PARTNER_SECONDS": "7",
                        "PARTNER_LEFT_ALONE_SECONDS": "30",
                    }
                )
            },
        },
    )
    retried = {error for retry in definition(made)["States"]["Enrich"]["Retry"] for error in retry["ErrorEquals"]}
    assert retried == {"Lambda.TooManyRequestsException", "PartnerLeftAlone"}, "what was not begun is no retry"


def definition(made: assertions.Template) -> dict[str, Any]:
    (machine,) = made.find_resources("AWS::StepFunctions::StateMachine").values()
    parts = machine["Properties"]["DefinitionString"]["Fn::Join"][1]
    found: dict[str, Any] = json.loads("".join(part if isinstance(part, str) else "token" for part in parts))
    return found


def test_every_way_out_but_success_leads_over_compensation_to_the_dead_letters(
    production: assertions.Template,
) -> None:
    states = definition(production)["States"]
    unmade, caught = states["Enrich"]["Catch"]
    assert (unmade["ErrorEquals"], unmade["Next"]) == (["NotAChange"], "TellNotAChange")
    assert (caught["ErrorEquals"], caught["Next"]) == (["States.ALL"], "Compensate")
    assert states["Compensate"]["Retry"][-1]["ErrorEquals"] == ["States.ALL"]
    (lost,) = states["Compensate"]["Catch"]
    assert lost["Next"] == "TellNotCompensated"
    for told in ("TellCompensated", "TellNotCompensated", "TellNotAChange"):
        assert states[told]["Next"] == "KeepForOperator"
        assert "patient" not in json.dumps(states[told])
    assert states["KeepForOperator"]["Next"] == "Failed"


def test_an_event_that_is_no_change_goes_straight_to_the_dead_letters(production: assertions.Template) -> None:
    found = definition(production)
    first = found["States"][found["StartAt"]]
    (change,) = first["Choices"]
    assert change["Next"] == "Enrich"
    assert change["And"] == [
        {"Variable": f"$.detail.{field}", check: True} for field in ("id", "patient") for check in CHECKS
    ]
    assert first["Default"] == "TellNotAChange"
    told = found["States"]["TellNotAChange"]
    assert told["Parameters"] == {"execution.$": "$$.Execution.Id", "error": "NotAChange"}
    assert told["Next"] == "KeepForOperator"


CHECKS = ("IsPresent", "IsString")


def pause(retry: dict[str, Any], number: int) -> float:
    """The longest that it may be, after so many."""
    longest: float = min(retry["IntervalSeconds"] * retry["BackoffRate"] ** number, retry["MaxDelaySeconds"])
    return longest


class Clock:
    """Stands still unless somebody waits."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("sandboxes", [1, 2, 10])
def test_a_change_outlives_a_partner_that_is_down_for_half_a_minute(
    production: assertions.Template, sandboxes: int, chance: float
) -> None:
    """The real client and breakers, and the workflow's real retries, by a clock; the pauses as chance may have them."""
    clock = Clock()
    retries = definition(production)["States"]["Enrich"]["Retry"]

    def answer(_: httpx.Request) -> httpx.Response:
        if clock.time <= CIRCUIT_OPEN.to_seconds():
            return httpx.Response(503)
        return httpx.Response(200, json={"payer": "p", "member": "m", "active": True})

    apis = [
        partner.PartnerApi(
            "https://partner.example.com",
            tracing=NoTracing(),
            sees_traces=False,
            attempts=3,
            circuit_open_seconds=CIRCUIT_OPEN.to_seconds(),
            transport=httpx.MockTransport(answer),
        )
        for _ in range(sandboxes)
    ]
    for api in apis:
        api.client.clock, api.client.chance = clock, lambda: chance
    counts = [0] * len(retries)
    failed: list[str] = []
    while True:
        try:
            known = apis[len(failed) % sandboxes].coverage("p-1", Deadline.after(10, clock=clock))
            break
        except Exception as error:  # noqa: BLE001 - whatever it is, the workflow has its name
            failed.append(type(error).__name__)
        (index,) = (number for number, retry in enumerate(retries) if failed[-1] in retry["ErrorEquals"])
        assert counts[index] < retries[index]["MaxAttempts"], failed
        by_chance = chance if retries[index].get("JitterStrategy") == "FULL" else 1.0
        clock.sleep(by_chance * pause(retries[index], counts[index]))
        counts[index] += 1
    assert known is not None
    assert ("PartnerLeftAlone" in failed) == (sandboxes == 1)


def test_an_execution_ends_before_another_may_take_its_change(production: assertions.Template) -> None:
    """Tasks, their retries and pauses together, with the most retries that a stage entry may have."""
    states = definition(template(Tier.SANDBOX, retries=10))["States"]
    seconds = 0.0
    for name in ("Enrich", "Compensate", "KeepForOperator"):
        seconds += 30
        for retry in states[name]["Retry"]:
            runs = 0 if retry["ErrorEquals"] == ["Lambda.TooManyRequestsException"] else 30
            seconds += sum(pause(retry, number) + runs for number in range(retry["MaxAttempts"]))
    assert seconds < TIMEOUT.to_seconds()
    production.has_resource_properties(
        "AWS::Lambda::Function",
        {"Environment": {"Variables": assertions.Match.object_like({"HOLD_SECONDS": str(int(TIMEOUT.to_seconds()))})}},
    )


def test_every_alarm_reaches_the_topic_and_names_the_runbook(production: assertions.Template) -> None:
    alarms = production.find_resources("AWS::CloudWatch::Alarm")
    (topic,) = production.find_resources("AWS::SNS::Topic")
    assert len(alarms) > 8
    for name, alarm in alarms.items():
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": topic}], name
        assert "docs/runbooks/enrichment.md" in alarm["Properties"]["AlarmDescription"], name


@pytest.mark.parametrize(
    "address",
    ["http://partner.example.com", "https://partner.example.com/v1", "https://user:x@partner.example.com", "partner"],
)
def test_an_invalid_partner_address_is_refused(address: str) -> None:
    (wrong,) = constraints.validate_fields(Enrichment(partner=address))
    assert "https://host" in wrong.sentence
