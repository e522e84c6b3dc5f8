"""`penstock review --deployed` against clients in memory: what it fetches, compares, and does not know."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import review as command
from pipeline.cli.main import app
from pipeline.review.tests import assemblies
from pipeline.review.tests.assemblies import StackOf
from tests.conftest import ROOT
from tests.testbed.code_pipeline import EXECUTION, CodePipeline, connected, refusal

Json = Any
ACCOUNT, NESTED = "444444444444", "nested.template.json"


def table(key: str, **more: Json) -> Json:
    schema = [{"AttributeName": key, "KeyType": "HASH"}]
    return {"Resources": {"T": {"Type": "AWS::DynamoDB::Table", "Properties": {"KeySchema": schema}}, **more}}


def with_nested(template: Json) -> Json:
    nested = {"Type": "AWS::CloudFormation::Stack", "Metadata": {"aws:asset:path": NESTED}, "Properties": {}}
    return {"Resources": {"N": nested, **template["Resources"]}}


class Account(CodePipeline):
    """CodePipeline, and CloudFormation and S3 as far as they are asked."""

    def __init__(self) -> None:
        super().__init__()
        configuration = {"StackName": "prod-orders", "TemplatePath": "Synth::assembly-x/orders.template.json"}
        self.stages = [
            {"name": "prod", "actions": [_action("orders.Deploy", configuration)]},
            {"name": "qa", "actions": [_action("orders.Deploy", {**configuration, "StackName": "qa-orders"})]},
        ]
        self.templates: dict[str, Json] = {"prod-orders": table("id")}
        self.status, self.protected = "UPDATE_COMPLETE", False
        self.artifact = b""
        self.refused: Exception | None = None
        self.stage_of_template: set[str] = set()
        self.detections = ["DETECTION_IN_PROGRESS", "DETECTION_COMPLETE"]
        self.drifts: list[list[Json]] = []

    def describe_stacks(self, *, StackName: str) -> Json:  # noqa: N803 - boto3's name
        if StackName not in self.templates:
            raise refusal("ValidationError", f"Stack {StackName} does not exist")
        described = {"StackStatus": self.status, "EnableTerminationProtection": self.protected}
        return {"Stacks": [{**described, "Parameters": [{"ParameterKey": "Size", "ParameterValue": "large"}]}]}

    def get_template(self, *, StackName: str, TemplateStage: str) -> Json:  # noqa: N803 - boto3's names
        if self.refused:
            raise self.refused
        self.stage_of_template.add(TemplateStage)
        return {"TemplateBody": self.templates[StackName]}

    def detect_stack_drift(self, *, StackName: str) -> Json:  # noqa: N803 - boto3's name
        return {"StackDriftDetectionId": StackName}

    def describe_stack_drift_detection_status(self, **_asked: str) -> Json:
        return {"DetectionStatus": self.detections.pop(0), "DetectionStatusReason": "not today"}

    def describe_stack_resource_drifts(self, **_asked: Any) -> Json:
        page = self.drifts.pop(0)
        return {"StackResourceDrifts": page, **({"NextToken": "more"} if self.drifts else {})}

    def get_object(self, **_asked: str) -> Json:
        return {"Body": io.BytesIO(self.artifact)}

    def get_paginator(self, operation: str) -> Any:
        return self if operation == "list_action_executions" else Resources()


class Resources:
    """The one nested stack."""

    def paginate(self, **_asked: str) -> list[Json]:
        return [{"StackResourceSummaries": [{"LogicalResourceId": "N", "PhysicalResourceId": "the-nested"}]}]


def _action(name: str, configuration: Json) -> Json:
    role = f"arn:aws:iam::{ACCOUNT}:role/deploy"
    kind = {"provider": "CloudFormation"}
    return {"name": name, "actionTypeId": kind, "configuration": configuration, "roleArn": role, "region": "eu-west-1"}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setattr(command, "connect", lambda *_words, **_named: connected(made))
    return made


def assembly(folder: Path, template: Json, **others: Json) -> Path:
    """An assembly that has the service in prod, and others elsewhere that a review of prod leaves alone."""
    nested = others.pop("nested", {})
    orders = StackOf(template=template, name="prod-orders", account=ACCOUNT, nested=nested)
    dev = StackOf(template=table("something else"))
    return assemblies.write(folder, {"dev": {"orders": dev}, "prod": {"orders": orders}}, **others)


def reviewed(*words: str | Path) -> tuple[Result, Json]:
    done = CliRunner().invoke(app, ["review", *map(str, words), "--format", "json"], obj=ROOT)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done, json.loads(done.stdout) if done.stdout else None


def test_review_of_what_runs_finds_what_was_never_deployed(account: Account, tmp_path: Path) -> None:
    done, found = reviewed("--deployed", "prod", assembly(tmp_path / "head", table("tenant")))
    assert done.exit_code == 1
    assert [(each["rule"], each["stages"]) for each in found["findings"]] == [("Review-DataLoss", ["prod"])]
    assert (found["base"], found["stages"]) == ("what runs in prod", ["prod"])
    assert account.stage_of_template == {"Original"}, "as it was given, and not what a macro made of it"


def test_review_of_what_runs_already_says_that_nothing_changes(account: Account, tmp_path: Path) -> None:
    report = {"guardrails": [], "version": "1"}
    done, found = reviewed("--deployed", "prod", assembly(tmp_path / "head", table("id"), report=report))
    assert (done.exit_code, found["verdict"], found["changes"], found["incomplete"]) == (0, "pass", [], [])


def test_review_of_a_stack_that_does_not_run_yet_shows_it_as_new(account: Account, tmp_path: Path) -> None:
    account.templates = {}
    _, found = reviewed("--deployed", "prod", assembly(tmp_path / "head", table("id")))
    assert [(each["outcome"], each["stack"]) for each in found["stacks"]] == [("CREATE", "prod-orders")]


def test_review_of_what_runs_reads_nested_templates(account: Account, tmp_path: Path) -> None:
    account.templates = {"prod-orders": with_nested(table("id")), "the-nested": table("id")}
    head = assembly(tmp_path / "head", with_nested(table("id")), nested={NESTED: table("tenant")})
    done, found = reviewed("--deployed", "prod", head)
    assert done.exit_code == 1
    assert [each["stack"] for each in found["changes"]] == ["prod-orders/N"]


def test_review_while_a_stack_is_updated_is_incomplete(account: Account, tmp_path: Path) -> None:
    account.status = "UPDATE_IN_PROGRESS"
    done, found = reviewed("--deployed", "prod", assembly(tmp_path / "head", table("id")))
    assert done.exit_code == 2
    assert "prod-orders is UPDATE_IN_PROGRESS" in found["incomplete"][0]


def test_review_of_what_runs_says_that_termination_protection_goes(account: Account, tmp_path: Path) -> None:
    account.protected = True
    _, found = reviewed("--deployed", "prod", assembly(tmp_path / "head", table("id")))
    assert [each["rule"] for each in found["findings"]] == ["Review-TerminationProtectionOff"]


def test_review_says_what_was_changed_by_hand(account: Account, tmp_path: Path) -> None:
    given = {"LogicalResourceId": "T", "ResourceType": "AWS::DynamoDB::Table"}
    values = {"PropertyPath": "/TableClass", "ExpectedValue": "STANDARD", "ActualValue": "OTHER"}
    secret = {"PropertyPath": "/Auth/Token", "ExpectedValue": "open", "ActualValue": "sesame"}
    changed = {**given, "StackResourceDriftStatus": "MODIFIED", "PropertyDifferences": [values, secret]}
    account.drifts = [[changed], [{**given, "LogicalResourceId": "nobody's", "StackResourceDriftStatus": "DELETED"}]]
    done, found = reviewed("--deployed", "prod", assembly(tmp_path / "head", table("id")), "--drift")
    assert (done.exit_code, account.detections, account.drifts) == (0, [], [])
    (finding,) = found["findings"]
    assert (finding["rule"], finding["level"], finding["path"]) == ("Review-Drifted", "medium", "T")
    assert "TableClass is OTHER, and its template says STANDARD" in finding["evidence"]
    assert "sesame" not in done.stdout


def test_review_says_what_was_deleted_by_hand(account: Account, tmp_path: Path) -> None:
    gone = {"LogicalResourceId": "T", "ResourceType": "AWS::DynamoDB::Table", "StackResourceDriftStatus": "DELETED"}
    account.drifts = [[gone]]
    _, found = reviewed("--deployed", "prod", assembly(tmp_path / "head", table("id")), "--drift")
    assert "T (AWS::DynamoDB::Table) was deleted by hand" in found["findings"][0]["evidence"]


def test_review_whose_drift_cannot_be_told_is_incomplete(account: Account, tmp_path: Path) -> None:
    account.detections = ["DETECTION_FAILED"]
    done, found = reviewed("--deployed", "prod", assembly(tmp_path / "head", table("id")), "--drift")
    assert done.exit_code == 2
    assert found["incomplete"] == ["The drift of prod-orders could not be detected: not today"]


def test_review_of_a_run_reads_its_artifact(account: Account, tmp_path: Path) -> None:
    head = assembly(tmp_path / "head", table("tenant"))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file in head.rglob("*.json"):
            archive.write(file, file.relative_to(head))
    account.artifact = content.getvalue()
    place = {"name": "Synth", "s3location": {"bucket": "artifacts", "key": "one"}}
    account.details = [{"output": {"outputArtifacts": [place]}}]
    done, found = reviewed("--deployed", "prod", EXECUTION)
    assert (done.exit_code, found["head"]) == (1, f"run {EXECUTION}")


def test_review_of_a_run_without_an_assembly_cannot_be_made(account: Account) -> None:
    done, _ = reviewed("--deployed", "prod", EXECUTION)
    assert done.exit_code == 2
    assert f"Execution {EXECUTION} has no artifact Synth (yet)" in done.stderr


def test_review_of_a_template_that_may_not_be_read_is_a_sentence(account: Account, tmp_path: Path) -> None:
    account.refused = refusal("AccessDenied", "not you")
    done, _ = reviewed("--deployed", "prod", assembly(tmp_path / "head", table("id")))
    assert done.exit_code == 2
    assert f"The template of prod-orders in {ACCOUNT} eu-west-1: not you" in done.stderr


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--deployed", "prod", "one", "two"], "--deployed compares what runs with one HEAD, and one two is given"),
        (["--deployed", "prod", "template"], "--deployed compares what runs with one HEAD, and template is given"),
        (["--profile", "me"], "--profile, --aws and --drift are for --deployed"),
        (["--drift"], "--profile, --aws and --drift are for --deployed"),
        (["--deployed", "nowhere", "cdk.out"], "The pipeline has no stage nowhere; it has prod, qa."),
    ],
)
def test_review_refuses_what_it_cannot_compare(words: list[str], said: str, tmp_path: Path) -> None:
    if words[-1] == "cdk.out":
        words = [*words[:-1], str(assembly(tmp_path / "head", table("id")))]
    done, _ = reviewed(*words)
    assert done.exit_code == 2
    assert said in done.stderr
