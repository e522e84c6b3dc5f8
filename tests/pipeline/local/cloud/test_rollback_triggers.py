"""What rollback triggers do to an operation, in the words of AWS's pages.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-rollback-triggers.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackConfiguration.html
"""

import json
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud

pytestmark = pytest.mark.cloud

ACCOUNT = "333333333333"
REGION = "us-east-1"
AN_HOUR = 60
"""Minutes, of which the local cloud's clock has one a second: an hour is a second there."""
POLLING = {"Delay": 0.05, "MaxAttempts": 400}

Resources = dict[str, Any]


class Watched:
    """A stack of its own with an alarm of its own, which is not of the stack."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.formation = cloud.client("cloudformation", account=ACCOUNT)
        self.watch = cloud.client("cloudwatch", account=ACCOUNT)
        self.queues = cloud.client("sqs", account=ACCOUNT)
        self.name = f"watched-{uuid.uuid4().hex[:8]}"
        self.alarm = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{self.name}"
        self.watch.put_metric_alarm(
            AlarmName=self.name,
            Namespace="tests",
            MetricName="none",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
            Statistic="Sum",
            TreatMissingData="ignore",
        )

    def configuration(self, minutes: int = 0) -> dict[str, Any]:
        """Return a configuration with the alarm."""
        trigger = {"Arn": self.alarm, "Type": "AWS::CloudWatch::Alarm"}
        return {"RollbackTriggers": [trigger], "MonitoringTimeInMinutes": minutes}

    def create(self, resources: Resources, **more: Any) -> None:
        """Begin to create the stack."""
        self.formation.create_stack(StackName=self.name, TemplateBody=json.dumps({"Resources": resources}), **more)

    def update(self, resources: Resources, **more: Any) -> None:
        """Begin to update it."""
        self.formation.update_stack(StackName=self.name, TemplateBody=json.dumps({"Resources": resources}), **more)

    def say(self, *states: str) -> None:
        """Put the alarm into states, one after the other."""
        for state in states:
            self.watch.set_alarm_state(AlarmName=self.name, StateValue=state, StateReason="a test")

    def described(self) -> dict[str, Any]:
        """Describe the stack."""
        found: dict[str, Any] = dict(self.formation.describe_stacks(StackName=self.name)["Stacks"][0])
        return found

    def wait_for(self, reached: Callable[[], bool]) -> None:
        """Wait until something is so."""
        pause = threading.Event()
        for _ in range(1500):
            if reached():
                return
            pause.wait(0.02)
        pytest.fail(f"{self.name}: {self.described()['StackStatus']}")

    def ended(self) -> str:
        """Wait for the end of what is under way, and return the stack's status."""
        self.wait_for(lambda: not self.described()["StackStatus"].endswith("_IN_PROGRESS"))
        return str(self.described()["StackStatus"])

    def events(self) -> list[tuple[str, str]]:
        """List what happened to which resource, the latest first."""
        found = self.formation.describe_stack_events(StackName=self.name)["StackEvents"]
        return [(each["LogicalResourceId"], each["ResourceStatus"]) for each in found]

    def reasons(self, status: str) -> list[str]:
        """List the reasons of the events of a status."""
        found = self.formation.describe_stack_events(StackName=self.name)["StackEvents"]
        return [each.get("ResourceStatusReason", "") for each in found if each["ResourceStatus"] == status]

    def delay(self) -> str:
        """Return what is set of the stack's queue."""
        url = self.queues.get_queue_url(QueueName=self.name)["QueueUrl"]
        attributes = self.queues.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])["Attributes"]
        return str(attributes["DelaySeconds"])

    def queue(self, delay: int) -> Resources:
        """Return a template's queue."""
        return {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": self.name, "DelaySeconds": delay}}


@pytest.fixture
def watched(cloud: LocalCloud) -> Watched:
    """Return a stack that is not there yet, and its alarm."""
    return Watched(cloud)


TOPIC = {"Type": "AWS::SNS::Topic"}


def test_an_alarm_in_the_monitoring_period_rolls_an_update_back(watched: Watched) -> None:
    """ "for the specified amount of time after all resources have been deployed"."""
    watched.create({"Queue": watched.queue(1), "Old": TOPIC})
    assert watched.ended() == "CREATE_COMPLETE"
    watched.update({"Queue": watched.queue(2), "New": TOPIC}, RollbackConfiguration=watched.configuration(180))
    watched.wait_for(lambda: watched.delay() == "2")
    assert watched.described()["StackStatus"] == "UPDATE_IN_PROGRESS"
    watched.say("ALARM")
    assert watched.ended() == "UPDATE_ROLLBACK_COMPLETE"
    assert watched.delay() == "1"
    assert ("Old", "DELETE_COMPLETE") not in watched.events()
    assert watched.reasons("UPDATE_ROLLBACK_IN_PROGRESS") == [
        f"The rollback trigger {watched.alarm} went to the state ALARM"
    ]


def test_what_an_update_leaves_out_is_removed_after_the_monitoring_period(watched: Watched) -> None:
    """ "Then, for update operations, if the monitoring period expires without any alarms going to ALARM state,
    CloudFormation proceeds to dispose of old resources as usual."
    """
    watched.create({"Queue": watched.queue(1), "Old": TOPIC})
    assert watched.ended() == "CREATE_COMPLETE"
    watched.update({"Queue": watched.queue(2)}, RollbackConfiguration=watched.configuration(AN_HOUR))
    watched.wait_for(lambda: watched.delay() == "2")
    assert ("Old", "DELETE_COMPLETE") not in watched.events()
    assert watched.ended() == "UPDATE_COMPLETE"
    resources = watched.formation.list_stack_resources(StackName=watched.name)["StackResourceSummaries"]
    assert [each["LogicalResourceId"] for each in resources] == ["Queue"]


def test_a_creation_is_rolled_back_too(watched: Watched) -> None:
    watched.create({"Queue": watched.queue(1)}, RollbackConfiguration=watched.configuration(180))
    watched.wait_for(lambda: ("Queue", "CREATE_IN_PROGRESS") in watched.events())
    watched.say("ALARM")
    assert watched.ended() == "ROLLBACK_COMPLETE"
    with pytest.raises(ClientError, match="NonExistentQueue"):
        watched.delay()


def test_an_alarm_that_is_over_again_counts(watched: Watched) -> None:
    """ "If any of the alarms goes to ALARM state during the stack operation or the monitoring period"."""
    watched.create({"Queue": watched.queue(1)})
    assert watched.ended() == "CREATE_COMPLETE"
    watched.update({"Queue": watched.queue(2)}, RollbackConfiguration=watched.configuration(AN_HOUR))
    watched.say("ALARM", "OK")
    assert watched.ended() == "UPDATE_ROLLBACK_COMPLETE"


def test_a_lack_of_data_rolls_nothing_back(watched: Watched) -> None:
    """ "By default, CloudFormation only rolls back stack operations if an alarm goes to ALARM state, not
    INSUFFICIENT_DATA state."
    """
    watched.say("OK")
    watched.create({"Queue": watched.queue(1)}, RollbackConfiguration=watched.configuration(AN_HOUR))
    watched.say("INSUFFICIENT_DATA")
    assert watched.ended() == "CREATE_COMPLETE"


def test_a_missing_trigger_fails_the_operation(watched: Watched) -> None:
    """ "If a specified trigger is missing, the entire stack operation fails and is rolled back."

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackTrigger.html
    """
    watched.create({"Queue": watched.queue(1)})
    assert watched.ended() == "CREATE_COMPLETE"
    watched.watch.delete_alarms(AlarmNames=[watched.name])
    watched.update({"Queue": watched.queue(2)}, RollbackConfiguration=watched.configuration())
    assert watched.ended() == "UPDATE_ROLLBACK_COMPLETE"
    assert watched.delay() == "1"
    assert watched.reasons("UPDATE_FAILED") == ["Resource update cancelled"]
    assert watched.reasons("UPDATE_ROLLBACK_IN_PROGRESS") == [f"The rollback trigger {watched.alarm} does not exist"]


def test_triggers_are_saved_until_others_or_none_are_given(watched: Watched) -> None:
    """ "By default, CloudFormation saves the rollback triggers specified for a stack and applies them to any subsequent
    update operations for the stack"; "To remove all currently specified triggers, specify an empty list".
    """
    watched.create({"Queue": watched.queue(1)}, RollbackConfiguration=watched.configuration())
    assert watched.ended() == "CREATE_COMPLETE"
    assert watched.described()["RollbackConfiguration"] == watched.configuration()
    watched.watch.delete_alarms(AlarmNames=[watched.name])
    watched.update({"Queue": watched.queue(2)})
    assert watched.ended() == "UPDATE_ROLLBACK_COMPLETE"
    watched.update({"Queue": watched.queue(3)}, RollbackConfiguration={"RollbackTriggers": []})
    assert watched.ended() == "UPDATE_COMPLETE"
    assert watched.described()["RollbackConfiguration"] == {}


def test_a_change_set_keeps_them_until_it_is_executed(watched: Watched) -> None:
    watched.create({"Queue": watched.queue(1)})
    assert watched.ended() == "CREATE_COMPLETE"
    names = {"StackName": watched.name, "ChangeSetName": "later"}
    watched.formation.create_change_set(
        **names,
        TemplateBody=json.dumps({"Resources": {"Queue": watched.queue(2)}}),
        RollbackConfiguration=watched.configuration(180),
    )
    watched.formation.get_waiter("change_set_create_complete").wait(**names, WaiterConfig=POLLING)
    described = watched.formation.describe_change_set(**names)
    assert described["RollbackConfiguration"] == watched.configuration(180)
    assert watched.described()["RollbackConfiguration"] == {}
    watched.formation.execute_change_set(**names)
    watched.wait_for(lambda: watched.delay() == "2")
    watched.say("ALARM")
    assert watched.ended() == "UPDATE_ROLLBACK_COMPLETE"


def test_an_update_can_be_cancelled_while_nothing_but_time_passes(watched: Watched) -> None:
    """ "If you specify a monitoring period but don't specify any rollback triggers, CloudFormation still waits [...].
    You can use this monitoring period to perform any manual stack validation desired, and manually cancel".
    """
    watched.create({"Queue": watched.queue(1)})
    assert watched.ended() == "CREATE_COMPLETE"
    watched.update({"Queue": watched.queue(2)}, RollbackConfiguration={"MonitoringTimeInMinutes": 180})
    watched.wait_for(lambda: watched.delay() == "2")
    watched.formation.cancel_update_stack(StackName=watched.name)
    assert watched.ended() == "UPDATE_ROLLBACK_COMPLETE"
    assert watched.delay() == "1"
    assert watched.reasons("UPDATE_ROLLBACK_IN_PROGRESS") == ["User Initiated"]


def test_a_composite_alarm_is_a_trigger(watched: Watched) -> None:
    """ "Specify either AWS::CloudWatch::Alarm or AWS::CloudWatch::CompositeAlarm resource types." """
    name = f"{watched.name}-any"
    watched.watch.put_composite_alarm(AlarmName=name, AlarmRule=f'ALARM("{watched.name}")')
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"
    triggers = [{"Arn": arn, "Type": "AWS::CloudWatch::CompositeAlarm"}]
    given = {"RollbackTriggers": triggers, "MonitoringTimeInMinutes": 180}
    watched.create({"Queue": watched.queue(1)}, RollbackConfiguration=given)
    watched.wait_for(lambda: ("Queue", "CREATE_IN_PROGRESS") in watched.events())
    watched.say("ALARM")
    assert watched.ended() == "ROLLBACK_COMPLETE"


def test_a_trigger_in_alarm_already_is_refused_by_name(watched: Watched) -> None:
    watched.create({"Queue": watched.queue(1)})
    assert watched.ended() == "CREATE_COMPLETE"
    watched.say("ALARM")
    watched.update({"Queue": watched.queue(2)}, RollbackConfiguration=watched.configuration())
    assert watched.ended() == "UPDATE_ROLLBACK_COMPLETE"
    assert "AWS does not document" in watched.reasons("UPDATE_ROLLBACK_IN_PROGRESS")[0]


ELSEWHERE = f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:a"
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "six triggers": (
        {
            "RollbackTriggers": [
                {"Arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{n}", "Type": "AWS::CloudWatch::Alarm"}
                for n in range(6)
            ]
        },
        "6 triggers; give 5 at most",
    ),
    "another type": (
        {"RollbackTriggers": [{"Arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:t", "Type": "AWS::SNS::Topic"}]},
        "has the type 'AWS::SNS::Topic'",
    ),
    "another region": (
        {"RollbackTriggers": [{"Arn": ELSEWHERE, "Type": "AWS::CloudWatch::Alarm"}]},
        "is no alarm of the stack's account and region",
    ),
    "more than three hours": ({"MonitoringTimeInMinutes": 181}, "give 0 to 180"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_allowed_is_refused(watched: Watched, what: str) -> None:
    configuration, reason = REFUSED[what]
    with pytest.raises(ClientError, match=reason):
        watched.create({"Queue": watched.queue(1)}, RollbackConfiguration=configuration)


def test_triggers_without_a_time_for_a_stack_with_one_are_refused_by_name(watched: Watched) -> None:
    watched.create({"Queue": watched.queue(1)}, RollbackConfiguration=watched.configuration(1))
    assert watched.ended() == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="AWS does not document whether the old one holds"):
        watched.update({"Queue": watched.queue(2)}, RollbackConfiguration={"RollbackTriggers": []})


@pytest.mark.parametrize("importing", [{"ImportExistingResources": True}, {"ChangeSetType": "IMPORT"}])
def test_a_change_set_that_imports_is_refused_by_name(watched: Watched, importing: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="with resources to import"):
        watched.formation.create_change_set(
            **{"StackName": watched.name, "ChangeSetName": "imports", "ChangeSetType": "CREATE", **importing},
            TemplateBody=json.dumps({"Resources": {"Queue": watched.queue(1)}}),
            RollbackConfiguration=watched.configuration(),
        )
