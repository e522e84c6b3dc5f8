"""AWS service integrations of REST APIs: the request is mapped, sent under the integration's role, the answer mapped.

https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-integration-settings.html
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ministack import app
from ministack.core import iam_evaluator

from pipeline.local.cloud.apigateway.variables import mapped, select
from pipeline.local.cloud.apigateway.velocity.syntax import TemplateError
from pipeline.local.cloud.apigateway.visit import Answer, Visit
from pipeline.local.cloud.emulator import Emulator

TARGETS = {"states": "AWSStepFunctions"}
"""The services that can be integrated, with the prefix of their X-Amz-Target."""
_URI = re.compile(r"arn:aws:apigateway:([a-z0-9-]+):([a-z0-9-]+):action/(\w+)")
_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/(?:.*/)?([^/]+)")


@dataclass(frozen=True)
class Refused(Exception):  # noqa: N818 - it becomes a gateway response, named by its type
    """What the gateway answers itself: a gateway response type and its message."""

    response_type: str
    message: str


def misconfigured() -> Refused:
    """What a caller sees of an integration that cannot work."""
    return Refused("API_CONFIGURATION_ERROR", "Internal server error")


@dataclass(frozen=True, kw_only=True)
class ServiceIntegration:
    """One method's integration with an action of an AWS service."""

    emulator: Emulator
    gateway: ModuleType
    integration: Mapping[str, Any]
    path_parameters: Mapping[str, str]

    @staticmethod
    def handles(uri: str) -> bool:
        """Whether this integration is one of ours."""
        match = _URI.fullmatch(uri)
        return match is not None and match[2] in TARGETS

    async def answer(self, visit: Visit) -> Answer:
        """Call the service, and map what it says."""
        match = _URI.fullmatch(self.integration["uri"])
        if not match:
            raise misconfigured()
        region, service, action = match.groups()
        account, role = self._role()
        request = self._mapped_request(visit)
        if not self._allowed(account, role, f"{service}:{action}", request, region):
            denied = f"User: arn:aws:sts::{account}:assumed-role/{role}/BackplaneAssumeRoleSession is not authorized"
            body = json.dumps(
                {"__type": "AccessDeniedException", "Message": f"{denied} to perform: {service}:{action}"}
            )
            return self._mapped_response(visit, 400, {}, body)
        headers = {
            "x-amz-target": f"{TARGETS[service]}.{action}",
            "content-type": "application/x-amz-json-1.0",
            **self._mapped_headers(visit),
        }
        call = app.SERVICE_HANDLERS[service]("POST", "/", headers, request.encode(), {})
        seconds = int(self.integration.get("timeoutInMillis") or 29_000) / 1000
        with self.emulator.within(account, region):
            try:
                status, answered, body = await asyncio.wait_for(call, seconds)
            except TimeoutError:
                raise Refused("INTEGRATION_TIMEOUT", "Endpoint request timed out") from None
        text = body.decode() if isinstance(body, bytes) else body
        return self._mapped_response(visit, status, answered, text)

    def _role(self) -> tuple[str, str]:
        match = _ROLE.fullmatch(self.integration.get("credentials") or "")
        if not match:
            raise misconfigured()
        found = self.emulator.module("iam")._roles.get_scoped(match[1], None, match[2])  # noqa: SLF001 - no other seam
        trust = (found or {}).get("AssumeRolePolicyDocument") or "{}"
        if not _trusts_the_gateway(json.loads(trust) if isinstance(trust, str) else trust):
            self.gateway.logger.warning("API Gateway does not have permission to assume the role %s", match[0])
            raise misconfigured()
        return match[1], match[2]

    @staticmethod
    def _allowed(account: str, role: str, action: str, request: str, region: str) -> bool:
        try:
            fields = json.loads(request)
        except ValueError:
            fields = {}
        named = fields if isinstance(fields, dict) else {}
        asked = iam_evaluator.EvalContext(
            principal_arn=f"arn:aws:sts::{account}:assumed-role/{role}/BackplaneAssumeRoleSession",
            principal_type="AssumedRole",
            principal_account=account,
            action=action,
            resource_arn=str(named.get("stateMachineArn") or named.get("executionArn") or "*"),
            region=region,
        )
        policies = iam_evaluator._gather_role_policies(role, account)  # noqa: SLF001 - the emulator offers no other seam
        decision: str = iam_evaluator.evaluate(asked, policies).decision
        return decision == "Allow"

    def _mapped_request(self, visit: Visit) -> str:
        text = visit.body.decode("utf-8", "replace")
        templates = self.integration.get("requestTemplates") or {}
        media_type = (visit.headers.get("content-type") or "application/json").split(";")[0].strip().lower()
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
                parameters=visit.parameters(self.path_parameters),
                context=visit.context(),
                stage_variables=visit.stage.get("variables") or {},
            )
        except json.JSONDecodeError as error:
            raise Refused("BAD_REQUEST_BODY", f"Could not parse request body into json: {error.msg}") from None
        except (TemplateError, ValueError, TypeError) as error:
            self.gateway.logger.warning("The request template of %s failed: %s", visit.resource_path, error)
            raise Refused("DEFAULT_5XX", "Internal server error") from None

    def _mapped_headers(self, visit: Visit) -> dict[str, str]:
        mapped_headers = {}
        for target, source in (self.integration.get("requestParameters") or {}).items():
            value = self._source(source, visit, {}, "")
            if target.startswith("integration.request.header.") and value is not None:
                mapped_headers[target.removeprefix("integration.request.header.").lower()] = value
        return mapped_headers

    def _mapped_response(self, visit: Visit, status: int, headers: Mapping[str, str], text: str) -> Answer:
        visit.integration_status = str(status)
        # The pattern is matched with the whole status: https://docs.aws.amazon.com/apigateway/latest/developerguide/
        # api-gateway-integration-settings-integration-response.html
        chosen = self.gateway._select_service_integration_response(self.integration, status)  # noqa: SLF001 - the emulator's own choice is right
        if chosen is None:
            raise misconfigured()
        context = visit.context()
        answer_headers = {}
        templates = chosen.get("responseTemplates") or {}
        accepted = visit.headers.get("accept", "").split(",")[0].split(";")[0].strip()
        media_type = accepted if accepted in templates else next(iter(templates), "application/json")
        answer_headers["Content-Type"] = media_type
        for target, source in (chosen.get("responseParameters") or {}).items():
            value = self._source(source, visit, headers, text)
            if target.startswith("method.response.header.") and value is not None:
                answer_headers[target.removeprefix("method.response.header.")] = value
        if templates:
            try:
                text = mapped(
                    templates[media_type],
                    body=text,
                    parameters=visit.parameters(self.path_parameters),
                    context=context,
                    stage_variables=visit.stage.get("variables") or {},
                )
            except (TemplateError, ValueError, TypeError) as error:
                self.gateway.logger.warning("A response template of %s failed: %s", visit.resource_path, error)
                raise Refused("DEFAULT_5XX", "Internal server error") from None
        override = context["responseOverride"]
        for name, value in override["header"].items():
            answer_headers[name] = str(value)
        return int(override.get("status") or chosen.get("statusCode") or 200), answer_headers, text.encode()

    def _source(self, source: str, visit: Visit, headers: Mapping[str, str], text: str) -> str | None:
        """One value of a parameter mapping."""
        if source.startswith("'") and source.endswith("'"):
            return source[1:-1]
        place, _, name = source.rpartition(".")
        parameters = visit.parameters(self.path_parameters)
        known: dict[str, Mapping[str, str]] = {
            "method.request.header": parameters["header"],
            "method.request.querystring": parameters["querystring"],
            "method.request.path": parameters["path"],
            "integration.response.header": {key.lower(): value for key, value in headers.items()},
            "stageVariables": visit.stage.get("variables") or {},
        }
        if place in known:
            return known[place].get(name.lower() if place == "integration.response.header" else name)
        if source.startswith("context."):
            found = select(visit.context(), "$" + source.removeprefix("context"))
        elif source.startswith("integration.response.body"):
            found = select(json.loads(text), "$" + source.removeprefix("integration.response.body"))
        else:
            raise misconfigured()
        return str(found) if isinstance(found, str | int | float) else None


def _trusts_the_gateway(trust: Mapping[str, Any]) -> bool:
    statements = trust.get("Statement") or []
    return any(
        statement.get("Effect") == "Allow"
        and iam_evaluator._service_principal_matches(statement.get("Principal"), "apigateway.amazonaws.com")  # noqa: SLF001 - the emulator offers no other seam
        for statement in ([statements] if isinstance(statements, dict) else statements)
    )
