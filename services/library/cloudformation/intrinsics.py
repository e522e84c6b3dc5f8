"""What CloudFormation may make of a value in a template: branches of conditions, defaults of parameters, text."""

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from services.library.cloudformation.template import Json, Template

MOST = 64
"""So many possible values at most: a template cannot make a check run for ever."""
TOO_MANY: Json = {"Fn::TooMany": MOST}
"""Stands for all further ones. Like a function that only CloudFormation can resolve, it proves nothing."""
READ = re.compile(r"\{\{resolve:[^}]*\}\}")
"""What CloudFormation reads from a parameter or a secret.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""
OPENS, CLOSES = "\ue000", "\ue001"
"""Around what stands in a text for a value that only CloudFormation knows; no template's own text has them."""


def possible(value: object, template: Template) -> list[object]:
    """Every value that may come of it; None if it may be left out; itself where only CloudFormation knows."""
    return _limited(_possible(value, template))


def worlds(value: object, template: Template) -> list[object]:
    """The same of a whole with all of its parts; what is left out is not in it."""
    return _limited(_worlds(value, template))


def at(resource: Json, path: str, template: Template) -> list[object]:
    """The possible values at a dotted path below a resource's properties."""
    found = possible(resource, template)
    for step in path.split("."):
        found = _limited(each for holder in found for each in possible(_below(holder, step), template))
    return found


def entries(value: object, template: Template) -> list[object]:
    """The possible entries of a list, or of one value where a list may stand; those left out are not among them."""
    return [
        each
        for whole in possible(value, template)
        for entry in (whole if isinstance(whole, Sequence) and not isinstance(whole, str) else [whole])
        for each in possible(entry, template)
        if each is not None
    ]


def listed(resource: Json, path: str, template: Template) -> list[object]:
    """The possible entries of the list at a path."""
    return [entry for value in at(resource, path, template) for entry in entries(value, template)]


def mentioned(value: object) -> Iterator[str]:
    """The logical ids that a value names, however deep."""
    match value:
        case {"Ref": str(logical_id)}:
            yield logical_id
        case {"Fn::GetAtt": [str(text), *_]} | {"Fn::GetAtt": str(text)}:
            yield text.partition(".")[0]
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text)]}:
            yield from _in_text(text)
        case {"Fn::Sub": [str(text), variables]}:
            yield from (*_in_text(text), *mentioned(variables))
        case Mapping():
            for part in value.values():
                yield from mentioned(part)
        case list():
            for part in value:
                yield from mentioned(part)


def _in_text(text: str) -> Iterator[str]:
    for part in text.split("${")[1:]:
        yield part.partition("}")[0].partition(".")[0]


def _below(holder: object, step: str) -> object:
    """What stands there; what is no object, or known only at deployment, is what stands there itself."""
    if isinstance(holder, Mapping) and not is_open(holder):
        return holder.get(step)
    return holder


def is_open(value: object) -> bool:
    """Whether a value is a function, or a text, that only CloudFormation can resolve."""
    if isinstance(value, str):
        return READ.search(value) is not None
    if not isinstance(value, Mapping) or len(value) != 1:
        return False
    (name,) = value
    return name == "Ref" or str(name).startswith("Fn::")


def text(value: object) -> str:
    """A value as one text, with a mark for each part that only CloudFormation knows."""
    match value:
        case str():
            return READ.sub(f"{OPENS}{{\\g<0>{CLOSES}", value.replace(OPENS, "").replace(CLOSES, ""))
        case None | bool() | int() | float():
            return "" if value is None else str(value).lower()
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(text(part) for part in parts)
        case {"Fn::Sub": said}:
            return "".join(text(part) for part in _substituted(said))
        case {"Ref": str(name)} | {"Fn::GetAtt": str(name)}:
            unknown = name
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            unknown = f"{name}.{attribute}"
        case _:
            unknown = json.dumps(value, sort_keys=True)
    return f"{OPENS}{unknown}{CLOSES}"


def _limited(values: Iterable[object]) -> list[object]:
    found = list(itertools.islice(values, MOST + 1))
    return found if len(found) <= MOST else [*found[:MOST], TOO_MANY]


def _possible(value: object, template: Template) -> Iterator[object]:
    match value:
        case {"Fn::If": [_, first, second]}:
            yield from _possible(first, template)
            yield from _possible(second, template)
        case {"Ref": "AWS::NoValue"}:
            yield None
        case {"Ref": str(name)}:
            yield _default(name, template, value)
        case {"Fn::GetAtt": [str(name), "Value"]}:
            yield from _parameter(name, template, value)
        case {"Fn::Join": [str(separator), [*parts]]}:
            yield from _joined(separator, parts, template)
        case {"Fn::Sub": said}:
            yield from _joined("", _substituted(said), template)
        case {"Fn::Select": [index, [*parts]]} if str(index).isdigit() and int(index) < len(parts):
            yield from _possible(parts[int(index)], template)
        case {"Fn::FindInMap": [str(name), str(first), str(second)]}:
            found = template.body.get("Mappings", {}).get(name, {}).get(first, {}).get(second, value)
            yield found
        case _:
            yield value


def _worlds(value: object, template: Template) -> Iterator[object]:
    for each in possible(value, template):
        if isinstance(each, Mapping) and not is_open(each):
            for made in itertools.product(*(worlds(part, template) for part in each.values())):
                yield {name: part for name, part in zip(each, made, strict=True) if part is not None}
        elif isinstance(each, Sequence) and not isinstance(each, str):
            for made in itertools.product(*(worlds(part, template) for part in each)):
                yield [part for part in made if part is not None]
        else:
            yield each


def _default(name: str, template: Template, value: object) -> object:
    """What a parameter is unless the deployment says otherwise, which ours never does; an SSM one is looked up."""
    parameter = template.body.get("Parameters", {}).get(name)
    if not isinstance(parameter, Mapping):
        return value
    looked_up = str(parameter.get("Type", "")).startswith("AWS::SSM::") or "Default" not in parameter
    return {"Fn::Parameter": name} if looked_up else parameter["Default"]


def _parameter(name: str, template: Template, value: object) -> Iterator[object]:
    """What the template itself writes into an SSM parameter."""
    resource = template.body.get("Resources", {}).get(name, {})
    if resource.get("Type") == "AWS::SSM::Parameter":
        yield from _possible(resource.get("Properties", {}).get("Value"), template)
    else:
        yield value


def _joined(separator: str, parts: Sequence[object], template: Template) -> Iterator[object]:
    for made in itertools.product(*(possible(part, template) for part in parts)):
        if all(isinstance(part, str) for part in made):
            yield separator.join(str(part) for part in made)
        else:
            yield made[0] if len(made) == 1 else {"Fn::Join": [separator, list(made)]}


def _substituted(said: object) -> list[object]:
    """The parts of a Fn::Sub's text, in order."""
    match said:
        case [str(whole), Mapping() as variables]:
            pass
        case _:
            whole, variables = str(said), {}
    found: list[object] = []
    for index, part in enumerate(re.split(r"\$\{([^}]*)\}", whole)):
        name, _, attribute = part.partition(".")
        if index % 2 == 0:
            found += [part] if part else []
        elif part.startswith("!"):
            found.append(f"${{{part[1:]}}}")
        elif part in variables:
            found.append(variables[part])
        else:
            found.append({"Fn::GetAtt": [name, attribute]} if attribute else {"Ref": part})
    return found or [""]
