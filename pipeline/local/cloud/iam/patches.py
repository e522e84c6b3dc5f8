"""What of the emulator's IAM is replaced or needed: signatures, callers, the policies of each, and who decides.

The emulator authenticates a request and finds out its action and resource; whether it may is decided by `decision.py`.
"""

import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

import ministack.app as ministack_app
from ministack.core import iam_actions, iam_evaluator, responses, sigv4
from ministack.services import (
    cloudformation,
    dynamodb,
    eventbridge,
    iam,
    kinesis,
    kms,
    s3,
    secretsmanager,
    sns,
    sqs,
    sts,
    tagging,
)

from pipeline.local.cloud.emulator import LOCAL_SECRET, Json, replace
from pipeline.local.cloud.iam.conditions import Keys
from pipeline.local.cloud.iam.decision import EVERYTHING, Denial, Principal, Reason, Request, ResourcePolicy
from pipeline.local.cloud.iam.encryption import EncryptionKey
from pipeline.local.cloud.iam.policies import Policy, read_policy
from pipeline.local.cloud.iam.resources_of_requests import RESOURCES, resource_of_request

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
    root = iam_evaluator.is_root_access_key(access_key)
    return Caller(
        access_key=access_key,
        account=found.account_id,
        arn=found.principal_arn,
        unique_id=found.principal_id,
        principal=principal_of(found),
        secret=LOCAL_SECRET if root else found.secret_access_key,
    )


SERVICES_OF_OURS = {
    "codepipeline": "codepipeline",
    "codecommit": "codecommit",
    "codeconnections": "codeconnections",
    "codestar-connections": "codestar-connections",
    "healthlake": "healthlake",
    "xray": "xray",
}
"""The namespaces of actions of what the emulator does not know."""
ANONYMOUS = "anonymous"


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
    # API Gateway asks for itself (`apigateway/signature.py`), so that a refusal is in its log.
    replace(ministack_app, "_enforce_execute_api", lambda *_asked, **_named: None)
    foreign = replace(s3, "_foreign_bucket_allows", lambda *asked: bool(asked[5]) or foreign(*asked))
    _name_resources_of_ours()
    _note_parameters()
    _say_what_aws_says()
    _count_loopback_as_secure()


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
        known = _authenticated(access_key_id, service, iam_action, resource_arn)
        if isinstance(known, iam_evaluator.AuthError):
            return known
        if iam_action in iam_evaluator._ALWAYS_ALLOWED_ACTIONS:  # noqa: SLF001 - as above
            return None
        asking = principal_of(known) if known else Principal(arn=ANONYMOUS, account="")
        if iam_action.startswith("logs:") and iam_action not in _OF_LOG_GROUPS:
            resource_arn = _of_log_stream(resource_arn)
        denied = self._result(asking, _request(asking, iam_action, resource_arn, region, service_context or {}))
        role = _passed_role.get()
        _passed_role.set("")
        if denied or not role or iam_action not in PASSES_ROLE:
            return denied
        keys = {"iam:passedtoservice": PASSES_ROLE[iam_action][1]}
        return self._result(asking, _request(asking, "iam:PassRole", role, region, keys))

    def refuse_unknown(self, access_key_id: str, service: str | None = None) -> Any:
        """Deny a request of which nobody knows what IAM calls it; the root may do anything."""
        known = _authenticated(access_key_id, service or "", "", "*")
        if known is None or isinstance(known, iam_evaluator.AuthError):
            return known
        asking = principal_of(known)
        if asking.policies == (EVERYTHING,):
            return None
        self._result(asking, _request(asking, "", f"a request to {service}", responses.get_region(), {}))
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
            return self.judge(asking, _request(asking, action, resource, responses.get_region(), keys)) is None

        return allows

    def _result(self, principal: Principal, request: Request) -> Any:
        denial = self.judge(principal, request)
        _refusals.set(denial.message if denial else "")
        if denial is None:
            return None
        kind = "Deny" if denial.decision.reason is Reason.EXPLICIT_DENY else "ImplicitDeny"
        return iam_evaluator.EvalResult(kind, principal.arn, "", denial.decision.because)


PASSES_ROLE = {
    **{
        f"cloudformation:{operation}": ("RoleARN", "cloudformation.amazonaws.com")
        for operation in ("CreateChangeSet", "CreateStack", "DeleteStack", "UpdateStack")
    },
    **{
        f"states:{operation}": ("roleArn", "states.amazonaws.com")
        for operation in ("CreateStateMachine", "UpdateStateMachine")
    },
    "codebuild:CreateProject": ("serviceRole", "codebuild.amazonaws.com"),
    "lambda:CreateFunction": ("Role", "lambda.amazonaws.com"),
    "lambda:UpdateFunctionConfiguration": ("Role", "lambda.amazonaws.com"),
}
"""Where a request names the role that it passes, and to whom.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
"""
_passed_role: ContextVar[str] = ContextVar("passed_role", default="")
_log_stream: ContextVar[str] = ContextVar("log_stream", default="")
"""Of the request under way."""
_OF_LOG_GROUPS = ("logs:ListTagsForResource", "logs:TagResource", "logs:UntagResource")


def _note_parameters() -> None:
    """Look at a request where the emulator does, for its tags: what decides it sees no body."""

    def tags(service: str, iam_action: str, body: bytes, params: Mapping[str, Any]) -> Any:
        member = PASSES_ROLE.get(iam_action, ("", ""))[0]
        _log_stream.set(str(iam_actions._param(body, params, "logStreamName")) if service == "logs" else "")  # noqa: SLF001 - as above
        _passed_role.set(str(iam_actions._param(body, params, member)) if member else "")  # noqa: SLF001 - as above
        return theirs(service, iam_action, body, params)

    theirs = replace(iam_actions, "request_tag_context", tags)


def _name_resources_of_ours() -> None:
    """Say which resource a request is about, where the emulator does not know."""

    def resource(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> str:
        if service not in RESOURCES:
            return str(theirs(service, method, path, headers, body, *rest))
        try:
            parameters = json.loads(body or b"{}")
        except ValueError:
            parameters = {}
        _, region, account = rest
        return resource_of_request(service, parameters, f"{region}:{account}")

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
    may_be_anonymous = service == "s3" or action in ("execute-api:Invoke", "lambda:InvokeFunctionUrl")
    is_anonymous = iam_evaluator._anonymous.get()  # noqa: SLF001 - as above
    served = may_be_anonymous or (action and iam_evaluator._served_unsigned(service, action))  # noqa: SLF001 - as above
    if is_anonymous and not access_key and not served:
        message = iam_actions.anonymous_denial_message(service, action, resource)
        return iam_evaluator.AuthError("MissingAuthenticationToken", message)
    if is_anonymous and not access_key:
        return None
    found = iam_evaluator.authenticate(access_key, account)
    if found is None:
        scope = responses._account_from_sts_session(access_key) or account  # noqa: SLF001 - as above
        found = iam_evaluator.resolve_credential(access_key, scope)
    if isinstance(found, iam_evaluator.CredentialResolutionError):
        return iam_evaluator.AuthError(found.code, found.message)
    return found


def principal_of(known: Any) -> Principal:
    """Return who has a credential, with all policies that limit it."""
    account, arn, kind = known.account_id, known.principal_arn, known.principal_type
    session = sts._sessions.get(known.access_key_id) or {}  # noqa: SLF001 - as above
    keys = {name: _values(value) for name, value in iam_evaluator._principal_keys(known).items()}  # noqa: SLF001 - as above
    keys["aws:principaltype"] = [kind]
    limits = _session_policies(session.get("SessionPolicies"), account)
    if kind == "AssumedRole":
        return role_principal(arn.split("/")[1], account, arn, keys=keys, session=limits)
    if kind == "User":
        user = iam._users.get_scoped(account, None, known.principal_name) or {}  # noqa: SLF001 - as above
        policies, boundary = tuple(_of_user(known.principal_name, user, account)), _boundary(user, account)
        return Principal(arn=arn, account=account, policies=policies, boundary=boundary, session=limits, keys=keys)
    return Principal(arn=arn, account=account, policies=(EVERYTHING,), session=limits, keys=keys)


def root_of(account: str) -> Principal:
    """Return an account's root."""
    return Principal(arn=f"arn:aws:iam::{account}:root", account=account, policies=(EVERYTHING,))


def role_principal(
    name: str,
    account: str,
    arn: str,
    *,
    keys: Keys | None = None,
    session: tuple[Policy, ...] | None = None,
) -> Principal:
    """Return a session of a role; one that does not exist may do nothing."""
    role = iam._roles.get_scoped(account, None, name) or {}  # noqa: SLF001 - as above
    return Principal(
        arn=arn,
        account=account,
        policies=tuple(_of_entity(f"role {name}", role.get("InlinePolicies"), role, account)),
        boundary=_boundary(role, account),
        session=session,
        keys=keys or {f"aws:principaltag/{tag['Key'].lower()}": [tag["Value"]] for tag in role.get("Tags") or ()},
    )


def _of_user(name: str, user: Json, account: str) -> Iterator[Policy]:
    inline = iam._user_inline_policies.get_scoped(account, None, name)  # noqa: SLF001 - as above
    yield from _of_entity(f"user {name}", inline, user, account)
    for (owner, group), held in list(iam._groups.to_dict().items()):  # noqa: SLF001 - as above
        if owner == account and name in held.get("Users", ()):
            of_group = iam._group_inline_policies.get_scoped(account, None, group)  # noqa: SLF001 - as above
            yield from _of_entity(f"group {group}", of_group, held, account)


def _of_entity(who: str, inline: Any, entity: Json, account: str) -> Iterator[Policy]:
    for name, document in (inline or {}).items():
        yield read_policy(f"the policy {name} of {who}", document)
    for arn in entity.get("AttachedPolicies", ()):
        yield _managed(f"{arn}, attached to {who}", arn, account)


def _managed(name: str, arn: str, account: str) -> Policy:
    document = iam_evaluator._resolve_managed_policy_document(arn, account)  # noqa: SLF001 - as above
    if not document:
        return Policy(name=f"{name}, which the local cloud does not know", statements=())
    return read_policy(name, document)


def _boundary(entity: Json, account: str) -> Policy | None:
    arn = entity.get("PermissionsBoundary")
    return _managed(f"the boundary {arn}", arn, account) if arn else None


def _session_policies(passed: Json | None, account: str) -> tuple[Policy, ...] | None:
    if passed is None:
        return None
    inline = [read_policy("the session policy", passed["Policy"])] if passed.get("Policy") else []
    managed = [_managed(f"the session policy {arn}", arn, account) for arn in passed.get("PolicyArns", ())]
    return (*inline, *managed)


def _request(asking: Principal, action: str, resource: str, region: str, context: Mapping[str, Any]) -> Request:
    owner = _owner(resource) or asking.account or responses.get_account_id()
    resource = _stack_id(resource, owner, region)
    keys = {
        "aws:securetransport": ["true"],
        "aws:sourceip": ["127.0.0.1"],
        "aws:requestedregion": [region],
        "aws:viaawsservice": ["false"],
        **_now(),
        **{name.lower(): _values(value) for name, value in context.items() if value is not None},
    }
    held = resource_policy(action, resource, owner, region)
    if _names_tags(asking, held):
        keys |= _tags(resource, owner, region)
    return Request(action=action, resource=resource, owner=owner, keys=keys, resource_policy=held)


def request_of(asking: Principal, action: str, resource: str, keys: Mapping[str, str]) -> Request:
    """Return a call within the cloud as IAM sees it."""
    return _request(asking, action, resource, _region(resource, responses.get_region()), keys)


def _now() -> Keys:
    now = dt.datetime.now(dt.UTC)
    return {"aws:currenttime": [now.isoformat()], "aws:epochtime": [str(int(now.timestamp()))]}


def _values(value: Any) -> Sequence[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple | set) else [str(value)]


def _owner(resource: str) -> str:
    """Return the account that has a resource, as its ARN says or, for buckets, as S3 knows."""
    parts = resource.split(":", 5)
    if len(parts) < 6:
        return ""
    if parts[2] == "s3" and not parts[4]:
        return str(s3._bucket_owner_account(parts[5].split("/", 1)[0]) or "")  # noqa: SLF001 - as above
    return parts[4] if parts[4].isdigit() else ""


def _stack(resource: str, owner: str, region: str) -> Json:
    """Return the emulator's own record of the stack that an ARN names, by its id or by its name alone."""
    if not _STACK.fullmatch(resource):
        return {}
    found = cloudformation._stacks.get_scoped(owner, _region(resource, region), resource.split("/")[1])  # noqa: SLF001 - as above
    return found or {}


def _stack_id(resource: str, owner: str, region: str) -> str:
    """Return the id of a stack that a request names by its name: policies are about ids."""
    named = resource.endswith("/*")
    return str(_stack(resource, owner, region).get("StackId") or resource) if named else resource


_STACK = re.compile(r"arn:[^:]+:cloudformation:[^:]*:\d{12}:stack/[^/]+/.+")


def _names_tags(asking: Principal, held: ResourcePolicy | None) -> bool:
    policies = [*asking.policies, *(asking.session or ())]
    policies += [policy for policy in (asking.boundary, held.policy if held else None) if policy]
    return any("resourcetag/" in key for policy in policies for key in policy.condition_keys)


def _tags(resource: str, owner: str, region: str) -> Keys:
    found: Mapping[str, str] = {}
    if stack := _stack(resource, owner, region):
        found = {tag["Key"]: tag["Value"] for tag in stack.get("Tags") or ()}
    elif ":role/" in resource:
        role = iam._roles.get_scoped(owner, None, resource.rpartition("/")[2]) or {}  # noqa: SLF001 - as above
        found = {tag["Key"]: tag["Value"] for tag in role.get("Tags") or ()}
    else:
        with responses.request_scope(owner, _region(resource, region)):
            found = tagging.resource_tags(resource) or {}
    return {f"{prefix}:resourcetag/{key.lower()}": [value] for prefix in ("aws", "iam") for key, value in found.items()}


def _region(resource: str, default: str) -> str:
    parts = resource.split(":", 5)
    return parts[3] if len(parts) == 6 and parts[3] else default


def resource_policy(action: str, resource: str, owner: str, region: str) -> ResourcePolicy | None:
    """Return the policy of a resource; None where it has none, and nobody needs one."""
    service = resource.split(":", 3)[2] if resource.count(":") >= 5 else ""
    if action.startswith("sts:AssumeRole") and service == "iam":
        return trust_policy(owner, resource.rpartition("/")[2])
    if service == "execute-api":
        service = "apigateway"
    with responses.request_scope(owner, _region(resource, region)):
        found = iam_evaluator._resource_policy(service, resource)  # noqa: SLF001 - as above
        if ":event-bus/" in resource:
            found = eventbridge._event_bus_policies.get(resource.rpartition("/")[2]), owner  # noqa: SLF001 - as above
    if found is None:
        return None
    kind = "key policy" if service == "kms" else "resource-based policy"
    if not found[0] and kind != "key policy":
        return None
    return ResourcePolicy(policy=read_policy(f"the policy of {resource}", found[0] or {}), kind=kind)


def encryption_key(request: Request) -> EncryptionKey | None:
    """Return the customer managed key that what a request is about is encrypted with; AWS's own ask nobody."""
    parts = request.resource.split(":", 5)
    if len(parts) < 6:
        return None
    region = parts[3] or _bucket_region(request)
    with responses.request_scope(request.owner, region):
        found = _KEYS[parts[2]](request.resource, parts[5]) if parts[2] in _KEYS else None
        key = kms._resolve_key(found[0]) if found and "alias/aws/" not in found[0] else None  # noqa: SLF001 - as above
    if not found or not key:
        return None
    document = read_policy(f"the policy of {key['Arn']}", key.get("Policy") or {})
    policy = ResourcePolicy(policy=document, kind="key policy")
    return EncryptionKey(arn=key["Arn"], context=found[1], policy=policy)


def _bucket_region(request: Request) -> str:
    bucket = request.resource.rpartition(":::")[2].partition("/")[0]
    held = s3._buckets.get_scoped(request.owner, None, bucket) or {}  # noqa: SLF001 - as above
    return str(held.get("region") or "us-east-1")


Key = tuple[str, Mapping[str, str]]
"""A key as the resource names it, and the encryption context."""


def _bucket_key(arn: str, resource: str) -> Key | None:
    configuration = s3._bucket_encryption.get(resource.partition("/")[0]) or ""  # noqa: SLF001 - as above
    found = _MASTER_KEY.search(configuration)
    per_bucket = "<BucketKeyEnabled>true<" in configuration
    return (found[1], {"aws:s3:arn": arn.partition("/")[0] if per_bucket else arn}) if found else None


def _queue_key(arn: str, _resource: str) -> Key | None:
    key = ((sqs._queue_by_arn(arn) or {}).get("attributes") or {}).get("KmsMasterKeyId")  # noqa: SLF001 - as above
    return (key, {"aws:sqs:arn": arn}) if key else None


def _topic_key(arn: str, _resource: str) -> Key | None:
    key = ((sns._topics.get(arn) or {}).get("attributes") or {}).get("KmsMasterKeyId")  # noqa: SLF001 - as above
    return (key, {"aws:sns:topicArn": arn}) if key else None


def _stream_key(arn: str, resource: str) -> Key | None:
    key = (kinesis._streams.get(resource.split("/")[1]) or {}).get("KeyId")  # noqa: SLF001 - as above
    return (key, {"aws:kinesis:arn": arn}) if key else None


def _table_key(_arn: str, resource: str) -> Key | None:
    table = resource.split("/")[1]
    key = ((dynamodb._tables.get(table) or {}).get("SSEDescription") or {}).get("KMSMasterKeyArn")  # noqa: SLF001 - as above
    account = responses.get_account_id()
    return (key, {"aws:dynamodb:tableName": table, "aws:dynamodb:subscriberId": account}) if key else None


def _secret_key(arn: str, _resource: str) -> Key | None:
    key = (secretsmanager._resolve(arn)[1] or {}).get("KmsKeyId")  # noqa: SLF001 - as above
    return (key, {"SecretARN": arn}) if key else None


_MASTER_KEY = re.compile("<KMSMasterKeyID>([^<]+)<")
_KEYS: Mapping[str, Callable[[str, str], Key | None]] = {
    "s3": _bucket_key,
    "sqs": _queue_key,
    "sns": _topic_key,
    "kinesis": _stream_key,
    "dynamodb": _table_key,
    "secretsmanager": _secret_key,
}


def trust_policy(account: str, role: str) -> ResourcePolicy:
    """Return whom a role trusts; one that does not exist trusts nobody."""
    found = iam._roles.get_scoped(account, None, role) or {}  # noqa: SLF001 - as above
    document = found.get("AssumeRolePolicyDocument") or {}
    return ResourcePolicy(policy=read_policy(f"the trust policy of role {role}", document), kind="trust policy")


def start_session(role_arn: str, name: str) -> Json:
    """Return credentials of a session of a role, which somebody has checked that it trusts."""
    account, role = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    digest = hashlib.sha256(f"{role_arn}:{name}:{dt.datetime.now(dt.UTC).timestamp()}".encode()).hexdigest()
    credentials = {
        "AccessKeyId": f"ASIA{digest[:16].upper()}",
        "SecretAccessKey": hashlib.sha256(f"secret:{digest}".encode()).hexdigest(),
        "SessionToken": hashlib.sha256(f"token:{digest}".encode()).hexdigest(),
    }
    sts.register_session(
        credentials["AccessKeyId"],
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
            "UserId": f"{sts._role_id(role_arn)}:{name}",  # noqa: SLF001 - as above
            "SecretAccessKey": credentials["SecretAccessKey"],
            "SessionToken": credentials["SessionToken"],
            "AccountId": account,
            "PrincipalType": "AssumedRole",
        },
    )
    return credentials


def session_of_role(role_arn: str, session: str) -> Principal:
    """Return who acts in a session of a role."""
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    return role_principal(name, account, f"arn:aws:sts::{account}:assumed-role/{name}/{session}")


def is_role(role_arn: str) -> bool:
    """Tell whether this is the ARN of a role that exists."""
    if role_arn.count(":") < 5 or ":role/" not in role_arn:
        return False
    return iam._roles.get_scoped(role_arn.split(":")[4], None, role_arn.rpartition("/")[2]) is not None  # noqa: SLF001 - as above


def resource_of(service: str, operation: str, parameters: Json) -> str:
    """Return the ARN of what a call of an API of JSON is about, in `here`; `*` where it names none."""
    account, region = responses.get_account_id(), responses.get_region()
    headers, body = {"x-amz-target": f"{service}.{operation}"}, json.dumps(parameters).encode()
    return str(iam_actions.extract_resource_arn(service, "POST", "/", headers, body, {}, region, account))


def keep_boundary(entity: str, name: str, boundary: str | None) -> None:
    """Give a role or a user of `here` the permissions boundary of its template."""
    held = {"AWS::IAM::Role": iam._roles, "AWS::IAM::User": iam._users}[entity].get(name)  # noqa: SLF001 - as above
    if held is not None:
        held["PermissionsBoundary"] = boundary


def granted_actions(role: str, account: str) -> set[str]:
    """Return the patterns of actions that a role's own policies allow."""
    principal = role_principal(role, account, f"arn:aws:iam::{account}:role/{role}")
    statements = (statement for policy in principal.policies for statement in policy.statements)
    return {action for each in statements if each.allows and not each.excepts_actions for action in each.actions}
