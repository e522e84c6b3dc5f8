"""Whether a request can be followed through functions, APIs and workflows."""

from collections.abc import Iterator, Mapping

from services.library.cloudformation.intrinsics import entries, values_at
from services.library.cloudformation.statements import ANYTHING, UnreadablePolicyError, actions_matcher, read_statement
from services.library.cloudformation.template import Json, Resource, Template, number
from services.library.cloudformation.values import named_resources
from services.library.guardrails.baseline.guard import TRACING, Guards, Level, off, switch
from services.library.guardrails.baseline.policies import certain

ON: Level = (1, "on")
SWITCHES = (
    ("AWS::ApiGateway::Stage", "TracingEnabled"),
    ("AWS::StepFunctions::StateMachine", "TracingConfiguration.Enabled"),
    ("AWS::AppSync::GraphQLApi", "XrayEnabled"),
)
SILENCED: Mapping[str, tuple[str, ...]] = {
    # https://docs.powertools.aws.dev/lambda/python/latest/core/tracer/, and the SDK's own switch
    "POWERTOOLS_TRACE_DISABLED": ("true", "1", "yes", "on"),
    "AWS_XRAY_SDK_ENABLED": ("false", "0", "no"),
    "DD_TRACE_ENABLED": ("false", "0"),
}
USUAL = 0.05
"""What X-Ray samples by itself, beyond the first request of each second."""
MISLED = ("AWS_XRAY_DAEMON_ADDRESS",)
"""Lambda itself says where traces go: https://docs.aws.amazon.com/xray/latest/devguide/xray-daemon-configuration.html"""
WRITES = actions_matcher("xray:PutTraceSegments")
MANAGED = ("AWSXRayDaemonWriteAccess", "AWSXrayWriteOnlyAccess", "AWSXrayFullAccess")


def collect(guards: Guards) -> None:
    """The guards of one template."""
    template = guards.template
    for type_, path in SWITCHES:
        for resource in template.resources(type_):
            guards.read(TRACING, resource, path, switch(), floor=ON)
    for function in template.resources("AWS::Lambda::Function"):
        _function(guards, function)
    for firewall in template.resources("AWS::WAFv2::LoggingConfiguration"):
        told: Level = (0, "off") if "Condition" in firewall.body or not firewall.properties else ON
        guards.add(TRACING, firewall, "LogDestinationConfigs", [told], lost_with_resource=True)
    for type_, naming in (("AWS::Lambda::Function", "Role"), ("AWS::StepFunctions::StateMachine", "RoleArn")):
        for resource in template.resources(type_):
            role = template.named_by(resource.properties.get(naming))
            if role is not None:
                level = ON if _may_write(role, template) else (0, "off")
                guards.add(TRACING, resource, "MayWriteTraces", [level], locations=(f"Properties.{naming}",))
    for rule in template.resources("AWS::XRay::SamplingRule"):
        _sampling(guards, rule)


def _function(guards: Guards, function: Resource) -> None:
    # A function's own rule speaks of it in every stack, and lets its service decide: rules/functions.py.
    guards.read(TRACING, function, "TracingConfig.Mode", switch("active"), floor=ON, everywhere=False)
    for variable, words in SILENCED.items():
        guards.read(TRACING, function, f"Environment.Variables.{variable}", off(*words), floor=(1, "off"))
    for variable in MISLED:
        path = f"Environment.Variables.{variable}"
        guards.read(TRACING, function, path, lambda value: (0, "given") if value else (1, "off"), floor=(1, "off"))


def _sampling(guards: Guards, rule: Resource) -> None:
    """A rule that samples nothing takes precedence over every other rule of the account that comes after it."""
    rates, reservoirs = (
        values_at(rule.properties, f"SamplingRule.{name}", guards.template) for name in ("FixedRate", "ReservoirSize")
    )
    silent = any(_share(rate) < USUAL for rate in rates) and any(not number(each) for each in reservoirs)
    guards.add(TRACING, rule, "SamplingRule", [(0, "nothing") if silent else ON], floor=ON)


def _share(rate: object) -> float:
    try:
        return float(str(rate))
    except ValueError:
        return 0


def _may_write(role: Resource, template: Template) -> bool:
    """Whatever its policies come out as, and unless one of them refuses it."""
    managed = entries(role.properties.get("ManagedPolicyArns"), template)
    granted = any(name in str(each) for each in managed for name in MANAGED)
    for policy in _policies(role, template):
        ways = certain(policy, template)
        granted = granted or all(any(map(_grants, statements)) for statements in ways)
        if any(_refuses(each) for statements in ways for each in statements):
            return False
    return granted


def _grants(statement: Json) -> bool:
    try:
        said = read_statement(statement)
    except UnreadablePolicyError:
        return False
    unconditional = said.allows and "Condition" not in statement
    return unconditional and said.resources.covers(ANYTHING) and said.actions.covers(WRITES)


def _refuses(statement: Json) -> bool:
    try:
        said = read_statement(statement)
    except UnreadablePolicyError:
        return True
    return not said.allows and (said.actions.is_negated or said.actions.covers(WRITES))


def _policies(role: Resource, template: Template) -> Iterator[object]:
    yield role.properties.get("Policies")
    attached = named_resources(role.properties.get("ManagedPolicyArns"))
    for policy in template.resources("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::RolePolicy"):
        holders = named_resources([policy.properties.get("Roles"), policy.properties.get("RoleName")])
        if (role.logical_id in holders or policy.logical_id in attached) and "Condition" not in policy.body:
            yield policy.properties
