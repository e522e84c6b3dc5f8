"""Settings that open a resource to others without any policy: function URLs, API methods, ACLs, public endpoints."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from pipeline.review.model import AccessChange, AccessKind, Direction, Json, StackLocation
from services.library.cloudformation.policy_text import list_of, policy_text
from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.cloudformation.template import Resource
from services.library.cloudformation.undecided import MOST_UNDECIDED, combinations, decide, undecided_conditions
from services.library.cloudformation.values import named_resources


@dataclass(frozen=True, slots=True)
class Opening:
    """One way in that a resource's settings leave."""

    words: str
    """Completes "now" and "no longer"."""
    public: bool = False
    world: bool = False
    kind: AccessKind = AccessKind.RESOURCE


def changes(old: ResolvedTemplate, new: ResolvedTemplate, place: StackLocation) -> Iterator[AccessChange]:
    """Yield one for each resource with an opening more or less."""
    for name in sorted(old.resources.keys() | new.resources.keys()):
        before, after = old.resources.get(name), new.resources.get(name)
        resource = after or before
        if resource is None or resource.type not in OPENINGS or before is after:
            continue
        sides = [each if each and each.type == resource.type else None for each in (before, after)]
        gained: set[Opening] = set()
        lost: set[Opening] = set()
        for way in _ways(sides):
            had, has = (_openings(each, way) for each in sides)
            if (resource.type in ONLY_AS_A_CHANGE or _comes_with_another(resource, old, new)) and (
                had is None or has is None
            ):
                had, has = ({each for each in side or () if each.public} for side in (had, has))
            gained |= (has or set()) - (had or set())
            lost |= (had or set()) - (has or set())
        if gained or lost:
            yield _change(resource, gained, lost, place)


def _comes_with_another(resource: Resource, old: ResolvedTemplate, new: ResolvedTemplate) -> bool:
    """Whether what a resource is a part of comes, or goes, as a whole."""
    names = named_resources(resource.properties.get(PART_OF.get(resource.type, "")))
    return any((name in old.resources) is not (name in new.resources) for name in names)


def _ways(sides: Iterable[Resource | None]) -> Iterator[Mapping[str, bool]]:
    """Yield every way that undecided conditions may turn out; for too many, one in which none of them does."""
    names: set[str] = set()
    for each in sides:
        if each:
            names |= undecided_conditions(each.properties) | ({each.condition} if each.condition else set())
    yield from combinations(names) if len(names) <= MOST_UNDECIDED else [{}]


def _openings(resource: Resource | None, way: Mapping[str, bool]) -> set[Opening] | None:
    """The ways in that a resource leaves; None for one that is not there."""
    if resource is None or not way.get(resource.condition, True) or is_preflight(resource):
        return None
    return set(OPENINGS[resource.type](decide(resource.properties, way) if way else resource.properties))


def _undecided(properties: Mapping[str, Json], name: str) -> Iterator[Opening]:
    """A setting that only a deployment knows."""
    if isinstance(properties.get(name), Mapping):
        yield Opening(f"open or not as {name} {policy_text(properties[name])} says")


def _change(resource: Resource, gained: set[Opening], lost: set[Opening], place: StackLocation) -> AccessChange:
    return AccessChange(
        stage=place.stage,
        service=place.service,
        stack=place.stack,
        kind=next(iter(gained | lost)).kind,
        logical_id=resource.logical_id,
        path=resource.path,
        direction=((Direction.CHANGED if lost else Direction.BROADENED) if gained else Direction.NARROWED),
        public=any(each.public for each in gained),
        world=any(each.world for each in gained),
        evidence="\n".join(
            [f"now {each}" for each in sorted(each.words for each in gained)]
            + [f"no longer {each}" for each in sorted(each.words for each in lost)]
        ),
    )


def _function_url(properties: Mapping[str, Json]) -> Iterator[Opening]:
    auth = properties.get("AuthType")
    if auth != "AWS_IAM":
        words = "open to anybody at its URL, without a signature (AuthType NONE)"
        yield Opening(
            words if auth == "NONE" else f"signed or not as AuthType {policy_text(auth)} says",
            public=auth == "NONE",
            kind=AccessKind.FUNCTION_URL,
        )


def is_preflight(resource: Resource) -> bool:
    """Return whether it answers a browser's preflight requests, which cannot be signed."""
    match resource.type:
        case "AWS::ApiGateway::Method":
            return resource.properties.get("HttpMethod") == "OPTIONS"
        case "AWS::ApiGatewayV2::Route":
            return policy_text(resource.properties.get("RouteKey")).startswith("OPTIONS ")
    return False


def _method(properties: Mapping[str, Json]) -> Iterator[Opening]:
    yield from _undecided(properties, "AuthorizationType")
    if properties.get("AuthorizationType", "NONE") == "NONE":
        needs_key = properties.get("ApiKeyRequired") in (True, "true")
        yield Opening(
            f"open to anybody{' who has an API key' if needs_key else ''}, without an authorizer"
            f" ({policy_text(properties.get('HttpMethod'))}, AuthorizationType NONE)",
            public=not needs_key,
        )


def _route(properties: Mapping[str, Json]) -> Iterator[Opening]:
    route = policy_text(properties.get("RouteKey"))
    yield from _undecided(properties, "AuthorizationType")
    if properties.get("AuthorizationType", "NONE") == "NONE":
        yield Opening(f"open to anybody, without an authorizer ({route})", public=True)


def _bucket(properties: Mapping[str, Json]) -> Iterator[Opening]:
    yield from _undecided(properties, "AccessControl")
    acl = properties.get("AccessControl")
    if acl in ("PublicRead", "PublicReadWrite"):
        yield Opening(f"open to anybody by its ACL {acl}", public=True)
    elif acl == "AuthenticatedRead":
        yield Opening("open to every AWS account by its ACL AuthenticatedRead", public=True)
    blocks = properties.get("PublicAccessBlockConfiguration") or {}
    for name in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"):
        if blocks.get(name) not in (True, "true"):
            yield Opening(f"without {name}, which keeps a policy or ACL from opening it to the public")


def _endpoint(properties: Mapping[str, Json]) -> Iterator[Opening]:
    yield from _undecided(properties, "PubliclyAccessible")
    if properties.get("PubliclyAccessible") in (True, "true"):
        yield Opening("with an address on the internet (PubliclyAccessible)", world=True)


def _identity_pool(properties: Mapping[str, Json]) -> Iterator[Opening]:
    yield from _undecided(properties, "AllowUnauthenticatedIdentities")
    if properties.get("AllowUnauthenticatedIdentities") in (True, "true"):
        yield Opening("giving credentials to guests, so to anybody (AllowUnauthenticatedIdentities)", public=True)


def _user_pool(properties: Mapping[str, Json]) -> Iterator[Opening]:
    created = properties.get("AdminCreateUserConfig")
    if not isinstance(created, Mapping) or created.get("AllowAdminCreateUserOnly") not in (True, "true"):
        yield Opening("letting anybody sign up (AllowAdminCreateUserOnly is not true)", public=True)


def _cluster(properties: Mapping[str, Json]) -> Iterator[Opening]:
    network = properties.get("ResourcesVpcConfig")
    settings = network if isinstance(network, Mapping) else {}
    ranges = list_of(settings.get("PublicAccessCidrs")) or ["0.0.0.0/0"]
    if settings.get("EndpointPublicAccess") not in (False, "false"):
        named = ", ".join(sorted(map(policy_text, ranges)))
        is_world = any(policy_text(each).endswith("/0") for each in ranges)
        yield Opening(f"with an endpoint on the internet for {named} (EndpointPublicAccess)", world=is_world)


def _route_out(properties: Mapping[str, Json]) -> Iterator[Opening]:
    destination = properties.get("DestinationCidrBlock", properties.get("DestinationIpv6CidrBlock"))
    if "GatewayId" in properties and policy_text(destination).endswith("/0"):
        yield Opening("with a way to the internet, and from it (GatewayId)")


def _network_entry(properties: Mapping[str, Json]) -> Iterator[Opening]:
    is_outgoing = properties.get("Egress") in (True, "true")
    if properties.get("RuleAction") == "allow" and not is_outgoing:
        source = policy_text(properties.get("CidrBlock", properties.get("Ipv6CidrBlock")))
        first, last = (
            (properties.get("PortRange") or {}).get("From", "any"),
            (properties.get("PortRange") or {}).get("To", "any"),
        )
        yield Opening(f"letting in {source}, ports {policy_text(first)} to {policy_text(last)}")


def _firewall(properties: Mapping[str, Json]) -> Iterator[Opening]:
    action = properties.get("DefaultAction")
    if not (isinstance(action, Mapping) and "Block" in action):
        yield Opening("letting through what no rule names (DefaultAction)")


OPENINGS: Mapping[str, Callable[[Mapping[str, Json]], Iterator[Opening]]] = {
    "AWS::Lambda::Url": _function_url,
    "AWS::ApiGateway::Method": _method,
    "AWS::ApiGatewayV2::Route": _route,
    "AWS::S3::Bucket": _bucket,
    "AWS::Cognito::IdentityPool": _identity_pool,
    "AWS::Cognito::UserPool": _user_pool,
    "AWS::EC2::NetworkAclEntry": _network_entry,
    "AWS::EC2::Route": _route_out,
    "AWS::EKS::Cluster": _cluster,
    "AWS::RDS::DBInstance": _endpoint,
    "AWS::RDS::DBCluster": _endpoint,
    "AWS::Redshift::Cluster": _endpoint,
    "AWS::DMS::ReplicationInstance": _endpoint,
    "AWS::WAFv2::WebACL": _firewall,
}
SETTINGS: Mapping[str, frozenset[str]] = {
    "AWS::Lambda::Url": frozenset({"AuthType"}),
    "AWS::S3::Bucket": frozenset({"AccessControl", "PublicAccessBlockConfiguration"}),
    "AWS::Cognito::IdentityPool": frozenset({"AllowUnauthenticatedIdentities"}),
    "AWS::Cognito::UserPool": frozenset({"AdminCreateUserConfig"}),
    **{
        type_: frozenset({"PubliclyAccessible"})
        for type_ in (
            "AWS::RDS::DBInstance",
            "AWS::RDS::DBCluster",
            "AWS::Redshift::Cluster",
            "AWS::DMS::ReplicationInstance",
        )
    },
}
"""Type -> its properties of which every value is graded here."""
ONLY_AS_A_CHANGE = frozenset({"AWS::S3::Bucket", "AWS::WAFv2::WebACL"})
"""A new bucket blocks public access unless its template says otherwise, so only its ACL counts then; a new firewall
guards what nobody guarded before.
"""
PART_OF: Mapping[str, str] = {"AWS::EC2::NetworkAclEntry": "NetworkAclId", "AWS::EC2::Route": "RouteTableId"}
"""Type -> the property that names what it is a part of: with a new network comes all that is in it."""
