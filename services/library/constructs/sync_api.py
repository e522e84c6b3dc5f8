"""An API that runs an Express workflow and answers with what it made."""

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from services.library.constructs.api import JSON, Api, ApiSettings, responses
from services.library.constructs.mappings import async_api
from services.library.constructs.mappings import sync_api as mapping
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.role import Role
from services.library.constructs.workflow import Workflow, WorkflowKind
from services.library.contract.environment import Environment


class SyncApi(Api):
    """POST / -> StartSyncExecution: 200 with the output; a failed execution is a 500, one that took too long a 504."""

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
        _refuse(workflow, settings)
        super().__init__(
            scope,
            id_,
            environment=environment,
            settings=settings,
            alarms_to=alarms_to,
            description="Runs a workflow for each request and answers with its output",
        )
        role = Role(self, "Caller", service="apigateway.amazonaws.com")
        workflow.state_machine.grant_start_sync_execution(role)
        limit = settings.payload_limit_bytes
        template = async_api.request_template(
            workflow.state_machine.state_machine_arn, identity=settings.identity, keys=False, limit_bytes=limit
        )
        integration = apigateway.AwsIntegration(
            service="states",
            action="StartSyncExecution",
            options=apigateway.IntegrationOptions(
                credentials_role=role,
                passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                request_templates={JSON: template},
                integration_responses=responses(mapping.integration_answers(limit_bytes=limit)),
                timeout=settings.timeout,
            ),
        )
        self.post(integration, statuses=mapping.answered_statuses())


def _refuse(workflow: Workflow, settings: ApiSettings) -> None:
    if workflow.kind is not WorkflowKind.EXPRESS:
        raise ValueError(
            f"SyncApi: workflow.kind={workflow.kind.name} is not allowed; give WorkflowKind.EXPRESS:"
            " StartSyncExecution is not available for Standard workflows."
        )
    if workflow.timeout.to_seconds() >= settings.timeout.to_seconds():
        raise ValueError(
            f"SyncApi: workflow.timeout={workflow.timeout.to_seconds():g} s is not allowed; give less than the API's"
            f" timeout ({settings.timeout.to_seconds():g} s): the caller would be told of a timeout while the"
            " workflow goes on, and would start another."
        )
