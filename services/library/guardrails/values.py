"""What CloudFormation may make of a value in a template: branches of conditions, defaults of parameters, text."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

from services.library.guardrails.template import Json, Template

MOST = 64
"""So many possible values at most: a template cannot make a check run for ever."""


def possible(value: object, template: Template) -> list[object]:
    """Every value that may come of it; None if it may be left out; itself where only CloudFormation knows."""
    return list(itertools.islice(_possible(value, template), MOST))


def at(resource: Json, path: str, template: Template) -> list[object]:
    """The possible values at a dotted path below a resource's properties."""
    found = possible(resource, template)
    for step in path.split("."):
        found = [each for holder in found for each in possible(_below(holder, step), template)][:MOST]
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
    """Whether a value is a function that only CloudFormation can resolve."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return False
    (name,) = value
    return name == "Ref" or str(name).startswith("Fn::")


def _possible(value: object, template: Template) -> Iterator[object]:
    match value:
        case {"Fn::If": [_, first, second]}:
            yield from _possible(first, template)
            yield from _possible(second, template)
        case {"Ref": "AWS::NoValue"}:
            yield None
        case {"Ref": str(name)}:
            yield _default(name, template, value)
        case {"Fn::Join": [str(separator), [*parts]]}:
            yield from _joined(separator, parts, template, value)
        case {"Fn::Sub": str(text)} if "${" not in text:
            yield text
        case {"Fn::Select": [index, [*parts]]} if str(index).isdigit() and int(index) < len(parts):
            yield from _possible(parts[int(index)], template)
        case {"Fn::FindInMap": [str(name), str(first), str(second)]}:
            found = template.body.get("Mappings", {}).get(name, {}).get(first, {}).get(second, value)
            yield found
        case _:
            yield value


def _default(name: str, template: Template, value: object) -> object:
    """What a parameter is unless the deployment says otherwise, which ours never does; an SSM one is looked up."""
    parameter = template.body.get("Parameters", {}).get(name)
    if isinstance(parameter, Mapping) and not str(parameter.get("Type", "")).startswith("AWS::SSM::"):
        return parameter.get("Default", value)
    return value


def _joined(separator: str, parts: Sequence[object], template: Template, value: object) -> Iterator[object]:
    for made in itertools.product(*(possible(part, template) for part in parts)):
        yield separator.join(str(part) for part in made) if all(isinstance(part, str) for part in made) else value
