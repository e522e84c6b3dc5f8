"""Who signed a request, over exactly the bytes, the path and the query that came, and whether their policies allow it.

As with API Gateway, the access key of a local account's root is the account id and its secret is `LOCAL_SECRET`. So a
call is, with the curl of Debian 12:

    curl --aws-sigv4 "aws:amz:us-east-1:healthlake" --user 111111111111:local \
         http://127.0.0.1:PORT/datastore/DATASTORE_ID/r4/Patient/ID
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from ministack.core import iam_evaluator, sigv4

from pipeline.local.cloud.apigateway.signature import Refusal, credential
from pipeline.local.cloud.emulator import LOCAL_SECRET

SERVICE = "healthlake"
ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, kw_only=True)
class Signed:
    """One request as it came. Names of headers are in lower case."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes


def refusal(signed: Signed, *, account: str, region: str, arn: str, action: str) -> Refusal | None:
    """Why a request is refused, if it is: the error's code and message, as AWS words them.

    `action` names the permission without its service; "" for what needs none, as there is no such interaction.
    """
    if not signed.headers.get("authorization"):
        return Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
    if not signed.headers["authorization"].startswith(ALGORITHM):
        return Refusal("IncompleteSignatureException", f"Algorithm must be {ALGORITHM}")
    parts = sigv4.parse_header_signature(signed.headers)
    if isinstance(parts, tuple):
        return Refusal(f"{parts[0]}Exception", parts[1])
    known = credential(parts.access_key_id, signed.headers.get("x-amz-security-token", ""))
    if isinstance(known, Refusal):
        return Refusal(known.code if known.code.endswith("Exception") else "UnrecognizedClientException", known.message)
    root = iam_evaluator.is_root_access_key(parts.access_key_id)
    secret = LOCAL_SECRET if root else known.secret_access_key
    wrong = _scope(parts, region) or _signature(signed, parts, secret)
    if wrong:
        return Refusal("InvalidSignatureException", wrong)
    return _denied(
        parts.access_key_id, known.account_id, known.principal_arn, account, region, arn, f"{SERVICE}:{action}"
    )


def _scope(parts: sigv4.HeaderSignature, region: str) -> str | None:
    if parts.service != SERVICE:
        return f"Credential should be scoped to correct service: '{SERVICE}'."
    if parts.region != region:
        return f"Credential should be scoped to a valid region, not '{parts.region}'."
    return None


def _signature(signed: Signed, parts: sigv4.HeaderSignature, secret: str) -> str | None:
    late = sigv4.request_time_failure(parts)
    if late:
        return str(late[1])
    names = parts.signed_headers.split(";")
    unsigned = [name for name in signed.headers if name.startswith("x-amz-") and name not in names]
    if "host" not in names or unsigned:
        return "'Host' and each 'x-amz-' header must be a 'SignedHeader' in the Authorization."
    declared = signed.headers.get("x-amz-content-sha256")
    if declared and declared != hashlib.sha256(signed.body).hexdigest():
        return str(sigv4.SIGNATURE_MISMATCH)
    failure = sigv4.header_signature_failure(
        parts, secret, signed.method, signed.raw_path, _parameters(signed.raw_query), signed.headers, signed.body
    )
    return str(failure[1]) if failure else None


def _parameters(raw_query: str) -> dict[str, list[str]]:
    """The query's own names and values: a plus sign is one, and what has no value has an empty one."""
    found: dict[str, list[str]] = {}
    for pair in raw_query.split("&") if raw_query else ():
        name, _, value = pair.partition("=")
        found.setdefault(unquote(name), []).append(unquote(value))
    return found


def _denied(
    key: str, caller: str, principal_arn: str, account: str, region: str, arn: str, action: str
) -> Refusal | None:
    denied = Refusal(
        "AccessDeniedException", f"User: {principal_arn} is not authorized to perform: {action} on resource: {arn}"
    )
    if caller != account:
        return denied
    principal = iam_evaluator.resolve_principal(key, caller)
    if isinstance(principal, iam_evaluator.AuthError):
        return Refusal("UnrecognizedClientException", principal.message)
    if principal.policies is None or action == f"{SERVICE}:":
        return None
    asked = iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=action,
        resource_arn=arn,
        region=region,
        principal_keys=principal.keys,
    )
    allowed = iam_evaluator.evaluate(asked, principal.policies, *principal.limits).decision == "Allow"
    return None if allowed else denied
