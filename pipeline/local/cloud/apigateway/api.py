"""Requests to deployed REST APIs: whose an API is, who may call it, what it is integrated with, its access log."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, NoReturn

from pipeline.local.cloud.apigateway import access_log, patches
from pipeline.local.cloud.apigateway.function_integration import (
    FunctionIntegration,
    check_invocation,
    may_invoke,
    proxy_answer,
    timed_out,
)
from pipeline.local.cloud.apigateway.mock_integration import MockIntegration
from pipeline.local.cloud.apigateway.request_context import RequestContext, current_request
from pipeline.local.cloud.apigateway.service_integration import Refused, ServiceIntegration
from pipeline.local.cloud.apigateway.signature import identify
from pipeline.local.cloud.emulator import Emulator, HttpResponse, Json
from pipeline.local.cloud.iam.decision import ANONYMOUS, Principal
from pipeline.local.cloud.iam.patches import Refusal
from pipeline.local.cloud.iam.permissions import Permissions

_LARGEST_PAYLOAD = 10 * 1024 * 1024
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"""
_GATEWAY_RESPONSES = {
    "MissingAuthenticationToken": ("MISSING_AUTHENTICATION_TOKEN", "MissingAuthenticationTokenException"),
    "AccessDenied": ("ACCESS_DENIED", "AccessDeniedException"),
}

_raw_path: ContextVar[str] = ContextVar("raw_path")
"""The path as it was sent, for the signature."""


class RestApis:
    """Answers every request to a deployed REST API; the emulator still routes, validates and throttles it."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.dispatch = patches.replace_dispatch(self._find)
        self.authorize = patches.replace_authorization(self._authorize)
        self.validate = patches.replace_validation(self._validate)
        self.invoke = patches.replace_integrations(self._integrate)
        patches.replace_mock_integration(self._mock)
        self.proxy = patches.replace_proxy_integration(self._hand_on, proxy_answer)
        patches.check_anonymous(self._refusal_of_anybody)
        self.event = patches.replace_proxy_event(self._event)
        patches.replace_execution(self._execute)

    async def _find(self, host: str, path: str, *arguments: Any, **named: Any) -> HttpResponse | None:
        """Look for the API in every account: an unsigned call, or a role's, names none."""
        owner = patches.owner(host, path)
        with self.emulator.within(*owner) if owner else contextlib.nullcontext():
            token = _raw_path.set(str(named.get("raw_path") or path))
            try:
                answer: HttpResponse | None = await self.dispatch(host, path, *arguments, **named)
            finally:
                _raw_path.reset(token)
        return answer

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
        stage = patches.stage(api_id, stage_name)
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

    async def _answer(self, here: RequestContext, request: Json) -> HttpResponse:
        status = None
        try:
            if len(here.body) > _LARGEST_PAYLOAD:
                raise Refused("REQUEST_TOO_LARGE", "Request Too Long")
            response = await patches.execute(request, here)
        except Refused as refused:
            status = refused.status
            response = patches.gateway_error(refused.response_type, refused.message)
        if patches.is_gateway_error(response):
            here.error = {"message": str(response.message), "responseType": response.response_type}
            answered, headers, body = patches.gateway_response(response, request)
            response = status or answered, headers, body
        answer: HttpResponse = response
        return answer

    async def _authorize(
        self, api_id: str, stage_name: str, method_object: Mapping[str, Any], *arguments: Any
    ) -> tuple[Any, Any]:
        kind = (method_object.get("authorizationType") or "").upper()
        if kind == "CUSTOM" and not self._may_ask(api_id, str(method_object.get("authorizerId"))):
            return patches.gateway_error("AUTHORIZER_CONFIGURATION_ERROR", "Internal server error"), None
        if kind != "AWS_IAM":
            decided: tuple[Any, Any] = await self.authorize(api_id, stage_name, method_object, *arguments)
            current_request.get().authorizer = decided[1] or {}
            return decided
        here = current_request.get()
        found = identify(here, self.emulator.part(Permissions))
        if not isinstance(found, Refusal):
            here.caller = found
            return None, None
        known = {**_GATEWAY_RESPONSES, **patches.authentication_errors()}
        response_type, error_type = known.get(found.code, ("DEFAULT_4XX", "UnrecognizedClientException"))
        return patches.gateway_error(response_type, found.message, error_type), None

    def _may_ask(self, api_id: str, authorizer_id: str) -> bool:
        """Tell whether the function that is an API's authorizer may be called."""
        account, region = self.emulator.here()
        authorizer = patches.authorizer(api_id, authorizer_id)
        source = f"arn:aws:execute-api:{region}:{account}:{api_id}/authorizers/{authorizer_id}"
        uri, role = str(authorizer.get("authorizerUri") or ""), authorizer.get("authorizerCredentials")
        return may_invoke(self.emulator, uri, role, source)

    def _validate(self, method: Mapping[str, Any], api_id: str, *arguments: Any) -> Any:
        """Refuse what is no JSON, though Python reads it; then validate as the emulator does."""
        validator = patches.request_validators(api_id).get(method.get("requestValidatorId") or "", {})
        checked = validator.get("validateRequestBody") and method.get("requestModels")
        if checked and not _is_json(current_request.get().body):
            return patches.gateway_error("BAD_REQUEST_BODY", "Invalid request body")
        return self.validate(method, api_id, *arguments)

    def _refusal_of_anybody(self, arn: str) -> str | None:
        """Say why who does not sign may not call a method."""
        anybody = self.emulator.part(Permissions).call_as(Principal(arn=ANONYMOUS, account=""))
        return anybody.refusal("execute-api:Invoke", arn)

    async def _integrate(self, integration: Mapping[str, Any], *arguments: Any, **named: Any) -> Any:
        uri = integration.get("uri") or ""
        kind = next((kind for kind in (ServiceIntegration, FunctionIntegration) if kind.handles(uri)), None)
        if kind is None:
            return await self.invoke(integration, *arguments, **named)
        here = current_request.get()
        resource, path_parameters = arguments[3], arguments[8]
        here.resource_path = resource["path"]
        found = kind(emulator=self.emulator, integration=integration, path_parameters=path_parameters or {})
        return await found.answer(here)

    def _mock(self, integration: Mapping[str, Any]) -> HttpResponse:
        """Answer a browser's question, or whatever else has no backend."""
        found = MockIntegration(emulator=self.emulator, integration=integration, path_parameters={})
        return found.mapped_answer(current_request.get())

    def _event(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        """Give a function the caller, and the id that the answer will have in its header, too."""
        event = self.event(*arguments, **named)
        known = current_request.get().context()
        event["requestContext"] |= {name: known[name] for name in ("requestId", "extendedRequestId", "identity")}
        return event

    async def _hand_on(self, integration: Mapping[str, Any], *arguments: Any, **named: Any) -> Any:
        """Hand on a function's own answer, within the integration's time."""
        check_invocation(self.emulator, integration, current_request.get())
        seconds = int(integration.get("timeoutInMillis") or 29_000) / 1000
        try:
            answer = await asyncio.wait_for(self.proxy(integration, *arguments, **named), seconds)
        except TimeoutError:
            raise timed_out() from None
        if isinstance(answer, tuple):
            current_request.get().integration_status = str(answer[0])
        return answer


def _is_json(body: bytes) -> bool:
    """Tell whether it is JSON in UTF-8: Python takes NaN, Infinity and other encodings, too."""
    try:
        json.loads(body.decode("utf-8"), parse_constant=_no_json)
    except (ValueError, RecursionError):
        return False
    return True


def _no_json(constant: str) -> NoReturn:
    raise ValueError(constant)
