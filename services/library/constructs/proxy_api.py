"""An API whose function makes the whole response: statuses and headers that no mapping can know beforehand."""

from collections.abc import Sequence

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from services.library.constructs.api import Api, ApiSettings
from services.library.constructs.function import Function
from services.library.constructs.function_api import require_shorter
from services.library.constructs.notification_topic import NotificationTopic
from services.library.contract.environment import Environment

Route = tuple[str, str]
"""Method and path, such as `GET` and `/{type}/{id}`."""


class ProxyApi(Api):
    """Each route -> the function, with the request as it came; problems that API Gateway finds have our one shape."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        function: Function,
        routes: Sequence[Route],
        settings: ApiSettings,
        alarms_to: NotificationTopic,
        description: str,
    ) -> None:
        require_shorter(function, settings)
        super().__init__(
            scope, id_, environment=environment, settings=settings, alarms_to=alarms_to, description=description
        )
        integration = apigateway.LambdaIntegration(
            function.function, proxy=True, allow_test_invoke=False, timeout=settings.timeout
        )
        for method, path in routes:
            self.rest_api.root.resource_for_path(path).add_method(method, integration, request_validator=self.validator)
