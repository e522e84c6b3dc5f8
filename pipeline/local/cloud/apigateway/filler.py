"""Completes the emulator's REST APIs: whose they are, who may call them, service integrations, logs."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from ministack import app

from pipeline.local.cloud.apigateway import access_log, resources
from pipeline.local.cloud.apigateway.function_integration import FunctionIntegration, proxy_answer, timed_out
from pipeline.local.cloud.apigateway.request_context import HttpResponse, RequestContext, current_request
from pipeline.local.cloud.apigateway.service_integration import Refused, ServiceIntegration
from pipeline.local.cloud.apigateway.signature import Refusal, identify
from pipeline.local.cloud.emulator import Emulator

_LARGEST_PAYLOAD = 10 * 1024 * 1024
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"""
_GATEWAY_RESPONSES = {
    "MissingAuthenticationToken": ("MISSING_AUTHENTICATION_TOKEN", "MissingAuthenticationTokenException"),
    "AccessDenied": ("ACCESS_DENIED", "AccessDeniedException"),
}

_Dispatch = Callable[..., Awaitable[Any]]
_raw_path: ContextVar[str] = ContextVar("raw_path")
"""The path as it was sent, for the signature."""


_HOSTS = re.compile(
    r"([a-z0-9]+)\.execute-api\.(?:localhost(?::\d+)?|[a-z0-9-]+\.amazonaws\.com(?:\.cn)?)$", re.IGNORECASE
)
"""An API by its host: the emulator's own form, and the one in the outputs of a stack, sent here in a Host header."""


def install(emulator: Emulator) -> None:
    """Complete API Gateway."""
    gateway = emulator.module("apigateway_v1")
    app._EXECUTE_API_RE = _HOSTS  # noqa: SLF001 - the emulator offers no other seam
    _Door(emulator, gateway)
    resources.install(emulator, gateway)


class _Door:
    """Answers every request to a deployed REST API; the emulator still routes, validates and throttles it."""

    def __init__(self, emulator: Emulator, gateway: ModuleType) -> None:
        self.emulator = emulator
        self.gateway = gateway
        replace = emulator.replace
        self.dispatch: _Dispatch = replace(app, "_handle_execute_api_request", self._find)
        self.authorize: _Dispatch = replace(gateway, "_authorize_request_v1", self._authorize)
        self.invoke: _Dispatch = replace(gateway, "_invoke_lambda_custom_v1", self._integrate)
        self.send: _Dispatch = replace(gateway, "_invoke_sqs_v1", self._integrate)
        replace(gateway, "_lambda_proxy_response", proxy_answer)
        self.proxy: _Dispatch = replace(gateway, "_invoke_lambda_proxy_v1", self._hand_on)
        self.event: Callable[..., dict[str, Any]] = replace(gateway, "_build_lambda_event_v1", self._event)
        replace(gateway, "handle_execute", self._execute)

    async def _find(self, host: str, path: str, *arguments: Any, **named: Any) -> HttpResponse | None:
        """Look for the API in every account: an unsigned call, or a role's, names none."""
        parsed = app._parse_execute_api_url(host, path)  # noqa: SLF001 - the emulator offers no other seam
        owner = self._owner(parsed[0]) if parsed else None
        with self.emulator.within(*owner) if owner else contextlib.nullcontext():
            token = _raw_path.set(str(named.get("raw_path") or path))
            try:
                answer: HttpResponse | None = await self.dispatch(host, path, *arguments, **named)
            finally:
                _raw_path.reset(token)
        return answer

    def _owner(self, api_id: str) -> tuple[str, str] | None:
        for (account, region, stored), _ in self.gateway._rest_apis.all_items():  # noqa: SLF001 - as above
            if stored == api_id:
                return account, region
        return None

    async def _execute(
        self,
        api_id: str,
        stage_name: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, list[str]],
    ) -> HttpResponse:
        account, region = self.emulator.here()
        gateway = self.gateway
        stage = gateway._stages_v1.get(api_id, {}).get(stage_name) or {}  # noqa: SLF001 - as above
        here = RequestContext(
            api_id=api_id,
            stage_name=stage_name,
            stage=stage,
            account=account,
            region=region,
            method=method,
            path=path,
            raw_path=_raw_path.get(path),
            headers=headers,
            query=query or {},
            body=body or b"",
        )
        # What a gateway response maps from; the emulator fills it in on the way.
        request = {
            "api_id": api_id,
            "stage_name": stage_name,
            "stage": stage,
            "headers": headers,
            "query_params": here.query,
            "path_params": {},
            "resource_path": "",
            "request_id": here.request_id,
        }
        token = current_request.set(here)
        try:
            status, answer_headers, answer = await self._answer(here, request)
        finally:
            current_request.reset(token)
        here.resource_path = str(request["resource_path"])
        # In lower case, or the emulator adds an id of its own.
        answer_headers |= {"x-amzn-requestid": here.request_id, "x-amz-apigw-id": here.extended_id}
        access_log.write(self.emulator, here, status=status, length=len(answer))
        return status, answer_headers, answer

    async def _answer(self, here: RequestContext, request: dict[str, Any]) -> HttpResponse:
        gateway, status = self.gateway, None
        try:
            if len(here.body) > _LARGEST_PAYLOAD:
                raise Refused("REQUEST_TOO_LARGE", "Request Too Long")
            response = await gateway._execute_in_scope(  # noqa: SLF001 - as above
                request,
                here.api_id,
                here.stage_name,
                here.method,
                here.path,
                here.headers,
                here.body,
                here.query,
                here.account,
                here.region,
            )
        except Refused as refused:
            status = refused.status
            response = gateway._GatewayError(refused.response_type, refused.message)  # noqa: SLF001 - as above
        if isinstance(response, gateway._GatewayError):  # noqa: SLF001 - as above
            here.error = {"message": str(response.message), "responseType": response.response_type}
            answered, headers, body = gateway._gateway_error_response(response, request)  # noqa: SLF001 - as above
            response = status or answered, headers, body
        answer: HttpResponse = response
        return answer

    async def _authorize(
        self, api_id: str, stage_name: str, method_object: Mapping[str, Any], *arguments: Any
    ) -> tuple[Any, Any]:
        if (method_object.get("authorizationType") or "").upper() != "AWS_IAM":
            decided: tuple[Any, Any] = await self.authorize(api_id, stage_name, method_object, *arguments)
            return decided
        here = current_request.get()
        found = identify(here)
        if not isinstance(found, Refusal):
            here.caller = found
            return None, None
        known = _GATEWAY_RESPONSES | self.gateway._AUTHENTICATION_GATEWAY_ERRORS  # noqa: SLF001 - as above
        response_type, error_type = known.get(found.code, ("DEFAULT_4XX", "UnrecognizedClientException"))
        return self.gateway._GatewayError(response_type, found.message, error_type), None  # noqa: SLF001 - as above

    async def _integrate(self, integration: Mapping[str, Any], *arguments: Any, **named: Any) -> Any:
        uri = integration.get("uri") or ""
        kind = next((kind for kind in (ServiceIntegration, FunctionIntegration) if kind.handles(uri)), None)
        if kind is None:
            return await self.invoke(integration, *arguments, **named)
        here = current_request.get()
        resource, path_parameters = arguments[3], arguments[8]
        here.resource_path = resource["path"]
        found = kind(
            emulator=self.emulator,
            gateway=self.gateway,
            integration=integration,
            path_parameters=path_parameters or {},
        )
        return await found.answer(here)

    def _event(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        """What a function is given: the caller, and the id that the answer will have in its header, too."""
        event = self.event(*arguments, **named)
        known = current_request.get().context()
        event["requestContext"] |= {name: known[name] for name in ("requestId", "extendedRequestId", "identity")}
        return event

    async def _hand_on(self, integration: Mapping[str, Any], *arguments: Any, **named: Any) -> Any:
        """A function's own answer, within the integration's time."""
        seconds = int(integration.get("timeoutInMillis") or 29_000) / 1000
        try:
            answer = await asyncio.wait_for(self.proxy(integration, *arguments, **named), seconds)
        except TimeoutError:
            raise timed_out() from None
        if isinstance(answer, tuple):
            current_request.get().integration_status = str(answer[0])
        return answer
