"""An API that puts each request on a queue, for work that must not run faster than its worker takes it."""

import aws_cdk as cdk
from constructs import Construct

from services.library.constructs.api import Api, ApiSettings
from services.library.constructs.mappings import queue_api as mapping
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.queue import Queue
from services.library.contract.environment import Environment


class QueueApi(Api):
    """POST / -> SendMessage: 202 with the name that the worker finds on the message."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        queue: Queue,
        settings: ApiSettings,
        alarms_to: NotificationTopic,
    ) -> None:
        queue.require_standard("QueueApi", "a request says no message group")
        settings.require_no_payload_limit(
            "QueueApi", f"a message may have {mapping.MESSAGE_LIMIT_BYTES:,} bytes, and nothing is added to it"
        )
        super().__init__(
            scope,
            id_,
            environment=environment,
            settings=settings,
            alarms_to=alarms_to,
            description="Puts each accepted request on a queue",
        )
        self.post_to_service(
            "sqs",
            path=f"{cdk.Aws.ACCOUNT_ID}/{queue.queue.queue_name}",
            grant=queue.grant_send,
            headers={"Content-Type": mapping.FORM},
            template=mapping.request_template(identity=settings.identity),
            responses=mapping.integration_responses(identity=settings.identity),
            statuses=mapping.response_statuses(),
        )
