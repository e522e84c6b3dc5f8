"""What the gate would say today of what is on main: acknowledgements end by the calendar, not by a push."""

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam

from pipeline.definition.notifications import Notifications
from pipeline.definition.scheduled_build import ScheduledBuildSettings


def expiry_check(notifications: Notifications) -> ScheduledBuildSettings:
    """Return a build that runs `penstock validate` each morning, and tells the pipeline's topic what it finds.

    It can release nothing and stop nothing: an expired acknowledgement blocks a pull request, never what is on main.
    """
    topic, key = notifications.topic.topic_arn, notifications.key.key_arn
    return ScheduledBuildSettings(
        description="Tells the pipeline's topic of acknowledgements that have expired or soon will",
        role="CheckRole",
        allowed=(
            iam.PolicyStatement(actions=["sns:Publish"], resources=[topic]),
            iam.PolicyStatement(actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[key]),
        ),
        schedule=events.Schedule.cron(hour="6", minute="0"),
        command='.venv/bin/python -m pipeline.builds.notify_expiry "$TOPIC"',
        variables={"TOPIC": topic},
        failure="An acknowledgement has expired, or the daily check of them could not run.",
    )
