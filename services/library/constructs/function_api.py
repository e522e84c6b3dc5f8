"""An API that calls a function for each request, with the responses mapped by API Gateway."""

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from services.library.constructs.api import JSON, Api, ApiSettings, to_cdk
from services.library.constructs.function import Function
from services.library.constructs.mappings import function_api as mapping
from services.library.constructs.notification_topic import NotificationTopic
from services.library.contract.environment import Environment


class FunctionApi(Api):
    """POST / -> the function: 200 with what it returns; an error of it is a 500, and too long a wait a 504."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        function: Function,
        settings: ApiSettings,
        alarms_to: NotificationTopic,
    ) -> None:
        settings.require_no_payload_limit("FunctionApi", "API Gateway hands over what a function takes")
        integration = function_integration(function, settings)
        super().__init__(
            scope,
            id_,
            environment=environment,
            settings=settings,
            alarms_to=alarms_to,
            description="Calls a function for each request",
        )
        self.post(integration, statuses=mapping.response_statuses())


def function_integration(function: Function, settings: ApiSettings, *, status: int = 200) -> apigateway.Integration:
    """Return the integration of a method, of any API here, with a function; `status` is that of a success."""
    require_shorter(function, settings)
    return apigateway.LambdaIntegration(
        function.target,
        proxy=False,
        allow_test_invoke=False,
        passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
        request_templates={JSON: mapping.request_template(identity=settings.identity)},
        integration_responses=to_cdk(mapping.integration_responses(status=status), settings),
        timeout=settings.timeout,
    )


def require_shorter(function: Function, settings: ApiSettings) -> None:
    """Raise ValueError if a function may run as long as its API waits for it."""
    timeout = function.function.timeout
    seconds = 3.0 if timeout is None else timeout.to_seconds()
    settings.require_shorter(f"{function.node.path}: timeout", seconds, what="function goes on")
