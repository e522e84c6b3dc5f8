"""Where the traffic of a function or a workflow is shifted, everybody must call it by its alias."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from services.library.cloudformation.policy_text import list_of
from services.library.cloudformation.template import Json, Resource, Template
from services.library.cloudformation.values import Value, named_resources
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, Rule

RULE = Rule(
    id="Penstock-UnshiftedCall",
    accepted_by=AcceptedBy.SERVICE,
    text="The traffic of this function or workflow is shifted from version to version by its alias. Who names it"
    " without the alias runs new code at once, all of it and unwatched.",
    fix="Name the alias (in the library: function.target, workflow.target and its grants; in the CDK: the alias). What"
    " must not be shifted gets traffic=ALL_AT_ONCE.",
)
POLICY = "CodeDeployLambdaAliasUpdate"
PREFERENCE = "DeploymentPreference"
FUNCTION = "AWS::Lambda::Function"
FUNCTION_ALIAS, WORKFLOW_ALIAS = "AWS::Lambda::Alias", "AWS::StepFunctions::StateMachineAlias"
VERSIONS = {"AWS::Lambda::Version": "FunctionName", "AWS::StepFunctions::StateMachineVersion": "StateMachineArn"}
"""The types of versions, each with the property that says of what."""
HARMLESS = frozenset(
    {
        FUNCTION_ALIAS,
        WORKFLOW_ALIAS,
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::CodeDeploy::DeploymentGroup",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Version",
        "AWS::Logs::LogGroup",
        "AWS::Logs::MetricFilter",
        "AWS::SSM::Parameter",
        "AWS::StepFunctions::StateMachineVersion",
    }
)
"""Types that name a function or a workflow and do not call it, or let anybody."""
LATEST = "$LATEST"
"""Lambda's name for the code that no version has yet."""
QUALIFIED = re.compile(r":(?!\$LATEST\b)[A-Za-z0-9$._-]+")
"""What follows an ARN that names a version or an alias, and neither all of them nor what has none."""
REFERENCE = re.compile(rf"\$\{{([A-Za-z0-9]+)(?:\.[A-Za-z0-9.]+)?\}}(?!{QUALIFIED.pattern})")
"""What a Fn::Sub names, but for what goes on like that."""
QUALIFIER = "states:statemachinequalifier"


@dataclass(frozen=True, kw_only=True)
class Shifted:
    """What an alias is of, and how it is called."""

    resource: Resource
    calls: tuple[str, ...]
    """The actions of IAM, in lower case."""
    by_condition: str = ""
    """The condition key that names the alias, in lower case, where IAM is asked about the resource without it."""


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """Look at everything that names what has such an alias."""
    del place  # it is called in the same way everywhere
    shifted = {each.resource.logical_id: each for each in (*_functions(template), *_workflows(template))}
    versions = dict(_versions(shifted, template))
    for resource in template.resources() if shifted else ():
        if resource.type in HARMLESS:
            continue
        called = versions if resource.properties.get("Qualifier", LATEST) != LATEST else {**shifted, **versions}
        is_policy = resource.type.startswith("AWS::IAM::")
        named = _granted(resource.properties, called) if is_policy else _named(resource.properties)
        for path in sorted({called[each].resource.path for each in {*named} & called.keys()}):
            yield RULE.broken_by(resource, template, what=f"It names {path}.", detail=path)


def _functions(template: Template) -> Iterator[Shifted]:
    for alias in template.resources(FUNCTION_ALIAS):
        policy = alias.body.get("UpdatePolicy")
        named = named_resources(alias.properties.get("FunctionName"))
        if isinstance(policy, Mapping) and POLICY in policy:
            for function in (each for each in template.resources(FUNCTION) if each.logical_id in named):
                yield Shifted(resource=function, calls=("lambda:invokefunction",))


def _workflows(template: Template) -> Iterator[Shifted]:
    """Yield state machines, found by the version that an alias is moved to: the alias need not name them."""
    for alias in template.resources(WORKFLOW_ALIAS):
        preference = alias.properties.get(PREFERENCE)
        named = preference.get("StateMachineVersionArn") if isinstance(preference, Mapping) else None
        version = template.named_by(named)
        machine = template.named_by(version.properties.get("StateMachineArn")) if version else None
        if machine is not None:
            calls = ("states:startexecution", "states:startsyncexecution")
            yield Shifted(resource=machine, calls=calls, by_condition=QUALIFIER)


def _versions(shifted: Mapping[str, Shifted], template: Template) -> Iterator[tuple[str, Shifted]]:
    """Yield the versions of what is shifted: each deployment makes another one, which no alias was moved to."""
    for type_, property_ in VERSIONS.items():
        for version in template.resources(type_):
            what = template.named_by(version.properties.get(property_))
            if what is not None and what.logical_id in shifted:
                yield version.logical_id, shifted[what.logical_id]


def _granted(value: Value, shifted: Mapping[str, Shifted]) -> Iterator[str]:
    """Yield what statements let somebody call without its alias, wherever they stand."""
    if isinstance(value, list):
        for each in value:
            yield from _granted(each, shifted)
    elif isinstance(value, Mapping):
        if value.get("Effect") == "Allow":
            named = (each for each in _named(value.get("Resource")) if each in shifted)
            yield from (each for each in named if _may_call(value, shifted[each]))
        for part in value.values():
            yield from _granted(part, shifted)


def _may_call(statement: Json, shifted: Shifted) -> bool:
    actions = [str(each).lower() for each in list_of(statement.get("Action"))]
    is_call = any(fnmatchcase(call, action) for call in shifted.calls for action in actions)
    return is_call and not (shifted.by_condition and shifted.by_condition in _required_keys(statement))


def _required_keys(statement: Json) -> Iterator[str]:
    """Yield the condition keys, in lower case, that a request must have for a statement to hold."""
    condition = statement.get("Condition")
    for operator, tests in condition.items() if isinstance(condition, Mapping) else ():
        if operator in ("StringEquals", "ForAnyValue:StringEquals") and isinstance(tests, Mapping):
            yield from (key.lower() for key in tests)


def _named(value: Value) -> Iterator[str]:
    """Yield the logical ids that a value names, but for those of ARNs that go on with a version or an alias."""
    match value:
        case {"Ref": str(logical_id)} | {"Fn::GetAtt": [str(logical_id), *_]}:
            yield logical_id
        case {"Fn::GetAtt": str(text)}:
            yield text.partition(".")[0]
        case {"Fn::Join": [_, list(parts)]}:
            yield from _named([*_unqualified(parts)])
        case {"Fn::Sub": str(text)}:
            yield from REFERENCE.findall(text)
        case {"Fn::Sub": [str(text), Mapping() as values]}:
            for name in REFERENCE.findall(text):
                yield from _named(values[name]) if name in values else (name,)
        case Mapping() | list():
            for part in value if isinstance(value, list) else value.values():
                yield from _named(part)


def _unqualified(parts: Sequence[Value]) -> Iterator[Value]:
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        if not (isinstance(following, str) and QUALIFIED.match(following)):
            yield part
