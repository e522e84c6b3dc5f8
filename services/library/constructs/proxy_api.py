"""An API of routes, each with a function that makes the whole response: its status, its headers, its body."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from services.library.constructs.api import Api, ApiSettings, require_valid_schema
from services.library.constructs.function import Function
from services.library.constructs.function_api import require_shorter
from services.library.constructs.notification_topic import NotificationTopic
from services.library.contract.constraints import Matches, OneOf, require_valid
from services.library.contract.environment import Environment

METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
PATH = Matches(
    r"/|(/([A-Za-z0-9._:-]+|\{[A-Za-z0-9._-]+\}))*(/\{[A-Za-z0-9._-]+\+\}|/([A-Za-z0-9._:-]+|\{[A-Za-z0-9._-]+\}))",
    "a path such as /orders/{id}: words or whole parameters between slashes, and at the end perhaps {rest+}",
)
QUERY = Matches(r"[A-Za-z0-9._$-]+", "the name of a query parameter")


@dataclass(frozen=True, kw_only=True)
class Route:
    """A method of a path, and the function behind it."""

    method: Annotated[str, OneOf(METHODS)]
    path: Annotated[str, PATH]
    function: Function
    query: tuple[Annotated[str, QUERY], ...] = ()
    """Query parameters without which a request is refused."""
    body_schema: Mapping[str, Any] | None = None
    """JSON schema of a payload, as in `ApiSettings`; None lets the function see any."""

    def __post_init__(self) -> None:
        require_valid(self, f"{self.method} {self.path}")
        if self.body_schema is not None:
            require_valid_schema(f"{self.method} {self.path}", self.body_schema)

    @property
    def name(self) -> str:
        """Return the method and the path, as in `GET /orders/{id}`."""
        return f"{self.method} {self.path}"


class ProxyApi(Api):
    """Each route -> its function, with the request as it came; problems that API Gateway finds have our one shape."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        routes: Sequence[Route],
        settings: ApiSettings,
        alarms_to: NotificationTopic,
        description: str,
    ) -> None:
        settings.require_no_payload_limit("ProxyApi", "API Gateway hands over what a function takes")
        _refuse_ambiguous(routes)
        for route in routes:
            require_shorter(route.function, settings)
        super().__init__(
            scope, id_, environment=environment, settings=settings, alarms_to=alarms_to, description=description
        )
        # One for each function, which each of its methods gives a permission of its own.
        integrations = {
            function: apigateway.LambdaIntegration(
                function.target, proxy=True, allow_test_invoke=False, timeout=settings.timeout
            )
            for function in dict.fromkeys(route.function for route in routes)
        }
        for route in routes:
            resource = self.rest_api.root.resource_for_path(route.path)
            parameters = {f"method.request.querystring.{name}": True for name in route.query}
            resource.add_method(
                route.method,
                integrations[route.function],
                request_validator=self.validator,
                request_parameters=parameters or None,
                request_models=None if route.body_schema is None else self.model(_name(route), route.body_schema),
            )
        for path in dict.fromkeys(route.path for route in routes):
            methods = [route.method for route in routes if route.path == path]
            self.answer_browsers(self.rest_api.root.resource_for_path(path), methods)


def _refuse_ambiguous(routes: Sequence[Route]) -> None:
    """Raise ValueError for routes of which API Gateway could not tell one from another."""
    if not routes:
        raise ValueError(
            "ProxyApi: routes=[] is not allowed; give at least one: an API without any cannot be deployed."
        )
    for name, count in Counter(route.name for route in routes).items():
        if count > 1:
            raise ValueError(f"ProxyApi: routes=[{name}] {count} times is not allowed; give each once.")
    parameters: dict[str, str] = {}
    for route in routes:
        above = ""
        for part in route.path.split("/")[1:]:
            if part.startswith("{") and parameters.setdefault(above, part) != part:
                raise ValueError(
                    f"ProxyApi: path={route.path} is not allowed; give {parameters[above]} instead of {part}, as"
                    f" another route has it below {above or '/'}: API Gateway takes one parameter in a place."
                )
            above = f"{above}/{part}"


def _name(route: Route) -> str:
    """Return the name of a route's model, of letters and digits alone."""
    return "".join(part.title() for part in [route.method, *route.path.split("/")] for part in [_alphanumeric(part)])


def _alphanumeric(part: str) -> str:
    return "".join(sign for sign in part if sign.isalnum())
