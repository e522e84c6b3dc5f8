"""One request to a deployed REST API, as the parts of API Gateway hand it on."""

import base64
import os
import time
import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from pipeline.local.cloud.apigateway.variables import Headers, Overrides
from pipeline.local.cloud.iam.patches import Caller


@dataclass(kw_only=True)
class RequestContext:
    """What is known of one request while it is answered."""

    api_id: str
    stage_name: str
    account: str
    region: str
    method: str
    path: str
    raw_path: str
    headers: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: bytes
    stage: Mapping[str, Any] = field(default_factory=dict)
    caller: Caller | None = None
    authorizer: Mapping[str, Any] = field(default_factory=dict)
    """What a user pool's token or a function says of the caller."""
    resource_path: str = ""
    integration_status: str = ""
    error: Mapping[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.time)
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    extended_id: str = field(default_factory=lambda: base64.urlsafe_b64encode(os.urandom(11)).decode())
    trace_id: str = field(default_factory=lambda: f"1-{int(time.time()):08x}-{os.urandom(12).hex()}")

    def context(self, *, status: int | None = None, length: int = 0) -> dict[str, Any]:
        """Make `$context` for mapping templates and, with the answer's status, for access logs."""
        caller = self.caller
        identity = {"sourceIp": "127.0.0.1", "userAgent": self.headers.get("user-agent", "")}
        if caller:
            identity |= {
                "accessKey": caller.access_key,
                "accountId": caller.account,
                "caller": caller.unique_id,
                "user": caller.unique_id,
                "userArn": caller.arn,
            }
        known: dict[str, Any] = {
            "accountId": self.account,
            "apiId": self.api_id,
            "authorizer": dict(self.authorizer),
            "domainName": self.headers.get("host", ""),
            "extendedRequestId": self.extended_id,
            "httpMethod": self.method,
            "identity": identity,
            "path": f"/{self.stage_name}{self.path}",
            "protocol": "HTTP/1.1",
            "requestId": self.request_id,
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(self.began)),
            "requestTimeEpoch": int(self.began * 1000),
            "resourcePath": self.resource_path,
            "stage": self.stage_name,
        }
        if self.stage.get("tracingEnabled"):
            known["xrayTraceId"] = self.trace_id
        if status is None:
            known["requestOverride"] = {"header": Overrides(), "path": Overrides(), "querystring": Overrides()}
            known["responseOverride"] = Overrides({"header": Overrides()})
        else:
            known |= {
                "error": dict(self.error),
                "integration": {"status": self.integration_status},
                "integrationStatus": self.integration_status,
                "responseLatency": int((time.time() - self.began) * 1000),
                "responseLength": length,
                "status": status,
            }
        return known

    def parameters(self, path: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
        """Make what `$input.params()` answers."""
        return {
            "path": dict(path),
            "querystring": {name: values[-1] for name, values in self.query.items()},
            "header": Headers(self.headers),
        }


current_request: ContextVar[RequestContext] = ContextVar("current_request")
"""The request being answered, for what the emulator calls without handing it on."""
