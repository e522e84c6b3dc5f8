"""Decides a request as IAM does: an explicit Deny wins, an Allow is needed, and each limit must allow it too.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
"""

import enum
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.local.cloud.iam.conditions import Keys, UnknownOperatorError, conditions_met
from pipeline.local.cloud.iam.policies import (
    InvalidPolicyError,
    Policy,
    Statement,
    matches,
    matches_arn,
    read_policy,
    with_variables,
)

EVERYTHING = read_policy("the root of an account", {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
_SESSION = re.compile(r"arn:(aws[a-z-]*):sts::(\d{12}):assumed-role/([^/]+)/.+")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/(?:.*/)?([^/]+)")
ANONYMOUS = "anonymous"
_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?(\d{12})(?::root)?")


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who makes a request, with all that limits it."""

    arn: str
    """Of a user, of a role's session, of an account's root; a service's name (`lambda.amazonaws.com`); `anonymous`."""
    account: str
    """Empty for a service and for who does not sign."""
    policies: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] | None = None
    """Session policies; None without any."""
    keys: Keys = field(default_factory=dict)

    @property
    def is_service(self) -> bool:
        """Tell whether AWS itself asks: no identity-based policy says what a service may do."""
        return not self.account and not self.is_anonymous

    @property
    def is_anonymous(self) -> bool:
        """Tell whether nobody has signed."""
        return self.arn == ANONYMOUS

    @property
    def is_root(self) -> bool:
        """Tell whether an account itself asks."""
        return self.arn.endswith(":root")

    @property
    def role(self) -> str:
        """The name of the role whose session it is; empty otherwise."""
        found = _SESSION.fullmatch(self.arn)
        return found[3] if found else ""

    @property
    def role_arn(self) -> str:
        """The ARN of that role, but for its path; empty otherwise."""
        return _as_role(self.arn) if self.role else ""


@dataclass(frozen=True, kw_only=True)
class ResourcePolicy:
    """The policy of a resource."""

    policy: Policy
    kind: str = "resource-based policy"
    """`key policy` and `trust policy` must allow even what an identity-based policy of the same account allows."""

    @property
    def is_required(self) -> bool:
        """Tell whether nothing goes without its Allow."""
        return self.kind != "resource-based policy"


@dataclass(frozen=True, kw_only=True)
class Request:
    """An action on a resource."""

    action: str
    resource: str
    owner: str
    """The account that has the resource."""
    keys: Keys = field(default_factory=dict)
    resource_policy: ResourcePolicy | None = None


class Reason(enum.StrEnum):
    """What decided."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicit deny"
    NO_IDENTITY_POLICY = "no identity-based policy"
    NO_BOUNDARY = "no permissions boundary"
    NO_SESSION_POLICY = "no session policy"
    NO_RESOURCE_POLICY = "no resource-based policy"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether a request may be made, and what decided that."""

    reason: Reason
    because: str
    """For people: `Allow "Reads" in the policy Default of role intake`, `no Allow in ...`."""
    clause: str = ""
    """How AWS's own error goes on after the resource."""

    @property
    def allowed(self) -> bool:
        """Tell whether it may."""
        return self.reason is Reason.ALLOWED


@dataclass(frozen=True, kw_only=True)
class Denial:
    """A request that is denied: the one that was made, or one that it comes to, such as the use of a key."""

    principal: Principal
    request: Request
    decision: Decision

    @property
    def message(self) -> str:
        """Say it as AWS does.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
        """
        who, asked = f"User: {self.principal.arn} is not authorized", self.request
        if self.decision.reason is Reason.UNKNOWN:
            return f"{who}: {self.decision.because}"
        return f"{who} to perform: {asked.action} on resource: {asked.resource} {self.decision.clause}"


def as_far_as_known(principal: Principal, known: Collection[str], *, resource: bool) -> Principal:
    """Return a principal to decide a call by of which not all is known here. An Allow counts if it may hold.

    A Deny counts if it surely holds. `known`: the condition keys of services, in lower case; `resource`: whether the
    resource is known.
    """

    def of(policy: Policy) -> Policy:
        statements = (_as_far_as_known(each, known, resource=resource) for each in policy.statements)
        return replace(policy, statements=tuple(filter(None, statements)))

    session = principal.session
    return replace(
        principal,
        policies=tuple(map(of, principal.policies)),
        boundary=principal.boundary and of(principal.boundary),
        session=session and tuple(map(of, session)),
    )


def _as_far_as_known(statement: Statement, known: Collection[str], *, resource: bool) -> Statement | None:
    conditions = {
        operator: {key: values for key, values in test.items() if _is_known(key.lower(), known)}
        for operator, test in statement.conditions.items()
    }
    if not statement.allows and (conditions != statement.conditions or not (resource or statement.resources == ("*",))):
        return None
    if resource:
        return replace(statement, conditions=conditions)
    return replace(statement, conditions=conditions, resources=("*",), excepts_resources=False)


def _is_known(key: str, known: Collection[str]) -> bool:
    """Tell whether a request has a key if it should: of services those that are given, of all but tags of resources."""
    return key in known or (key.startswith("aws:") and not key.startswith("aws:resourcetag/"))


def decide(principal: Principal, request: Request) -> Decision:
    """Decide a request. What the evaluator does not understand is denied, and said."""
    if not request.action:
        because = f"the local cloud does not know which action of IAM {request.resource} is"
        return Decision(reason=Reason.UNKNOWN, because=because)
    try:
        return _decide(principal, request)
    except (InvalidPolicyError, UnknownOperatorError) as error:
        return Decision(reason=Reason.UNKNOWN, because=str(error))


def allows(principal: Principal, request: Request) -> Iterator[tuple[Policy, Statement]]:
    """Yield each statement that allows a request, of every policy that has a say in it."""
    keys = {**_keys(principal, request), **principal.keys, **request.keys}
    yield from _Question(principal=principal, request=request, keys=keys).allows()


def _decide(principal: Principal, request: Request) -> Decision:
    keys = {**_keys(principal, request), **principal.keys, **request.keys}
    question = _Question(principal=principal, request=request, keys=keys)
    return question.denied() or question.allowed()


def _keys(principal: Principal, request: Request) -> Keys:
    """Return the global condition keys that follow from who asks for what.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    where = {"aws:resourceaccount": [request.owner]}
    if principal.is_anonymous:
        return {**where, "aws:principalaccount": [ANONYMOUS], "aws:principaltype": ["Anonymous"]}
    if principal.is_service:
        return {**where, "aws:principalisawsservice": ["true"], "aws:principalservicename": [principal.arn]}
    return {
        **where,
        "aws:principalarn": [_as_role(principal.arn)],
        "aws:principalaccount": [principal.account],
        "aws:principalisawsservice": ["false"],
    }


def _as_role(arn: str) -> str:
    """Return the ARN that `aws:PrincipalArn` has: a session's is that of its role."""
    found = _SESSION.fullmatch(arn)
    return f"arn:{found[1]}:iam::{found[2]}:role/{found[3]}" if found else arn


class _Naming(enum.IntEnum):
    """How a resource's policy names who asks, which decides what its Allow is good for.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    """

    NOT = 0
    ACCOUNT = 1
    """Its identity-based policies must allow it as well."""
    ROLE = 2
    """They need not, but the boundary and the session policies must."""
    ITSELF = 3
    """A user or a session: none of these must."""


@dataclass(frozen=True, kw_only=True)
class _Question:
    principal: Principal
    request: Request
    keys: Keys

    def denied(self) -> Decision | None:
        """Look for a Deny, wherever one may stand."""
        for kind, policies in self._layers():
            for policy in policies:
                for statement in self._matching(policy, allows=False):
                    return self._refuse(
                        Reason.EXPLICIT_DENY,
                        f"explicit Deny {_sid(statement)}in {policy.name}",
                        f"with an explicit deny in {'an' if kind[0] in 'aeiou' else 'a'} {kind}",
                    )
        resource = self.request.resource_policy
        for statement in self._matching(resource.policy, allows=False) if resource else ():
            if resource and self._naming(statement):
                return self._refuse(
                    Reason.EXPLICIT_DENY,
                    f"explicit Deny {_sid(statement)}in {resource.policy.name}",
                    f"with an explicit deny in a {resource.kind}",
                )
        return None

    def allowed(self) -> Decision:
        """Look for every Allow that is needed."""
        by_resource = self._by_resource()
        naming = by_resource[0] if by_resource else _Naming.NOT
        resource, principal = self.request.resource_policy, self.principal
        is_foreign = self.request.owner != principal.account
        if not naming and (is_foreign or (resource and resource.is_required)):
            where = resource.policy.name if resource else f"any policy of {self.request.resource}, which has none"
            kind = resource.kind if resource else "resource-based policy"
            return self._refuse(Reason.NO_RESOURCE_POLICY, f"no Allow in {where}", self._none(kind))
        if not principal.account or (naming is _Naming.ITSELF and not is_foreign):
            return self._allow(by_resource)
        by_identity = self._first_allow(principal.policies)
        if by_identity is None and (is_foreign or naming < _Naming.ROLE):
            where = _several([policy.name for policy in principal.policies]) or f"any policy: {principal.arn} has none"
            return self._refuse(Reason.NO_IDENTITY_POLICY, f"no Allow in {where}", self._none("identity-based policy"))
        return self._limited() or self._allow(by_identity or by_resource)

    def allows(self) -> Iterator[tuple[Policy, Statement]]:
        """Yield each Allow that this question finds."""
        for _, policies in self._layers():
            for policy in policies:
                yield from ((policy, each) for each in self._matching(policy, allows=True))
        if resource := self.request.resource_policy:
            named = (each for each in self._matching(resource.policy, allows=True) if self._naming(each))
            yield from ((resource.policy, each) for each in named)

    def _limited(self) -> Decision | None:
        boundary, session = self.principal.boundary, self.principal.session
        if boundary and self._first_allow((boundary,)) is None:
            clause = self._none("permissions boundary")
            return self._refuse(Reason.NO_BOUNDARY, f"no Allow in {boundary.name}", clause)
        if session is not None and self._first_allow(session) is None:
            where = _several([policy.name for policy in session]) or "its session policies: there are none"
            return self._refuse(Reason.NO_SESSION_POLICY, f"no Allow in {where}", self._none("session policy"))
        return None

    def _layers(self) -> Iterator[tuple[str, Iterable[Policy]]]:
        yield "identity-based policy", self.principal.policies
        yield "permissions boundary", [self.principal.boundary] if self.principal.boundary else []
        yield "session policy", self.principal.session or ()

    def _by_resource(self) -> tuple[_Naming, Statement, Policy] | None:
        """Find the Allow of the resource's policy that names who asks most closely."""
        resource = self.request.resource_policy
        if resource is None or (resource.kind == "key policy" and self.principal.is_anonymous):
            return None  # KMS answers signed requests alone, whomever a key's policy names
        found = [(self._naming(each), each) for each in self._matching(resource.policy, allows=True)]
        best = max(found, key=lambda each: each[0], default=None)
        return (*best, resource.policy) if best and best[0] else None

    def _first_allow(self, policies: Iterable[Policy]) -> tuple[_Naming, Statement, Policy] | None:
        for policy in policies:
            for statement in self._matching(policy, allows=True):
                return _Naming.ITSELF, statement, policy
        return None

    def _matching(self, policy: Policy, *, allows: bool) -> Iterator[Statement]:
        if policy.fault:
            raise InvalidPolicyError(policy.fault)
        return (each for each in policy.statements if each.allows == allows and _covers(each, self.request, self.keys))

    def _naming(self, statement: Statement) -> _Naming:
        named = {_names(kind, name, self.principal) for kind, name in _listed(statement)} - {_Naming.NOT}
        if not statement.excepts_principals:
            return max(named, default=_Naming.NOT)
        is_spared = named if statement.allows else named >= self._needed_to_be_spared()
        return _Naming.NOT if is_spared else _Naming.ROLE

    def _needed_to_be_spared(self) -> set[_Naming]:
        """Return what a Deny with NotPrincipal must list of who asks; nothing spares who has a boundary.

        "AWS might validate the account first, then the role, and then the assumed-role user."
        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
        """
        principal = self.principal
        if principal.boundary:
            return set(_Naming)
        role = {_Naming.ROLE} if principal.role else set()
        account = {_Naming.ACCOUNT} if principal.account and not principal.is_root else set()
        return {_Naming.ITSELF, *role, *account}

    def _none(self, kind: str) -> str:
        return f"because no {kind} allows the {self.request.action} action"

    def _refuse(self, reason: Reason, because: str, clause: str) -> Decision:
        return Decision(reason=reason, because=because, clause=clause)

    def _allow(self, found: tuple[_Naming, Statement, Policy] | None) -> Decision:
        _, statement, policy = found or (None, None, EVERYTHING)
        sid = _sid(statement) if statement else ""
        return Decision(reason=Reason.ALLOWED, because=f"Allow {sid}in {policy.name}")


def _covers(statement: Statement, request: Request, keys: Keys) -> bool:
    actions = any(matches(each, request.action, ignore_case=True) for each in statement.actions)
    return (
        actions != statement.excepts_actions
        and _covers_resource(statement, request.resource, keys)
        and conditions_met(statement, keys)
    )


def _covers_resource(statement: Statement, resource: str, keys: Keys) -> bool:
    if not statement.resources:
        return True  # a trust policy is about its own role
    patterns = (with_variables(each, keys) if statement.has_variables else each for each in statement.resources)
    return any(matches_arn(each, resource) for each in patterns) != statement.excepts_resources


def _listed(statement: Statement) -> Iterator[tuple[str, str]]:
    principals: Mapping[str, Sequence[str]] = statement.principals
    return ((kind, name) for kind, names in principals.items() for name in names)


def _names(kind: str, name: str, principal: Principal) -> _Naming:
    """Tell how closely an element of Principal names who asks.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    if kind == "AWS" and name == "*":
        return _Naming.ROLE if principal.account else _Naming.ITSELF
    if not principal.account or kind != "AWS":
        is_named = kind == "Service" and principal.is_service and name.lower() == principal.arn.lower()
        return _Naming.ITSELF if is_named else _Naming.NOT
    if name == principal.arn:
        return _Naming.ITSELF
    if (account := _ACCOUNT.fullmatch(name)) and account[1] == principal.account:
        return _Naming.ITSELF if principal.is_root else _Naming.ACCOUNT
    role = _ROLE.fullmatch(name)
    if role and principal.role and (role[1], role[2]) == (principal.account, principal.role):
        return _Naming.ROLE
    return _Naming.NOT


def _sid(statement: Statement) -> str:
    return f'"{statement.sid}" ' if statement.sid else ""


def _several(names: Sequence[str]) -> str:
    return ", ".join(names)
