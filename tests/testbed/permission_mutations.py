"""Judges recorded requests again, each time with one of the permissions taken out that allowed them."""

import enum
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.local.cloud.iam.decision import Principal, Request, ResourcePolicy, allows, decide
from pipeline.local.cloud.iam.policies import Policy, Statement, matches

Json = dict[str, Any]
Asking = tuple[Principal, Request]


_OURS = re.compile(r"penstock-execution|the boundary")
_GENERATED = re.compile(r"([0-9A-F]{8})?(-[0-9A-F]{10,13})?$")
"""What CloudFormation and the CDK put behind a name."""
_STAGE = re.compile("^[a-z0-9]+-")
"""What begins the name of a service's role, in a test's stage as well; the pipeline's own begin with its name."""


class Verdict(enum.StrEnum):
    """What comes of taking a permission out."""

    NEEDED = "needed"
    """A request is denied."""
    REDUNDANT = "redundant"
    """Requests are about it, and something else allows each of them as well."""
    UNUSED = "unused"
    """No request is about it."""


@dataclass(frozen=True, order=True, kw_only=True)
class Permission:
    """An action of a statement, or a statement whole, of the policy with this name."""

    policy: str
    place: int
    action: str = ""
    """Empty for the statement."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What a local cloud has recorded."""

    requests: Sequence[Asking]
    held: Sequence[Policy]
    """The policies of roles, their boundaries, and the policies of keys."""


def read(recorded: Json) -> Recorded:
    """Read what a cloud answers."""
    policies = {key: _policy(written) for key, written in recorded["policies"].items()}
    requests = [_request(written, policies) for written in recorded["requests"]]
    roles = [key for role in recorded["roles"] for key in (*role["policies"], role["boundary"]) if key]
    held = {policies[key].name: policies[key] for key in (*roles, *recorded["keys"])}
    return Recorded(requests=requests, held=list(held.values()))


def together(several: Iterable[Recorded]) -> Recorded:
    """Return what several clouds have recorded."""
    listed = list(several)
    held = {policy.name: policy for each in listed for policy in each.held}
    return Recorded(requests=[asking for each in listed for asking in each.requests], held=list(held.values()))


def holder(permission: Permission) -> str:
    """Return whose permission it is, the same in every stage; empty for what is not of this repository."""
    if "arn:aws:iam::aws:" in permission.policy:
        return ""
    if found := _OURS.search(permission.policy):
        return found[0]
    if permission.policy.startswith("the policy of arn:aws:kms:"):
        return "a key"
    role = permission.policy.rpartition("role ")[2]
    return "" if role.startswith("cdk-") else _STAGE.sub("*-", _GENERATED.sub("", role))


def unused(verdicts: Mapping[Permission, Verdict]) -> set[tuple[str, str]]:
    """Return the holders and the actions that nothing is about in any stage."""
    of_verdict: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    for permission, verdict in verdicts.items():
        if permission.action and (whose := holder(permission)):
            of_verdict[verdict is Verdict.UNUSED].add((whose, permission.action))
    return of_verdict[True] - of_verdict[False]


def judge(recorded: Recorded) -> Mapping[Permission, Verdict]:
    """Return what comes of taking out each permission, one at a time."""
    about: dict[Permission, list[Asking]] = defaultdict(list)
    for asking in recorded.requests:
        for permission in used(*asking):
            about[permission].append(asking)
    everything = {permission for policy in recorded.held for permission in permissions(policy)}
    return {each: _verdict(each, about.get(each, ())) for each in sorted(everything)}


def permissions(policy: Policy) -> Iterator[Permission]:
    """Yield what can be taken out of a policy: what denies is none."""
    for statement in policy.statements:
        if statement.allows:
            yield from _of(policy, statement, statement.actions)


def used(principal: Principal, request: Request) -> set[Permission]:
    """Return the permissions that allow a request."""
    found = set()
    for policy, statement in allows(principal, request):
        actions = [each for each in statement.actions if matches(each, request.action, ignore_case=True)]
        found |= set(_of(policy, statement, actions))
    return found


def is_denied_without(permission: Permission, principal: Principal, request: Request) -> bool:
    """Tell whether a request needs a permission."""

    def changed(policy: Policy) -> Policy:
        return _without(policy, permission) if policy.name == permission.policy else policy

    held = request.resource_policy
    return not decide(
        replace(
            principal,
            policies=tuple(map(changed, principal.policies)),
            boundary=principal.boundary and changed(principal.boundary),
            session=principal.session and tuple(map(changed, principal.session)),
        ),
        replace(request, resource_policy=held and replace(held, policy=changed(held.policy))),
    ).allowed


def _verdict(permission: Permission, about: Sequence[Asking]) -> Verdict:
    if not about:
        return Verdict.UNUSED
    return Verdict.NEEDED if any(is_denied_without(permission, *each) for each in about) else Verdict.REDUNDANT


def _of(policy: Policy, statement: Statement, actions: Iterable[str]) -> Iterator[Permission]:
    yield Permission(policy=policy.name, place=statement.place)
    if not statement.excepts_actions:
        for action in actions:
            yield Permission(policy=policy.name, place=statement.place, action=action)


def _without(policy: Policy, permission: Permission) -> Policy:
    kept = []
    for statement in policy.statements:
        if statement.place != permission.place or not statement.allows:
            kept.append(statement)
            continue
        actions = tuple(each for each in statement.actions if permission.action and each != permission.action)
        if actions:
            kept.append(replace(statement, actions=actions))
    return replace(policy, statements=tuple(kept))


def _policy(written: Json) -> Policy:
    statements = tuple(
        Statement(
            **{
                **each,
                **{name: tuple(each[name]) for name in ("actions", "resources")},
                "principals": {kind: tuple(names) for kind, names in each["principals"].items()},
                "conditions": {
                    operator: {key: tuple(values) for key, values in test.items()}
                    for operator, test in each["conditions"].items()
                },
            }
        )
        for each in written["statements"]
    )
    return Policy(**{**written, "statements": statements, "condition_keys": frozenset(written["condition_keys"])})


def _request(written: Json, policies: Mapping[str, Policy]) -> Asking:
    who, held = written["who"], written["resource_policy"]
    session = who["session"]
    principal = Principal(
        arn=who["arn"],
        account=who["account"],
        policies=tuple(policies[key] for key in who["policies"]),
        boundary=policies[who["boundary"]] if who["boundary"] else None,
        session=None if session is None else tuple(policies[key] for key in session),
        keys=who["keys"],
    )
    request = Request(
        action=written["action"],
        resource=written["resource"],
        owner=written["owner"],
        keys=written["keys"],
        resource_policy=held and ResourcePolicy(policy=policies[held["policy"]], kind=held["kind"]),
    )
    return principal, request
