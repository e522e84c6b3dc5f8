"""Decides what can be decided in a template: conditions, parameters, mappings, and functions of known values.

A parameter is taken at its default, which is what CDK Pipelines deploys with. An SSM parameter's value is not known, so
the template holds the dynamic reference to it instead.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.review.diff.compare import same
from pipeline.review.model import Json
from pipeline.review.read.normalize_join import joined
from pipeline.review.read.template import ResolvedTemplate, Resource

ABSENT = object()
"""`AWS::NoValue`."""
UNDECIDED = None
PLACEHOLDER = re.compile(r"\$\{(!?)([^}]*)\}")
PARTITIONS = {"cn": ("aws-cn", "amazonaws.com.cn"), "us-gov": ("aws-us-gov", "amazonaws.com")}


def resolve(
    body: Mapping[str, Json],
    *,
    name: str = "",
    account: str = "",
    region: str = "",
    path: str = "",
    parameters: Mapping[str, Json] | None = None,
) -> ResolvedTemplate:
    """A template with its values decided. `path`: the construct path that its resources' paths start with."""
    resolver = _Resolver(body, name=name, account=account, region=region, parameters=parameters or {})
    resources: dict[str, Resource] = {}
    unread: list[str] = []
    for logical_id, resource in _section(body, "Resources").items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            unread.append(f"{name or 'The template'}: {logical_id} has no type; a macro may write it.")
        elif (exists := resolver.condition(resource.get("Condition"))) is not False:
            resources[logical_id] = _resource(logical_id, resource, resolver, path, undecided=exists is UNDECIDED)
    outputs = {
        key: resolver.value({name: value for name, value in output.items() if name != "Condition"})
        for key, output in _section(body, "Outputs").items()
        if isinstance(output, dict) and resolver.condition(output.get("Condition")) is not False
    }
    exports = {export: key for key, output in outputs.items() if isinstance(export := _export_name(output), str)}
    return ResolvedTemplate(
        resources=resources,
        outputs=outputs,
        exports=exports,
        imports=frozenset(resolver.imports),
        transforms=tuple(_transforms(body)),
        secrets=frozenset(resolver.secrets),
        unread=tuple(unread),
        account=account,
        region=region,
    )


def _resource(
    logical_id: str, body: Mapping[str, Json], resolver: "_Resolver", path: str, *, undecided: bool
) -> Resource:
    metadata = _section(body, "Metadata")
    own = metadata.get("aws:cdk:path")
    below = f"{path}/"
    return Resource(
        logical_id=logical_id,
        type=body["Type"],
        path=own.removeprefix(below) if isinstance(own, str) else logical_id,
        properties=resolver.mapping(body.get("Properties")),
        condition=resolver.expression(body["Condition"]) if undecided else "",
        deletion_policy=resolver.text(body.get("DeletionPolicy")),
        update_replace_policy=resolver.text(body.get("UpdateReplacePolicy")),
        depends_on=frozenset(_texts(body.get("DependsOn"))),
        metadata=metadata,
        update_policy=resolver.plain(body.get("UpdatePolicy")),
        creation_policy=resolver.plain(body.get("CreationPolicy")),
    )


class _Resolver:
    """One template's parameters, mappings and conditions."""

    def __init__(
        self, body: Mapping[str, Json], *, name: str, account: str, region: str, parameters: Mapping[str, Json]
    ) -> None:
        self.imports: set[str] = set()
        self.secrets: set[str] = set()
        self._mappings = _section(body, "Mappings")
        self._conditions = _section(body, "Conditions")
        self._decided: dict[str, tuple[bool | None, Json]] = {}
        partition, suffix = PARTITIONS.get(re.sub(r"-[a-z]+-\d+$", "", region), ("aws", "amazonaws.com"))
        known = {
            "AWS::AccountId": account,
            "AWS::Region": region,
            "AWS::Partition": partition if region else "",
            "AWS::StackName": name,
            "AWS::URLSuffix": suffix if region else "",
        }
        self._known: dict[str, Json] = {key: value for key, value in known.items() if value}
        for key, parameter in _section(body, "Parameters").items():
            if not isinstance(parameter, dict):
                continue
            value = parameters.get(key, parameter.get("Default", ABSENT))
            if value is ABSENT or isinstance(value, dict):
                continue  # only the deployment knows, or only the parent stack's
            type_ = str(parameter.get("Type", ""))
            if type_.startswith("AWS::SSM::Parameter::Value"):
                value = f"{{{{resolve:ssm:{value}}}}}"
            elif "List" in type_ and isinstance(value, str):
                value = [part.strip() for part in value.split(",")]
            if str(parameter.get("NoEcho", "")).lower() == "true":
                self.secrets.add(str(value))
            self._known[key] = value

    def mapping(self, value: Json) -> Mapping[str, Json]:
        """The resolved value if it is a mapping of names, else an empty one."""
        resolved = self.value(value) if isinstance(value, dict) else {}
        return resolved if isinstance(resolved, dict) else {}

    def text(self, value: Json) -> str:
        """The resolved value if it is text, else empty."""
        resolved = self.value(value)
        return resolved if isinstance(resolved, str) else ""

    def plain(self, value: Json) -> Json:
        """The resolved value, None where there is none."""
        resolved = self.value(value)
        return None if resolved is ABSENT else resolved

    def value(self, value: Json) -> Any:
        """A value with everything decided that can be, or ABSENT."""
        if isinstance(value, list):
            return [each for each in map(self.value, value) if each is not ABSENT]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            function = getattr(self, FUNCTIONS.get(name, ""), None)
            if function:
                return function(argument)
        resolved = {key: self.value(each) for key, each in value.items()}
        return {key: each for key, each in resolved.items() if each is not ABSENT}

    def condition(self, name: Json) -> bool | None:
        """True, False, or UNDECIDED. Nothing that has no condition depends on one."""
        return True if name is None else self._evaluate({"Condition": name})[0]

    def expression(self, name: Json) -> str:
        """What an undecided condition asks, as text that is equal for equal questions."""
        return json.dumps(self._evaluate({"Condition": name})[1], sort_keys=True, default=str)

    def _evaluate(self, expression: Json) -> tuple[bool | None, Json]:
        """Its truth, and what is left of it to ask."""
        if isinstance(expression, dict) and len(expression) == 1:
            ((name, argument),) = expression.items()
            if name == "Condition":
                return self._named(str(argument))
            if name == "Fn::Equals" and isinstance(argument, list) and len(argument) == 2:
                return self._equal(self.plain(argument[0]), self.plain(argument[1]))
            if name in {"Fn::And", "Fn::Or", "Fn::Not"} and isinstance(argument, list):
                return self._combined(name, argument)
        return UNDECIDED, self.plain(expression)

    def _equal(self, left: Json, right: Json) -> tuple[bool | None, Json]:
        if same(left, right):
            return True, True
        if _has_function(left) or _has_function(right):
            return UNDECIDED, {"Fn::Equals": [left, right]}
        return False, False

    def _combined(self, name: str, expressions: list[Json]) -> tuple[bool | None, Json]:
        parts = [self._evaluate(each) for each in expressions]
        truths = [truth for truth, _ in parts]
        settles = name == "Fn::Or"
        if name != "Fn::Not" and settles in truths:
            return settles, settles
        if UNDECIDED in truths or not truths:
            return UNDECIDED, {name: [rest for truth, rest in parts if truth is UNDECIDED]}
        truth = not truths[0] if name == "Fn::Not" else not settles
        return truth, truth

    def _named(self, name: str) -> tuple[bool | None, Json]:
        if name not in self._decided:
            self._decided[name] = UNDECIDED, {"Condition": name}  # one that asks itself stays undecided
            if name in self._conditions:
                self._decided[name] = self._evaluate(self._conditions[name])
        return self._decided[name]

    def _ref(self, name: Json) -> Any:
        return ABSENT if name == "AWS::NoValue" else self._known.get(str(name), {"Ref": name})

    def _get_att(self, argument: Json) -> Json:
        return {"Fn::GetAtt": argument.split(".", 1) if isinstance(argument, str) else self.plain(argument)}

    def _if(self, argument: Json) -> Any:
        if not (isinstance(argument, list) and len(argument) == 3):
            return {"Fn::If": self.plain(argument)}
        truth = self.condition(argument[0])
        if truth is not UNDECIDED:
            return self.value(argument[1] if truth else argument[2])
        then, otherwise = self.value(argument[1]), self.value(argument[2])
        if then == otherwise:
            return then
        branches = [{"Ref": "AWS::NoValue"} if each is ABSENT else each for each in (then, otherwise)]
        return {"Fn::If": [self.expression(argument[0]), *branches]}

    def _sub(self, argument: Json) -> Json:
        text, own = (argument[0], argument[1]) if isinstance(argument, list) and len(argument) == 2 else (argument, {})
        if not isinstance(text, str) or not isinstance(own, dict):
            return {"Fn::Sub": self.plain(argument)}
        return joined("", list(self._substituted(text, own)))

    def _substituted(self, text: str, own: Mapping[str, Json]) -> Iterator[Json]:
        end = 0
        for found in PLACEHOLDER.finditer(text):
            yield text[end : found.start()]
            end = found.end()
            name = found[2].strip()
            if found[1]:
                yield f"${{{name}}}"
            elif name in own:
                yield self.value(own[name])
            else:
                yield self._get_att(name) if "." in name else self._ref(name)
        yield text[end:]

    def _join(self, argument: Json) -> Json:
        resolved = self._arguments(argument)
        if len(resolved) == 2 and isinstance(resolved[0], str) and isinstance(resolved[1], list):
            return joined(resolved[0], resolved[1])
        return {"Fn::Join": resolved}

    def _find_in_map(self, argument: Json) -> Json:
        keys = self._arguments(argument)
        if len(keys) >= 3 and all(isinstance(key, str) for key in keys[:3]):
            found: Json = self._mappings
            for key in keys[:3]:
                found = found.get(key, ABSENT) if isinstance(found, dict) else ABSENT
            if found is not ABSENT:
                return self.value(found)
        return {"Fn::FindInMap": keys}

    def _select(self, argument: Json) -> Json:
        resolved = self._arguments(argument)
        if len(resolved) == 2 and isinstance(resolved[1], list) and str(resolved[0]).isdecimal():
            index = int(resolved[0])
            if index < len(resolved[1]):
                return resolved[1][index]
        return {"Fn::Select": resolved}

    def _split(self, argument: Json) -> Json:
        resolved = self._arguments(argument)
        if len(resolved) == 2 and all(isinstance(each, str) and each for each in resolved):
            return resolved[1].split(resolved[0])
        return {"Fn::Split": resolved}

    def _arguments(self, argument: Json) -> list[Json]:
        """What a function is given, resolved; nothing if it is not given a list."""
        return self.value(argument) if isinstance(argument, list) else []

    def _import(self, argument: Json) -> Json:
        resolved = self.plain(argument)
        if isinstance(resolved, str):
            self.imports.add(resolved)
        return {"Fn::ImportValue": resolved}


FUNCTIONS = {
    "Ref": "_ref",
    "Fn::GetAtt": "_get_att",
    "Fn::If": "_if",
    "Fn::Sub": "_sub",
    "Fn::Join": "_join",
    "Fn::FindInMap": "_find_in_map",
    "Fn::Select": "_select",
    "Fn::Split": "_split",
    "Fn::ImportValue": "_import",
}


def _has_function(value: Json) -> bool:
    """Whether some of it is known only at deployment."""
    if isinstance(value, dict):
        return True
    if isinstance(value, list):
        return any(map(_has_function, value))
    return isinstance(value, str) and "{{resolve:" in value


def _export_name(output: Json) -> Json:
    export = output.get("Export") if isinstance(output, dict) else None
    return export.get("Name") if isinstance(export, dict) else None


def _transforms(body: Mapping[str, Json]) -> Iterator[str]:
    transform = body.get("Transform")
    for each in transform if isinstance(transform, list) else [transform] if transform else []:
        yield str(each.get("Name", each)) if isinstance(each, dict) else str(each)


def _texts(value: Json) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [value] if isinstance(value, str) else []


def _section(body: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    section = body.get(name)
    return section if isinstance(section, dict) else {}
