"""What an override changes: the same stack built again without it, or with only its first lines."""

import functools
import inspect
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import aws_cdk as cdk
from constructs import Construct, IConstruct

from services.library.cloudformation.template import CDK_METADATA, Template
from services.library.guardrails import assembly

ROOT = Path(__file__).resolve().parents[4]
Key = tuple[str, str]
"""Rule and construct path of a finding."""
Change = Callable[[cdk.Stack], None]
Templates = dict[str, list[Template]]
"""By the path of their stack."""
MOST_LINES = 512
"""An override that runs through more than this is named by its first line alone."""


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


class _ReachedError(BaseException):
    """Ends an override before a line. Not an Exception, which an override might catch."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A service's stack, and how to make it again in an App of its own."""

    stack: cdk.Stack
    build: Callable[[Construct], cdk.Stack]
    """Makes the stack without an override, in another scope."""
    inherited: tuple[cdk.AspectApplication, ...]
    """What the stage did to all of its stacks before this one was made, such as tags."""


@dataclass(frozen=True, kw_only=True)
class Overridden(Made):
    """A stack that an override has changed. `beside`: all the stacks of its stage, at which it may look."""

    override: Change
    """The whole override, for a stack that `build` made."""
    written: object
    """The override as the stage entry names it."""

    @property
    def source(self) -> Source:
        """Where the override is written, as far as Python can tell."""
        return source_of(self.written)

    def without(self, beside: Sequence[Made]) -> list[Template]:
        """The templates that the stack would have without its override, and without any beside it."""
        return of_stack(self.stack.node.path, synthesised([self], {}, inherited=beside[0].inherited))

    def up_to(self, count: int, beside: Sequence[Made]) -> list[Template]:
        """The templates that it has when the override ends before its line number `count`, as they run."""
        return self._alone_if_it_can(self._part(count), beside)

    def stage(self, beside: Sequence[Made]) -> Templates:
        """The templates of all the stacks beside it, with no other override."""
        return synthesised(beside, {self.stack.node.path: self.override})

    def stage_up_to(self, count: int, beside: Sequence[Made]) -> Templates:
        """The same when the override ends before its line number `count`."""
        return synthesised(beside, {self.stack.node.path: self._part(count)})

    def lines(self, beside: Sequence[Made]) -> list[int]:
        """The lines of the override in the order in which they run."""
        code = _code(self.written)
        if code is None:
            return []
        traced: list[_Traced] = []

        def whole(stack: cdk.Stack) -> None:
            traced.append(_Traced(code))
            with traced[-1]:
                self.override(stack)

        self._alone_if_it_can(whole, beside)
        return traced[-1].lines

    def _part(self, count: int) -> Change:
        code = _code(self.written)

        def part(stack: cdk.Stack) -> None:
            if code is not None:
                try:
                    with _Traced(code, stop=count):
                        self.override(stack)
                except _ReachedError:
                    return

        return part

    def _alone_if_it_can(self, change: Change, beside: Sequence[Made]) -> list[Template]:
        """Made beside the others only if it fails without them: they take their time."""
        path = self.stack.node.path
        try:
            made = synthesised([self], {path: change}, inherited=beside[0].inherited)
        except Exception:
            if len(beside) <= 1:
                raise
            made = synthesised(beside, {path: change})
        return of_stack(path, made)


def synthesised(
    stacks: Sequence[Made],
    changes: Mapping[str, Change],
    *,
    inherited: Sequence[cdk.AspectApplication] | None = None,
) -> Templates:
    """The stacks of one stage made again, each with the change for its path, if there is one.

    `inherited`: of the stage's first stack, if that is not among these. A later one has what an override has done, too.
    """
    scopes = stacks[0].stack.node.scopes
    with tempfile.TemporaryDirectory() as folder:
        app = cdk.App(
            outdir=folder,
            analytics_reporting=False,
            tree_metadata=False,
            context=scopes[-2].node.get_all_context(),
        )
        scope = _copied(app, scopes[1:-1])
        for applied in stacks[0].inherited if inherited is None else inherited:
            cdk.Aspects.of(scope).add(applied.aspect, priority=applied.priority)
        for each in stacks:
            stack = each.build(scope)
            changes.get(each.stack.node.path, _nothing)(stack)
        # The stage alone: an App has everything validated, by plugins and by the CDK's own slow rules.
        made = Path((cdk.Stage.of(stack) or app).synth(skip_validation=True).directory)
        return {path: [*assembly.templates(made, file, path)] for path, file in assembly.stacks(made)}


def of_stack(path: str, templates: Mapping[str, Sequence[Template]]) -> list[Template]:
    """Those of a stack, and of whatever stack is inside it."""
    return [each for known, its in templates.items() if f"{known}/".startswith(f"{path}/") for each in its]


def _nothing(stack: cdk.Stack) -> None:
    """No override."""
    del stack


def _copied(app: cdk.App, scopes: Sequence[IConstruct]) -> Construct:
    """Scopes of the same names, so that what is named after its path has the same name."""
    above: Construct = app
    for scope in scopes:
        if isinstance(scope, cdk.Stage):
            env = cdk.Environment(account=scope.account, region=scope.region)
            above = cdk.Stage(above, scope.node.id, env=env)
        else:
            above = Construct(above, scope.node.id)
    return above


def locate(lines: Sequence[int], found: Callable[[int], set[Key]], wanted: Iterable[Key]) -> dict[Key, int]:
    """The line of an override after which each of these is found; none for what it cannot tell.

    `found`: what there is if only so many lines run. Each question makes the stack once more: this is for what failed.
    """
    found = functools.cache(found)
    located: dict[Key, int] = {}
    for key in wanted if 0 < len(lines) <= MOST_LINES else ():
        low, high = 0, len(lines)  # never before any line has run, and there at the end
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if key in found(middle) else (middle, high)
        located[key] = lines[high - 1]
    return located


def source_of(override: object) -> Source:
    """Where an override is written: a function, a method, a partial of one, or an object that is called."""
    function = _function(override)
    name = f"{_module(override)}.{getattr(function, '__qualname__', type(override).__name__)}"
    code = getattr(function, "__code__", None)
    docstring = inspect.getdoc(function) or ""
    if code is None:
        return Source(name=name, file="", line=0, docstring=docstring)
    path = Path(code.co_filename)
    file = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
    return Source(name=name, file=file, line=code.co_firstlineno, docstring=docstring)


def _function(override: object) -> object:
    while isinstance(override, functools.partial):
        override = override.func
    if not hasattr(override, "__code__") and not inspect.ismethod(override):
        override = getattr(type(override), "__call__", override)  # noqa: B004 - which function it is, not whether it is one
    return inspect.unwrap(override) if callable(override) else override


def _module(override: object) -> str:
    return str(getattr(_function(override), "__module__", None) or type(override).__module__)


def _code(override: object) -> CodeType | None:
    code = getattr(_function(override), "__code__", None)
    return code if isinstance(code, CodeType) else None


class _Traced:
    """Follows the lines of one function; ends it before the one of this number."""

    def __init__(self, code: CodeType, *, stop: int | None = None) -> None:
        self.lines: list[int] = []
        self._code = code
        self._stop = stop
        self._before: Any = None

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._call)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _call(self, frame: FrameType, event: str, argument: object) -> Any:  # noqa: ARG002 - the signature is Python's
        return self._line if frame.f_code is self._code else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:  # noqa: ARG002 - as above
        if event == "line":
            if len(self.lines) == self._stop:
                raise _ReachedError
            self.lines.append(frame.f_lineno)
        return self._line


def changed(before: Iterable[Template], after: Iterable[Template]) -> Iterator[str]:
    """The construct paths whose resources differ, or that only one side has."""
    was, now = (
        {each.path: each.body for template in side for each in template.resources() if each.type not in CDK_METADATA}
        for side in (before, after)
    )
    yield from (path for path in sorted(was.keys() | now.keys()) if was.get(path) != now.get(path))
