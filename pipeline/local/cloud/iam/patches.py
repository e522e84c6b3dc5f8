"""What of the emulator's IAM is replaced or needed: signatures, callers, the policies of each, and who decides.

The emulator authenticates a request and finds out its action and resource; whether it may is decided by `decision.py`.
"""

import json
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from dataclasses import replace as changed
from typing import Any, Protocol

import ministack.app as ministack_app
from ministack.core import iam_actions, iam_evaluator, responses, sigv4
from ministack.services import (
    s3,
    sns,
    sqs,
    sts,
)

from pipeline.local.cloud.emulator import Json, replace
from pipeline.local.cloud.iam.decision import ANONYMOUS, EVERYTHING, Denial, Principal, Reason, Request
from pipeline.local.cloud.iam.encryption import IN_PARTS, KEY_OF_OBJECT, VERSION
from pipeline.local.cloud.iam.principal_patches import principal_of
from pipeline.local.cloud.iam.request_patches import request
from pipeline.local.cloud.iam.resources_of_requests import (
    RESOURCES,
    resource_of_request,
    state_machine_of_request,
)

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
    principal: Principal = field(repr=False)
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
    return Caller(
        access_key=access_key,
        account=found.account_id,
        arn=found.principal_arn,
        unique_id=found.principal_id,
        principal=principal_of(found),
        secret=found.secret_access_key,
    )


SERVICES_OF_OURS = {
    "codepipeline": "codepipeline",
    "codecommit": "codecommit",
    "codeconnections": "codeconnections",
    "codedeploy": "codedeploy",
    "codestar-connections": "codestar-connections",
    "healthlake": "healthlake",
    "xray": "xray",
}
"""The namespaces of actions of what the emulator does not know."""


class Judge(Protocol):
    """Decides each request, and notes it."""

    def __call__(self, principal: Principal, request: Request) -> Denial | None:
        """Decide."""


def replace_decisions(judge: Judge) -> None:
    """Let ours decide what the emulator has authenticated."""
    iam_actions.SERVICE_TO_IAM_NAMESPACE.update(SERVICES_OF_OURS)
    iam_actions._BOTOCORE_SERVICE_MAP["xray"] = ["xray"]  # noqa: SLF001 - the emulator offers no other way
    enforcement = _Enforcement(judge)
    replace(iam_evaluator, "enforce", enforcement.enforce)
    replace(iam_evaluator, "check_credentials", enforcement.refuse_unknown)
    enforcement.others = replace(iam_evaluator, "evaluate_trust_policy", enforcement.trusts)
    replace(iam_evaluator, "resource_policy_allows", lambda *_decided, **_already: True)
    replace(sqs, "queue_policy_allows", enforcement.delivers("sqs:SendMessage"))
    replace(sns, "topic_policy_allows", enforcement.delivers("sns:Publish"))
    enforcement.deliver_to_functions()
    # API Gateway asks for itself (`apigateway/signature.py`), so that a refusal is in its log.
    replace(ministack_app, "_enforce_execute_api", lambda *_asked, **_named: None)
    foreign = replace(s3, "_foreign_bucket_allows", lambda *asked: bool(asked[5]) or foreign(*asked))
    replace(sts, "_evict_expired_sessions", _evict_expired_sessions)
    _name_resources_of_ours()
    _note_parameters()
    _note_encryption()
    _name_every_operation_of_s3()
    _say_what_aws_says()
    _count_loopback_as_secure()


def _evict_expired_sessions() -> None:
    """Do as the emulator does, which fails if a service assumes a role in another thread meanwhile."""
    for access_key, session in list(sts._sessions.items()):  # noqa: SLF001 - as above
        if sts._session_expired(session):  # noqa: SLF001 - as above
            sts._sessions.pop(access_key, None)  # noqa: SLF001 - as above


def check_root(secret: str) -> None:
    """Have the root's signature checked, with this cloud's secret: for the emulator its key is enough."""

    def resolved(*asked: Any, **named: Any) -> Any:
        found = resolve(*asked, **named)
        is_root = getattr(found, "principal_type", "") == "Root"
        return changed(found, secret_access_key=secret) if is_root else found

    def identified(access_key: str) -> Any:
        token = naming.set(True)
        try:
            return identity(access_key)
        finally:
            naming.reset(token)

    naming: ContextVar[bool] = ContextVar("naming", default=False)
    resolve = iam_evaluator.resolve_credential
    for module in (iam_evaluator, s3, sts):
        replace(module, "resolve_credential", resolved)
    is_root = replace(iam_evaluator, "_is_root_key", lambda key: naming.get() and is_root(key))
    identity = replace(iam_evaluator, "resolve_caller_identity", identified)


class _Enforcement:
    """Takes the place of the emulator's own functions."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.others: Callable[..., bool] = iam_evaluator.evaluate_trust_policy

    def enforce(
        self,
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return None for what may be done, or why not, as the emulator puts it."""
        if iam_action == UNKNOWN_OF_S3:
            return self.refuse_unknown(access_key_id, service)
        known = _authenticated(access_key_id, service, iam_action, resource_arn)
        if isinstance(known, iam_evaluator.AuthError):
            return known
        if iam_action in iam_evaluator._ALWAYS_ALLOWED_ACTIONS:  # noqa: SLF001 - as above
            return None
        if known is None and not _may_be_anonymous(service, iam_action):
            return None  # an operation without permissions: what it is given must convince (a token, a password)
        asking = principal_of(known) if known else Principal(arn=ANONYMOUS, account="")
        _caller.set(asking)
        if iam_action.startswith("logs:") and iam_action not in _OF_LOG_GROUPS:
            resource_arn = _of_log_stream(resource_arn)
        context = service_context or {}
        asked = (iam_action, resource_arn, context)
        for action, about, keys in (asked, *_besides(iam_action, resource_arn, context, region)):
            denied = self._result(asking, request(asking, action, about, region, keys))
            if denied:
                return denied
        return None

    def refuse_unknown(self, access_key_id: str, service: str | None = None) -> Any:
        """Deny a request of which nobody knows what IAM calls it; the root may do anything."""
        known = _authenticated(access_key_id, service or "", "", "*")
        if isinstance(known, iam_evaluator.AuthError):
            return known
        asking = principal_of(known) if known else Principal(arn=ANONYMOUS, account="")
        if asking.policies == (EVERYTHING,):
            return None
        self._result(asking, request(asking, "", f"a request to {service}", responses.get_region(), {}))
        message = _refusals.get("")
        return iam_evaluator.AuthError("AccessDenied", message) if message else None

    def trusts(self, document: Any, caller_arn: str, context: Any = None) -> bool:
        """Tell whether a role may be assumed: `enforce` has decided for all but web identities."""
        if context is not None and context.action == "sts:AssumeRoleWithWebIdentity":
            return self.others(document, caller_arn, context)
        return True

    def delivers(self, action: str) -> Callable[[str, str, str, str], bool]:
        """Decide whether a service may deliver from one of its resources."""

        def allows(resource: str, service: str, source: str, account: str) -> bool:
            keys = {"aws:sourcearn": source, "aws:sourceaccount": account, "aws:sourceowner": account}
            asking = Principal(arn=service, account="")
            return self.judge(asking, request(asking, action, resource, responses.get_region(), keys)) is None

        return allows

    def deliver_to_functions(self) -> None:
        """Let S3 and SNS call a function if its policy does.

        https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
        """
        allows = self.delivers("lambda:InvokeFunction")

        def from_bucket(function: str, event: Json, region: str) -> None:
            bucket = event["Records"][0]["s3"]["bucket"]["arn"]
            if allows(function, "s3.amazonaws.com", bucket, responses.get_account_id()):
                of_bucket(function, event, region)

        def from_topic(function: str, envelope: str, topic: str, *rest: Any) -> None:
            if allows(function, "sns.amazonaws.com", topic, topic.split(":")[4]):
                of_topic(function, envelope, topic, *rest)

        of_bucket = replace(s3, "_deliver_event_to_lambda", from_bucket)
        of_topic = replace(sns, "_deliver_to_lambda", from_topic)

    def _result(self, principal: Principal, request: Request) -> Any:
        denial = self.judge(principal, request)
        _refusals.set(denial.message if denial else "")
        if denial is None:
            return None
        kind = "Deny" if denial.decision.reason is Reason.EXPLICIT_DENY else "ImplicitDeny"
        return iam_evaluator.EvalResult(kind, principal.arn, "", denial.decision.because)


_caller: ContextVar[Principal | None] = ContextVar("caller", default=None)


def calling() -> Principal | None:
    """Return who made the request under way, and what it began; None where nobody did."""
    return _caller.get()


PASSES_ROLE = {
    **{
        f"cloudformation:{operation}": ("RoleARN", "cloudformation.amazonaws.com")
        for operation in (
            *("ContinueUpdateRollback", "CreateChangeSet", "CreateStack", "DeleteStack", "RollbackStack"),
            "UpdateStack",
        )
    },
    **{
        f"states:{operation}": ("roleArn", "states.amazonaws.com")
        for operation in ("CreateStateMachine", "UpdateStateMachine")
    },
    "codepipeline:CreatePipeline": ("pipeline.roleArn", "codepipeline.amazonaws.com"),
    "codepipeline:UpdatePipeline": ("pipeline.roleArn", "codepipeline.amazonaws.com"),
    "codedeploy:CreateDeploymentGroup": ("serviceRoleArn", "codedeploy.amazonaws.com"),
    "codedeploy:UpdateDeploymentGroup": ("serviceRoleArn", "codedeploy.amazonaws.com"),
    "events:PutRule": ("RoleArn", "events.amazonaws.com"),
    "events:PutTargets": ("Targets.RoleArn", "events.amazonaws.com"),
    "logs:PutSubscriptionFilter": ("roleArn", "logs.amazonaws.com"),
    **{
        f"{service}:{operation}": (member, f"{service}.amazonaws.com")
        for service, kind, member in (("pipes", "Pipe", "RoleArn"), ("scheduler", "Schedule", "Target.RoleArn"))
        for operation in (f"Create{kind}", f"Update{kind}")
    },
    "codebuild:CreateProject": ("serviceRole", "codebuild.amazonaws.com"),
    "codebuild:UpdateProject": ("serviceRole", "codebuild.amazonaws.com"),
    "lambda:CreateFunction": ("Role", "lambda.amazonaws.com"),
    "lambda:UpdateFunctionConfiguration": ("Role", "lambda.amazonaws.com"),
}
"""Where a request names the roles that it passes, and to whom; after a dot, within each entry of a list.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
"""
IN_A_SESSION = {"aws:TagKeys": "sts:TagSession", "sts:SourceIdentity": "sts:SetSourceIdentity"}
"""The actions of their own that a role's session with these keys needs.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_permissions-required
"""


def _besides(
    action: str, resource: str, context: Mapping[str, Any], region: str
) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return the actions that a request needs besides its own, each with its resource and its keys."""
    roles, destination = _passed_roles.get(), _destination.get()
    _passed_roles.set(())
    if action == "kms:ReEncrypt" and destination:
        named = f"arn:aws:kms:{region}:{responses.get_account_id()}:"
        key = str(destination["DestinationKeyId"])
        kind = "" if key.startswith("alias/") else "key/"
        arn = key if key.startswith("arn:") else f"{named}{kind}{key}"
        return [("kms:ReEncryptTo", arn, _of_context(destination.get("DestinationEncryptionContext")))]
    if action in PASSES_ROLE:
        return [("iam:PassRole", role, {"iam:passedtoservice": PASSES_ROLE[action][1]}) for role in roles]
    if action != "sts:AssumeRole":
        return []
    return [(needed, resource, context) for key, needed in IN_A_SESSION.items() if context.get(key)]


_passed_roles: ContextVar[tuple[str, ...]] = ContextVar("passed_roles", default=())
_destination: ContextVar[Json | None] = ContextVar("destination", default=None)
"""What ReEncrypt is asked, for the key that it encrypts with."""
_log_stream: ContextVar[str] = ContextVar("log_stream", default="")
"""Of the request under way."""


_OF_LOG_GROUPS = ("logs:ListTagsForResource", "logs:TagResource", "logs:UntagResource")


def _note_parameters() -> None:
    """Look at a request where the emulator does, for its tags: what decides it sees no body."""

    def tags(service: str, iam_action: str, body: bytes, params: Mapping[str, Any]) -> Any:
        _log_stream.set(_parameter(body, params, "logStreamName") if service == "logs" else "")
        named = _named_roles(body, params, PASSES_ROLE[iam_action][0]) if iam_action in PASSES_ROLE else []
        _passed_roles.set(tuple(role for role in named if role))
        members = MEMBERS if iam_action == "sts:AssumeRole" else ()
        given = {f"sts:{each}": _parameter(body, params, each) or None for each in members}
        asked = _json(body) if service == "kms" else {}
        _destination.set(asked if iam_action == "kms:ReEncrypt" and asked.get("DestinationKeyId") else None)
        given |= _of_context(asked.get("EncryptionContext") or asked.get("SourceEncryptionContext"))
        given |= _of_events(body) if iam_action == "events:PutEvents" else {}
        return {**theirs(service, iam_action, body, params), **given}

    theirs = replace(iam_actions, "request_tag_context", tags)


def _json(body: bytes) -> Json:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _of_context(pairs: Any) -> dict[str, Any]:
    """Return the condition keys of a call of KMS's that follow from its encryption context.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-encryption-context
    """
    if not isinstance(pairs, dict) or not pairs:
        return {}
    return {
        "kms:EncryptionContextKeys": list(pairs),
        **{f"kms:EncryptionContext:{name}": str(value) for name, value in pairs.items()},
    }


def _note_encryption() -> None:
    """Note which version of an object is asked for, which key one is to be encrypted with, and if it comes in parts."""

    def context(iam_action: str, query: Any, path: str = "", headers: Any = None) -> dict[str, Any]:
        given = dict(theirs(iam_action, query, path, headers))
        if version := iam_actions._query_param(query or {}, "versionId"):  # noqa: SLF001 - as above
            given[VERSION] = version
        if iam_action != "s3:PutObject":
            return given
        upload = s3._multipart_uploads.get(iam_actions._query_param(query or {}, "uploadId")) or {}  # noqa: SLF001 - as above
        of_key = KEY_OF_OBJECT.removeprefix("s3:")
        key = (upload.get("preserved_headers") or headers or {}).get(of_key)
        given |= {KEY_OF_OBJECT: key} if key else {}
        return given | ({IN_PARTS: "true"} if upload or "uploads" in (query or {}) else {})

    theirs = replace(iam_actions, "s3_service_context", context)


UNKNOWN_OF_S3 = "s3:unknown"
"""Stands for a request of S3's of which nobody knows what IAM calls it: without a name nobody would be asked."""


def _name_every_operation_of_s3() -> None:
    def action(method: str, path: str, query: Any) -> str:
        return str(theirs(method, path, query) or UNKNOWN_OF_S3.removeprefix("s3:"))

    theirs = replace(iam_actions, "_s3_action", action)


def _of_events(body: bytes) -> dict[str, str | None]:
    """Return what the entries of a request to publish have in common: policies of buses ask for it.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    """
    entries = iam_actions._safe_json_field(body, "Entries")  # noqa: SLF001 - as above
    listed = [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
    said = {key: {str(each.get(name)) for each in listed} for key, name in EVENT_KEYS.items()}
    return {key: next(iter(values)) if len(values) == 1 else None for key, values in said.items()}


def _parameter(body: bytes, params: Mapping[str, Any], name: str) -> str:
    return str(iam_actions._param(body, params, name))  # noqa: SLF001 - as above


def _named_roles(body: bytes, params: Mapping[str, Any], member: str) -> list[str]:
    """Return the roles that a member of a request names, itself or within each of its entries."""
    outer, _, inner = member.partition(".")
    if not inner:
        return [_parameter(body, params, outer)]
    found = iam_actions._safe_json_field(body, outer)  # noqa: SLF001 - as above
    entries = found if isinstance(found, list) else [found]
    return [str(each.get(inner) or "") for each in entries if isinstance(each, dict)]


EVENT_KEYS = {"events:detail-type": "DetailType", "events:source": "Source"}
MEMBERS = ("ExternalId", "RoleSessionName", "SourceIdentity")
"""What AssumeRole is given that trust policies have a key for."""


def _name_resources_of_ours() -> None:
    """Say which resource a request is about, where the emulator does not know."""

    def resource(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> str:
        if service == "kms" and (source := _json(body).get("SourceKeyId")):
            body = json.dumps({"KeyId": source}).encode()
        if service == "states" and (machine := state_machine_of_request(_json(body))):
            return machine
        if service not in RESOURCES:
            return str(theirs(service, method, path, headers, body, *rest))
        _, region, account = rest
        return resource_of_request(service, _json(body), f"{region}:{account}")

    theirs = replace(iam_actions, "extract_resource_arn", resource)


def _of_log_stream(arn: str) -> str:
    """Return the ARN of a log group as IAM sees it: a stream of it, or no stream, which policies name as `:*`.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    """
    if ":log-group:" not in arn or ":log-stream:" in arn:
        return arn
    return f"{arn.removesuffix(':*')}:log-stream:{_log_stream.get()}"


_refusals: ContextVar[str] = ContextVar("refusals", default="")
"""What the request under way is answered, if it is denied."""


def _say_what_aws_says() -> None:
    def message(*own: Any, **named: Any) -> str:
        return _refusals.get() or str(identity(*own, **named))

    def response(*own: Any, **named: Any) -> Any:
        if not named.get("error_code") and _refusals.get():
            named["message"] = _refusals.get()
        return denied(*own, **named)

    identity = replace(iam_actions, "identity_denial_message", message)
    denied = replace(iam_actions, "access_denied_response", response)


def _count_loopback_as_secure() -> None:
    """Count what stays on loopback for what AWS has over TLS: every policy that enforces TLS would refuse everybody."""

    def pin(source_ip: str, secure_transport: bool) -> None:
        del secure_transport
        theirs(source_ip, True)

    theirs = replace(ministack_app, "pin_request_origin", pin)


def _authenticated(access_key: str, service: str, action: str, resource: str) -> Any:
    """Return whose credentials a request has, None for nobody's where that is allowed, or what is wrong with them."""
    account = responses.get_account_id()
    failure = iam_evaluator._s3_scope_failure(service)  # noqa: SLF001 - as above
    if failure:
        return failure
    may_be_anonymous = _may_be_anonymous(service, action)
    is_anonymous = iam_evaluator._anonymous.get()  # noqa: SLF001 - as above
    served = may_be_anonymous or (action and iam_evaluator._served_unsigned(service, action))  # noqa: SLF001 - as above
    if is_anonymous and not access_key and not served:
        message = iam_actions.anonymous_denial_message(service, action, resource)
        return iam_evaluator.AuthError("MissingAuthenticationToken", message)
    if is_anonymous and not access_key:
        return None
    found = iam_evaluator.authenticate(access_key, account)
    if found is None and not access_key and may_be_anonymous:
        return None  # the Authorization header is for whom it calls
    is_verified = service == "s3" or iam_evaluator._verified_key.get() == access_key  # noqa: SLF001 - as above; S3 verifies presigned URLs itself
    if found is None and iam_evaluator.is_root_access_key(access_key) and not (access_key.isdigit() and is_verified):
        found = iam_evaluator._unknown_access_key()  # noqa: SLF001 - as above
    if found is None:
        scope = responses._account_from_sts_session(access_key) or account  # noqa: SLF001 - as above
        found = iam_evaluator.resolve_credential(access_key, scope)
    if isinstance(found, iam_evaluator.CredentialResolutionError):
        return iam_evaluator.AuthError(found.code, found.message)
    return found


def _may_be_anonymous(service: str, action: str) -> bool:
    """Tell whether the policy of a resource may let in who does not sign."""
    return service == "s3" or action in ("execute-api:Invoke", "lambda:InvokeFunctionUrl")
