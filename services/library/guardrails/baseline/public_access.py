"""Who may come in from outside: policies, buckets, APIs, function URLs, networks."""

import ipaddress
from collections.abc import Iterator, Mapping

from services.library.cloudformation.flat_policies import flat_policy
from services.library.cloudformation.intrinsics import entries, list_items, values_at
from services.library.cloudformation.policy_text import pattern, policy_text
from services.library.cloudformation.template import Resource, Template
from services.library.cloudformation.values import is_open
from services.library.guardrails.baseline.coverage import is_exact, names_an_owner
from services.library.guardrails.baseline.guard import PUBLIC_ACCESS, UNKNOWN, Guards, Level, off, switch
from services.library.guardrails.baseline.policies import is_everybody, lets_everybody_in, statements

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
    ("AWS::AppSync::GraphQLApi", "AuthenticationType", ("api_key",)),
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
                switch()(each)[0]
                for each in values_at(bucket.properties, f"PublicAccessBlockConfiguration.{block}", template)
            )
            for block in BLOCKS
        ]
        level = (sum(blocked), f"{sum(blocked):g}-of-4")
        guards.add(PUBLIC_ACCESS, bucket, "PublicAccessBlockConfiguration", [level], floor=(4, "4-of-4"))
    for resource in template.resources():
        _policies(guards, resource)
    for shared in template.resources("AWS::Events::EventBusPolicy", "AWS::Lambda::LayerVersionPermission"):
        _shared(guards, shared)
    for permission in template.resources("AWS::Lambda::Permission"):
        _permission(guards, permission)
    for kind in ("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress"):
        for resource in template.resources(kind):
            _network(guards, resource)
    _apis(guards)


def _policies(guards: Guards, resource: Resource) -> None:
    """A statement that lets everybody in is a guard that is down; it is named by the actions that it is about."""
    if resource.type == "AWS::EC2::VPCEndpoint":
        return  # an endpoint's policy narrows what its own network may do
    for location, statement in statements(resource.properties, guards.template):
        if lets_everybody_in(statement, guards.template):
            actions = entries(statement.get("Action", statement.get("NotAction")), guards.template)
            name = ",".join(sorted(str(each) for each in actions))
            guards.add(PUBLIC_ACCESS, resource, name, [OPEN], floor=CLOSED, locations=(location,))


def _shared(guards: Guards, resource: Resource) -> None:
    """What is written flat, without a statement."""
    if "Statement" not in resource.properties:
        (statement,) = flat_policy(resource)["Statement"]
        level = OPEN if lets_everybody_in(statement, guards.template) else CLOSED
        action = policy_text(resource.properties.get("Action", ""))
        guards.add(PUBLIC_ACCESS, resource, action, [level], floor=CLOSED, locations=("Properties.Principal",))


def _permission(guards: Guards, permission: Resource) -> None:
    """A function's permission has no statement: these are its parts."""
    template, properties = guards.template, permission.properties
    narrowed = any(
        all(each is not None and holds(pattern(each)) for each in values_at(properties, name, template))
        for name, holds in (("SourceArn", names_an_owner), ("SourceAccount", is_exact), ("PrincipalOrgID", is_exact))
    )
    signed = values_at(properties, "FunctionUrlAuthType", template) == ["AWS_IAM"]
    everybody = is_everybody(properties.get("Principal"), template)
    level = OPEN if everybody and not signed and not narrowed else CLOSED
    guards.add(PUBLIC_ACCESS, permission, "Principal", [level], floor=CLOSED)
    # A service asks for whoever has set it up to, in any account.
    if any(".amazonaws.com" in str(each) for each in values_at(properties, "Principal", template)):
        source: Level = (1, "named") if narrowed else (0, "anybody's")
        guards.add(PUBLIC_ACCESS, permission, "Source", [source], floor=(1, "named"), everywhere=False)


def _network(guards: Guards, resource: Resource) -> None:
    template = guards.template
    inline = entries(resource.properties.get("SecurityGroupIngress"), template)
    rules = [resource.properties] if resource.type.endswith("Ingress") else inline
    for rule in rules:
        for name, block in _blocks(rule, template):
            if _is_the_world(block):
                said = UNKNOWN if is_open(block) else str(block)
                guards.add(PUBLIC_ACCESS, resource, name, [(0, said)], floor=CLOSED)


def _blocks(rule: object, template: Template) -> Iterator[tuple[str, object]]:
    if isinstance(rule, Mapping):
        for name in ("CidrIp", "CidrIpv6"):
            yield from ((name, each) for each in values_at(rule, name, template))


def _is_the_world(block: object) -> bool:
    """What is read at deployment may be; a network's own block is what its template says."""
    if is_open(block):
        return "Fn::GetAtt" not in str(block)
    try:
        network = ipaddress.ip_network(str(block), strict=False)
    except ValueError:
        return False
    return not network.is_private and network.prefixlen < WIDEST[network.version]


def _apis(guards: Guards) -> None:
    template = guards.template
    for method in template.resources("AWS::ApiGateway::Method"):
        if not _answers_browsers(method, template):
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
    for deployment in template.resources("AWS::ApiGateway::Deployment"):
        made = any(name in deployment.properties for name in ("StageName", "StageDescription"))
        level = (0, "given") if made else CLOSED
        guards.add(PUBLIC_ACCESS, deployment, "StageName", [level], floor=(1, "stages of the template's own"))
    for api in template.resources("AWS::ApiGateway::RestApi"):
        kinds = list_items(api.properties, "EndpointConfiguration.Types", template)
        reach: Level = (1, "private") if kinds == ["PRIVATE"] else (0, "public")
        guards.add(PUBLIC_ACCESS, api, "EndpointConfiguration", [reach])


def _answers_browsers(method: Resource, template: Template) -> bool:
    """They ask without a signature what they may do, and nobody's code answers."""
    properties = method.properties
    return properties.get("HttpMethod") == "OPTIONS" and values_at(properties, "Integration.Type", template) == ["MOCK"]


def _authorizes(value: object) -> Level:
    return (0, "NONE") if value in (None, "NONE") else (1, str(value)) if isinstance(value, str) else (0, "unknown")
