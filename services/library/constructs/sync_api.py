"""An API that runs an Express workflow and responds with its output."""

from constructs import Construct

from services.library.constructs.api import Api, ApiSettings
from services.library.constructs.mappings import async_api
from services.library.constructs.mappings import sync_api as mapping
from services.library.constructs.mappings.async_api import PayloadForm
from services.library.constructs.notification_topic import NotificationTopic
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
        payload_form: PayloadForm = PayloadForm.JSON,
    ) -> None:
        """Build the API. `payload_form`: TEXT where every byte of a payload counts."""
        if workflow.kind is not WorkflowKind.EXPRESS:
            raise ValueError(
                f"SyncApi: workflow.kind={workflow.kind.name} is not allowed; give WorkflowKind.EXPRESS:"
                " StartSyncExecution is not available for Standard workflows."
            )
        settings.require_shorter(
            "SyncApi: workflow.timeout",
            workflow.timeout.to_seconds(),
            what="workflow goes on, and would start another",
        )
        super().__init__(
            scope,
            id_,
            environment=environment,
            settings=settings,
            alarms_to=alarms_to,
            description="Runs a workflow for each request and answers with its output",
        )
        machine, limit = workflow.target, payload_form.limit_bytes(settings.payload_limit_bytes)
        self.post_to_service(
            "states",
            action="StartSyncExecution",
            grant=workflow.grant_start_sync,
            template=async_api.request_template(
                machine.state_machine_arn,
                identity=settings.identity,
                keys=False,
                limit_bytes=limit,
                form=payload_form,
            ),
            responses=mapping.integration_responses(limit_bytes=limit, form=payload_form),
            statuses=mapping.response_statuses(),
        )
