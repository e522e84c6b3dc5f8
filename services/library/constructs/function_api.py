"""An API with a function behind it, for answers that need code and come at once."""

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from services.library.constructs.api import JSON, Api, ApiSettings, responses
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
        integration = function_integration(function, settings)
        super().__init__(
            scope,
            id_,
            environment=environment,
            settings=settings,
            alarms_to=alarms_to,
            description="Calls a function for each request",
        )
        self.post(integration, statuses=mapping.answered_statuses())


def function_integration(function: Function, settings: ApiSettings, *, status: int = 200) -> apigateway.Integration:
    """Call a function for a method of any API here; `status` is that of a success."""
    longest = function.function.timeout
    seconds = 3.0 if longest is None else longest.to_seconds()
    if seconds >= settings.timeout.to_seconds():
        raise ValueError(
            f"{function.node.path}: timeout={seconds:g} s is not allowed; give less than the API's timeout"
            f" ({settings.timeout.to_seconds():g} s): the caller would be told of a timeout while the function goes on."
        )
    return apigateway.LambdaIntegration(
        function.function,
        proxy=False,
        allow_test_invoke=False,
        passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
        request_templates={JSON: mapping.request_template(identity=settings.identity)},
        integration_responses=responses(mapping.integration_answers(status=status)),
        timeout=settings.timeout,
    )
