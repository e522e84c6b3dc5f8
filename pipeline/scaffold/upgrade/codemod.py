"""What a codemod is: an edit of a company's files that a change of a public name of the platform asks for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from libcst import matchers as m


@dataclass(frozen=True, kw_only=True)
class Codemod:
    """One edit. It leaves alone what it has changed already."""

    name: str
    """Its module: an upgrade runs those whose module the company's version does not have yet."""
    why: str
    """What changed, in a sentence."""
    change: Callable[[Path, str], str]
    """A file's path and text -> its text afterwards."""


ANYTHING = "*"
"""In the place of a callable: the names are those of every call."""


def rename_arguments(text: str, renamed: Mapping[str, Mapping[str, str]]) -> str:
    """Return Python with keyword arguments called otherwise: callable -> old name -> new name."""
    if not any(f"{old}=" in text for names in renamed.values() for old in names):
        return text
    return cst.parse_module(text).visit(_Arguments(renamed)).code


def remove_arguments(text: str, callable_: str, names: frozenset[str]) -> str:
    """Return Python without these keyword arguments in calls of one callable."""
    if not any(f"{each}=" in text for each in names):
        return text
    return cst.parse_module(text).visit(_Removal(callable_, names)).code


class _Arguments(cst.CSTTransformer):
    def __init__(self, renamed: Mapping[str, Mapping[str, str]]) -> None:
        self._renamed = renamed

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:  # noqa: N802 - libcst's name
        names = {**self._renamed.get(ANYTHING, {}), **self._renamed.get(_name(original_node), {})}
        return updated_node.with_changes(args=[_renamed(each, names) for each in updated_node.args])


class _Removal(cst.CSTTransformer):
    def __init__(self, callable_: str, names: frozenset[str]) -> None:
        self._callable = callable_
        self._names = names

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:  # noqa: N802 - libcst's name
        if _name(original_node) != self._callable:
            return updated_node
        kept = [each for each in updated_node.args if each.keyword is None or each.keyword.value not in self._names]
        return updated_node.with_changes(args=kept)


def _name(call: cst.Call) -> str:
    """Return the last name of what is called."""
    if m.matches(call.func, m.Name()):
        return cst.ensure_type(call.func, cst.Name).value
    if m.matches(call.func, m.Attribute()):
        return cst.ensure_type(call.func, cst.Attribute).attr.value
    return ""


def _renamed(argument: cst.Arg, names: Mapping[str, str]) -> cst.Arg:
    if argument.keyword is None or argument.keyword.value not in names:
        return argument
    return argument.with_changes(keyword=cst.Name(names[argument.keyword.value]))
