"""An API that starts a workflow and responds at once, with no function in between."""

from constructs import Construct

from services.library.constructs.api import Api, ApiSettings
from services.library.constructs.mappings import async_api as mapping
from services.library.constructs.mappings.async_api import PayloadForm
from services.library.constructs.notification_topic import NotificationTopic
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
        payload_form: PayloadForm = PayloadForm.JSON,
    ) -> None:
        """Build the API. `payload_form`: TEXT where every byte of a payload counts."""
        super().__init__(
            scope,
            id_,
            environment=environment,
            settings=settings,
            alarms_to=alarms_to,
            description="Starts a workflow for each accepted request",
        )
        machine, limit = workflow.target, payload_form.limit_bytes(settings.payload_limit_bytes)
        self.post_to_service(
            "states",
            action="StartExecution",
            grant=workflow.grant_start,
            template=mapping.request_template(
                machine.state_machine_arn, identity=settings.identity, limit_bytes=limit, form=payload_form
            ),
            responses=mapping.integration_responses(limit_bytes=limit, form=payload_form),
            statuses=mapping.response_statuses(),
        )
