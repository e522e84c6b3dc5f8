"""AWS service integrations of REST APIs: the request is mapped, sent under the integration's role, the answer mapped.

https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-integration-settings.html
"""

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.local.cloud.apigateway import patches
from pipeline.local.cloud.apigateway.backends import Backend, backend
from pipeline.local.cloud.apigateway.request_context import RequestContext
from pipeline.local.cloud.apigateway.variables import mapped, select
from pipeline.local.cloud.apigateway.velocity.syntax import TemplateError
from pipeline.local.cloud.emulator import AwsError, Emulator, HttpResponse
from pipeline.local.cloud.iam.permissions import Calls, Permissions

logger = logging.getLogger("penstock.apigateway")

SERVICE, SESSION = "apigateway.amazonaws.com", "BackplaneAssumeRoleSession"
_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/(?:.*/)?([^/]+)")


@dataclass(frozen=True)
class Refused(Exception):  # noqa: N818 - it becomes a gateway response, named by its type
    """What the gateway answers itself: a gateway response type and its message."""

    response_type: str
    message: str
    status: int | None = None
    """The status of a failure that has no gateway response of its own."""


def misconfigured() -> Refused:
    """Return what a caller sees of an integration that cannot work."""
    return Refused("API_CONFIGURATION_ERROR", "Internal server error")


@dataclass(frozen=True, kw_only=True)
class ServiceIntegration:
    """One method's integration with an action of an AWS service."""

    emulator: Emulator
    integration: Mapping[str, Any]
    path_parameters: Mapping[str, str]

    @property
    def seconds(self) -> float:
        """The longest that the caller waits."""
        return int(self.integration.get("timeoutInMillis") or 29_000) / 1000

    @staticmethod
    def handles(uri: str) -> bool:
        """Tell whether this integration is one of ours."""
        return backend(uri) is not None

    async def answer(self, request_context: RequestContext) -> HttpResponse:
        """Call the service, and map what it says."""
        service = backend(self.integration["uri"])
        if service is None:
            raise misconfigured()
        account, calls = self._role()
        request = self._mapped_request(request_context)
        refused = self._refusal(service, calls, request)
        if refused is not None:
            status, body = refused
            return self._mapped_response(request_context, status, {}, body)
        with self.emulator.within(account, service.region):
            try:
                call = service.send(request, self._mapped_headers(request_context))
                status, answered, answer = await asyncio.wait_for(call, self.seconds)
            except TimeoutError:
                raise Refused("INTEGRATION_TIMEOUT", "Endpoint request timed out") from None
        text = answer.decode() if isinstance(answer, bytes) else answer
        return self._mapped_response(request_context, status, answered, service.text(text))

    def _role(self) -> tuple[str, Calls]:
        match = _ROLE.fullmatch(self.integration.get("credentials") or "")
        if not match:
            raise misconfigured()
        try:
            return match[1], self.emulator.part(Permissions).call_as_role(match[0], SESSION, service=SERVICE)
        except AwsError:
            logger.warning("API Gateway does not have permission to assume the role %s", match[0])
            raise misconfigured() from None

    @staticmethod
    def _refusal(service: Backend, calls: Calls, request: str) -> tuple[int, str] | None:
        """Return what the service answers to a role that may not do this."""
        message = calls.refusal(*service.permission(request))
        return service.denial(message) if message else None

    def _mapped_request(self, request_context: RequestContext) -> str:
        text = request_context.body.decode("utf-8", "replace")
        templates = self.integration.get("requestTemplates") or {}
        media_type = (request_context.headers.get("content-type") or "application/json").split(";")[0].strip().lower()
        template = {key.lower(): value for key, value in templates.items()}.get(media_type)
        if template is None:
            # "WHEN_NO_TEMPLATES ... rejects with an HTTP 415" where templates exist but none matches; NEVER always.
            behavior = self.integration.get("passthroughBehavior") or "WHEN_NO_MATCH"
            if behavior == "NEVER" or (behavior == "WHEN_NO_TEMPLATES" and templates):
                raise Refused("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type")
            return text
        try:
            return mapped(
                template,
                body=text,
                parameters=request_context.parameters(self.path_parameters),
                context=request_context.context(),
                stage_variables=request_context.stage.get("variables") or {},
            )
        except json.JSONDecodeError as error:
            raise Refused("BAD_REQUEST_BODY", f"Could not parse request body into json: {error.msg}") from None
        except (TemplateError, ValueError, TypeError) as error:
            logger.warning("The request template of %s failed: %s", request_context.resource_path, error)
            raise Refused("DEFAULT_5XX", "Internal server error") from None

    def _mapped_headers(self, request_context: RequestContext) -> dict[str, str]:
        mapped_headers = {}
        for target, source in (self.integration.get("requestParameters") or {}).items():
            value = self._source(source, request_context, {}, "")
            if target.startswith("integration.request.header.") and value is not None:
                mapped_headers[target.removeprefix("integration.request.header.").lower()] = value
        return mapped_headers

    def _mapped_response(
        self,
        request_context: RequestContext,
        status: int,
        headers: Mapping[str, str],
        text: str,
        *,
        chosen_by: str | None = None,
    ) -> HttpResponse:
        """Map an answer; a service's whole status chooses the mapping, a function's error message in its place."""
        request_context.integration_status = str(status)
        # The pattern is matched with the whole: https://docs.aws.amazon.com/apigateway/latest/developerguide/
        # api-gateway-integration-settings-integration-response.html
        selector = status if chosen_by is None else chosen_by
        chosen = patches.integration_response(self.integration, selector)
        if chosen is None:
            raise misconfigured()
        context = request_context.context()
        answer_headers = {}
        templates = chosen.get("responseTemplates") or {}
        accepted = request_context.headers.get("accept", "").split(",")[0].split(";")[0].strip()
        media_type = accepted if accepted in templates else next(iter(templates), "application/json")
        answer_headers["Content-Type"] = media_type
        for target, source in (chosen.get("responseParameters") or {}).items():
            value = self._source(source, request_context, headers, text)
            if target.startswith("method.response.header.") and value is not None:
                answer_headers[target.removeprefix("method.response.header.")] = value
        if templates:
            try:
                text = mapped(
                    templates[media_type],
                    body=text,
                    parameters=request_context.parameters(self.path_parameters),
                    context=context,
                    stage_variables=request_context.stage.get("variables") or {},
                )
            except (TemplateError, ValueError, TypeError) as error:
                logger.warning("A response template of %s failed: %s", request_context.resource_path, error)
                raise Refused("DEFAULT_5XX", "Internal server error") from None
        override = context["responseOverride"]
        for name, value in override["header"].items():
            answer_headers[name] = str(value)
        return int(override.get("status") or chosen.get("statusCode") or 200), answer_headers, text.encode()

    def _source(
        self, source: str, request_context: RequestContext, headers: Mapping[str, str], text: str
    ) -> str | None:
        """Return one value of a parameter mapping."""
        if source.startswith("'") and source.endswith("'"):
            return source[1:-1]
        place, _, name = source.rpartition(".")
        parameters = request_context.parameters(self.path_parameters)
        known: dict[str, Mapping[str, str]] = {
            "method.request.header": parameters["header"],
            "method.request.querystring": parameters["querystring"],
            "method.request.path": parameters["path"],
            "integration.response.header": {key.lower(): value for key, value in headers.items()},
            "stageVariables": request_context.stage.get("variables") or {},
        }
        if place in known:
            return known[place].get(name.lower() if place == "integration.response.header" else name)
        if source.startswith("context."):
            found = select(request_context.context(), "$" + source.removeprefix("context"))
        elif source.startswith("integration.response.body"):
            found = select(json.loads(text), "$" + source.removeprefix("integration.response.body"))
        else:
            raise misconfigured()
        return str(found) if isinstance(found, str | int | float) else None
