"""How a service's stack was built, so that guardrails can build it again with or without its override."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from constructs import Construct

ROOT = Path(__file__).resolve().parents[3]
StackChange = Callable[[cdk.Stack], None]


@dataclass(frozen=True, kw_only=True)
class OverrideSource:
    """The place in the code where an override is defined."""

    name: str
    """The qualified name of the function, beginning with its module."""
    file: str
    line: int
    docstring: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.file}:{self.line})" if self.file else self.name


@dataclass(frozen=True, kw_only=True)
class StackFactory:
    """A service's stack, and how to build it again in another App."""

    stack: cdk.Stack
    build: Callable[[Construct], cdk.Stack]
    """Builds the stack without its override, in another scope."""
    inherited: tuple[cdk.AspectApplication, ...]
    """Aspects that the stage applied to all of its stacks before this one was built, such as tags."""


@dataclass(frozen=True, kw_only=True)
class OverriddenStack(StackFactory):
    """A stack that an override has changed."""

    override: StackChange
    """Applies the whole override to a stack that `build` made."""
    written: object
    """The override as the stage entry has it."""

    @property
    def source(self) -> OverrideSource:
        """Return where the override is defined, as far as Python can tell."""
        return source_of(self.written)


def source_of(override: object) -> OverrideSource:
    """Return where an override is defined: a function, a method, a partial of one, or a callable object."""
    function = function_of(override)
    name = f"{_module(override)}.{getattr(function, '__qualname__', type(override).__name__)}"
    code = getattr(function, "__code__", None)
    docstring = inspect.getdoc(function) or ""
    if code is None:
        return OverrideSource(name=name, file="", line=0, docstring=docstring)
    path = Path(code.co_filename)
    file = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
    return OverrideSource(name=name, file=file, line=code.co_firstlineno, docstring=docstring)


def function_of(override: object) -> object:
    """Return the function behind an override, without partials and decorators."""
    while isinstance(override, functools.partial):
        override = override.func
    if not hasattr(override, "__code__") and not inspect.ismethod(override):
        override = getattr(type(override), "__call__", override)  # noqa: B004 - which function it is, not whether it is one
    return inspect.unwrap(override) if callable(override) else override


def _module(override: object) -> str:
    return str(getattr(function_of(override), "__module__", None) or type(override).__module__)
