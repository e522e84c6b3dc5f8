"""The step that deletes a stack looks into the stacks nested in it, whose data go with it."""

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.builds import delete_stack
from tests.testbed.code_pipeline import refusal

TABLE = {"Type": "AWS::DynamoDB::Table"}
KEPT = {**TABLE, "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
NESTED = {"Type": "AWS::CloudFormation::Stack"}


class Aws:
    """One stack, in which one is nested."""

    def __init__(self, inner: dict[str, Any], nested: dict[str, Any]) -> None:
        self.templates: dict[str, dict[str, Any]] = {"outer": {"Inner": nested}, "inner": {"Data": inner}}
        self.deleted: list[str] = []
        self.imports: list[str] = []
        """Stacks that import what the nested one exports."""

    def client(self, _service: str, **_: Any) -> "Aws":
        return self

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - CloudFormation's name
        exports = [{"ExportName": "data"}] if StackName == "inner" else []
        return {"Stacks": [{"StackId": StackName, "Outputs": exports}]}

    def get_template(self, *, StackName: str, TemplateStage: str) -> dict[str, Any]:  # noqa: N803 - as above
        assert TemplateStage == "Processed"
        return {"TemplateBody": {"Resources": self.templates[StackName]}}

    def get_paginator(self, _name: str) -> "Aws":
        return self

    def paginate(self, *, StackName: str = "", ExportName: str = "") -> Iterator[dict[str, Any]]:  # noqa: N803 - as above
        if ExportName:
            assert ExportName == "data"
            yield {"Imports": self.imports[:1]}
            yield {"Imports": self.imports[1:]}
            return
        for name, body in self.templates[StackName].items():
            ids = {"LogicalResourceId": name, "PhysicalResourceId": name.lower(), "ResourceType": body["Type"]}
            yield {"StackResourceSummaries": [ids]}

    def update_termination_protection(self, **_: Any) -> None: ...

    def delete_stack(self, *, StackName: str) -> None:  # noqa: N803 - as above
        self.deleted.append(StackName)

    def get_waiter(self, _name: str) -> "Aws":
        return self

    def wait(self, **_: Any) -> None: ...

    def put_parameter(self, **_: Any) -> None:
        raise refusal("ParameterAlreadyExists")


def remove(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("boto3.client", aws.client)
    monkeypatch.setattr("pipeline.builds.assumed_role.client", aws.client)
    asked = ["--role", "deploy", "--region", "eu-west-1", "--record", "/removed", "--keeps-data"]
    return delete_stack.main([*asked, "--why", "It is of no use any more", "--owner", "@example/old", "outer"])


def test_data_of_a_nested_stack_keep_the_stack_around_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    aws = Aws(inner=TABLE, nested=NESTED)
    assert remove(aws, monkeypatch) == 1
    assert "outer stays: Data would be deleted with its data." in capsys.readouterr().out
    assert not aws.deleted


@pytest.mark.parametrize(
    ("inner", "nested", "kept"),
    [
        (KEPT, NESTED, "AWS::DynamoDB::Table data"),
        (TABLE, {**NESTED, "DeletionPolicy": "Retain"}, "AWS::CloudFormation::Stack inner"),
    ],
)
def test_what_is_retained_in_a_nested_stack_or_with_it_lets_the_stack_go(
    inner: dict[str, Any],
    nested: dict[str, Any],
    kept: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    aws = Aws(inner, nested)
    assert remove(aws, monkeypatch) == 0
    assert aws.deleted == ["outer"]
    assert f"kept, and no longer anybody's: {kept}\n" in capsys.readouterr().out


def test_what_is_imported_from_a_nested_stack_keeps_the_stack_around_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    aws = Aws(inner=KEPT, nested=NESTED)
    aws.imports = ["inner", "other"]
    assert remove(aws, monkeypatch) == 1
    assert "outer stays: other import data from it; remove that first." in capsys.readouterr().out
    aws.imports = ["outer"]
    assert remove(aws, monkeypatch) == 0
