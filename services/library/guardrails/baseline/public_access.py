"""Who may come in from outside: policies, buckets, APIs, function URLs, networks."""

import ipaddress
from collections.abc import Iterator, Mapping

from services.library.guardrails.baseline.guard import PUBLIC_ACCESS, Guards, Level, off, switch
from services.library.guardrails.baseline.policies import is_everybody, lets_everybody_in, statements
from services.library.guardrails.template import Json, Resource, Template
from services.library.guardrails.values import at, entries, mentioned

CLOSED: Level = (1, "closed")
OPEN: Level = (0, "open")
BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
OPEN_TO_ALL = (
    # Type, property, words that open it.
    ("AWS::S3::Bucket", "AccessControl", ("publicread", "publicreadwrite", "authenticatedread")),
    ("AWS::Lambda::Url", "AuthType", ("none",)),
    ("AWS::RDS::DBInstance", "PubliclyAccessible", ("true",)),
    ("AWS::RDS::DBCluster", "PubliclyAccessible", ("true",)),
    ("AWS::Redshift::Cluster", "PubliclyAccessible", ("true",)),
    ("AWS::Cognito::IdentityPool", "AllowUnauthenticatedIdentities", ("true",)),
)
WIDEST = {4: 8, 6: 16}
"""A public network of fewer bits than these is the world, or most of it."""


def collect(guards: Guards) -> None:
    """The guards of one template."""
    template = guards.template
    for type_, path, words in OPEN_TO_ALL:
        for resource in template.resources(type_):
            guards.read(PUBLIC_ACCESS, resource, path, off(*words), floor=(1, "off"))
    for bucket in template.resources("AWS::S3::Bucket", "AWS::S3::AccessPoint"):
        blocked = [
            min(
                switch()(each)[0] for each in at(bucket.properties, f"PublicAccessBlockConfiguration.{block}", template)
            )
            for block in BLOCKS
        ]
        level = (sum(blocked), f"{sum(blocked):g}-of-4")
        guards.add(PUBLIC_ACCESS, bucket, "PublicAccessBlockConfiguration", [level], floor=(4, "4-of-4"))
    for resource in template.resources():
        _policies(guards, resource)
    for permission in template.resources("AWS::Lambda::Permission"):
        _permission(guards, permission)
    for kind in ("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress"):
        for resource in template.resources(kind):
            _network(guards, resource)
    _apis(guards)
    _firewalls(guards)


def _policies(guards: Guards, resource: Resource) -> None:
    """A statement that lets everybody in is a guard that is down, and one that keeps some out a guard that is up.

    Both are named by the actions that they are about.
    """
    if resource.type == "AWS::EC2::VPCEndpoint":
        return  # an endpoint's policy narrows what its own network may do
    for location, statement in statements(resource.properties, guards.template):
        actions = entries(statement.get("Action", statement.get("NotAction")), guards.template)
        name = ",".join(sorted(str(each) for each in actions))
        if lets_everybody_in(statement, guards.template):
            guards.add(PUBLIC_ACCESS, resource, name, [OPEN], floor=CLOSED, locations=(location,))
        elif statement.get("Effect") == "Deny" and "Condition" in statement:
            about = ",".join(sorted(_keys(statement["Condition"])))
            guards.add(PUBLIC_ACCESS, resource, f"Deny.{name}.{about}", [CLOSED], locations=(location,))
        elif statement.get("Effect") == "Deny":
            guards.add(PUBLIC_ACCESS, resource, f"Deny.{name}", [CLOSED], locations=(location,))


def _keys(condition: object) -> Iterator[str]:
    """The keys that a condition compares."""
    if isinstance(condition, Mapping):
        for keys in condition.values():
            yield from (str(key) for key in keys) if isinstance(keys, Mapping) else ()


def _permission(guards: Guards, permission: Resource) -> None:
    """A function's permission has no statement: these are its parts."""
    template, properties = guards.template, permission.properties
    narrowed = [properties.get(name) for name in ("SourceArn", "SourceAccount", "PrincipalOrgID")]
    signed = at(properties, "FunctionUrlAuthType", template) == ["AWS_IAM"]
    everybody = is_everybody(properties.get("Principal"), template)
    level = OPEN if everybody and not signed and not any(narrowed) else CLOSED
    guards.add(PUBLIC_ACCESS, permission, "Principal", [level], floor=CLOSED)


def _network(guards: Guards, resource: Resource) -> None:
    template = guards.template
    inline = entries(resource.properties.get("SecurityGroupIngress"), template)
    rules = [resource.properties] if resource.type.endswith("Ingress") else inline
    for rule in rules:
        for name, block in _blocks(rule, template):
            if _is_the_world(block):
                guards.add(PUBLIC_ACCESS, resource, name, [(0, str(block))], floor=CLOSED)


def _blocks(rule: object, template: Template) -> Iterator[tuple[str, object]]:
    if isinstance(rule, Mapping):
        for name in ("CidrIp", "CidrIpv6"):
            yield from ((name, each) for each in at(rule, name, template))


def _is_the_world(block: object) -> bool:
    try:
        network = ipaddress.ip_network(str(block), strict=False)
    except ValueError:
        return False
    return not network.is_private and network.prefixlen < WIDEST[network.version]


def _apis(guards: Guards) -> None:
    template = guards.template
    for method in template.resources("AWS::ApiGateway::Method"):
        if method.properties.get("HttpMethod") != "OPTIONS":  # browsers ask without a signature what they may do
            # In other stacks a method may be open by a setting that says to whom, which the packs ask about.
            guards.read(
                PUBLIC_ACCESS, method, "AuthorizationType", _authorizes, floor=(1, "asked for"), everywhere=False
            )
    for route in template.resources("AWS::ApiGatewayV2::Route"):
        guards.read(PUBLIC_ACCESS, route, "AuthorizationType", _authorizes, floor=(1, "asked for"))
    for api in template.resources("AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api"):
        told = [name for name in ("Body", "BodyS3Location", "CloneFrom", "Target") if name in api.properties]
        level: Level = (0, "unknown") if told else CLOSED
        guards.add(PUBLIC_ACCESS, api, "Body", [level], floor=(1, "methods of the template's own"))


def _authorizes(value: object) -> Level:
    return (0, "NONE") if value in (None, "NONE") else (1, str(value)) if isinstance(value, str) else (0, "unknown")


def _firewalls(guards: Guards) -> None:
    """An API's stage in tiers with a web firewall, and the rules of each firewall."""
    template = guards.template
    guarded = {
        logical_id
        for association in template.resources("AWS::WAFv2::WebACLAssociation")
        if "Condition" not in association.body
        for logical_id in mentioned(association.properties.get("ResourceArn"))
    }
    wanted = guards.place.tier is not None and guards.place.tier.web_firewall
    for stage in template.resources("AWS::ApiGateway::Stage"):
        level: Level = (1, "on") if stage.logical_id in guarded else (0, "off")
        guards.add(
            PUBLIC_ACCESS,
            stage,
            "WebFirewall",
            [level],
            floor=(1, "on") if wanted else None,
            locations=("Properties",),
            everywhere=False,
        )
    for firewall in template.resources("AWS::WAFv2::WebACL"):
        for index, rule in enumerate(entries(firewall.properties.get("Rules"), template)):
            if isinstance(rule, Mapping):
                place = (f"Properties.Rules.{index}",)
                guards.add(PUBLIC_ACCESS, firewall, f"Rules.{rule.get('Name')}", [_blocked(rule)], locations=place)


def _blocked(rule: Json) -> Level:
    """How much of a rule acts: counting blocks nothing, and each exception is one thing less."""
    for name in ("OverrideAction", "Action"):
        action = rule.get(name)
        if isinstance(action, Mapping) and ("Count" in action or "Allow" in action):
            return 0, "off"
    exceptions = str(rule.get("Statement")).count("RuleActionOverrides") and str(rule.get("Statement")).count("'Count'")
    return 1 / (1 + exceptions), f"on-with-{exceptions}-exceptions" if exceptions else "on"
