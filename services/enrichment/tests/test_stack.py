"""enrichment's stack: what is stored keeps its logical id, and settings and tiers arrive where they matter."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from services.enrichment.service import TIMEOUT, Enrichment
from services.library import constraints
from services.library.environment import Environment, Tier

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


def test_settings_arrive_where_they_matter() -> None:
    made = template(
        Tier.SANDBOX,
        partner="https://api.contoso.example.com:8443",
        partner_sees_traces=False,
        attempts=2,
        deadline_seconds=7,
        retries=0,
        enriched_at_once=3,
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
                    }
                )
            },
        },
    )
    assert "Retry" not in definition(made)["States"]["Enrich"]


def definition(made: assertions.Template) -> dict[str, Any]:
    (machine,) = made.find_resources("AWS::StepFunctions::StateMachine").values()
    parts = machine["Properties"]["DefinitionString"]["Fn::Join"][1]
    found: dict[str, Any] = json.loads("".join(part if isinstance(part, str) else "token" for part in parts))
    return found


def test_every_way_out_but_success_leads_over_compensation_to_the_dead_letters(
    production: assertions.Template,
) -> None:
    states = definition(production)["States"]
    (caught,) = states["Enrich"]["Catch"]
    assert (caught["ErrorEquals"], caught["Next"]) == (["States.ALL"], "Compensate")
    assert states["Compensate"]["Retry"][0]["ErrorEquals"] == ["States.ALL"]
    (lost,) = states["Compensate"]["Catch"]
    assert lost["Next"] == "TellNotCompensated"
    for told in ("TellCompensated", "TellNotCompensated"):
        assert states[told]["Next"] == "KeepForOperator"
        assert "patient" not in json.dumps(states[told])
    assert states["KeepForOperator"]["Next"] == "Failed"


def test_an_execution_ends_before_another_may_take_its_change(production: assertions.Template) -> None:
    """Tasks, their retries and pauses together, with the most retries that a stage entry may have."""
    states = definition(template(Tier.SANDBOX, retries=10))["States"]
    seconds = 0.0
    for name in ("Enrich", "Compensate", "KeepForOperator"):
        for retry in states[name]["Retry"]:
            pauses = (
                retry["IntervalSeconds"] * retry["BackoffRate"] ** number for number in range(retry["MaxAttempts"])
            )
            seconds += sum(min(pause, retry["MaxDelaySeconds"]) for pause in pauses)
            seconds += 30 * (1 + retry["MaxAttempts"])
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
    "partner",
    ["http://partner.example.com", "https://partner.example.com/v1", "https://user:x@partner.example.com", "partner"],
)
def test_an_address_that_is_none_is_refused(partner: str) -> None:
    (wrong,) = constraints.wrong(Enrichment(partner=partner))
    assert "https://host" in wrong.sentence
