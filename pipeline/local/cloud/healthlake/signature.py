"""Who signed a request, over exactly the bytes, the path and the query that came, and whether their policies allow it.

As with API Gateway, the access key of a local account's root is the account id. So a call is, with the curl of Debian
12 and what `penstock credentials ACCOUNT` prints in the environment:

    curl --aws-sigv4 "aws:amz:us-east-1:healthlake" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
         http://127.0.0.1:PORT/datastore/DATASTORE_ID/r4/Patient/ID
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from pipeline.local.cloud.iam.patches import SIGNATURE_MISMATCH, Caller, Refusal, Signature, caller, signature
from pipeline.local.cloud.iam.permissions import Permissions

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


def refusal(signed: Signed, *, permissions: Permissions, region: str, arn: str, action: str) -> Refusal | None:
    """Say why a request is refused, if it is: the error's code and message, as AWS words them.

    `action` names the permission without its service; "" for what needs none, as there is no such interaction.
    """
    if not signed.headers.get("authorization"):
        return Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
    if not signed.headers["authorization"].startswith(ALGORITHM):
        return Refusal("IncompleteSignatureException", f"Algorithm must be {ALGORITHM}")
    given = signature(signed.headers)
    if isinstance(given, Refusal):
        return Refusal(f"{given.code}Exception", given.message)
    known = caller(given.access_key, signed.headers.get("x-amz-security-token", ""))
    if isinstance(known, Refusal):
        return Refusal(known.code if known.code.endswith("Exception") else "UnrecognizedClientException", known.message)
    wrong = _scope(given, region) or _mismatch(signed, given, known.secret)
    if wrong:
        return Refusal("InvalidSignatureException", wrong)
    return _denied(known, permissions, arn, action)


def _scope(given: Signature, region: str) -> str | None:
    service, asked = given.scope
    if service != SERVICE:
        return f"Credential should be scoped to correct service: '{SERVICE}'."
    if asked != region:
        return f"Credential should be scoped to a valid region, not '{asked}'."
    return None


def _mismatch(signed: Signed, given: Signature, secret: str) -> str | None:
    late = given.time_failure()
    if late:
        return late.message
    names = given.signed_headers
    unsigned = [name for name in signed.headers if name.startswith("x-amz-") and name not in names]
    if "host" not in names or unsigned:
        return "'Host' and each 'x-amz-' header must be a 'SignedHeader' in the Authorization."
    declared = signed.headers.get("x-amz-content-sha256")
    if declared and declared != hashlib.sha256(signed.body).hexdigest():
        return SIGNATURE_MISMATCH
    failure = given.mismatch(
        secret,
        method=signed.method,
        raw_path=signed.raw_path,
        query=_parameters(signed.raw_query),
        headers=signed.headers,
        body=signed.body,
    )
    return failure.message if failure else None


def _parameters(raw_query: str) -> dict[str, list[str]]:
    """Return the query's own names and values: a plus sign is one, and what has no value has an empty one."""
    found: dict[str, list[str]] = {}
    for pair in raw_query.split("&") if raw_query else ():
        name, _, value = pair.partition("=")
        found.setdefault(unquote(name), []).append(unquote(value))
    return found


def _denied(known: Caller, permissions: Permissions, arn: str, action: str) -> Refusal | None:
    message = permissions.call_as(known.principal).refusal(f"{SERVICE}:{action}", arn) if action else None
    return Refusal("AccessDeniedException", message) if message else None
