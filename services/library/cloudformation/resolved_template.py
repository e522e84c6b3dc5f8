"""A template with everything decided that can be decided without an account."""

import marshal
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from services.library.cloudformation.intrinsics import ABSENT, UNDECIDED, Resolver, parameter_value
from services.library.cloudformation.template import Json, Resource, Template
from services.library.cloudformation.values import Value

PARTITIONS = {"cn": ("aws-cn", "amazonaws.com.cn"), "us-gov": ("aws-us-gov", "amazonaws.com")}
MODULE = "::MODULE"
"""Ends the type of a resource that CloudFormation replaces by others.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/modules.html
"""
SAM = "AWS::Serverless::"
"""Begins the types that AWS SAM's macro makes others of."""
EXACT = 2
"""The version of marshal's format in which equal values of equal types, and no others, are equal bytes."""
IMPORT, TRANSFORM = b"Fn::ImportValue", "Fn::Transform"
DECIDED = ("DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy", "CreationPolicy")


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedTemplate:
    """One stack's template; its nested ones are templates of their own.

    What the properties of its resources hold: `AWS::NoValue` is gone; parameters, mappings, conditions and pseudo
    parameters are replaced by their values where those are known; `Fn::Join` and `Fn::Sub` of text alone are text. What
    is left is one of `{"Ref": id}`, `{"Fn::GetAtt": [id, attribute]}`, `{"Fn::Join": ["", parts]}` (an `Fn::Sub`
    becomes one), `{"Fn::If": [condition, then, else]}` of an undecidable condition, or another function with its
    arguments resolved in the same way. Two spellings of one thing are equal.
    """

    resources: Mapping[str, Resource] = field(default_factory=dict)
    """By logical id. One that will not exist is not among them; one that may not has a `condition`."""
    outputs: Mapping[str, Value] = field(default_factory=dict)
    """Those that will exist, resolved."""
    exports: Mapping[str, str] = field(default_factory=dict)
    """Export name -> the output's key."""
    imports: frozenset[str] = frozenset()
    """Export names that it reads."""
    transforms: tuple[str, ...] = ()
    """Macros, whose result nobody knows before the deployment."""
    secrets: frozenset[str] = frozenset()
    """Values of NoEcho parameters."""
    unread: tuple[str, ...] = ()
    """What could not be read, a sentence each."""
    account: str = ""
    """Empty if the stack is for any account."""
    region: str = ""
    written: Mapping[str, Json] = field(default_factory=dict)
    """Its resources as they are written."""
    known: Value = None
    """All that a resource is resolved by."""


EMPTY = ResolvedTemplate()
"""What a new stack is compared with."""


def resolve(
    template: Template,
    *,
    name: str = "",
    account: str = "",
    region: str = "",
    parameters: Json | None = None,
    like: ResolvedTemplate | None = None,
) -> ResolvedTemplate:
    """Decide the values of a template as it is deployed. Its resources' paths are those below its stack's.

    `like`: a template that most of this one is the same as. A resource that is written, and resolved, in the same way
    is the very same object in both, so that nobody has to compare it.
    """
    values, secrets = _known_values(template, name, account, region, parameters or {})
    known = [template.stack_path, values, template.section("Mappings"), template.section("Conditions")]
    shared = like if like is not None and _is_alike(like.known, known) else EMPTY
    resolver = Resolver(values=values, mappings=template.section("Mappings"), conditions=template.section("Conditions"))
    below = f"{template.stack_path}/"
    resources: dict[str, Resource] = {}
    unread: list[str] = []
    for logical_id, body in template.section("Resources").items():
        if not isinstance(body, Mapping) or not isinstance(body.get("Type"), str):
            unread.append(f"{name or 'The template'}: {logical_id} has no type; a macro may write it.")
        elif logical_id in shared.resources and _is_alike(shared.written[logical_id], body):
            resources[logical_id] = shared.resources[logical_id]
        elif (exists := resolver.condition(body.get("Condition"))) is not False:
            resources[logical_id] = Resource(
                logical_id=logical_id,
                type=body["Type"],
                path=template.path_of(logical_id, body).removeprefix(below),
                body=_resolved(body, resolver, undecided=exists is UNDECIDED),
            )
    outputs = {
        key: resolver.value({part: value for part, value in output.items() if part != "Condition"})
        for key, output in template.section("Outputs").items()
        if isinstance(output, Mapping) and resolver.condition(output.get("Condition")) is not False
    }
    exports = {export: key for key, output in outputs.items() if isinstance(export := _export_name(output), str)}
    return ResolvedTemplate(
        resources=resources,
        outputs=outputs,
        exports=exports,
        imports=frozenset(resolver.imports),
        transforms=tuple(sorted(set(_transforms(template.body)))),
        secrets=frozenset(secrets),
        unread=tuple(unread),
        account=account,
        region=region,
        written=template.section("Resources"),
        known=known,
    )


def _is_alike(one: Value, other: Value) -> bool:
    """Return whether two values are exactly the same, 1 and True apart, and none is an import, which is to be noted."""
    if one != other:
        return False
    text = marshal.dumps(other, EXACT)
    return marshal.dumps(one, EXACT) == text and IMPORT not in text


def _resolved(body: Json, resolver: Resolver, *, undecided: bool) -> Json:
    """A resource's body; its `Condition` is what an undecidable one asks."""
    resolved = {key: value for key, value in body.items() if key != "Condition"}
    resolved |= {key: resolver.plain(body[key]) for key in DECIDED if key in body}
    resolved["Properties"] = resolver.mapping(body.get("Properties"))
    return {**resolved, "Condition": resolver.expression(body["Condition"])} if undecided else resolved


def _known_values(
    template: Template, name: str, account: str, region: str, given: Json
) -> tuple[dict[str, Value], set[str]]:
    """Parameters and pseudo parameters by their names, and the values among them that nobody may see."""
    partition, suffix = PARTITIONS.get(re.sub(r"-[a-z]+-\d+$", "", region), ("aws", "amazonaws.com"))
    pseudo = {
        "AWS::AccountId": account,
        "AWS::Region": region,
        "AWS::Partition": partition if region else "",
        "AWS::StackName": name,
        "AWS::URLSuffix": suffix if region else "",
    }
    values: dict[str, Value] = {key: value for key, value in pseudo.items() if value}
    secrets = set()
    for key, parameter in template.section("Parameters").items():
        if isinstance(parameter, Mapping):
            value = parameter_value(parameter, given.get(key, ABSENT))
            if value is not ABSENT:
                values[key] = value
                if str(parameter.get("NoEcho", "")).lower() == "true":
                    secrets.add(str(value))
    return values, secrets


def _export_name(output: Value) -> Value:
    export = output.get("Export") if isinstance(output, Mapping) else None
    return export.get("Name") if isinstance(export, Mapping) else None


def is_rewritten(type_: str) -> bool:
    """Return whether a type is no resource's: CloudFormation makes others of it, and nobody knows which before."""
    return type_.startswith(SAM) or type_.endswith(MODULE)


def _transforms(body: Json) -> Iterator[str]:
    """Whatever rewrites the template at deployment: macros over all of it, macros in any part, modules."""
    yield from _named(body.get("Transform"))
    resources = body.get("Resources")
    types = (
        {str(each.get("Type")) for each in resources.values() if isinstance(each, dict)}
        if isinstance(resources, dict)
        else set()
    )
    yield from (f"the module {type_}" for type_ in types if type_.endswith(MODULE))
    if not body.get("Transform") and any(type_.startswith(SAM) for type_ in types):
        yield "AWS SAM"
    if not _mentions(body, TRANSFORM):
        return
    waiting: list[Value] = [body]
    while waiting:  # and not by recursion: a template may be as deep as somebody likes
        value = waiting.pop()
        if isinstance(value, dict) and TRANSFORM in value:
            yield from _named(value[TRANSFORM])
        parts = value.values() if isinstance(value, dict) else value
        waiting += [each for each in parts if isinstance(each, dict | list)]


def _mentions(body: Json, text: str) -> bool:
    """Return whether a text is anywhere in a template, which is much sooner known than where."""
    try:
        return text.encode() in marshal.dumps(body, EXACT)
    except ValueError:  # too deep for it
        return True


def _named(transform: Value) -> Iterator[str]:
    for each in transform if isinstance(transform, list) else [transform] if transform else []:
        yield str(each.get("Name", each)) if isinstance(each, Mapping) else str(each)
