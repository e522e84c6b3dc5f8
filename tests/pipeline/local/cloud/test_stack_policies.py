"""An update does not do what the stack's policy does not allow.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
"""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.deployments import deploy

pytestmark = pytest.mark.cloud

EVERYTHING = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
DENIED = "Action denied by stack policy: Statement [#2] does not allow"


def resources(**properties: Any) -> dict[str, Any]:
    """A queue that is protected, and a topic that is not."""
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 1, **properties}}
    return {"Queue": queue, "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "before"}}}


def policy(action: str, **elements: Any) -> str:
    deny = {"Effect": "Deny", "Action": action, "Principal": "*", "Resource": "LogicalResourceId/Queue", **elements}
    return json.dumps({"Statement": [EVERYTHING, deny]})


def stack(cloud: LocalCloud, text: str) -> str:
    return deploy(cloud, resources(), StackPolicyBody=text).name


def test_a_change_that_the_policy_denies_is_rolled_back(cloud: LocalCloud) -> None:
    changed = deploy(cloud, resources(DelaySeconds=2), stack=stack(cloud, policy("Update:Modify")))
    assert changed.status == "UPDATE_ROLLBACK_COMPLETE"
    assert f"{DENIED} [Update:Modify] for resource [LogicalResourceId/Queue]" in changed.reason("Queue")


def test_a_change_to_what_the_policy_does_not_protect_is_made(cloud: LocalCloud) -> None:
    after = resources()
    after["Topic"]["Properties"]["DisplayName"] = "after"
    assert deploy(cloud, after, stack=stack(cloud, policy("Update:*"))).status == "UPDATE_COMPLETE"


def test_a_deletion_that_the_policy_denies_is_rolled_back(cloud: LocalCloud) -> None:
    after = {name: each for name, each in resources().items() if name == "Topic"}
    changed = deploy(cloud, after, stack=stack(cloud, policy("Update:Delete")))
    assert changed.status == "UPDATE_ROLLBACK_COMPLETE"
    assert DENIED in changed.reason("Queue")
    kept = cloud.client("cloudformation").list_stack_resources(StackName=changed.name)["StackResourceSummaries"]
    assert {each["LogicalResourceId"] for each in kept} == {"Queue", "Topic"}


def test_a_replacement_alone_may_be_denied(cloud: LocalCloud) -> None:
    text = policy("Update:Replace", Resource="*", Condition={"StringEquals": {"ResourceType": ["AWS::SQS::Queue"]}})
    name = stack(cloud, text)
    assert deploy(cloud, resources(DelaySeconds=2), stack=name).status == "UPDATE_COMPLETE"
    replaced = deploy(cloud, resources(DelaySeconds=2, FifoQueue=True), stack=name)
    assert replaced.status == "UPDATE_ROLLBACK_COMPLETE"


def test_what_no_statement_allows_is_denied(cloud: LocalCloud) -> None:
    """ "When you set a stack policy, all resources are protected by default." """
    topics = json.dumps({"Statement": [EVERYTHING | {"Resource": "LogicalResourceId/Topic"}]})
    changed = deploy(cloud, resources(DelaySeconds=2), stack=stack(cloud, topics))
    assert "Action not allowed by stack policy" in changed.reason("Queue")


def test_a_policy_for_one_update_overrides_the_stacks(cloud: LocalCloud) -> None:
    """ "The temporary policy overrides the stack's policy for the duration of the update only." """
    name = stack(cloud, policy("Update:*"))
    free = json.dumps({"Statement": [EVERYTHING]})
    once = deploy(cloud, resources(DelaySeconds=2), stack=name, StackPolicyDuringUpdateBody=free)
    assert once.status == "UPDATE_COMPLETE"
    assert deploy(cloud, resources(DelaySeconds=3), stack=name).status == "UPDATE_ROLLBACK_COMPLETE"


def test_a_policy_that_comes_with_an_update_counts_from_the_next_on(cloud: LocalCloud) -> None:
    """https://github.com/classmethod/gradle-aws-plugin/issues/159"""
    name = stack(cloud, policy("Update:*"))
    free = json.dumps({"Statement": [EVERYTHING]})
    first = deploy(cloud, resources(DelaySeconds=2), stack=name, StackPolicyBody=free)
    assert first.status == "UPDATE_ROLLBACK_COMPLETE"


@pytest.mark.parametrize(
    "wrong",
    [
        {"Effect": "Alow"},
        {"Principal": {"AWS": "*"}},
        {"Action": "sqs:*"},
        {"Resource": "Queue"},
        {"Condition": {"StringEquals": {"aws:SourceIp": "1.1.1.1"}}},
    ],
)
def test_a_policy_that_is_none_is_refused(cloud: LocalCloud, wrong: dict[str, Any]) -> None:
    name = deploy(cloud, resources()).name
    with pytest.raises(ClientError, match="Error validating stack policy"):
        cloud.client("cloudformation").set_stack_policy(
            StackName=name, StackPolicyBody=json.dumps({"Statement": [EVERYTHING | wrong]})
        )
