"""Where CodeDeploy shifts a function's traffic, everybody must call the function by its alias."""

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from services.library.cloudformation.policy_text import list_of
from services.library.cloudformation.template import Json, Resource, Template
from services.library.cloudformation.values import Value
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, Rule

RULE = Rule(
    id="Penstock-UnshiftedCall",
    accepted_by=AcceptedBy.SERVICE,
    text="The function's traffic is shifted from version to version by its alias. Who names the function itself runs"
    " new code at once, all of it and unwatched.",
    fix="Name the alias (in the library: function.target, in the CDK: the Alias). A function that must not be shifted"
    " gets traffic=ALL_AT_ONCE.",
)
ALIAS = "AWS::Lambda::Alias"
POLICY = "CodeDeployLambdaAliasUpdate"
HARMLESS = frozenset(
    {
        ALIAS,
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::CodeDeploy::DeploymentGroup",
        "AWS::Lambda::Version",
        "AWS::Logs::LogGroup",
        "AWS::Logs::MetricFilter",
        "AWS::SSM::Parameter",
    }
)
"""Types that name a function and do not call it, or let anybody."""
INVOKE = "lambda:invokefunction"
QUALIFIED = re.compile(r":[A-Za-z0-9$_-]+")
"""What follows a function's ARN that names a version or an alias, and not all of them."""


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """Look at everything that names a function with such an alias."""
    del place  # a function is called in the same way everywhere
    shifted = {each.logical_id: each for each in _shifted(template)}
    for resource in template.resources() if shifted else ():
        if resource.type in HARMLESS or "Qualifier" in resource.properties:
            continue
        named = _granted(resource.properties) if resource.type.startswith("AWS::IAM::") else _named(resource.properties)
        for logical_id in sorted({*named} & shifted.keys()):
            function = shifted[logical_id]
            yield RULE.broken_by(resource, template, what=f"It names {function.path}.", detail=function.path)


def _shifted(template: Template) -> Iterator[Resource]:
    for alias in template.resources(ALIAS):
        policy = alias.body.get("UpdatePolicy")
        function = template.named_by(alias.properties.get("FunctionName"))
        if isinstance(policy, Mapping) and POLICY in policy and function is not None:
            yield function


def _granted(value: Value) -> Iterator[str]:
    """Yield whom statements let somebody invoke, wherever they stand."""
    if isinstance(value, list):
        for each in value:
            yield from _granted(each)
    elif isinstance(value, Mapping):
        if value.get("Effect") == "Allow" and _may_invoke(value):
            yield from _named(value.get("Resource"))
        for part in value.values():
            yield from _granted(part)


def _may_invoke(statement: Json) -> bool:
    return any(fnmatchcase(INVOKE, str(each).lower()) for each in list_of(statement.get("Action")))


def _named(value: Value) -> Iterator[str]:
    """Yield the logical ids that a value names, but for those of ARNs that go on with a version or an alias."""
    match value:
        case {"Ref": str(logical_id)} | {"Fn::GetAtt": [str(logical_id), *_]}:
            yield logical_id
        case {"Fn::GetAtt": str(text)}:
            yield text.partition(".")[0]
        case {"Fn::Join": [_, list(parts)]}:
            yield from _named([*_unqualified(parts)])
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]}:
            yield from re.findall(r"\$\{([A-Za-z0-9]+)(?:\.[A-Za-z0-9.]+)?\}(?!:[A-Za-z0-9$_-])", text)
        case Mapping() | list():
            for part in value if isinstance(value, list) else value.values():
                yield from _named(part)


def _unqualified(parts: Sequence[Value]) -> Iterator[Value]:
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        if not (isinstance(following, str) and QUALIFIED.match(following)):
            yield part
