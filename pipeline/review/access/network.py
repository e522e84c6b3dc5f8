"""Security groups: which addresses may connect where, over inline and standalone rules together."""

import ipaddress
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.review.model import AccessChange, AccessKind, Direction, Json, StackLocation
from services.library.cloudformation.policy_text import list_of, policy_text
from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.cloudformation.template import Resource
from services.library.cloudformation.undecided import MOST_UNDECIDED, combinations, decide, undecided_conditions

GROUP = "AWS::EC2::SecurityGroup"
INLINE = {"SecurityGroupIngress": True, "SecurityGroupEgress": False}
STANDALONE = {"AWS::EC2::SecurityGroupIngress": True, "AWS::EC2::SecurityGroupEgress": False}
TYPES = frozenset({GROUP, *STANDALONE})
EVERY_PROTOCOL = "-1"
ANY_DESTINATION = {"IpProtocol": EVERY_PROTOCOL, "CidrIp": "0.0.0.0/0"}
"""What a group without rules for what goes out has."""
PORTS = 65_536
WORLD = {4: 8, 6: 16}
"""A network with a shorter prefix than this holds strangers, whatever it is for."""
MOST_CELLS = 1_000_000
_PEERS = {
    "SourceSecurityGroupId": "security group",
    "DestinationSecurityGroupId": "security group",
    "SourceSecurityGroupName": "security group",
    "SourcePrefixListId": "prefix list",
    "DestinationPrefixListId": "prefix list",
}

_WHO = frozenset({"CidrIp", "CidrIpv6", *_PEERS})

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class SecurityGroupRule:
    """Who may reach which ports, or be reached at them."""

    is_ingress: bool
    protocol: str
    ports: range
    peer: _Network | str
    logical_id: str

    @property
    def is_world(self) -> bool:
        """Return whether it lets in addresses that belong to nobody in particular."""
        return self.is_ingress and not isinstance(self.peer, str) and self.peer.prefixlen < WORLD[self.peer.version]

    @property
    def words(self) -> str:
        """For people: `tcp 443`, `every port`."""
        if self.protocol == EVERY_PROTOCOL:
            return "every port"
        if len(self.ports) in (0, PORTS):
            return self.protocol
        last = self.ports[-1]
        return f"{self.protocol} {self.ports[0]}" + (f"-{last}" if last != self.ports[0] else "")


def changes(old: ResolvedTemplate, new: ResolvedTemplate, place: StackLocation) -> Iterator[AccessChange]:
    """Yield one for each resource whose rules let more, or less, through."""
    groups = sorted(_groups(old) | _groups(new))
    for group in groups:
        before, after = _written(old, group), _written(new, group)
        if before == after:
            continue
        names = set().union(*(undecided_conditions(rule) for _, rule, _ in (*before, *after)))
        names |= {condition for _, _, condition in (*before, *after) if condition}
        told: dict[str, dict[bool, set[str]]] = {}
        world: set[str] = set()
        is_known = len(names) <= MOST_UNDECIDED
        for way in combinations(names) if is_known else ():
            for gained, rules in _differences(list(_rules(before, way)), list(_rules(after, way))):
                for rule in rules:
                    told.setdefault(rule.logical_id, {}).setdefault(gained, set()).add(_describe(rule, gained=gained))
                    if gained and rule.is_world:
                        world.add(rule.logical_id)
        if not is_known:
            told = {logical_id: {} for logical_id, _, _ in (*before, *after)}
        for logical_id, words in sorted(told.items()):
            yield _change(logical_id, words, new.resources.get(logical_id) or old.resources[logical_id], place, world)


def _change(
    logical_id: str, words: Mapping[bool, set[str]], resource: Resource, place: StackLocation, world: set[str]
) -> AccessChange:
    direction = (
        (Direction.CHANGED if False in words else Direction.BROADENED)
        if True in words
        else Direction.NARROWED
        if words
        else Direction.UNKNOWN
    )
    return AccessChange(
        stage=place.stage,
        service=place.service,
        stack=place.stack,
        kind=AccessKind.SECURITY_GROUP,
        logical_id=logical_id,
        path=resource.path,
        direction=direction,
        world=logical_id in world,
        evidence="\n".join(line for gained in (True, False) for line in sorted(words.get(gained, ())))
        or "its rules depend on more conditions than can be compared",
    )


def _describe(rule: SecurityGroupRule, *, gained: bool) -> str:
    peer = rule.peer if isinstance(rule.peer, str) else str(rule.peer)
    peer = f"the whole internet ({peer})" if peer in ("0.0.0.0/0", "::/0") else peer
    adverb = "may now" if gained else "may no longer"
    return (
        f"{peer} {adverb} connect to {rule.words}"
        if rule.is_ingress
        else f"it {adverb} connect to {peer}, {rule.words}"
    )


def _groups(template: ResolvedTemplate) -> set[str]:
    own = {each.logical_id for each in template.resources.values() if each.type == GROUP}
    return own | {_group(each) for each in template.resources.values() if each.type in STANDALONE}


def _group(resource: Resource) -> str:
    match resource.properties.get("GroupId", resource.properties.get("GroupName")):
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            return name
        case value:
            return policy_text(value)


def _written(template: ResolvedTemplate, group: str) -> list[tuple[str, Json, str]]:
    """(logical id, rule with its direction, undecided condition) of every rule of a group."""
    found = []
    for each in template.resources.values():
        if each.logical_id == group and each.type == GROUP:
            for name, is_ingress in INLINE.items():
                rules = each.properties.get(name, [] if is_ingress else [ANY_DESTINATION])
                absent = None if is_ingress or isinstance(rules, list) else ANY_DESTINATION
                found += [
                    (group, {"in": is_ingress, "rule": rule, "absent": absent}, each.condition)
                    for rule in list_of(rules)
                ]
        elif each.type in STANDALONE and _group(each) == group:
            rule = {"in": STANDALONE[each.type], "rule": dict(each.properties)}
            found.append((each.logical_id, rule, each.condition))
    return [(name, {**rule, "lists": _lists(template, rule)}, condition) for name, rule, condition in found]


def _lists(template: ResolvedTemplate, rule: Json) -> Json:
    """The entries of a prefix list of the same template, without which a change of theirs would go unseen."""
    for name, kind in _PEERS.items():
        match rule["rule"].get(name) if isinstance(rule["rule"], Mapping) else None:
            case {"Ref": str(list_)} | {"Fn::GetAtt": [str(list_), _]} if kind == "prefix list":
                resource = template.resources.get(list_)
                return resource.properties.get("Entries") if resource else None
    return None


def _rules(written: Iterable[tuple[str, Json, str]], way: Mapping[str, bool]) -> Iterator[SecurityGroupRule]:
    for logical_id, value, condition in written:
        if not way.get(condition, True):
            continue
        decided = decide(value, way)
        for rule in list_of(decided.get("rule", decided.get("absent"))):
            yield from _read(rule, decided, logical_id)


def _read(rule: Json, value: Json, logical_id: str) -> Iterator[SecurityGroupRule]:
    if not isinstance(rule, Mapping) or rule.keys().isdisjoint(_WHO):  # only a deployment knows whom it lets in
        yield SecurityGroupRule(value["in"], EVERY_PROTOCOL, range(PORTS), policy_text(rule), logical_id)
        return
    protocol = policy_text(rule.get("IpProtocol", EVERY_PROTOCOL)).lower()
    protocol = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}.get(protocol, protocol)
    first, last = rule.get("FromPort", -1), rule.get("ToPort", -1)
    try:
        numbers = int(first), int(last)
    except (TypeError, ValueError):
        protocol, numbers = f"{protocol} {policy_text(first)}-{policy_text(last)}", (-1, -1)
    if protocol.startswith("icmp"):  # type and code
        protocol, numbers = (protocol if numbers[0] == -1 else f"{protocol} {numbers[0]}/{numbers[1]}"), (-1, -1)
    ports = range(PORTS) if -1 in numbers else range(numbers[0], numbers[1] + 1)
    for peer in _peers(rule, value):
        yield SecurityGroupRule(value["in"], protocol, ports, peer, logical_id)


def _peers(rule: Mapping[str, Json], value: Json) -> Iterator[_Network | str]:
    for name in ("CidrIp", "CidrIpv6"):
        if name in rule:
            yield _peer(rule[name])
    for name, kind in _PEERS.items():
        if name in rule:
            if kind == "prefix list" and value.get("lists"):
                for entry in list_of(value["lists"]):
                    yield _peer(entry.get("Cidr", entry) if isinstance(entry, Mapping) else entry)
            else:
                yield f"{kind} {policy_text(rule[name])}"


def _peer(value: Json) -> _Network | str:
    try:
        return ipaddress.ip_network(value, strict=False) if isinstance(value, str) else policy_text(value)
    except ValueError:
        return policy_text(value)


def _differences(
    old: Sequence[SecurityGroupRule], new: Sequence[SecurityGroupRule]
) -> Iterator[tuple[bool, set[SecurityGroupRule]]]:
    """(True, what newly lets something through), then (False, what did and does no longer)."""
    rules = [*old, *new]
    before = (1 << len(old)) - 1
    dimensions = [_by_direction(rules), _by_protocol(rules), _by_port(rules), _by_peer(rules)]
    if math.prod(map(len, dimensions)) > MOST_CELLS:
        yield from ((True, set(new) - set(old)), (False, set(old) - set(new)))
        return
    signatures = {(1 << len(rules)) - 1}
    for masks in dimensions:
        signatures = {signature & mask for signature in signatures for mask in masks} - {0}
    for gained in (True, False):
        side = ~before if gained else before
        lit = [signature for signature in signatures if signature & side and not signature & ~side]
        yield gained, {rule for at, rule in enumerate(rules) if any(signature >> at & 1 for signature in lit)}


def _masks(sets: Iterable[Iterable[bool]]) -> set[int]:
    return {sum(1 << at for at, is_in in enumerate(each) if is_in) for each in sets}


def _by_direction(rules: Sequence[SecurityGroupRule]) -> set[int]:
    return _masks([rule.is_ingress == way for rule in rules] for way in (True, False))


def _by_protocol(rules: Sequence[SecurityGroupRule]) -> set[int]:
    names = {rule.protocol for rule in rules} | {"any other"}
    names |= {name.partition(" ")[0] for name in names if " " in name}
    return _masks(
        (
            [rule.protocol in (EVERY_PROTOCOL, name, name.partition(" ")[0]) for rule in rules]
            for name in names - {EVERY_PROTOCOL}
        ),
    )


def _by_port(rules: Sequence[SecurityGroupRule]) -> set[int]:
    edges = {0} | {edge for rule in rules for edge in (rule.ports.start, rule.ports.stop) if 0 <= edge < PORTS}
    return _masks([rule.protocol == EVERY_PROTOCOL or edge in rule.ports for rule in rules] for edge in edges)


def _by_peer(rules: Sequence[SecurityGroupRule]) -> set[int]:
    networks = [rule.peer for rule in rules if not isinstance(rule.peer, str)]
    starts = {network.network_address for network in networks}
    starts |= {
        network.broadcast_address + 1
        for network in networks
        if int(network.broadcast_address) + 1 < 2**network.max_prefixlen
    }
    named = {rule.peer for rule in rules if isinstance(rule.peer, str)}
    by_address = ([not isinstance(rule.peer, str) and _holds(rule.peer, start) for rule in rules] for start in starts)
    by_name = ([rule.peer == name for rule in rules] for name in named)
    return _masks(by_address) | _masks(by_name)


def _holds(network: _Network, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return network.version == address.version and address in network
