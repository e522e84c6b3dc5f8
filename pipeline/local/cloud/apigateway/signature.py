"""AWS_IAM authorization: the signature is checked against the caller's secret, then its policies are asked.

The access key of a local account's root is the account id. So a call is, with the curl of Debian 12 and what
`penstock credentials ACCOUNT` prints in the environment:

    curl --aws-sigv4 "aws:amz:us-east-1:execute-api" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
         http://127.0.0.1:PORT/_aws/execute-api/API_ID/STAGE/PATH
"""

from pipeline.local.cloud.apigateway import patches
from pipeline.local.cloud.apigateway.request_context import RequestContext
from pipeline.local.cloud.iam.patches import Caller, Refusal, Signature, caller, foreign_authorization, signature
from pipeline.local.cloud.iam.permissions import Permissions

_NOT_SCOPED = "Credential should be scoped to {what}"


def identify(request: RequestContext, permissions: Permissions) -> Caller | Refusal:
    """Find out who signed a request, and whether they may make it."""
    if not request.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256"):
        if not request.headers.get("authorization"):
            return Refusal("MissingAuthenticationToken", "Missing Authentication Token")
        return foreign_authorization(request.headers)
    signed = signature(request.headers)
    if isinstance(signed, Refusal):
        return signed
    found = caller(signed.access_key, request.headers.get("x-amz-security-token", ""))
    if isinstance(found, Refusal):
        return found
    failure = (
        _scope_failure(signed, request)
        or signed.time_failure()
        or signed.mismatch(
            found.secret,
            method=request.method,
            raw_path=request.raw_path,
            query=request.query,
            headers=request.headers,
            body=request.body,
        )
    )
    return failure or _policy_refusal(found, request, permissions) or found


def _scope_failure(signed: Signature, request: RequestContext) -> Refusal | None:
    service, region = signed.scope
    if service != "execute-api":
        return Refusal("SignatureDoesNotMatch", _NOT_SCOPED.format(what="correct service: 'execute-api'."))
    if region != request.region:
        return Refusal("SignatureDoesNotMatch", _NOT_SCOPED.format(what=f"a valid region, not '{region}'. "))
    return None


def _policy_refusal(asking: Caller, request: RequestContext, permissions: Permissions) -> Refusal | None:
    message = permissions.call_as(asking.principal).refusal("execute-api:Invoke", patches.method_arn(request))
    return Refusal("AccessDenied", message) if message else None
