"""Access beyond policies: properties that name a role, a principal, a way to sign in, an endpoint or a share.

Found by what a property is called, over all types: what a type of tomorrow calls `TaskRoleArn` is a role too. What such
a change allows is not compared; the row says so.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from pipeline.review.access import exposure, managed, network
from pipeline.review.access.policy_attachments import POLICY_TYPES, policy_documents
from pipeline.review.diff import redact
from pipeline.review.diff.compare import differences, is_named_parts, leaves
from pipeline.review.model import AccessChange, AccessKind, Direction, Json, StackLocation
from services.library.cloudformation.policy_text import policy_text
from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.cloudformation.template import Resource
from services.library.cloudformation.values import named_resources

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
WHO = frozenset(
    {
        "Account",
        "Accounts",
        "Admin",
        "Administrators",
        "Admins",
        "Grantee",
        "Identities",
        "Identity",
        "Member",
        "Members",
        "Organization",
        "Organizations",
        "Owner",
        "Owners",
        "Permission",
        "Permissions",
        "Principal",
        "Principals",
        "Role",
        "Roles",
        "Trusted",
    }
)
"""Words of properties that name somebody, or what somebody may do."""
HOW = frozenset(
    {
        "Acceptance",
        "Access",
        "Anonymous",
        "Auth",
        "Authenticate",
        "Authenticated",
        "Authentication",
        "Authorization",
        "Authorize",
        "Authorizer",
        "Authorizers",
        "External",
        "Grant",
        "Grants",
        "Internet",
        "Issuer",
        "JWT",
        "Jwt",
        "Login",
        "MFA",
        "Mfa",
        "Mfas",
        "OIDC",
        "Oidc",
        "Public",
        "Publicly",
        "SAML",
        "Saml",
        "Share",
        "Shared",
        "Sharing",
        "Unauthenticated",
    }
)
"""Words of properties that say how somebody gets in, or from where."""
WHO_NAMES = frozenset(
    {
        "CustomerManagedPolicyReferences",
        "Group",
        "GroupId",
        "GroupName",
        "Groups",
        "IamInstanceProfile",
        "InstanceProfile",
        "InstanceProfileName",
        "KubernetesGroups",
        "ManagedPolicies",
        "ManagedPolicyArns",
        "Policy",
        "PolicyArn",
        "PolicyArns",
        "TargetId",
        "TargetIds",
        "User",
        "UserId",
        "UserName",
        "Username",
        "Users",
    }
)
HOW_NAMES = frozenset(
    {
        "AdminCreateUserConfig",
        "ApiKeyRequired",
        "CallbackURLs",
        "OpenIdConnectProviderARNs",
        "PasswordPolicy",
        "Scheme",
        "Visibility",
    }
)
"""Names that are about access as a whole, and whose words are not."""
HARMLESS = frozenset(
    {
        "Description",
        "Gateway",
        "Infrequent",
        "Log",
        "Logging",
        "Logs",
        "Message",
        "Pattern",
        "Plane",
        "Subject",
        "TTL",
        "Tags",
        "Ttl",
    }
)
"""Words that make a property something else: where accesses are logged, how a mail about a sign-up begins."""
ABOUT_ACCESS = re.compile(
    r"(OIDC|SAML|Identity)Provider(Config)?$|IdentityPool|TrustAnchor|Authorizer$|^AWS::VerifiedPermissions::"
)
"""What a type is called that is nothing but a way to sign in: whatever changes in it is about access."""
WAY_IN = re.compile(r"(PUBLIC|PRIVATE)(_\w+)?|internet-facing|internal|authenticate-\w+|jwt-validation")
"""A value that says from where something is reached, or who is asked, whatever its property is called."""
OPEN = frozenset({"true", "none", "api_key", "public", "open", "internet-facing"})
PROTECTS = frozenset({"Block", "Ignore", "Restrict", "Require", "Only", "IAM", "Mfa", "MFA"})
"""Words of a setting that closes what it is about where it is true."""
PRINCIPALS = frozenset({"AssumeRolePolicyDocument", "ManagedPolicyArns", "PermissionsBoundary", "Policies"})
COMPARED: Mapping[str, frozenset[str]] = {
    "AWS::IAM::Group": PRINCIPALS,
    "AWS::IAM::Role": PRINCIPALS,
    "AWS::IAM::User": PRINCIPALS,
    **exposure.SETTINGS,
}
"""Type -> its properties whose change is graded elsewhere, by what it allows."""
COMPARED_TYPES = POLICY_TYPES | {"AWS::CodePipeline::Pipeline"} | network.TYPES
"""Types that are compared as a whole: policies, security groups, and the pipeline, whose review has its own part."""
SHOWN = 12


def changes(
    old: ResolvedTemplate, new: ResolvedTemplate, place: StackLocation, graded: Collection[str] = ()
) -> Iterator[AccessChange]:
    """Yield one for each resource whose properties name somebody else, or let somebody in in another way.

    `graded`: those of which it is said already how their own settings open or close them.
    """
    for name, resource in new.resources.items():
        if resource.type in COMPARED_TYPES or exposure.is_preflight(resource) or name in graded:
            continue
        before = old.resources.get(name)
        if before is resource:
            continue
        if before is not None and before.type == resource.type:
            found = list(_changed(before, resource))
        else:
            found, before = list(_introduced(resource, old, new)), None
        arns = _managed(resource) - (_managed(before) if before else set())
        if found or arns:
            yield _row(resource, found, sorted(arns), place)


def is_about_access(name: str) -> bool:
    """Return whether a property's name says that it is about who gets in, or how.

    A property is one word of letters; what has other characters in it is a key of somebody's own.
    """
    return name.isalnum() and (_names_who(name) or _says_how(name))


def _changed(before: Resource, after: Resource) -> Iterator[str]:
    compared = COMPARED.get(after.type, frozenset())
    for each in differences(before.properties, after.properties):
        if each.path[:1] and each.path[0] in compared:
            continue
        if any(True for value in (each.old, each.new) for _ in policy_documents(value)):
            continue
        below = {leaf for value in (each.old, each.new) if value is not None for leaf in leaves(value, each.path)}
        values = (found for side in (each.old, each.new) for found in _values(side, each.path))
        if any(_is_relevant(after, path) for path in below or {each.path}) or any(_is_way_in(*at) for at in values):
            name = each.path[-1] if each.path else ""
            yield f"{'.'.join(each.path)} changes from {_shown(each.old, name)} to {_shown(each.new, name)}"


def _introduced(resource: Resource, old: ResolvedTemplate, new: ResolvedTemplate) -> Iterator[str]:
    """What a new resource names that is not new itself, and ways in that its settings leave open."""
    compared = COMPARED.get(resource.type, frozenset())
    for path, value in _values(resource.properties, ()):
        if path[0] in compared or not _is_relevant(resource, path[-1:], path[:-1]):
            continue
        text = policy_text(value).lower()
        if text in OPEN and not PROTECTS & set(WORD.findall(path[-1])):
            yield f"{'.'.join(path)} is {text}"
        elif _names_who(path[-1]) and text not in ("", "true", "false", new.account):
            is_ours = bool(named := named_resources(value)) and named <= new.resources.keys() - old.resources.keys()
            if not is_ours:
                yield f"{'.'.join(path)} is {_shown(value, path[-1])}"


def _row(resource: Resource, found: list[str], arns: Iterable[str], place: StackLocation) -> AccessChange:
    named = [f"it now names the managed policy {arn.rpartition('/')[2]}" for arn in arns]
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    note = ["changed, not graded: what this allows is not compared"] if found else []
    return AccessChange(
        stage=place.stage,
        service=place.service,
        stack=place.stack,
        kind=AccessKind.IDENTITY,
        logical_id=resource.logical_id,
        path=resource.path,
        direction=Direction.BROADENED if arns else Direction.UNKNOWN,
        admin=any(managed.is_everything(arn) for arn in arns),
        wildcard=any(managed.is_wide(arn) for arn in arns) and not any(map(managed.is_everything, arns)),
        evidence="\n".join([*named, *found[:SHOWN], *more, *note]),
    )


def _is_relevant(resource: Resource, path: Sequence[str], around: Sequence[str] = ()) -> bool:
    """Whether a part of a path is about access, and not what the resource itself, or where it logs, is called."""
    words = {word for name in (*around, *path) for word in WORD.findall(name)}
    if ABOUT_ACCESS.search(resource.type) and not words & HARMLESS:
        return True
    own = f"{resource.type.rpartition(':')[2]}Name"
    return any(is_about_access(name) and name != own and not (name in WHO_NAMES and words & HARMLESS) for name in path)


def _is_way_in(path: Sequence[str], value: Json) -> bool:
    """Whether a value by itself says how something is reached."""
    words = {word for name in path for word in WORD.findall(name)}
    is_of_ours = all(name.isalnum() for name in path) and not words & HARMLESS
    return is_of_ours and isinstance(value, str) and bool(WAY_IN.fullmatch(value))


def _names_who(name: str) -> bool:
    return name in WHO_NAMES or not WHO.isdisjoint(WORD.findall(name))


def _says_how(name: str) -> bool:
    words = set(WORD.findall(name))
    return name in HOW_NAMES or (bool(words & HOW) and not words & HARMLESS)


def _values(value: Json, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Json]]:
    """Every value below a resource's properties that is no list and has no named parts."""
    if isinstance(value, list):
        for each in value:
            yield from _values(each, path)
    elif is_named_parts(value):
        for key, each in value.items():
            yield from _values(each, (*path, key))
    elif path and not any(True for _ in policy_documents(value)):
        yield path, value


def _managed(resource: Resource) -> set[str]:
    """The managed policies of AWS's that a resource names, where that is not compared as a policy."""
    if "policy/" not in str(resource.properties):
        return set()
    compared = COMPARED.get(resource.type, frozenset())
    texts = (policy_text(value) for path, value in _values(resource.properties, ()) if path[0] not in compared)
    return {text for text in texts if managed.is_graded(text)}


def _shown(value: Json, name: str) -> str:
    """A value for people. `name`: the property's, for what it holds may be a secret."""
    return "nothing" if value is None else redact.text(policy_text(redact.value(value, name=name)))
