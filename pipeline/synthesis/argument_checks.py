"""Checks of the types of arguments, put off until the kernel refuses a call."""

from collections.abc import Callable
from typing import Any, NamedTuple, get_type_hints

from jsii import _type_checking


class _Hint(NamedTuple):
    """Where the type of an argument is declared."""

    function: Callable[..., Any]
    argument: str


class _Hints(dict[str, Any]):
    """The type hints of a function, none of which is resolved before it is needed."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __missing__(self, argument: str) -> _Hint:
        hint = self[argument] = _Hint(self._function, argument)
        return hint


class _HintsOfFunctions(dict[Any, dict[str, Any]]):
    """In the place of what jsii has resolved of each function."""

    def get(self, function: Callable[..., Any], _default: object = None) -> dict[str, Any]:
        return self[function]

    def __missing__(self, function: Callable[..., Any]) -> dict[str, Any]:
        return self.setdefault(function, _Hints(function))


class DeferredChecks:
    """The types of the arguments of a call, checked only if the kernel refuses it: what it cannot use, it says itself.

    A check costs more than the call, and mypy has made it already. But jsii's sentence names the argument.
    """

    def __init__(self) -> None:
        self._noted: list[tuple[str, object, _Hint]] = []
        self.forget = self._noted.clear

    def install(self) -> None:
        """Take the place of jsii's checks: it looks these two up at each."""
        _type_checking._resolved_check = self.note  # noqa: SLF001 - there is no other switch than `python -O`
        _type_checking._type_hints_cache = _HintsOfFunctions()  # noqa: SLF001 - as above

    def note(self, *, argname: str, value: object, expected_type: _Hint) -> None:
        """Note an argument of the next call."""
        self._noted.append((argname, value, expected_type))

    def make_up(self) -> None:
        """Make the checks that were noted; raises as jsii does."""
        noted, check = list(self._noted), _type_checking._load_typeguard_check()  # noqa: SLF001 - jsii's own check
        self.forget()
        for name, value, (function, argument) in noted:
            check(argname=name, value=value, expected_type=get_type_hints(function)[argument])
