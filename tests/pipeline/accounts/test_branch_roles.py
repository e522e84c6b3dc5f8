"""What the roles of branch environments may do: everything to a branch, and nothing to what main deploys."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data, get_actions_for_service

from pipeline.catalogue.model import Stage
from services.library.contract.deployment import BRANCH_EXECUTION_ROLE, BRANCH_PERMISSIONS_BOUNDARY
from services.library.contract.names import BRANCH_DEPLOY_ROLE, BRANCH_TAG, PLATFORM_BOOTSTRAP
from stages.branches import BRANCHES_LIKE
from tests.conftest import ROOT, Assembly
from tests.testbed import small
from tests.testbed.branches import ARNS, FEATURE, Resource, StackLocation, build, resources
from tests.testbed.policies import actions, allows, resolved, template

HERE = StackLocation(account=small.DEV.environment.account, region=small.DEV.environment.region)
IAM = f"arn:aws:iam::{HERE.account}"
NAMES = {
    "Boundary": f"{IAM}:policy/{BRANCH_PERMISSIONS_BOUNDARY}",
    "ExecutionRole": f"{IAM}:role/{BRANCH_EXECUTION_ROLE}",
    "Qualifier": PLATFORM_BOOTSTRAP.qualifier,
}
BOOTSTRAP_DEPLOY_ROLE = PLATFORM_BOOTSTRAP.role("deploy", account="1", region="eu-west-1")
BOOTSTRAP_EXECUTION_ROLE = PLATFORM_BOOTSTRAP.role("cfn-exec", account="1", region="eu-west-1")
TEMPLATE = template(ROOT / "pipeline/accounts/branches.yaml")["Resources"]
FUNCTION = f"arn:aws:lambda:{HERE.region}:{HERE.account}:function:"
LONGEST_POLICY = 6_144
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


def policy(*names: str) -> dict[str, Any]:
    """These policies as one, for a role that has them all."""
    documents = (
        resolved(TEMPLATE[name]["Properties"]["PolicyDocument"], account=HERE.account, chosen={}, names=NAMES)
        for name in names
    )
    return {"Statement": [statement for document in documents for statement in document["Statement"]]}


POLICIES = {
    "the execution role": policy("ExecutionPolicy", "IdentityPolicy"),
    "the deploy role": policy("DeployPolicy"),
    "a role that a branch makes": policy("Boundary"),
}
EXECUTION, DEPLOY, WORKLOAD = POLICIES.values()
WITHOUT_RESOURCE = {
    "the execution role": {
        "kms:CreateKey",
        "kms:ListAliases",
        # On a function of a branch alone.
        "lambda:CreateEventSourceMapping",
        "lambda:DeleteEventSourceMapping",
        "lambda:GetEventSourceMapping",
        "lambda:UpdateEventSourceMapping",
        "lambda:GetAccountSettings",
        "logs:DescribeIndexPolicies",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
    },
    "the deploy role": {"cloudformation:ListStacks"},
    "a role that a branch makes": {
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
        "xray:GetSamplingRules",
        "xray:GetSamplingStatisticSummaries",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    },
}
"""What each may do that IAM ties to no resource, all of it."""


def mains(assembly: Assembly) -> Iterator[Resource]:
    """Everything that main deploys, where it deploys it."""
    for file in assembly.folder.rglob("manifest.json"):
        for artifact in json.loads(file.read_text())["artifacts"].values():
            if artifact["type"] == "aws:cloudformation:stack":
                body = json.loads((file.parent / artifact["properties"]["templateFile"]).read_text())
                known = {id_: each for id_, each in body["Resources"].items() if each["Type"] in ARNS}
                stack = artifact["properties"].get("stackName", artifact.get("displayName"))
                _, _, account, region = artifact["environment"].split("/")
                yield from resources({stack: {"Resources": known}}, StackLocation(account=account, region=region))


def forged(resource: Resource) -> dict[str, str]:
    """A request that says of itself whatever helps, on a resource that has the tags that it has."""
    return {
        **{f"aws:ResourceTag/{key}": value for key, value in resource.tags.items()},
        f"aws:RequestTag/{BRANCH_TAG}": FEATURE.prefix,
        "iam:PermissionsBoundary": NAMES["Boundary"],
        "iam:PassedToService": "lambda.amazonaws.com",
        "lambda:FunctionArn": f"{FUNCTION}dev-ingest-Consumer",
    }


def on_resources(service: str) -> list[str]:
    """The service's actions that IAM decides by a resource."""
    return [
        action
        for action in get_actions_for_service(service)
        if any(row["resource_arn_format"] != "*" for row in get_action_data(service, action.partition(":")[2])[service])
    ]


@pytest.mark.parametrize("who", POLICIES)
def test_nothing_of_mains_may_be_touched_or_even_read(assembly: Assembly, platform: Assembly, who: str) -> None:
    found = [*mains(assembly), *mains(platform)]
    assert {each.type_ for each in found} > set(ARNS)
    asked = {service: on_resources(service) for service in {each.arn.split(":")[2] for each in found}}
    allowed = {
        (action, each.arn)
        for each in found
        for action in asked[each.arn.split(":")[2]]
        for arn in (each.arn, f"{each.arn}/key", f"{each.arn}:part")
        if allows(POLICIES[who], action, arn, forged(each))
    }
    assert allowed == set()


def test_small_services_of_a_branch_have_a_resource_of_every_kind(tmp_path: Path) -> None:
    kinds = {each.type_ for each in resources(build(FEATURE, tmp_path), HERE)}
    assert kinds == {*ARNS, "AWS::CloudFormation::Stack"} - {"AWS::ApiGateway::Account"}


@pytest.mark.parametrize("like", [small.DEV, BRANCHES_LIKE], ids=["small services", "this checkout's services"])
def test_the_execution_role_reaches_every_resource_of_a_branch(like: Stage, tmp_path: Path) -> None:
    for each in resources(build(FEATURE, tmp_path, like=like), HERE):
        keys = {
            **{f"aws:ResourceTag/{key}": value for key, value in each.tags.items()},
            "lambda:FunctionArn": f"{FUNCTION}{each.stack}-Function",
        }
        role = DEPLOY if each.type_ == "AWS::CloudFormation::Stack" else EXECUTION
        assert allows(role, each.deletion, each.arn, keys), f"{each.arn}: name it in pipeline/accounts/branches.yaml"


@pytest.mark.parametrize("who", POLICIES)
def test_what_has_no_resource_is_listed(who: str) -> None:
    helpful = {
        f"aws:RequestTag/{BRANCH_TAG}": FEATURE.prefix,
        "lambda:FunctionArn": f"{FUNCTION}{FEATURE.prefix}-dev-ingest",
    }
    services = {pattern.partition(":")[0] for pattern in actions(POLICIES[who])}
    found = {
        action
        for service in services
        for action in get_actions_for_service(service)
        if allows(POLICIES[who], action, "*", helpful)
    }
    assert found == WITHOUT_RESOURCE[who]


@pytest.mark.parametrize("action", ["iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy"])
def test_a_branchs_role_is_made_within_its_boundary_alone(action: str) -> None:
    role, key = f"{IAM}:role/{FEATURE.prefix}-dev-intake-Role", "iam:PermissionsBoundary"
    assert allows(EXECUTION, action, role, {key: NAMES["Boundary"]})
    assert not allows(EXECUTION, action, role)
    assert not allows(EXECUTION, action, role, {key: f"{IAM}:policy/penstock-boundary"})
    assert not allows(EXECUTION, action, f"{IAM}:role/dev-intake-Role", {key: NAMES["Boundary"]})


@pytest.mark.parametrize("name", [BRANCH_DEPLOY_ROLE, BRANCH_EXECUTION_ROLE, BOOTSTRAP_DEPLOY_ROLE])
def test_no_role_of_a_branch_reaches_the_roles_that_hold_it(name: str) -> None:
    for document in (EXECUTION, WORKLOAD):
        for action in ("iam:PassRole", "iam:UpdateAssumeRolePolicy", "iam:AttachRolePolicy", "sts:AssumeRole"):
            assert not allows(document, action, f"{IAM}:role/{name}", {"iam:PermissionsBoundary": NAMES["Boundary"]})


def test_cloudformation_acts_in_the_limited_role_alone() -> None:
    key = {"iam:PassedToService": "cloudformation.amazonaws.com"}
    assert allows(DEPLOY, "iam:PassRole", NAMES["ExecutionRole"], key)
    assert not allows(DEPLOY, "iam:PassRole", f"{IAM}:role/{BOOTSTRAP_EXECUTION_ROLE}", key)


def test_a_stack_is_deleted_by_prefix_and_tag_together() -> None:
    def deletes(stack: str, tag: str | None) -> bool:
        arn = f"arn:aws:cloudformation:{HERE.region}:{HERE.account}:stack/{stack}/1"
        return allows(DEPLOY, "cloudformation:DeleteStack", arn, {f"aws:ResourceTag/{BRANCH_TAG}": tag} if tag else {})

    assert deletes("branch-a-aaaaaa-dev-intake", "branch-a-aaaaaa")
    assert not deletes("branch-a-aaaaaa-dev-intake", None)
    assert not deletes("branch-a-aaaaaa-dev-intake", "dev")
    assert not deletes("dev-intake", "branch-a-aaaaaa")


def test_each_policy_fits() -> None:
    for name in ("Boundary", "ExecutionPolicy", "IdentityPolicy", "DeployPolicy"):
        document = resolved(TEMPLATE[name]["Properties"]["PolicyDocument"], account="1" * 12, chosen={}, names=NAMES)
        assert len(json.dumps(document, separators=(",", ":"))) < LONGEST_POLICY, name
