"""What CloudFormation may do by the accounts' templates, against what everything that we deploy makes it call."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipeline.accounts.execution_policies import OF_BRANCHES, DeploymentAccounts
from services.library.cloudformation.template import Template
from services.library.guardrails.deployment.execution_policy import ExecutionPolicy
from services.library.guardrails.deployment.handler_calls import calls_of
from services.library.guardrails.finding import DeploymentLocation
from services.library.guardrails.rules.deployment import check
from tests.conftest import ROOT, Assembly
from tests.pipeline.accounts.test_foundation import ACCOUNT, BOUNDARY, KEY, POLICY, ROLE, policy
from tests.testbed.policies import allows

TOOLS, PROD, DEV = "9" * 12, ACCOUNT, "1" * 12
ACCOUNTS = DeploymentAccounts(tools=TOOLS, keep_data=frozenset({PROD}))
SERVICE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
KEYS = {
    KEY: BOUNDARY,
    "backup:MinRetentionDays": "35",
    "iam:AWSServiceName": "backup.amazonaws.com",
    "iam:PassedToService": "backup.amazonaws.com",
}
IN_A_VPC = "no function of ours is in a VPC; one that a team puts into its stage's network is"
TAGGED = "the schema of a managed policy has no tags, and CloudFormation gives a stack's tags to what can carry them"
NESTED = "no stack of ours has one within it; one that a team splits has"
SHIFTED = "our canary is a predefined one; tests/services/library/test_one_of_each.py has one of its own"
CALLED_FOR_NOTHING_OF_OURS = {
    **dict.fromkeys((f"cloudformation:{each}Stack" for each in ("Create", "Delete", "Update")), NESTED),
    "cloudformation:DescribeStacks": NESTED,
    "cloudformation:GetStackPolicy": NESTED,
    "cloudformation:GetTemplate": NESTED,
    "cloudformation:SetStackPolicy": NESTED,
    "cloudformation:UpdateTerminationProtection": NESTED,
    "codedeploy:CreateDeploymentConfig": SHIFTED,
    "codedeploy:DeleteDeploymentConfig": SHIFTED,
    "codecommit:*": "the pipeline's source action reads a repository",
    "codeconnections:*": "the pipeline's source action uses a connection",
    "ec2:DescribeNetworkInterfaces": IN_A_VPC,
    "ec2:DescribeSecurityGroups": IN_A_VPC,
    "ec2:DescribeSubnets": IN_A_VPC,
    "ec2:DescribeVpcs": IN_A_VPC,
    "iam:TagPolicy": TAGGED,
    "iam:UntagPolicy": TAGGED,
    "secretsmanager:*": "no service of ours has a Secret; tests/services/library/test_one_of_each.py has one",
}
"""What the foundation allows all the same, and why."""


@pytest.fixture(scope="module")
def deployed(assembly: Assembly, platform: Assembly) -> Template:
    """One resource of each type and set of properties that we deploy."""
    files = (file for each in (assembly, platform) for file in sorted(each.folder.rglob("*.template.json")))
    bodies = [body for file in files for body in json.loads(file.read_text())["Resources"].values()]
    different = {(each["Type"], *sorted(each.get("Properties", ())), "DeletionPolicy" in each): each for each in bodies}
    return Template({"Resources": {str(number): each for number, each in enumerate(different.values())}})


def refused(deployed: Template, execution: ExecutionPolicy) -> Iterator[str]:
    place = DeploymentLocation(keeps_data=False, execution=execution)
    return (finding.text for finding in check(deployed, place))


@pytest.mark.parametrize(
    ("account", "tools", "keeps_data"), [(TOOLS, True, False), (PROD, False, True), (DEV, False, False)]
)
def test_the_foundation_is_read_as_iam_decides(
    deployed: Template, account: str, *, tools: bool, keeps_data: bool
) -> None:
    document = policy("ExecutionPolicy", tools=tools, keeps_data=keeps_data)
    types = {resource.type for resource in deployed.resources()}
    asked = {action for type_ in types for action in calls_of(type_) or {}} | {"ec2:RunInstances", "iam:CreateUser"}
    execution = ACCOUNTS.policy(account)
    assert len(asked) > 400
    for action in asked:
        decided = any(allows(document, action, resource, KEYS) for resource in ("any", ROLE, POLICY, SERVICE_ROLE))
        assert (execution.refusal(action, (), ("backup.amazonaws.com",)) is None) == decided, action


def test_the_template_and_statement_of_a_refusal_are_the_accounts_own() -> None:
    stage, pipeline = ACCOUNTS.policy(DEV), ACCOUNTS.policy(TOOLS)
    assert stage.file == pipeline.file == "pipeline/accounts/foundation.yaml"
    assert stage.refusal("scheduler:CreateSchedule", ()) == (
        "WhatServicesAreMadeOf",
        "lacks",
        "scheduler:CreateSchedule",
    )
    guarded = ACCOUNTS.policy(PROD).refusal("dynamodb:DeleteTable", ())
    assert guarded == ("ProductionDataIsDeletedByNoTemplate", "denies", "dynamodb:DeleteTable")
    assert stage.refusal("codebuild:CreateProject", ())
    assert pipeline.refusal("codebuild:CreateProject", ()) is None
    assert OF_BRANCHES.policy(DEV).file == "pipeline/accounts/branches.yaml"
    assert OF_BRANCHES.policy(DEV).refusal("backup:CreateBackupVault", ())


VPC = {"VpcConfig": {"SubnetIds": ["subnet-1"]}, "Role": "arn"}


@pytest.mark.parametrize(
    ("type_", "properties"),
    [("AWS::Lambda::Function", VPC), ("AWS::CloudFormation::Stack", {}), ("AWS::HealthLake::FHIRDatastore", {})],
)
def test_a_stage_may_have_what_a_branch_may_not(type_: str, properties: dict[str, object]) -> None:
    template = Template({"Resources": {"It": {"Type": type_, "Properties": properties}}})
    assert list(refused(template, ACCOUNTS.policy(DEV))) == []
    assert list(refused(template, ACCOUNTS.policy(TOOLS))) == []
    assert list(refused(template, OF_BRANCHES.policy(DEV))) != []


@pytest.mark.parametrize("account", [TOOLS, PROD, DEV])
def test_each_statement_that_is_named_for_what_is_missing_exists(account: str) -> None:
    for execution in (ACCOUNTS.policy(account), OF_BRANCHES.policy(account)):
        assert (ROOT / execution.file).is_file()
        assert execution.usual_sid in {each.sid for each in execution.statements if each.allows}


def test_everything_that_the_foundation_allows_is_called_for_something_that_we_deploy(
    deployed: Template,
) -> None:
    execution = ACCOUNTS.policy(TOOLS)
    allowed = {action for statement in execution.statements if statement.allows for action in statement.actions}
    needless = {action for action in allowed if not any(refused(deployed, without(execution, action)))}
    assert needless == set(CALLED_FOR_NOTHING_OF_OURS)


def without(execution: ExecutionPolicy, action: str) -> ExecutionPolicy:
    statements = (
        replace(each, actions=tuple(other for other in each.actions if other != action)) if each.allows else each
        for each in execution.statements
    )
    return ExecutionPolicy(file=execution.file, usual_sid=execution.usual_sid, statements=tuple(statements))
