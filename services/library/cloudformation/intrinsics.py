"""What CloudFormation makes of a value in a template: conditions, parameters, mappings, and functions of known values.

A parameter is taken at its default, which is what CDK Pipelines deploys with. The `Resolver` decides by what is known;
`possible_values` and `possible_documents` are what may come of a value, whichever way each condition turns out.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from services.library.cloudformation.template import Json, Resource, Template
from services.library.cloudformation.values import (
    DYNAMIC_REFERENCE,
    PLACEHOLDER,
    Value,
    is_function,
    is_open,
    is_same,
    normalize_join,
)

ABSENT = object()
"""`AWS::NoValue`."""
UNDECIDED = None
MOST = 64
"""So many possible values at most: a template cannot make a check run for ever."""
TOO_MANY: Json = {"Fn::TooMany": MOST}
"""Stands for all further ones. Like a function that only CloudFormation can resolve, it proves nothing."""


class UndecidedError(Exception):
    """A value depends on a condition of which nothing is assumed."""

    def __init__(self, condition: str) -> None:
        super().__init__(condition)
        self.condition = condition


class Resolver:
    """Decides values by what is known of one template.

    `values`: parameters and pseudo parameters; `conditions`: the definitions by which conditions are decided;
    `resources`: those whose SSM parameters are read as the template writes them; `assumed`: how conditions turn out;
    `must_assume`: whether a condition that is neither known nor assumed is an `UndecidedError`, and not left in place.
    """

    def __init__(
        self,
        *,
        values: Json | None = None,
        mappings: Json | None = None,
        conditions: Json | None = None,
        resources: Json | None = None,
        assumed: Mapping[str, bool] | None = None,
        must_assume: bool = False,
    ) -> None:
        self.imports: set[str] = set()
        """The names of the exports that were read."""
        self._values = values or {}
        self._mappings = mappings or {}
        self._conditions = conditions or {}
        self._resources = resources or {}
        self._assumed = assumed or {}
        self._must_assume = must_assume
        self._decided: dict[str, tuple[bool | None, Value]] = {}

    def mapping(self, value: Value) -> Json:
        """Return the resolved value if it is a mapping of names, else an empty one."""
        resolved = self.value(value) if isinstance(value, dict) else {}
        return resolved if isinstance(resolved, dict) else {}

    def plain(self, value: Value) -> Value:
        """Return the resolved value, None where there is none."""
        resolved = self.value(value)
        return None if resolved is ABSENT else resolved

    def value(self, value: Value) -> Any:
        """Return a value with everything decided that can be, or ABSENT."""
        if isinstance(value, list):
            return [each for each in map(self.value, value) if each is not ABSENT]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in FUNCTIONS:
                return getattr(self, FUNCTIONS[name])(argument)
        return {
            key: each for key, each in zip(value, map(self.value, value.values()), strict=True) if each is not ABSENT
        }

    def outermost(self, value: Value) -> Any:
        """Return a value with the functions decided that it consists of, and not those in its parts."""
        match value:
            case {"Fn::If": [name, then, otherwise]} if (truth := self.condition(name)) is not UNDECIDED:
                return self.outermost(then if truth else otherwise)
        return self.plain(value) if is_function(value) else value

    def condition(self, name: Value) -> bool | None:
        """Return True, False, or UNDECIDED. Nothing that has no condition depends on one."""
        if name is None:
            return True
        if str(name) in self._assumed:
            return self._assumed[str(name)]
        if self._must_assume:
            raise UndecidedError(str(name))
        return self._evaluate({"Condition": name})[0]

    def expression(self, name: Value) -> str:
        """Return what an undecided condition asks, as text that is equal for equal questions."""
        return json.dumps(self._evaluate({"Condition": name})[1], sort_keys=True, default=str)

    def _evaluate(self, expression: Value) -> tuple[bool | None, Value]:
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

    def _equal(self, left: Value, right: Value) -> tuple[bool | None, Value]:
        if is_same(left, right):
            return True, True
        if _has_function(left) or _has_function(right):
            return UNDECIDED, {"Fn::Equals": [left, right]}
        return False, False

    def _combined(self, name: str, expressions: list[Value]) -> tuple[bool | None, Value]:
        parts = [self._evaluate(each) for each in expressions]
        truths = [truth for truth, _ in parts]
        settles = name == "Fn::Or"
        if name != "Fn::Not" and settles in truths:
            return settles, settles
        if UNDECIDED in truths or not truths:
            return UNDECIDED, {name: [rest for truth, rest in parts if truth is UNDECIDED]}
        truth = not truths[0] if name == "Fn::Not" else not settles
        return truth, truth

    def _named(self, name: str) -> tuple[bool | None, Value]:
        if name not in self._decided:
            self._decided[name] = UNDECIDED, {"Condition": name}  # one that asks itself stays undecided
            if name in self._conditions:
                self._decided[name] = self._evaluate(self._conditions[name])
        return self._decided[name]

    def _ref(self, name: Value) -> Any:
        return ABSENT if name == "AWS::NoValue" else self._values.get(str(name), {"Ref": name})

    def _get_att(self, argument: Value) -> Value:
        named = argument.split(".", 1) if isinstance(argument, str) else self.plain(argument)
        match named:
            case [str(logical_id), "Value"] if isinstance(resource := self._resources.get(logical_id), Mapping):
                if resource.get("Type") == "AWS::SSM::Parameter":
                    properties = resource.get("Properties")
                    return self.plain(properties.get("Value")) if isinstance(properties, Mapping) else None
        return {"Fn::GetAtt": named}

    def _if(self, argument: Value) -> Any:
        if not (isinstance(argument, list | tuple) and len(argument) == 3):
            return {"Fn::If": self.plain(argument)}
        truth = self.condition(argument[0])
        if truth is not UNDECIDED:
            return self.value(argument[1] if truth else argument[2])
        then, otherwise = self.value(argument[1]), self.value(argument[2])
        if is_same(then, otherwise):
            return then
        branches = [{"Ref": "AWS::NoValue"} if each is ABSENT else each for each in (then, otherwise)]
        return {"Fn::If": [self.expression(argument[0]), *branches]}

    def _sub(self, argument: Value) -> Value:
        match argument:
            case [str(text), Mapping() as own]:
                return normalize_join("", list(self._substituted(text, own)))
            case str(text) | [str(text)]:
                return normalize_join("", list(self._substituted(text, {})))
        return {"Fn::Sub": self.plain(argument)}

    def _substituted(self, text: str, own: Json) -> Iterator[Value]:
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

    def _join(self, argument: Value) -> Value:
        resolved = self._arguments(argument)
        if len(resolved) == 2 and isinstance(resolved[0], str) and isinstance(resolved[1], list):
            return normalize_join(resolved[0], resolved[1])
        return {"Fn::Join": resolved}

    def _find_in_map(self, argument: Value) -> Value:
        keys = self._arguments(argument)
        if len(keys) >= 3 and all(isinstance(key, str) for key in keys[:3]):
            found: Value = self._mappings
            for key in keys[:3]:
                found = found.get(key, ABSENT) if isinstance(found, Mapping) else ABSENT
            if found is not ABSENT:
                return self.value(found)
        return {"Fn::FindInMap": keys}

    def _select(self, argument: Value) -> Value:
        resolved = self._arguments(argument)
        if len(resolved) == 2 and isinstance(resolved[1], list) and str(resolved[0]).isdecimal():
            index = int(resolved[0])
            if index < len(resolved[1]):
                return resolved[1][index]
        return {"Fn::Select": resolved}

    def _split(self, argument: Value) -> Value:
        resolved = self._arguments(argument)
        if len(resolved) == 2 and all(isinstance(each, str) and each for each in resolved):
            return resolved[1].split(resolved[0])
        return {"Fn::Split": resolved}

    def _arguments(self, argument: Value) -> list[Value]:
        """What a function is given, resolved; nothing if it is not given a list."""
        return self.value(argument) if isinstance(argument, list | tuple) else []

    def _import(self, argument: Value) -> Value:
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


def parameter_value(parameter: Json, given: Value = ABSENT) -> Value:
    """Return what a parameter is, given or by default; ABSENT if only the deployment knows. An SSM one stays unread."""
    value = parameter.get("Default", ABSENT) if given is ABSENT else given
    if value is ABSENT or isinstance(value, Mapping):
        return ABSENT
    if is_read_at_deployment(parameter):
        return f"{{{{resolve:ssm:{value}}}}}"
    if "List" in str(parameter.get("Type", "")) and isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    return value


def is_read_at_deployment(parameter: Json) -> bool:
    """Return whether CloudFormation reads a parameter's value from SSM, by the name that is given for it."""
    return str(parameter.get("Type", "")).startswith("AWS::SSM::Parameter::Value")


def possible_values(value: Value, template: Template) -> list[Value]:
    """Return every value that may come of it; None if it may be left out; itself where only CloudFormation knows."""
    if not is_function(value):
        return [value]
    return _outcomes(template, lambda resolver: resolver.outermost(value))


def possible_documents(value: Value, template: Template) -> list[Value]:
    """Return every value that may come of a whole with all of its parts; what is left out is not in it."""
    if not isinstance(value, Mapping | list | tuple):
        return [value]
    return _outcomes(template, lambda resolver: resolver.plain(value))


def possible_forms(resources: Sequence[Resource], template: Template) -> list[Mapping[str, Json]]:
    """Return the properties of resources by logical id, for each way in which the conditions turn out.

    What a condition leaves out is not in it. Of ways that are too many to be looked at, no property is known.
    """
    each_with_condition = [
        {"id": each.logical_id, "properties": {"Fn::If": [each.condition, each.properties, {"Ref": "AWS::NoValue"}]}}
        if each.condition
        else {"id": each.logical_id, "properties": each.properties}
        for each in resources
    ]
    unknown = {each.logical_id: dict.fromkeys(each.properties, TOO_MANY) for each in resources}
    return [
        unknown
        if form is TOO_MANY
        else {each["id"]: each["properties"] for each in form if isinstance(each.get("properties"), Mapping)}
        for form in possible_documents(each_with_condition, template)
    ]


def values_at(resource: Json, path: str, template: Template) -> list[Value]:
    """Return the possible values at a dotted path below a resource's properties."""
    found = possible_values(resource, template)
    for step in path.split("."):
        found = _limited(each for holder in found for each in possible_values(_below(holder, step), template))
    return found


def entries(value: Value, template: Template) -> list[Value]:
    """Return the possible entries of a list, or of one value where a list may stand, without those left out."""
    return [
        each
        for whole in possible_values(value, template)
        for entry in (whole if isinstance(whole, Sequence) and not isinstance(whole, str) else [whole])
        for each in possible_values(entry, template)
        if each is not None
    ]


def list_items(resource: Json, path: str, template: Template) -> list[Value]:
    """Return the possible entries of the list at a path."""
    return [entry for value in values_at(resource, path, template) for entry in entries(value, template)]


def _outcomes(template: Template, resolve: Callable[[Resolver], Value]) -> list[Value]:
    """List what a value becomes, for each way in which the conditions turn out that it depends on."""
    values = {
        name: {"Fn::Parameter": name} if is_read_at_deployment(parameter) or value is ABSENT else value
        for name, parameter in template.section("Parameters").items()
        if isinstance(parameter, Mapping)
        for value in [parameter_value(parameter)]
    }
    mappings, resources = template.section("Mappings"), template.section("Resources")
    found: list[Value] = []
    waiting: list[dict[str, bool]] = [{}]
    while waiting and len(found) <= MOST:
        assumed = waiting.pop()
        resolver = Resolver(values=values, mappings=mappings, resources=resources, assumed=assumed, must_assume=True)
        try:
            found.append(resolve(resolver))
        except UndecidedError as error:
            waiting += [{**assumed, error.condition: False}, {**assumed, error.condition: True}]
    return _limited(found)


def _limited(values: Iterable[Value]) -> list[Value]:
    found = list(values)
    return found if len(found) <= MOST else [*found[:MOST], TOO_MANY]


def _below(holder: Value, step: str) -> Value:
    """What stands there; what is no object, or known only at deployment, is what stands there itself."""
    if isinstance(holder, Mapping) and not is_open(holder):
        return holder.get(step)
    return holder


def _has_function(value: Value) -> bool:
    """Whether some of it is known only at deployment."""
    if isinstance(value, Mapping):
        return True
    if isinstance(value, list):
        return any(map(_has_function, value))
    return isinstance(value, str) and DYNAMIC_REFERENCE.search(value) is not None
