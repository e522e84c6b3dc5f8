"""Who has a credential or a role, with the policies that the emulator holds for them."""

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import (
    iam,
    sts,
)

from pipeline.local.cloud.emulator import Json
from pipeline.local.cloud.iam.conditions import Keys
from pipeline.local.cloud.iam.decision import EVERYTHING, Principal, ResourcePolicy
from pipeline.local.cloud.iam.policies import Policy, read_policy


def principal_of(known: Any) -> Principal:
    """Return who has a credential, with all policies that limit it."""
    account, arn, kind = known.account_id, known.principal_arn, known.principal_type
    session = sts._sessions.get(known.access_key_id) or {}  # noqa: SLF001 - the emulator offers no other way
    keys = {name: values(value) for name, value in iam_evaluator._principal_keys(known).items()}  # noqa: SLF001 - as above
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
        keys={**(keys or _tags(role)), **({"aws:principalarn": [role["Arn"]]} if role else {})},
    )


def every_role() -> Iterator[Principal]:
    """Yield each role of every account."""
    for (account, *_, name), role in list(iam._roles.to_dict().items()):  # noqa: SLF001 - as above
        yield role_principal(name, account, str(role["Arn"]))


def _tags(role: Json) -> Keys:
    return {f"aws:principaltag/{tag['Key'].lower()}": [tag["Value"]] for tag in role.get("Tags") or ()}


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


def values(value: Any) -> Sequence[str]:
    """Return the values of a condition key."""
    return [str(each) for each in value] if isinstance(value, list | tuple | set) else [str(value)]


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


def boundary_of(name: str) -> tuple[str, str]:
    """Return the ARN of a role of `here`, and that of its permissions boundary; empty where there is none."""
    role = iam._roles.get(name) or {}  # noqa: SLF001 - as above
    return str(role.get("Arn") or ""), str(role.get("PermissionsBoundary") or "")


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
