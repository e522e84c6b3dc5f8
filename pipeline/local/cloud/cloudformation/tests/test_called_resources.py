"""On what CloudFormation calls iam:PassRole, whichever type names the role."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from pipeline.local.cloud.cloudformation.called_resources import PASSED, Change, called_on
from pipeline.local.cloud.cloudformation.handler_calls import calls_of
from pipeline.local.cloud.cloudformation.schema import schemas

ROLE = "arn:aws:iam::111111111111:role/dev-intake"
PASSES_NONE = {
    "AWS::ApiGateway::RestApi": "what it has a role for is within the body of an OpenAPI document",
    "AWS::Backup::BackupPlan": "the role of its scanner is no role that backups act in",
    "AWS::CloudFormation::Stack": "a nested stack is made in the role of the one around it",
    "AWS::HealthLake::FHIRDatastore": "it acts in a role of the service's own",
    "AWS::SSM::Document": "what it has a role for is within the document",
}
"""Types whose schemas list the call, and why no property of theirs names the role."""


def change(type_: str, properties: Mapping[str, Any]) -> Change:
    return Change(
        type_name=type_,
        operation="create",
        account="111111111111",
        region="eu-west-1",
        stack_name="dev-intake",
        logical_id="A",
        old={},
        new=properties,
    )


def passed(type_: str, properties: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found = called_on(change(type_, properties), "iam:PassRole", lambda name: (f"arn of {name}", ""))
    return [(role, keys["iam:PassedToService"]) for role, keys in found]


@pytest.mark.parametrize(
    ("type_", "properties", "to"),
    [
        ("AWS::ApiGateway::Method", {"Integration": {"Credentials": ROLE}}, "apigateway.amazonaws.com"),
        ("AWS::Events::Rule", {"Targets": [{"Id": "a"}, {"Id": "b", "RoleArn": ROLE}]}, "events.amazonaws.com"),
        ("AWS::Scheduler::Schedule", {"Target": {"RoleArn": ROLE}}, "scheduler.amazonaws.com"),
    ],
)
def test_a_role_is_passed_wherever_the_properties_name_it(type_: str, properties: Mapping[str, Any], to: str) -> None:
    assert passed(type_, properties) == [(ROLE, to)]


def test_a_role_that_is_named_without_its_arn_is_passed_as_well() -> None:
    assert passed("AWS::IAM::InstanceProfile", {"Roles": ["host"]}) == [("arn of host", "ec2.amazonaws.com")]


def test_the_credentials_of_an_apis_caller_are_no_role() -> None:
    assert passed("AWS::ApiGateway::Method", {"Integration": {"Credentials": "arn:aws:iam::*:user/*"}}) == []


def test_every_supported_type_that_passes_roles_says_where() -> None:
    listed = {each for each in schemas() if "iam:PassRole" in calls_of(each, "create") + calls_of(each, "update")}
    assert listed - PASSED.keys() == PASSES_NONE.keys()


@pytest.mark.parametrize("type_", sorted(PASSED))
def test_where_a_type_names_its_roles_is_in_its_schema(type_: str) -> None:
    _, *paths = PASSED[type_]
    missing = [path for path in paths if not any(_below(schemas()[type_], schemas()[type_], path.split(".")))]
    assert missing == []


def _below(root: Mapping[str, Any], schema: Mapping[str, Any], path: list[str]) -> Iterator[bool]:
    """Yield True if a path leads through a schema, its references and the entries of its lists."""
    if "$ref" in schema:
        yield from _below(root, root["definitions"][schema["$ref"].rpartition("/")[2]], path)
    if "items" in schema:
        yield from _below(root, schema["items"], path)
    if not path:
        yield True
    elif found := schema.get("properties", {}).get(path[0]):
        yield from _below(root, found, path[1:])
