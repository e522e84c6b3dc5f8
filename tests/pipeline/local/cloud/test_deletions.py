"""What a deletion does to a stack of which something is under way.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html
"""

import json
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.pipeline.local.cloud.test_rollback_triggers import AN_HOUR, POLLING, TOPIC, Watched

pytestmark = pytest.mark.cloud


@pytest.fixture
def watched(cloud: LocalCloud) -> Watched:
    """Return a stack that is not there yet, and its alarm."""
    return Watched(cloud)


def is_made(watched: Watched) -> bool:
    return bool(watched.queues.list_queues(QueueNamePrefix=watched.name).get("QueueUrls"))


def test_a_stack_that_is_deleted_while_it_is_made_does_not_come_back(watched: Watched) -> None:
    watched.create({"Queue": watched.queue(1)}, RollbackConfiguration=watched.configuration(180))
    watched.wait_for(lambda: is_made(watched))
    stack = watched.described()["StackId"]
    watched.formation.delete_stack(StackName=watched.name)
    watched.formation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=POLLING)
    assert not is_made(watched)
    events = watched.formation.describe_stack_events(StackName=stack)["StackEvents"]
    states = [each["ResourceStatus"] for each in events if each["LogicalResourceId"] == watched.name]
    assert states[:2] == ["DELETE_COMPLETE", "DELETE_IN_PROGRESS"]
    assert not any(each.startswith("ROLLBACK") for each in states)
    watched.create({"Queue": watched.queue(2)})
    assert (watched.ended(), watched.delay()) == ("CREATE_COMPLETE", "2")


@pytest.mark.parametrize("what_fails", [{"DisableRollback": True}, {"OnFailure": "DELETE"}])
def test_it_is_deleted_whatever_would_become_of_a_failed_creation(watched: Watched, what_fails: dict[str, Any]) -> None:
    configuration = watched.configuration(180)
    watched.create({"Queue": watched.queue(1)}, RollbackConfiguration=configuration, **what_fails)
    watched.wait_for(lambda: is_made(watched))
    stack = watched.described()["StackId"]
    watched.formation.delete_stack(StackName=watched.name)
    watched.formation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=POLLING)
    assert not is_made(watched)


def test_a_change_set_that_makes_a_stack_ends_with_its_deletion(watched: Watched) -> None:
    place = {"StackName": watched.name, "ChangeSetName": "first"}
    watched.formation.create_change_set(
        **place,
        ChangeSetType="CREATE",
        TemplateBody=json.dumps({"Resources": {"Queue": watched.queue(1)}}),
        RollbackConfiguration=watched.configuration(180),
    )
    watched.formation.get_waiter("change_set_create_complete").wait(**place, WaiterConfig=POLLING)
    watched.formation.execute_change_set(**place)
    watched.wait_for(lambda: is_made(watched))
    stack = watched.described()["StackId"]
    watched.formation.delete_stack(StackName=watched.name)
    watched.formation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=POLLING)
    assert not is_made(watched)


def test_nothing_more_is_made_once_a_deletion_is_asked_for(watched: Watched) -> None:
    wait = {"Handle": {"Ref": "Handle"}, "Timeout": "60"}
    watched.create(
        {
            "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
            "Wait": {"Type": "AWS::CloudFormation::WaitCondition", "Properties": wait},
            "Topic": {**TOPIC, "DependsOn": "Wait"},
        }
    )
    watched.wait_for(lambda: ("Wait", "CREATE_IN_PROGRESS") in watched.events())
    stack = watched.described()["StackId"]
    found = watched.formation.describe_stack_events(StackName=stack)["StackEvents"]
    (url,) = {each["PhysicalResourceId"] for each in found if each["PhysicalResourceId"].startswith("http")}
    watched.formation.delete_stack(StackName=watched.name)
    said = json.dumps({"Status": "SUCCESS", "UniqueId": "1", "Reason": "", "Data": ""}).encode()
    request = urllib.request.Request(url, data=said, method="PUT", headers={"Content-Type": ""})  # noqa: S310 - loopback
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - as above
    watched.formation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=POLLING)
    events = watched.formation.describe_stack_events(StackName=stack)["StackEvents"]
    (topic,) = (
        each for each in events if (each["LogicalResourceId"], each["ResourceStatus"]) == ("Topic", "CREATE_FAILED")
    )
    assert topic["ResourceStatusReason"] == "Resource creation cancelled"


def test_a_stack_is_not_deleted_during_an_update(watched: Watched) -> None:
    """ "cannot be deleted while in status UPDATE_IN_PROGRESS", as
    https://github.com/aws-solutions-library-samples/guidance-for-clickstream-analytics-on-aws/issues/573 quotes it.
    """
    watched.create({"Queue": watched.queue(1)})
    assert watched.ended() == "CREATE_COMPLETE"
    watched.update({"Queue": watched.queue(2)}, RollbackConfiguration=watched.configuration(AN_HOUR))
    with pytest.raises(ClientError, match="cannot be deleted while in status UPDATE_IN_PROGRESS"):
        watched.formation.delete_stack(StackName=watched.name)
    assert watched.ended() == "UPDATE_COMPLETE"
    watched.formation.delete_stack(StackName=watched.name)
