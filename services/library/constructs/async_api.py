"""An API that starts a workflow and answers at once, with no function in between."""

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from services.library.constructs.api import JSON, Api, ApiSettings, responses
from services.library.constructs.mappings import async_api as mapping
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.role import Role
from services.library.constructs.workflow import Workflow
from services.library.contract.environment import Environment


class AsyncApi(Api):
    """POST / -> StartExecution: 202 with an id to track, or a problem that says what to do about it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        workflow: Workflow,
        settings: ApiSettings,
        alarms_to: NotificationTopic,
    ) -> None:
        super().__init__(
            scope,
            id_,
            environment=environment,
            settings=settings,
            alarms_to=alarms_to,
            description="Starts a workflow for each accepted request",
        )
        role = Role(self, "Caller", service="apigateway.amazonaws.com")
        workflow.state_machine.grant_start_execution(role)
        limit = settings.payload_limit_bytes
        template = mapping.request_template(
            workflow.state_machine.state_machine_arn, identity=settings.identity, limit_bytes=limit
        )
        integration = apigateway.AwsIntegration(
            service="states",
            action="StartExecution",
            options=apigateway.IntegrationOptions(
                credentials_role=role,
                passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                request_templates={JSON: template},
                integration_responses=responses(mapping.integration_answers(limit_bytes=limit)),
                timeout=settings.timeout,
            ),
        )
        self.post(integration, statuses=mapping.answered_statuses())
