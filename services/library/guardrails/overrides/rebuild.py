"""What an override changes: the same stack built again without it, or with only its first lines."""

import contextlib
import functools
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import aws_cdk as cdk
from constructs import Construct, IConstruct

from services.library.cloudformation.template import CDK_METADATA, Template
from services.library.contract.build_record import OverriddenStack, StackChange, function_of
from services.library.guardrails import assembly

Key = tuple[str, str]
"""Rule and construct path of a finding."""
Templates = Mapping[str, Sequence[Template]]
"""By the path of their stack."""
MOST_LINES = 512
"""An override that runs through more than this is named by its first line alone."""


class _ReachedError(BaseException):
    """Ends an override before a line. Not an Exception, which an override might catch."""


def without_override(overridden: OverriddenStack) -> Templates:
    """Make the stack without its override, and whatever stack its service makes beside it."""
    return _synthesised(overridden, _nothing)


def up_to_line(overridden: OverriddenStack, count: int) -> Templates:
    """Make the stack with an override that ends before its line number `count`, as they run."""
    return _synthesised(overridden, _part(overridden, count))


def lines_of(overridden: OverriddenStack) -> list[int]:
    """Run the override, and list its lines in the order in which they run; none of one that is not in Python."""
    traced = _Traced(_code(overridden.written))

    def whole(stack: cdk.Stack) -> None:
        with traced:
            overridden.override(stack)

    _synthesised(overridden, whole)
    return traced.lines


def _part(overridden: OverriddenStack, count: int) -> StackChange:
    code = _code(overridden.written)

    def part(stack: cdk.Stack) -> None:
        with contextlib.suppress(_ReachedError), _Traced(code, stop=count):
            overridden.override(stack)

    return part


def _synthesised(overridden: OverriddenStack, change: StackChange) -> Templates:
    """Make the stack again in an App of its own, below scopes of the same names, with this change."""
    scopes = overridden.stack.node.scopes
    with tempfile.TemporaryDirectory() as folder:
        app = cdk.App(
            outdir=folder,
            analytics_reporting=False,
            tree_metadata=False,
            auto_synth=False,
            context=scopes[-2].node.get_all_context(),
        )
        scope = _copied(app, scopes[1:-1])
        for applied in overridden.inherited:
            cdk.Aspects.of(scope).add(applied.aspect, priority=applied.priority)
        stack = overridden.build(scope)
        change(stack)
        # The stage alone: an App has everything validated, by the CDK's own slow rules.
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


def _code(override: object) -> CodeType | None:
    code = getattr(function_of(override), "__code__", None)
    return code if isinstance(code, CodeType) else None


class _Traced:
    """Follows the lines of one function, none where it has no code in Python; ends it before the one of this number."""

    def __init__(self, code: CodeType | None, *, stop: int | None = None) -> None:
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
