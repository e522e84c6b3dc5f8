"""What of the emulator's API Gateway is replaced, and what else of it is needed."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ministack import app
from ministack.core.arn import execute_api_arn
from ministack.services import apigateway_v1 as gateway

from pipeline.local.cloud.apigateway.request_context import RequestContext
from pipeline.local.cloud.emulator import HttpResponse, Json, replace

Reply = tuple[int, Mapping[str, str], bytes | str]
Dispatch = Callable[..., Awaitable[Any]]

_HOSTS = re.compile(
    r"([a-z0-9]+)\.execute-api\.(?:localhost(?::\d+)?|[a-z0-9-]+\.amazonaws\.com(?:\.cn)?)$", re.IGNORECASE
)
"""An API by its host: the emulator's own form, and the one in the outputs of a stack, sent here in a Host header."""


def accept_hosts_of_outputs() -> None:
    """Find an API by the host that the outputs of its stack name."""
    app._EXECUTE_API_RE = _HOSTS  # noqa: SLF001 - the emulator offers no other way


def replace_dispatch(find: Dispatch) -> Dispatch:
    """Replace what finds the API of a request: `find(host, path, ...)`."""
    return replace(app, "_handle_execute_api_request", find)


def replace_execution(execute: Dispatch) -> None:
    """Replace what answers a request to a deployed API."""
    replace(gateway, "handle_execute", execute)


def replace_authorization(authorize: Dispatch) -> Dispatch:
    """Replace what authorizes a request: `authorize(api_id, stage_name, method, ...)`."""
    return replace(gateway, "_authorize_request_v1", authorize)


def replace_validation(validate: Callable[..., Any]) -> Callable[..., Any]:
    """Replace what validates a request: `validate(method, api_id, request, headers, body, query)`."""
    return replace(gateway, "_check_request_validation", validate)


def check_anonymous(refusal: Callable[[str], str | None]) -> None:
    """Replace what decides a call of a method without authorization, which an API's policy must let in if it has one.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html
    """

    def error(api_id: str, stage_name: str, method: str, path: str, account: str, region: str) -> Any:
        arn = execute_api_arn(region, account, api_id, stage_name, method, path)
        has_policy = bool((gateway.rest_api_policy_for_arn(arn) or ("",))[0])
        message = refusal(arn) if has_policy else None
        shown = (message or "").replace(f":{account}:", f":********{account[-4:]}:")
        return gateway_error("ACCESS_DENIED", shown) if message else None

    replace(gateway, "_anonymous_policy_error", error)


def replace_integrations(integrate: Dispatch) -> Dispatch:
    """Replace the integrations of functions and services: `integrate(integration, ...)`."""
    replace(gateway, "_invoke_sqs_v1", integrate)
    return replace(gateway, "_invoke_lambda_custom_v1", integrate)


def replace_mock_integration(answer: Callable[[Mapping[str, Any]], HttpResponse]) -> None:
    """Replace what answers in the place of a backend: `answer(integration)`."""
    replace(gateway, "_invoke_mock_v1", answer)


def replace_proxy_integration(hand_on: Dispatch, answer: Callable[[Mapping[str, Any]], Any]) -> Dispatch:
    """Replace the proxy integration of functions, and what reads a function's own answer."""
    replace(gateway, "_lambda_proxy_response", answer)
    return replace(gateway, "_invoke_lambda_proxy_v1", hand_on)


def replace_proxy_event(make: Callable[..., Json]) -> Callable[..., Json]:
    """Replace what makes the event of a proxy integration."""
    return replace(gateway, "_build_lambda_event_v1", make)


def owner(host: str, path: str) -> tuple[str, str] | None:
    """Find the account and region of the API that a request is for; an unsigned call, or a role's, names neither."""
    parsed = app._parse_execute_api_url(host, path)  # noqa: SLF001 - as above
    found = gateway._rest_apis.all_items() if parsed else ()  # noqa: SLF001 - as above
    return next(((account, region) for (account, region, api_id), _ in found if api_id == parsed[0]), None)


def stage(api_id: str, name: str) -> Json:
    """Return the emulator's own record of a stage of `here`; an empty one if there is none."""
    found: Json = gateway._stages_v1.get(api_id, {}).get(name) or {}  # noqa: SLF001 - as above
    return found


async def execute(request: Json, context: RequestContext) -> Any:
    """Route, validate, throttle and integrate a request as the emulator does; an HTTP response or a gateway error."""
    return await gateway._execute_in_scope(  # noqa: SLF001 - as above
        request,
        context.api_id,
        context.stage_name,
        context.method,
        context.path,
        context.headers,
        context.body,
        context.query,
        context.account,
        context.region,
    )


def gateway_error(response_type: str, message: str, error_type: str | None = None) -> Any:
    """Make the emulator's own kind of error, which becomes a gateway response."""
    kind = gateway._GatewayError  # noqa: SLF001 - as above
    return kind(response_type, message) if error_type is None else kind(response_type, message, error_type)


def is_gateway_error(response: Any) -> bool:
    """Tell whether what `execute` returned is an error."""
    return isinstance(response, gateway._GatewayError)  # noqa: SLF001 - as above


def gateway_response(error: Any, request: Json) -> HttpResponse:
    """Make the gateway response of an error."""
    made: HttpResponse = gateway._gateway_error_response(error, request)  # noqa: SLF001 - as above
    return made


def authentication_errors() -> Mapping[str, tuple[str, str]]:
    """Return the gateway response type and the error type of each code of a refused signature."""
    found: Mapping[str, tuple[str, str]] = gateway._AUTHENTICATION_GATEWAY_ERRORS  # noqa: SLF001 - as above
    return found


def integration_response(integration: Mapping[str, Any], selector: int | str) -> Mapping[str, Any] | None:
    """Choose the integration response that a status or an error message selects."""
    found: Mapping[str, Any] | None = gateway._select_service_integration_response(integration, selector)  # noqa: SLF001 - as above
    return found


def method_arn(context: RequestContext) -> str:
    """Return the ARN of what a request invokes."""
    return str(
        execute_api_arn(
            context.region, context.account, context.api_id, context.stage_name, context.method, context.path
        )
    )


async def call_function(arn: str, event: Any, context: RequestContext) -> tuple[Json, Any]:
    """Invoke a function: its result, and what is missing if it is not there."""
    found: tuple[Json, Any] = await gateway._call_lambda_raw(  # noqa: SLF001 - as above
        arn, event, account_id=context.account, region=context.region
    )
    return found


def post(service: str, path: str, headers: Mapping[str, str], body: str) -> Awaitable[Reply]:
    """Send a request to an AWS service of `here`."""
    reply: Awaitable[Reply] = app.SERVICE_HANDLERS[service]("POST", path, headers, body.encode(), {})
    return reply


def create_request_validator(api_id: str, settings: Json) -> str:
    """Make a request validator, and return its id."""
    status, _, body = gateway._create_request_validator(api_id, settings)  # noqa: SLF001 - as above
    if status >= 400:
        raise ValueError(f"AWS::ApiGateway::RequestValidator: {body!r}")
    return str(json.loads(body)["id"])


def request_validators(api_id: str) -> dict[str, Json]:
    """Return the emulator's own records of an API's request validators, by their ids."""
    found: dict[str, Json] = gateway._request_validators.get(api_id, {})  # noqa: SLF001 - as above
    return found


def method(api_id: str, resource_id: str, http_method: str) -> Json:
    """Return the emulator's own record of a method."""
    found: Json = gateway._resources[api_id][resource_id]["resourceMethods"][http_method]  # noqa: SLF001 - as above
    return found


def authorizer(api_id: str, authorizer_id: str) -> Json:
    """Return the emulator's own record of an authorizer; an empty one if there is none."""
    found: Json = gateway._authorizers_v1.get(api_id, {}).get(authorizer_id) or {}  # noqa: SLF001 - as above
    return found


def account_settings() -> Json:
    """Return the settings of the account `here`."""
    found: Json = gateway._account_settings.get("settings") or {}  # noqa: SLF001 - as above
    return found
