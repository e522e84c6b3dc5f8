"""AWS_IAM authorization: the signature is checked against the caller's secret, then its policies are asked.

The access key of a local account's root is the account id, and its secret is `LOCAL_SECRET`. So a call is, with the
curl of Debian 12:

    curl --aws-sigv4 "aws:amz:us-east-1:execute-api" --user 111111111111:local \
         http://127.0.0.1:PORT/_aws/execute-api/API_ID/STAGE/PATH
"""

from dataclasses import dataclass

from ministack.core import iam_evaluator, responses, sigv4
from ministack.core.arn import execute_api_arn

from pipeline.local.cloud.apigateway.request_context import Caller, RequestContext
from pipeline.local.cloud.emulator import LOCAL_SECRET

_NOT_SCOPED = "Credential should be scoped to {what}"


@dataclass(frozen=True)
class Refusal:
    """Why a caller is refused: the emulator's code for it (`MissingAuthenticationToken`, say) and the message."""

    code: str
    message: str


def identify(request_context: RequestContext) -> Caller | Refusal:
    """Find out who signed a request, and whether they may make it."""
    if not request_context.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256"):
        if not request_context.headers.get("authorization"):
            return Refusal("MissingAuthenticationToken", "Missing Authentication Token")
        return Refusal(*(sigv4.foreign_authorization_failure(request_context.headers) or ("IncompleteSignature", "")))
    signed = sigv4.parse_header_signature(request_context.headers)
    if isinstance(signed, tuple):
        return Refusal(*signed)
    known = credential(signed.access_key_id, request_context.headers.get("x-amz-security-token", ""))
    if isinstance(known, Refusal):
        return known
    secret = known.secret_access_key
    if iam_evaluator.is_root_access_key(signed.access_key_id):
        secret = LOCAL_SECRET
    failure = (
        _scope_failure(signed, request_context)
        or sigv4.request_time_failure(signed)
        or sigv4.header_signature_failure(
            signed,
            secret,
            request_context.method,
            request_context.raw_path,
            request_context.query,
            request_context.headers,
            request_context.body,
        )
    )
    if failure:
        return Refusal(*failure)
    caller = Caller(
        access_key=signed.access_key_id,
        account=known.account_id,
        arn=known.principal_arn,
        unique_id=known.principal_id,
    )
    return _policy_refusal(caller, request_context) or caller


def credential(key: str, token: str) -> iam_evaluator.ResolvedCredential | Refusal:
    """Whose access key this is, with its session token if it needs one."""
    account = key if key.isdigit() else iam_evaluator.find_iam_access_key_account(key) or _session_account(key)
    found = iam_evaluator.resolve_credential(key, account, token)
    if isinstance(found, iam_evaluator.CredentialResolutionError):
        return Refusal(found.code, found.message)
    return found


def _session_account(key: str) -> str | None:
    account: str | None = responses._account_from_sts_session(key)  # noqa: SLF001 - the emulator offers no other seam
    return account


def _scope_failure(signed: sigv4.HeaderSignature, request_context: RequestContext) -> tuple[str, str] | None:
    if signed.service != "execute-api":
        return "SignatureDoesNotMatch", _NOT_SCOPED.format(what="correct service: 'execute-api'.")
    if signed.region != request_context.region:
        return "SignatureDoesNotMatch", _NOT_SCOPED.format(what=f"a valid region, not '{signed.region}'. ")
    return None


def _policy_refusal(caller: Caller, request_context: RequestContext) -> Refusal | None:
    resource = execute_api_arn(
        request_context.region,
        request_context.account,
        request_context.api_id,
        request_context.stage_name,
        request_context.method,
        request_context.path,
    )
    refusal = Refusal(
        "AccessDenied",
        f"User: {caller.arn} is not authorized to perform: execute-api:Invoke on resource: {resource}",
    )
    principal = iam_evaluator.resolve_principal(caller.access_key, caller.account)
    if isinstance(principal, iam_evaluator.AuthError):
        return Refusal(principal.code, principal.message)
    if caller.account != request_context.account:
        return refusal  # another account needs a resource policy as well, and no API here has one
    if principal.policies is None:
        return None
    asked = iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action="execute-api:Invoke",
        resource_arn=resource,
        region=request_context.region,
        principal_keys=principal.keys,
    )
    allowed = iam_evaluator.evaluate(asked, principal.policies, *principal.limits).decision == "Allow"
    return None if allowed else refusal
