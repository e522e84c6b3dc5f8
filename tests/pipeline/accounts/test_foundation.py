"""What CloudFormation may do in each account, and the boundary of every role that it makes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from services.library.contract.defaults import PERMISSIONS_BOUNDARY
from tests.conftest import ROOT, Assembly
from tests.testbed.policies import allows, resolved, template

ACCOUNT = "444444444444"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/{PERMISSIONS_BOUNDARY}"
KEY = "iam:PermissionsBoundary"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/prod-intake-Role"
TABLE = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/any"
LONGEST_POLICY = 6_144
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
TEMPLATE = template(ROOT / "pipeline/accounts/foundation.yaml")


def policy(name: str, *, tools: bool = False, keeps_data: bool = False) -> dict[str, Any]:
    chosen = {"InTools": tools, "InStages": not tools, "GuardsData": keeps_data}
    written = TEMPLATE["Resources"][name]["Properties"]["PolicyDocument"]
    document: dict[str, Any] = resolved(written, account=ACCOUNT, chosen=chosen, names={})
    return document


def resources(*assemblies: Assembly) -> Iterator[dict[str, Any]]:
    for assembly in assemblies:
        for file in assembly.folder.rglob("*.template.json"):
            yield from json.loads(file.read_text())["Resources"].values()


def test_every_role_that_we_deploy_has_the_boundary_of_the_foundation(assembly: Assembly, platform: Assembly) -> None:
    assert TEMPLATE["Resources"]["Boundary"]["Properties"]["ManagedPolicyName"] == PERMISSIONS_BOUNDARY
    roles = [resource for resource in resources(assembly, platform) if resource["Type"] == "AWS::IAM::Role"]
    assert len(roles) > 20
    for role in roles:
        assert json.dumps(role["Properties"]["PermissionsBoundary"]).count(f":policy/{PERMISSIONS_BOUNDARY}") == 1


def test_the_execution_policy_fits() -> None:
    for tools in (True, False):
        document = policy("ExecutionPolicy", tools=tools, keeps_data=True)
        assert len(json.dumps(document, separators=(",", ":"))) < LONGEST_POLICY


@pytest.mark.parametrize("action", ["iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy"])
def test_a_role_can_be_made_and_given_policies_within_the_boundary_alone(action: str) -> None:
    document = policy("ExecutionPolicy")
    assert allows(document, action, ROLE, {KEY: BOUNDARY})
    assert not allows(document, action, ROLE)
    assert not allows(document, action, ROLE, {KEY: f"arn:aws:iam::{ACCOUNT}:policy/another"})


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:CreatePolicyVersion", BOUNDARY),
        ("iam:DeletePolicy", f"arn:aws:iam::{ACCOUNT}:policy/penstock-execution"),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-us-east-1"),
        ("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/penstock-branch-deploy"),
        ("iam:DeleteRolePermissionsBoundary", ROLE),
        ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/any"),
        ("organizations:LeaveOrganization", "*"),
        ("ec2:RunInstances", "*"),
        ("codepipeline:CreatePipeline", "*"),
    ],
)
def test_a_deployment_to_a_stage_cannot(action: str, resource: str) -> None:
    assert not allows(policy("ExecutionPolicy"), action, resource, {KEY: BOUNDARY})


def test_a_deployment_deletes_no_data_where_a_production_stage_is() -> None:
    assert allows(policy("ExecutionPolicy"), "dynamodb:DeleteTable", TABLE)
    assert not allows(policy("ExecutionPolicy", keeps_data=True), "dynamodb:DeleteTable", TABLE)
    assert allows(policy("ExecutionPolicy", keeps_data=True), "dynamodb:CreateTable", TABLE)


def test_no_workload_gains_access_or_deletes_data_whatever_its_policies_say() -> None:
    boundary = policy("Boundary")
    deploy_role = f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-deploy-role-{ACCOUNT}-us-east-1"
    assert allows(boundary, "dynamodb:PutItem", TABLE)
    assert not allows(boundary, "dynamodb:DeleteTable", TABLE)
    assert not allows(boundary, "iam:CreateRole", ROLE)
    assert not allows(boundary, "sts:AssumeRole", deploy_role)
    assert allows(policy("Boundary", tools=True), "sts:AssumeRole", deploy_role)
