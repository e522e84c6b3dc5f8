from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn

from services.library.cloudformation.template import Template
from services.library.guardrails.judgement import Guardrails
from services.library.guardrails.rules import log_policies
from services.library.guardrails.rules.log_policies import RULE, check

PROD, DEV = "444444444444/eu-west-1", "111111111111/eu-west-1"


def stack(number: int, **group: Any) -> Template:
    """A stack with a workflow and its log group, whose ARN has up to 125 characters."""
    arn = {"Fn::GetAtt": ["Logs", "Arn"]}
    logging = {"Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": arn}}], "Level": "ERROR"}
    body = {
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": group},
        "Flow": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"LoggingConfiguration": logging}},
        "Quiet": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {}},
    }
    return Template({"Resources": body}, f"Pipeline/production/a-service-{number:013}")


def found(*stacks: tuple[str, Template]) -> list[str]:
    return [each.path for each in check(stacks)]


def test_log_groups_beyond_an_accounts_resource_policy_are_found_each_by_its_path() -> None:
    many = [(PROD, stack(number)) for number in range(60)]
    paths = found(*many)
    assert 25 <= len(many) - len(paths) <= 45, "as many as fit"
    assert paths == [f"{template.stack_path}/Logs" for _, template in many][-len(paths) :]
    assert found(*((PROD if number % 2 else DEV, each) for number, (_, each) in enumerate(many))) == []
    (finding, *_) = check(many)
    assert (finding.rule, "in 444444444444/eu-west-1 with this one; 5,120 are allowed." in finding.text) == (
        RULE.id,
        True,
    )
    assert "vended_logs=True" in finding.fix


@pytest.mark.parametrize(
    "name",
    [
        "/aws/vendedlogs/states/orders",
        {"Fn::Join": ["", ["/aws/vendedlogs/states/orders-", {"Fn::Select": [0, ["a"]]}]]},
    ],
    ids=["a sandbox's", "production's"],
)
def test_log_groups_that_are_named_as_vended_take_nothing(name: Any) -> None:
    assert found(*((PROD, stack(number, LogGroupName=name)) for number in range(60))) == []
    other = "/states/orders"
    assert found(*((PROD, stack(number, LogGroupName=other)) for number in range(60))) != []


def test_all_stacks_of_a_synth_are_counted_by_account_and_region(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_policies, "LONGEST_POLICY", 500)  # one log group's
    app = cdk.App(outdir=str(tmp_path), context={"aws:cdk:enable-path-metadata": True})
    for name, region in (("First", "eu-west-1"), ("Second", "eu-west-1"), ("Elsewhere", "us-east-1")):
        stage = cdk.Stage(app, name, env=cdk.Environment(account="1" * 12, region=region))
        made = cdk.Stack(stage, "Orders")
        options = sfn.LogOptions(destination=logs.LogGroup(made, "Logs"), level=sfn.LogLevel.ALL)
        body = sfn.DefinitionBody.from_chainable(sfn.Succeed(made, "Done"))
        sfn.StateMachine(made, "Flow", definition_body=body, logs=options)
    failed = Guardrails([], accepted=()).synthesise(app).failed
    assert [each.path for each in failed if each.rule == RULE.id] == ["Second/Orders/Logs/Resource"]
