"""An approval that is given by rule: only where it is certain that nothing would change, and for that run alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.builds import approve_unchanged
from tests.testbed.code_pipeline import refusal

DEPLOY_ROLE = "arn:aws:iam::444444444444:role/cdk-penstock-deploy-role-444444444444-us-east-1"
TEMPLATE = {"Resources": {"A": {"Type": "T"}}}


def action(name: str, provider: str, **configuration: str) -> dict[str, Any]:
    return {
        "name": name,
        "actionTypeId": {"provider": provider},
        "configuration": configuration,
        "roleArn": DEPLOY_ROLE,
        "region": "us-east-1",
    }


LOOKING = "probes protections bakes"


class Aws:
    """Every API that is asked: a gate in which a run waits, and a stack that was deployed."""

    def __init__(self) -> None:
        place = {"StackName": "prod-orders", "TemplatePath": "Synth::assembly/orders.template.json"}
        self.actions = [
            action("orders.Deploy", "CloudFormation", **place),
            action("orders.Look", "CodeBuild", ProjectName="probes"),
            action("Protect", "CodeBuild", ProjectName="protections"),
            action("Bake-prod", "CodeBuild", ProjectName="bakes"),
        ]
        self.deployed: Any = json.dumps(TEMPLATE)
        self.status = "UPDATE_COMPLETE"
        self.parameters = [{"ParameterKey": "Where", "ParameterValue": "/records/url", "ResolvedValue": "here"}]
        self.value = "here"
        self.assumed: list[str] = []
        self.in_gate = "run"
        self.token: dict[str, str] = {"token": "t"}
        self.answered: list[dict[str, Any]] = []
        self.refused = ""

    def __call__(self, *_: object, **__: object) -> "Aws":
        return self

    def get_pipeline(self, **_: str) -> Any:
        return {"pipeline": {"stages": [{"name": "prod", "actions": self.actions}]}}

    def assume_role(self, **asked: str) -> Any:
        self.assumed.append(asked["RoleArn"].rpartition("/")[2])
        return {"Credentials": {"AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c"}}

    def get_template(self, **_: str) -> Any:
        if self.deployed is None:
            raise refusal("ValidationError", "Stack prod-orders does not exist")
        return {"TemplateBody": self.deployed}

    def describe_stacks(self, **_: str) -> Any:
        return {"Stacks": [{"StackStatus": self.status, "Parameters": self.parameters}]}

    def get_parameter(self, **asked: str) -> Any:
        assert asked == {"Name": "/records/url"}
        return {"Parameter": {"Value": self.value}}

    def get_pipeline_state(self, **_: str) -> Any:
        asked = {"actionName": "Approve-prod", "latestExecution": self.token}
        latest = {"pipelineExecutionId": self.in_gate}
        return {"stageStates": [{"stageName": "prod-gate", "latestExecution": latest, "actionStates": [asked]}]}

    def put_approval_result(self, **asked: Any) -> None:
        if self.refused:
            raise refusal(self.refused)
        self.answered.append(asked)


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """A run whose one template is deployed already."""
    made = Aws()
    (tmp_path / "assembly").mkdir()
    (tmp_path / "assembly/orders.template.json").write_text(json.dumps(TEMPLATE, indent=1))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("boto3.client", made)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    return made


def test_run_that_changes_nothing_is_approved_with_its_own_token(aws: Aws) -> None:
    assert approve_unchanged.main(".", "penstock", "prod", "run", LOOKING) == 0
    (answered,) = aws.answered
    assert (answered["stageName"], answered["actionName"], answered["token"]) == ("prod-gate", "Approve-prod", "t")
    assert answered["result"] == {"status": "Approved", "summary": approve_unchanged.SUMMARY}
    assert aws.assumed == ["cdk-penstock-lookup-role-444444444444-us-east-1"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"deployed": {"Resources": {"A": {"Type": "U"}}}}, "prod-orders would change"),
        ({"deployed": None}, "it cannot be told: ClientError"),
        ({"status": "ROLLBACK_COMPLETE"}, "prod-orders is ROLLBACK_COMPLETE"),
        ({"status": "UPDATE_ROLLBACK_FAILED"}, "prod-orders is UPDATE_ROLLBACK_FAILED"),
        ({"status": "UPDATE_IN_PROGRESS"}, "prod-orders is UPDATE_IN_PROGRESS"),
        ({"actions": []}, "the pipeline has no action in prod"),
        ({"actions": [action("Migrate", "CodeBuild", ProjectName="own")]}, "Migrate may do more than to look"),
        ({"actions": [action("Protect", "CodeBuild", ProjectName="own")]}, "Protect may do more than to look"),
        (
            {"actions": [action("Look", "CodeBuild", EnvironmentVariables='[{"name": "PROBE_URL"}]')]},
            "Look may do more than to look",
        ),
        (
            {"actions": [action("orders.Deploy", "CloudFormation", TemplateConfiguration="Synth::tags.json")]},
            "orders.Deploy has TemplateConfiguration, which nobody compares",
        ),
        ({"actions": [action("Remove-prod-old", "CodeBuild")]}, "Remove-prod-old may do more than to look"),
    ],
)
def test_run_that_may_change_something_is_left_to_a_person(
    changed: dict[str, Any], said: str, aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in changed.items():
        setattr(aws, name, value)
    assert approve_unchanged.main(".", "penstock", "prod", "run", LOOKING) == 0
    assert aws.answered == []
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "changed",
    [{"in_gate": "other"}, {"token": {"status": "Succeeded"}}, {"refused": "InvalidApprovalTokenException"}],
)
def test_rule_answers_for_no_other_run_and_nothing_that_was_answered(changed: dict[str, Any], aws: Aws) -> None:
    for name, value in changed.items():
        setattr(aws, name, value)
    assert approve_unchanged.main(".", "penstock", "prod", "run", LOOKING) == 0
    assert aws.answered == []


def deployed(aws: Aws, template: dict[str, Any]) -> None:
    """Have the run deploy what is deployed already."""
    aws.deployed = template
    Path("assembly/orders.template.json").write_text(json.dumps(template))


SOURCE = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/records/url"}
READING = {"Parameters": {"Where": SOURCE}, "Resources": {"A": {"Type": "T", "Properties": {"B": {"Ref": "Where"}}}}}


def test_what_a_deployment_reads_anew_must_be_as_it_was(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    deployed(aws, READING)
    aws.value = "there"
    assert approve_unchanged.main(".", "penstock", "prod", "run", LOOKING) == 0
    assert (aws.answered, "another value of /records/url" in capsys.readouterr().out) == ([], True)
    aws.value = "here"
    assert approve_unchanged.main(".", "penstock", "prod", "run", LOOKING) == 0
    assert len(aws.answered) == 1


def test_parameter_that_no_resource_reads_is_not_compared(aws: Aws) -> None:
    rules = {"CheckBootstrapVersion": {"Assertions": [{"Assert": {"Fn::Equals": [{"Ref": "BootstrapVersion"}, "8"]}}]}}
    deployed(aws, {**TEMPLATE, "Parameters": {"BootstrapVersion": SOURCE}, "Rules": rules})
    assert approve_unchanged.main(".", "penstock", "prod", "run", LOOKING) == 0
    assert len(aws.answered) == 1


@pytest.mark.parametrize(
    ("template", "nested", "said"),
    [
        ({**TEMPLATE, "Transform": "Own"}, TEMPLATE, "has a macro"),
        ({"Resources": {"A": {"Type": "T", "Properties": {"Fn::Transform": {}}}}}, TEMPLATE, "has a macro"),
        (TEMPLATE, {**TEMPLATE, "Transform": "Own"}, "has a macro"),
        (TEMPLATE, READING, "reads Where in a nested stack"),
    ],
)
def test_what_nobody_can_compare_is_left_to_a_person(
    template: dict[str, Any], nested: dict[str, Any], said: str, aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = {"Type": "AWS::CloudFormation::Stack", "Metadata": {"aws:asset:path": "nested.json"}}
    Path("assembly/nested.json").write_text(json.dumps(nested))
    deployed(aws, {**template, "Resources": {**template["Resources"], "Nested": inner}})
    assert approve_unchanged.main(".", "penstock", "prod", "run", LOOKING) == 0
    assert (aws.answered, said in capsys.readouterr().out) == ([], True)
