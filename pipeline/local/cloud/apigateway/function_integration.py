"""Functions behind REST APIs: called with a mapped request, or with the whole of it and their own answer handed on.

https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway-errors.html
"""

import asyncio
import http
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.local.cloud.apigateway import patches
from pipeline.local.cloud.apigateway.request_context import RequestContext
from pipeline.local.cloud.apigateway.service_integration import (
    SERVICE,
    SESSION,
    Refused,
    ServiceIntegration,
    misconfigured,
)
from pipeline.local.cloud.emulator import AwsError, Emulator, HttpResponse
from pipeline.local.cloud.iam.permissions import Permissions

_URI = re.compile(r"arn:aws:apigateway:[a-z0-9-]+:lambda:path/2015-03-31/functions/(arn:[^/]+)/invocations")
_ENVELOPE = frozenset({"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"})


def timed_out() -> Refused:
    """Return what a caller sees of a function that takes longer than its integration may."""
    return Refused("INTEGRATION_TIMEOUT", "Endpoint request timed out")


def broken() -> Refused:
    """ "If the function runs but returns an error, or returns a response in the wrong format, API Gateway returns a
    502." No gateway response has that status; the body is DEFAULT_5XX's.
    """
    return Refused("DEFAULT_5XX", "Internal server error", http.HTTPStatus.BAD_GATEWAY)


@dataclass(frozen=True, kw_only=True)
class FunctionIntegration(ServiceIntegration):
    """One method's integration with a function that is called with a mapped request."""

    @staticmethod
    def handles(uri: str) -> bool:
        """Tell whether the URI names a function."""
        return _URI.fullmatch(uri) is not None

    async def answer(self, request_context: RequestContext) -> HttpResponse:
        """Call the function; the message of an error chooses the answer, and no error the default one.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/handle-errors-in-lambda-integration.html
        """
        match = _URI.fullmatch(self.integration["uri"])
        if match is None:
            raise misconfigured()
        check_invocation(self.emulator, self.integration, request_context)
        event = json.loads(self._mapped_request(request_context))
        call = patches.call_function(match[1], event, request_context)
        try:
            result, missing = await asyncio.wait_for(call, self.seconds)
        except TimeoutError:
            raise timed_out() from None
        if missing or result.get("throttle"):
            # As documented: "If the Lambda API rejects the invocation request, API Gateway returns a 500 error code."
            raise misconfigured()
        body = result.get("body")
        message = str(body.get("errorMessage", "")) if result.get("error") and isinstance(body, dict) else ""
        text = body.decode() if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False)
        return self._mapped_response(request_context, http.HTTPStatus.OK, {}, text, chosen_by=message)


def check_invocation(emulator: Emulator, integration: Mapping[str, Any], request_context: RequestContext) -> None:
    """Refuse to call a function that may not be called."""
    source, uri, role = patches.method_arn(request_context), integration.get("uri"), integration.get("credentials")
    if not may_invoke(emulator, uri or "", role, source):
        raise misconfigured()


def may_invoke(emulator: Emulator, uri: str, role: str | None, source: str) -> bool:
    """Hold the call of a function against its policy, or the policies of a role. `source`: the ARN of who calls.

    https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html#apigateway-permissions
    """
    match = _URI.fullmatch(uri)
    if match is None:
        return True
    permissions, keys = emulator.part(Permissions), {"aws:sourcearn": source, "aws:sourceaccount": source.split(":")[4]}
    try:
        calls = (
            permissions.call_as_role(role, SESSION, service=SERVICE) if role else permissions.call_as_service(SERVICE)
        )
    except AwsError:
        return False
    return calls.refusal("lambda:InvokeFunction", match[1], keys=keys) is None


def proxy_answer(result: Mapping[str, Any]) -> tuple[Any, str | None]:
    """Read a function's own answer, where the emulator's reading of it forgives everything.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    """
    body = result.get("body")
    if isinstance(body, str | bytes):
        try:
            body = json.loads(body)
        except ValueError:
            body = None
    if result.get("throttle"):
        raise misconfigured()
    if result.get("error") or not isinstance(body, dict) or not body.keys() <= _ENVELOPE:
        raise broken()
    if not str(body.get("statusCode")).isdecimal() or not isinstance(body.get("body", ""), str | None):
        raise broken()
    return body | {"statusCode": int(body["statusCode"]), "body": body.get("body") or ""}, None
