"""A CloudFormation template as it was written, in JSON or YAML, and why it cannot be adopted as it is."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from pipeline.scaffold.errors import ScaffoldError

Json = Any
TIMESTAMP = "tag:yaml.org,2002:timestamp"
NESTED_STACK = "AWS::CloudFormation::Stack"
SAM, MODULE = "AWS::Serverless::", "::MODULE"
OF_THE_CDK: Mapping[str, str] = {"Parameters": "BootstrapVersion", "Rules": "CheckBootstrapVersion"}
"""Section -> what the CDK writes there into each template, and so into the adopted one, too."""
PROCESSED = (
    "Adopt what it was made into, which CloudFormation has: leave TEMPLATE out, so that it is read from the account, or"
    " save it with `aws cloudformation get-template --stack-name {stack} --template-stage Processed`."
)


@dataclass(frozen=True)
class WrittenTemplate:
    """A template's text."""

    name: str
    """Where it is from, as messages say it."""
    text: str

    @cached_property
    def is_json(self) -> bool:
        """Whether it is JSON and not YAML."""
        return self.text.lstrip().startswith("{")

    @cached_property
    def body(self) -> Mapping[str, Json]:
        """The template with its short forms written out. Raises ScaffoldError for what is none."""
        try:
            body = json.loads(self.text) if self.is_json else yaml.load(self.text, Loader=_ShortForms)  # noqa: S506 - a SafeLoader
        except (ValueError, yaml.YAMLError, RecursionError) as error:
            raise ScaffoldError(f"{self.name} cannot be read: {' '.join(str(error).split())}") from None
        if not isinstance(body, dict) or not isinstance(body.get("Resources"), dict):
            raise ScaffoldError(f"{self.name} is no CloudFormation template: it has no Resources.")
        return body

    @property
    def adopted_text(self) -> str:
        """The text for the service's folder: as it is, but for what the CDK writes into each template itself."""
        left = {
            section: {name: each for name, each in part.items() if name != OF_THE_CDK.get(section)}
            for section, part in self.body.items()
            if section in OF_THE_CDK
        }
        if all(left[section] == self.body[section] for section in left):
            return self.text if self.text.endswith("\n") else f"{self.text}\n"
        kept = {name: left.get(name, part) for name, part in self.body.items() if left.get(name, part)}
        return f"{json.dumps(kept, indent=2, ensure_ascii=False)}\n"

    @property
    def file_name(self) -> str:
        """What it is called in the service's folder."""
        return "template.json" if self.adopted_text.lstrip().startswith("{") else "template.yaml"

    def parameters(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the values that are not the defaults. Raises ScaffoldError for unknown and for missing ones."""
        declared = self.declared
        given = {name: value for name, value in given.items() if name != OF_THE_CDK["Parameters"]}
        if unknown := sorted(set(given) - set(declared)):
            known = ", ".join(declared) or "none"
            raise ScaffoldError(f"--parameter {unknown[0]}: {self.name} has no such parameter; it has {known}.")
        missing = [name for name, each in declared.items() if "Default" not in each and name not in given]
        if missing:
            raise ScaffoldError(
                f"{self.name}: {missing[0]} has no default. Give what the stack was deployed with:"
                f" --parameter {missing[0]}=VALUE."
            )
        return {name: value for name, value in given.items() if value != str(declared[name].get("Default"))}

    def differing(self, values: Mapping[str, str], *, of: "WrittenTemplate") -> dict[str, str]:
        """Return what this template must be given for another one's parameters, which have these values or defaults."""
        theirs = {name: str(each["Default"]) for name, each in of.declared.items() if "Default" in each} | dict(values)
        wanted = {name: str(each.get("Default")) for name, each in self.declared.items()}
        return {name: value for name, value in theirs.items() if wanted.get(name, value) != value}

    @property
    def declared(self) -> dict[str, Any]:
        """The template's own parameters."""
        return {
            name: each for name, each in self.body.get("Parameters", {}).items() if name != OF_THE_CDK["Parameters"]
        }

    def check(self, stack: str) -> None:
        """Raise ScaffoldError with all that keeps the template from being adopted."""
        if found := list(self._refusals(stack)):
            raise ScaffoldError("\n".join(f"{self.name}: {each}" for each in found))

    def _refusals(self, stack: str) -> Iterator[str]:
        processed = PROCESSED.format(stack=stack)
        if macros := self.body.get("Transform"):
            named = [each.get("Name", each) if isinstance(each, dict) else each for each in _listed(macros)]
            yield f"its Transform ({', '.join(map(str, named))}) writes resources that stand in no file. {processed}"
        for key in ("Fn::Transform", "Fn::ForEach"):
            if where := next(_places(self.body, key), None):
                yield f"{where} has {key}, which writes what stands in no file. {processed}"
        for logical_id, resource in self.body["Resources"].items():
            type_ = str(resource.get("Type", "")) if isinstance(resource, dict) else ""
            if type_ == NESTED_STACK:
                yield (
                    f"{logical_id} is a nested stack, whose resources are another template's. Adopt stacks that stand"
                    " alone: docs/adopt.md says what to do with nested ones."
                )
            elif type_.endswith(MODULE) or (type_.startswith(SAM) and not self.body.get("Transform")):
                yield f"{logical_id} is a {type_}, which CloudFormation makes others of. {processed}"
        for name, parameter in self.body.get("Parameters", {}).items():
            if str(parameter.get("NoEcho", "")).lower() == "true":
                yield (
                    f"the parameter {name} is NoEcho: its value can be read by nobody, and stands in no repository."
                    " Have the template read it where it is kept, with {{resolve:secretsmanager:...}}, and deploy that"
                    " first."
                )


class _ShortForms(yaml.SafeLoader):
    """Reads `!Sub text` as `{"Fn::Sub": text}`, and dates as the text that they are."""


def _short_form(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Json]:
    value: Json
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 - YAML has three kinds
        value = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


_ShortForms.add_multi_constructor("!", _short_form)
_ShortForms.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _places(value: Json, key: str, path: str = "") -> Iterator[str]:
    """Yield where a key, or one that begins with it and `::`, is in a value."""
    if isinstance(value, list):
        for each in value:
            yield from _places(each, key, path)
    elif isinstance(value, dict):
        for name, each in value.items():
            if str(name) == key or str(name).startswith(f"{key}::"):
                yield path or "the template"
            yield from _places(each, key, f"{path}.{name}".lstrip("."))
