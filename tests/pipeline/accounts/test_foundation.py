"""What CloudFormation may do in each account, and the boundary of every role that it makes."""

import json
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

import pytest

from pipeline.accounts import role_names
from pipeline.accounts.deployed_policies import differing_statements, foundation_policies
from pipeline.accounts.execution_policies import FoundationParameters
from pipeline.settings import SETTINGS
from services.library.constructs.backup_plan import DAILY_RETENTION
from services.library.contract.defaults import PERMISSIONS_BOUNDARY
from tests.conftest import ROOT, Assembly
from tests.testbed import small
from tests.testbed.policies import allows, resolved, template
from tests.testbed.role_names import names_of_roles

ACCOUNT = "444444444444"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/{PERMISSIONS_BOUNDARY}"
KEY = "iam:PermissionsBoundary"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/prod-intake-Role"
POLICY = f"arn:aws:iam::{ACCOUNT}:policy/prod-intake-Granted"
ROLE_NAMES = ("prod-*",)
TABLE = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/any"
OTHERS_ROLE = f"arn:aws:iam::{ACCOUNT}:role/administrator"
PASSED = "iam:PassedToService"
ENDS_DATA = (
    *("backup:DeleteBackupVault", "backup:DeleteBackupVaultLockConfiguration", "backup:DeleteRecoveryPoint"),
    *("backup:DisassociateRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"),
    *("dynamodb:DeleteBackup", "dynamodb:DeleteTable", "healthlake:DeleteFHIRDatastore"),
    *("kinesis:DecreaseStreamRetentionPeriod", "kinesis:DeleteStream"),
    *("kms:DeleteImportedKeyMaterial", "kms:DisableKey", "kms:ScheduleKeyDeletion"),
    *("logs:DeleteLogGroup", "logs:DeleteLogStream", "s3:BypassGovernanceRetention", "s3:DeleteBucket"),
    *("secretsmanager:DeleteSecret", "sqs:DeleteQueue"),
)
"""With calls of their own. What a template shortens by the very call that makes it, guardrails and reviews look at."""
LONGEST_POLICY = 6_144
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
TEMPLATE = template(ROOT / "pipeline/accounts/foundation.yaml")


def policy(
    name: str,
    *,
    tools: bool = False,
    keeps_data: bool = False,
    account: str = ACCOUNT,
    names: Sequence[str] = ROLE_NAMES,
    qualifiers: Sequence[str] = ("penstock",),
) -> dict[str, Any]:
    chosen = {"InTools": tools, "InStages": not tools, "GuardsData": keeps_data, "HasAnotherBoundary": False}
    written = TEMPLATE["Resources"][name]["Properties"]["PolicyDocument"]
    lists = {"RoleNames": names, "Qualifiers": qualifiers, "BoundaryName": PERMISSIONS_BOUNDARY}
    document: dict[str, Any] = resolved(written, account=account, chosen=chosen, names=lists)
    return document


def resources(*assemblies: Assembly) -> Iterator[dict[str, Any]]:
    for assembly in assemblies:
        for file in assembly.folder.rglob("*.template.json"):
            yield from json.loads(file.read_text())["Resources"].values()


def test_every_role_that_we_deploy_has_the_boundary_of_the_foundation(assembly: Assembly, platform: Assembly) -> None:
    assert TEMPLATE["Parameters"]["BoundaryName"]["Default"] == PERMISSIONS_BOUNDARY
    roles = [resource for resource in resources(assembly, platform) if resource["Type"] == "AWS::IAM::Role"]
    assert len(roles) > 20
    for role in roles:
        assert json.dumps(role["Properties"]["PermissionsBoundary"]).count(f":policy/{PERMISSIONS_BOUNDARY}") == 1


@pytest.mark.parametrize("name", ["Boundary", "ExecutionPolicy"])
def test_each_policy_fits_with_names_to_spare(name: str) -> None:
    for tools in (True, False):
        document = policy(name, tools=tools, keeps_data=True, names=["a-stage-of-16-ch-*"] * 3)
        assert len(json.dumps(document, separators=(",", ":"))) < LONGEST_POLICY


@pytest.mark.parametrize(
    "action",
    [
        *("iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:PutRolePolicy"),
        *("iam:UpdateAssumeRolePolicy", "iam:UpdateRole"),
    ],
)
def test_a_role_can_be_made_changed_and_deleted_by_its_name_and_within_the_boundary_alone(action: str) -> None:
    document = policy("ExecutionPolicy")
    assert allows(document, action, ROLE, {KEY: BOUNDARY})
    assert not allows(document, action, OTHERS_ROLE, {KEY: BOUNDARY})
    assert not allows(document, action, ROLE)
    assert not allows(document, action, ROLE, {KEY: f"arn:aws:iam::{ACCOUNT}:policy/another"})


def test_roles_of_our_stacks_alone_are_passed_and_to_services_that_are_listed() -> None:
    document = policy("ExecutionPolicy")
    assert allows(document, "iam:PassRole", ROLE, {PASSED: "lambda.amazonaws.com"})
    assert not allows(document, "iam:PassRole", OTHERS_ROLE, {PASSED: "lambda.amazonaws.com"})
    assert not allows(document, "iam:PassRole", ROLE, {PASSED: "ec2.amazonaws.com"})
    assert not allows(document, "iam:PassRole", ROLE)


def test_policies_of_our_stacks_alone_are_changed() -> None:
    for action in ("iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicy"):
        assert allows(policy("ExecutionPolicy"), action, POLICY)
        assert not allows(policy("ExecutionPolicy"), action, f"arn:aws:iam::{ACCOUNT}:policy/others")


def test_a_deployed_foundation_may_list_its_names_in_any_order() -> None:
    def made(*names: str) -> dict[str, Any]:
        return foundation_policies(FoundationParameters(holds_pipeline=False, keeps_data=True, role_names=names))

    for name, document in made("dev-*", "qa-*").items():
        assert differing_statements(made("qa-*", "dev-*")[name], document) == []
        assert differing_statements(made("qa-*")[name], document)


def test_a_foundation_lets_roles_be_made_within_the_boundary_of_an_organisation() -> None:
    given = FoundationParameters(holds_pipeline=False, keeps_data=False, role_names=ROLE_NAMES, boundary="theirs")
    found = foundation_policies(given)
    assert found.keys() == {"theirs", "penstock-execution"}
    statements = {each["Sid"]: each for each in found["penstock-execution"]["Statement"]}
    within = statements["RolesWithinTheBoundary"]["Condition"]["StringEquals"][KEY]
    assert within.endswith(":policy/theirs")
    assert any(each.endswith(":policy/theirs") for each in statements["NotTheGroundItStandsOn"]["Resource"])


def test_every_role_and_policy_of_a_stage_is_called_as_its_account_expects(platform: Assembly) -> None:
    """Of one with a resource of each kind that the library makes."""
    stages = {each.environment.account: role_names.of_stage(each.label) for each in (small.DEV, small.PROD)}
    named = list(names_of_roles(platform))
    assert {account for account, _ in named} > stages.keys()
    for account, name in named:
        patterns = role_names.PIPELINE if account == SETTINGS.account else (stages[account],)
        assert any(fnmatchcase(name, pattern) for pattern in patterns), (account, name)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:CreatePolicyVersion", BOUNDARY),
        ("iam:DeletePolicy", f"arn:aws:iam::{ACCOUNT}:policy/penstock-execution"),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/cdk-penstock-cfn-exec-role-{ACCOUNT}-us-east-1"),
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


@pytest.mark.parametrize("action", ENDS_DATA)
def test_nothing_that_a_template_can_call_for_ends_data_where_a_production_stage_is(action: str) -> None:
    assert allows(policy("ExecutionPolicy"), action, "any")
    assert not allows(policy("ExecutionPolicy", keeps_data=True), action, "any")
    assert not allows(policy("Boundary"), action, "any") or action == "dynamodb:DeleteBackup"


@pytest.mark.parametrize("action", ["kms:CreateKey", "kms:PutKeyPolicy"])
def test_no_key_of_production_gets_a_policy_that_locks_its_account_out(action: str) -> None:
    key = "kms:BypassPolicyLockoutSafetyCheck"
    guarded = policy("ExecutionPolicy", keeps_data=True)
    assert allows(guarded, action, "any", {key: "false"})
    assert not allows(guarded, action, "any", {key: "true"})


def test_a_vault_of_production_keeps_its_lock_for_as_long_as_daily_copies_are_kept() -> None:
    action, key = "backup:PutBackupVaultLockConfiguration", "backup:MinRetentionDays"
    guarded, days = policy("ExecutionPolicy", keeps_data=True), int(DAILY_RETENTION.to_days())
    assert allows(guarded, action, "any", {key: str(days)})
    assert not allows(guarded, action, "any", {key: str(days - 1)})
    assert not allows(guarded, action, "any")


@pytest.mark.parametrize(
    "action",
    [
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
        "events:UpdateArchive",
        "kms:PutKeyPolicy",
        "logs:PutRetentionPolicy",
        "s3:PutBucketVersioning",
        "s3:PutLifecycleConfiguration",
        "sqs:SetQueueAttributes",
    ],
)
def test_what_shortens_data_is_no_workloads_business(action: str) -> None:
    assert not allows(policy("Boundary"), action, "any")
    assert allows(policy("ExecutionPolicy", keeps_data=True), action, "any"), "or nothing could be made"


@pytest.mark.parametrize(
    ("role", "in_stages", "in_tools"),
    [
        (ROLE, True, True),
        (OTHERS_ROLE, False, False),
        ("arn:aws:iam::555555555555:role/prod-reader", False, True),
        ("arn:aws:iam::555555555555:role/partner", False, False),
        (f"arn:aws:iam::{ACCOUNT}:role/cdk-penstock-deploy-role-{ACCOUNT}-us-east-1", False, True),
        (f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-deploy-role-{ACCOUNT}-us-east-1", False, False),
        ("arn:aws:iam::111111111111:role/penstock-branch-deploy", False, True),
    ],
)
def test_nobody_assumes_a_role_that_is_not_the_platforms(role: str, *, in_stages: bool, in_tools: bool) -> None:
    assert allows(policy("Boundary"), "sts:AssumeRole", role) == in_stages
    assert allows(policy("Boundary", tools=True), "sts:AssumeRole", role) == in_tools


def test_both_bootstraps_are_the_platforms_while_it_moves_from_one_to_the_other() -> None:
    moving = policy("Boundary", tools=True, qualifiers=("hnb659fds", "penstock"))
    for qualifier, allowed in (("hnb659fds", True), ("penstock", True), ("another", False)):
        role = f"arn:aws:iam::{ACCOUNT}:role/cdk-{qualifier}-deploy-role-{ACCOUNT}-us-east-1"
        assert allows(moving, "sts:AssumeRole", role) == allowed


def test_no_workload_gains_access_or_deletes_data_whatever_its_policies_say() -> None:
    boundary = policy("Boundary")
    deploy_role = f"arn:aws:iam::{ACCOUNT}:role/cdk-penstock-deploy-role-{ACCOUNT}-us-east-1"
    assert allows(boundary, "dynamodb:PutItem", TABLE)
    assert not allows(boundary, "dynamodb:DeleteTable", TABLE)
    assert not allows(boundary, "iam:CreateRole", ROLE)
    assert not allows(boundary, "sts:AssumeRole", deploy_role)
    assert allows(policy("Boundary", tools=True), "sts:AssumeRole", deploy_role)
