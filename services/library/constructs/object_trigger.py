"""A rule that tells a queue's worker, a workflow or a function of each new object of a bucket."""

from aws_cdk import aws_events as events
from constructs import Construct

from services.library.constructs.bucket import Bucket
from services.library.constructs.event_rule import DeliverySettings, EventRule, Target
from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic


class ObjectTrigger(EventRule):
    """Delivers an event for each object that was written below a prefix, at least once and in any order.

    The event has the object's key, size and version, and nothing of its content:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        bucket: Bucket,
        target: Target,
        encryption_key: Key,
        alarms_to: NotificationTopic,
        below: str = "",
        delivery: DeliverySettings | None = None,
    ) -> None:
        """Make the rule. `below`: the prefix of the objects' keys; all of the bucket's unless it is given."""
        super().__init__(
            scope, id_, delivery=delivery or DeliverySettings(), encryption_key=encryption_key, alarms_to=alarms_to
        )
        bucket.send_events()
        objects = {"object": {"key": [{"prefix": below}]}} if below else {}
        self.deliver(
            self.target(target),
            pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [bucket.bucket.bucket_name]}, **objects},
            ),
        )
