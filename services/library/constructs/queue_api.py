"""An API that puts each request on a queue, for work that must not run faster than its worker takes it."""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from services.library.constructs.api import JSON, Api, ApiSettings, responses
from services.library.constructs.mappings import queue_api as mapping
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.queue import Queue
from services.library.constructs.role import Role
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
        super().__init__(
            scope,
            id_,
            environment=environment,
            settings=settings,
            alarms_to=alarms_to,
            description="Puts each accepted request on a queue",
        )
        role = Role(self, "Caller", service="apigateway.amazonaws.com")
        queue.grant_send(role)
        integration = apigateway.AwsIntegration(
            service="sqs",
            path=f"{cdk.Aws.ACCOUNT_ID}/{queue.queue.queue_name}",
            options=apigateway.IntegrationOptions(
                credentials_role=role,
                passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                request_parameters={"integration.request.header.Content-Type": f"'{mapping.FORM}'"},
                request_templates={JSON: mapping.request_template(identity=settings.identity)},
                integration_responses=responses(mapping.integration_answers(identity=settings.identity)),
                timeout=settings.timeout,
            ),
        )
        self.post(integration, statuses=mapping.answered_statuses())
