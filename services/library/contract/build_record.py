"""How a service's stack was made: enough for guardrails to make it again, without its override or with it."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from constructs import Construct

ROOT = Path(__file__).resolve().parents[3]
Change = Callable[[cdk.Stack], None]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where an override is written."""

    name: str
    """As a reviewer would look it up, module first."""
    file: str
    line: int
    docstring: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.file}:{self.line})" if self.file else self.name


@dataclass(frozen=True, kw_only=True)
class StackFactory:
    """A service's stack, and how to make it again in an App of its own."""

    stack: cdk.Stack
    build: Callable[[Construct], cdk.Stack]
    """Makes the stack without an override, in another scope."""
    inherited: tuple[cdk.AspectApplication, ...]
    """What the stage did to all of its stacks before this one was made, such as tags."""


@dataclass(frozen=True, kw_only=True)
class OverriddenStack(StackFactory):
    """A stack that an override has changed."""

    override: Change
    """The whole override, for a stack that `build` made."""
    written: object
    """The override as the stage entry names it."""

    @property
    def source(self) -> Source:
        """Where the override is written, as far as Python can tell."""
        return source_of(self.written)


def source_of(override: object) -> Source:
    """Where an override is written: a function, a method, a partial of one, or an object that is called."""
    function = function_of(override)
    name = f"{_module(override)}.{getattr(function, '__qualname__', type(override).__name__)}"
    code = getattr(function, "__code__", None)
    docstring = inspect.getdoc(function) or ""
    if code is None:
        return Source(name=name, file="", line=0, docstring=docstring)
    path = Path(code.co_filename)
    file = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
    return Source(name=name, file=file, line=code.co_firstlineno, docstring=docstring)


def function_of(override: object) -> object:
    """The function behind an override, whatever wraps it."""
    while isinstance(override, functools.partial):
        override = override.func
    if not hasattr(override, "__code__") and not inspect.ismethod(override):
        override = getattr(type(override), "__call__", override)  # noqa: B004 - which function it is, not whether it is one
    return inspect.unwrap(override) if callable(override) else override


def _module(override: object) -> str:
    return str(getattr(function_of(override), "__module__", None) or type(override).__module__)
