"""What of the emulator's IAM other services ask: signatures, callers, and what a policy allows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ministack.core import iam_evaluator, responses, sigv4
from ministack.services import iam

from pipeline.local.cloud.emulator import LOCAL_SECRET

SIGNATURE_MISMATCH = str(sigv4.SIGNATURE_MISMATCH)


@dataclass(frozen=True)
class Refusal:
    """Why a caller is refused: the emulator's code for it (`MissingAuthenticationToken`, say) and the message."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whose access key a request is signed with."""

    access_key: str
    account: str
    arn: str
    unique_id: str
    """For a user its id, for a role `id:session`, for an account's root the account."""
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Signature:
    """What a request's Authorization header says."""

    parts: sigv4.HeaderSignature

    @property
    def access_key(self) -> str:
        """The access key."""
        return str(self.parts.access_key_id)

    @property
    def scope(self) -> tuple[str, str]:
        """The service and the region that it is for."""
        return self.parts.service, self.parts.region

    @property
    def signed_headers(self) -> list[str]:
        """The names of the headers that it covers."""
        return list(self.parts.signed_headers.split(";"))

    def time_failure(self) -> Refusal | None:
        """Refuse what was signed too long ago."""
        failure = sigv4.request_time_failure(self.parts)
        return Refusal(*failure) if failure else None

    def mismatch(
        self,
        secret: str,
        *,
        method: str,
        raw_path: str,
        query: Mapping[str, list[str]],
        headers: Mapping[str, str],
        body: bytes,
    ) -> Refusal | None:
        """Refuse what was signed with another secret, or changed afterwards."""
        failure = sigv4.header_signature_failure(self.parts, secret, method, raw_path, query, headers, body)
        return Refusal(*failure) if failure else None


def signature(headers: Mapping[str, str]) -> Signature | Refusal:
    """Read a signature of AWS's version 4; names of headers are in lower case."""
    found = sigv4.parse_header_signature(headers)
    return Refusal(*found) if isinstance(found, tuple) else Signature(found)


def foreign_authorization(headers: Mapping[str, str]) -> Refusal:
    """Refuse an Authorization header of another kind."""
    return Refusal(*(sigv4.foreign_authorization_failure(headers) or ("IncompleteSignature", "")))


def caller(access_key: str, session_token: str) -> Caller | Refusal:
    """Find out whose access key this is. The root of a local account has the account id for one."""
    account = access_key
    if not access_key.isdigit():
        session = responses._account_from_sts_session  # noqa: SLF001 - the emulator offers no other way
        account = iam_evaluator.find_iam_access_key_account(access_key) or session(access_key)
    found = iam_evaluator.resolve_credential(access_key, account, session_token)
    if isinstance(found, iam_evaluator.CredentialResolutionError):
        return Refusal(found.code, found.message)
    root = iam_evaluator.is_root_access_key(access_key)
    return Caller(
        access_key=access_key,
        account=found.account_id,
        arn=found.principal_arn,
        unique_id=found.principal_id,
        secret=LOCAL_SECRET if root else found.secret_access_key,
    )


def may(asking: Caller, action: str, resource: str, *, region: str) -> bool | Refusal:
    """Tell whether a caller's own policies allow an action."""
    principal = iam_evaluator.resolve_principal(asking.access_key, asking.account)
    if isinstance(principal, iam_evaluator.AuthError):
        return Refusal(principal.code, principal.message)
    if principal.policies is None:
        return True
    asked = iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=action,
        resource_arn=resource,
        region=region,
        principal_keys=principal.keys,
    )
    return bool(iam_evaluator.evaluate(asked, principal.policies, *principal.limits).decision == "Allow")


def role_trusts(account: str, role: str, service: str) -> bool:
    """Tell whether an AWS service may assume a role."""
    found = iam._roles.get_scoped(account, None, role) or {}  # noqa: SLF001 - as above
    document = found.get("AssumeRolePolicyDocument") or "{}"
    trust = json.loads(document) if isinstance(document, str) else document
    statements = trust.get("Statement") or []
    matches = iam_evaluator._service_principal_matches  # noqa: SLF001 - as above
    return any(
        statement.get("Effect") == "Allow" and matches(statement.get("Principal"), service)
        for statement in ([statements] if isinstance(statements, dict) else statements)
    )


def role_may(account: str, role: str, action: str, resource: str, *, principal: str, region: str) -> bool:
    """Tell whether a role's policies allow an action; `principal` is the ARN of the session that asks."""
    asked = iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=region,
    )
    policies = iam_evaluator._gather_role_policies(role, account)  # noqa: SLF001 - as above
    return bool(iam_evaluator.evaluate(asked, policies).decision == "Allow")
