"""The Velocity 1.7 template language as a tree: what a mapping template may say."""

from dataclasses import dataclass


class TemplateError(Exception):
    """A template that Velocity would refuse to parse."""


@dataclass(frozen=True)
class Text:
    """Characters that are written as they stand."""

    text: str


@dataclass(frozen=True)
class Literal:
    """A number, a boolean, or a string without interpolation."""

    value: str | int | float | bool


@dataclass(frozen=True)
class Interpolated:
    """A string in double quotes, which is a template of its own."""

    body: "Block"


@dataclass(frozen=True)
class Property:
    """`.name` after a reference."""

    name: str


@dataclass(frozen=True)
class Method:
    """`.name(arguments)` after a reference."""

    name: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True)
class Index:
    """`[expression]` after a reference."""

    at: "Expression"


@dataclass(frozen=True)
class Reference:
    """`$root.step.step(...)`; `source` stands in the output when it has no value, or when backslashes hide it."""

    root: str
    steps: tuple[Property | Method | Index, ...]
    source: str
    quiet: bool
    backslashes: int = 0


@dataclass(frozen=True)
class Unary:
    """`!operand` or `-operand`."""

    operator: str
    operand: "Expression"


@dataclass(frozen=True)
class Binary:
    """`left operator right`."""

    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class ListOf:
    """`[a, b]`."""

    items: tuple["Expression", ...]


@dataclass(frozen=True)
class Range:
    """`[a..b]`."""

    first: "Expression"
    last: "Expression"


@dataclass(frozen=True)
class MapOf:
    """`{key: value}`."""

    entries: tuple[tuple["Expression", "Expression"], ...]


Expression = Literal | Interpolated | Reference | Unary | Binary | ListOf | Range | MapOf


@dataclass(frozen=True)
class Assign:
    """`#set(target = value)`."""

    target: Reference
    value: Expression


@dataclass(frozen=True)
class Choose:
    """`#if ... #elseif ... #else ... #end`: the first branch whose condition holds (None always does)."""

    branches: tuple[tuple[Expression | None, "Block"], ...]


@dataclass(frozen=True)
class Each:
    """`#foreach($name in items) ... #end`."""

    name: str
    items: Expression
    body: "Block"


@dataclass(frozen=True)
class Leave:
    """`#break` leaves the loop, `#stop` the template."""

    template: bool


Node = Text | Reference | Assign | Choose | Each | Leave
Block = tuple[Node, ...]
