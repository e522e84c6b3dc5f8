"""References of one resource to another, in resolved values."""

from collections.abc import Iterator, Mapping

from pipeline.review.model import Json


def references(value: Json) -> Iterator[tuple[str, str]]:
    """Each logical id (or parameter) that a value refers to, with the attribute; empty for a `Ref`."""
    if isinstance(value, dict):
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                yield str(argument), ""
                return
            if name == "Fn::GetAtt" and isinstance(argument, list) and len(argument) == 2:
                yield str(argument[0]), str(argument[1])
                return
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def renamed(value: Json, names: Mapping[str, str]) -> Json:
    """The value with every reference to a key of `names` made one to its value."""
    if isinstance(value, dict):
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return {name: names.get(argument, argument) if isinstance(argument, str) else argument}
            if name == "Fn::GetAtt" and isinstance(argument, list) and argument and isinstance(argument[0], str):
                return {name: [names.get(argument[0], argument[0]), *argument[1:]]}
        return {key: renamed(each, names) for key, each in value.items()}
    return [renamed(each, names) for each in value] if isinstance(value, list) else value
