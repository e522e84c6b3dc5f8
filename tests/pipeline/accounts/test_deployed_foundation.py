"""The foundation as CloudFormation resolves it, against what the other tests read of the file."""

import json
from typing import Any

import pytest

from pipeline.local import bootstrap
from pipeline.local.bootstrap import Target
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.target import local_target
from services.library.contract.names import (
    PLATFORM_BOOTSTRAP,
    SHARED_QUALIFIER,
    SHARED_TOOLKIT_STACK,
    Bootstrap,
)
from tests.pipeline.accounts.test_foundation import policy

pytestmark = pytest.mark.cloud

TOOLS, PROD = "999999990031", "444444440031"


def test_a_deployed_foundation_names_the_roles_of_its_account(cloud: LocalCloud) -> None:
    targets = [
        Target(account=TOOLS, region="eu-west-1", role_names=("Pipeline-*", "pipeline*")),
        Target(account=PROD, region="us-east-1", role_names=("prod-*",), keeps_data=True),
        Target(account=PROD, region="eu-west-1", role_names=("qa-*",)),
    ]
    bootstrap.bootstrap(
        cloud,
        targets,
        tools_account=TOOLS,
        foundation=bootstrap.checkout_foundation(),
        template=bootstrap.checkout_template(),
    )
    for account, names in ((TOOLS, ["Pipeline-*", "pipeline*"]), (PROD, ["prod-*", "qa-*"])):
        client = cloud.client("iam", account=account, region="us-east-1")
        is_tools = account == TOOLS
        for name in ("Boundary", "ExecutionPolicy"):
            arn = f"arn:aws:iam::{account}:policy/penstock-{'boundary' if name == 'Boundary' else 'execution'}"
            deployed = client.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
            expected = policy(name, tools=is_tools, keeps_data=not is_tools, account=account, names=names)
            assert deployed == expected


def test_platform_moves_to_a_bootstrap_of_its_own_and_leaves_the_shared_one_as_it_is(cloud: LocalCloud) -> None:
    """docs/upgrade.md: a stack that the shared bootstrap's roles deployed goes on with those of the platform's own."""
    shared = Bootstrap(qualifier=SHARED_QUALIFIER, toolkit_stack=SHARED_TOOLKIT_STACK)
    account, region = "444444440032", "us-east-1"
    targets = [Target(account=account, region=region, role_names=("prod-*",), keeps_data=True)]
    target = local_target(cloud.endpoint, secret=cloud.root_secret, account=account, region=region)
    reading = cloud.client("cloudformation", account=account, region=region)
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain", "Properties": {}}}}

    def prepare(names: Bootstrap) -> None:
        bootstrap.bootstrap(
            cloud,
            targets,
            tools_account=TOOLS,
            foundation=bootstrap.checkout_foundation(),
            template=bootstrap.checkout_template(),
            names=names,
        )

    def role(names: Bootstrap, name: str) -> str:
        return f"arn:aws:iam::{account}:role/{names.role(name, account=account, region=region)}"

    def deploy(names: Bootstrap, action: str) -> Any:
        formation = target.assumed("cloudformation", role=role(names, "deploy"), account=account, region=region)
        given = {"TemplateBody": json.dumps(template), "RoleARN": role(names, "cfn-exec")}
        getattr(formation, f"{action}_stack")(StackName="prod-moves", **given)
        reading.get_waiter(f"stack_{action}_complete").wait(StackName="prod-moves", WaiterConfig={"Delay": 0.1})
        (queue,) = reading.describe_stack_resources(StackName="prod-moves")["StackResources"]
        return queue["PhysicalResourceId"]

    def toolkit() -> Any:
        (found,) = reading.describe_stacks(StackName=SHARED_TOOLKIT_STACK)["Stacks"]
        return found["StackId"], found.get("LastUpdatedTime"), found["Parameters"]

    prepare(shared)
    queue, before = deploy(shared, "create"), toolkit()
    prepare(PLATFORM_BOOTSTRAP)
    template["Resources"]["Queue"]["Properties"] = {"VisibilityTimeout": 5}
    assert deploy(PLATFORM_BOOTSTRAP, "update") == queue
    (moved,) = reading.describe_stacks(StackName="prod-moves")["Stacks"]
    assert moved["RoleARN"] == role(PLATFORM_BOOTSTRAP, "cfn-exec")
    assert toolkit() == before
