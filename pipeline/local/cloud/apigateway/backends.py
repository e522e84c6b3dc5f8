"""The AWS services that a method can be integrated with, and how API Gateway speaks to each.

https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-integration-settings.html
"""

import json
import re
import urllib.parse
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.local.cloud.apigateway import patches

_ACTION = re.compile(r"arn:aws:apigateway:([a-z0-9-]+):states:action/(\w+)")
_QUEUE = re.compile(r"arn:aws:apigateway:([a-z0-9-]+):sqs:path/(\d{12})/([\w.-]+)")


class Backend(Protocol):
    """One service as a method's integration names it."""

    @property
    def region(self) -> str:
        """Return where it is."""

    def permission(self, request: str) -> tuple[str, str]:
        """Return the IAM action and the resource that a mapped request needs of the integration's role."""

    def denial(self, message: str) -> tuple[int, str]:
        """Return the status and body with which the service refuses a role."""

    def send(self, request: str, headers: Mapping[str, str]) -> Awaitable[patches.Reply]:
        """Send a mapped request."""

    def text(self, body: str) -> str:
        """Return the service's answer as mapping templates see it."""


def backend(uri: str) -> Backend | None:
    """Return the service that an integration's URI names, if it is one of these."""
    if match := _ACTION.fullmatch(uri):
        return States(region=match[1], action=match[2])
    if match := _QUEUE.fullmatch(uri):
        return Queue(region=match[1], account=match[2], name=match[3])
    return None


@dataclass(frozen=True, kw_only=True)
class States:
    """Step Functions, in the JSON protocol."""

    region: str
    action: str

    def permission(self, request: str) -> tuple[str, str]:
        """Return the action's permission, on the state machine that the request names."""
        try:
            fields = json.loads(request)
        except ValueError:
            fields = {}
        named = fields if isinstance(fields, dict) else {}
        return f"states:{self.action}", str(named.get("stateMachineArn") or named.get("executionArn") or "*")

    def denial(self, message: str) -> tuple[int, str]:
        """Deny with 400, as in the JSON protocol."""
        return 400, json.dumps({"__type": "AccessDeniedException", "Message": message})

    def send(self, request: str, headers: Mapping[str, str]) -> Awaitable[patches.Reply]:
        """Call the action."""
        sent = {"x-amz-target": f"AWSStepFunctions.{self.action}", "content-type": "application/x-amz-json-1.0"}
        return patches.post("states", "/", sent | dict(headers), request)

    def text(self, body: str) -> str:
        """Return JSON as it is."""
        return body


@dataclass(frozen=True, kw_only=True)
class Queue:
    """One queue of SQS, in the Query protocol: the mapped request is a form.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-xml.html
    """

    region: str
    account: str
    name: str

    def permission(self, request: str) -> tuple[str, str]:
        """Return the permission of the form's Action, on this queue."""
        action = dict(urllib.parse.parse_qsl(request)).get("Action", "")
        return f"sqs:{action}", f"arn:aws:sqs:{self.region}:{self.account}:{self.name}"

    def denial(self, message: str) -> tuple[int, str]:
        """Deny with 403, as in the Query protocol."""
        return 403, json.dumps(
            {"Error": {"Code": "AccessDenied", "Message": message, "Type": "Sender"}, "RequestId": str(uuid.uuid4())}
        )

    def send(self, request: str, headers: Mapping[str, str]) -> Awaitable[patches.Reply]:
        """Post the form, which the service reads only if its media type says that it is one."""
        media_type = headers.get("content-type", "application/json")
        form = request if media_type.startswith("application/x-www-form-urlencoded") else ""
        sent = {"host": f"sqs.{self.region}.amazonaws.com", "content-type": "application/x-www-form-urlencoded"}
        return patches.post("sqs", f"/{self.account}/{self.name}", sent, form)

    def text(self, body: str) -> str:
        """Return the members of the XML answer as JSON, which API Gateway asks for."""
        root = ET.fromstring(body)  # noqa: S314 - written by the emulator itself
        members = _members(root)
        return json.dumps(members if _tag(root) == "ErrorResponse" else {_tag(root): members})


def _members(element: ET.Element) -> Any:
    children = list(element)
    return {_tag(child): _members(child) for child in children} if children else element.text


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
