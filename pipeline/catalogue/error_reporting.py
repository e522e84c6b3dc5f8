"""How a synth ends at a team's mistake: with a sentence and its line, not with a traceback through the CDK."""

import ast
import builtins
import contextlib
import inspect
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from pipeline.catalogue.problem import MistakeError, Problem
from pipeline.catalogue.source_location import SourceExpression, problem, relative
from services.library.contract.constraints import suggestion

SETTINGS = "pipeline/settings.py"
OF_THE_CDK = "@jsii/kernel.RuntimeError: "
CLIENT_OF_JSII = frozenset({"pipeline/synthesis/jsii_client.py", "pipeline/synthesis/argument_checks.py"})
"""What each call of the CDK goes through: an error that comes out there is the caller's."""
SETTING = re.compile(
    r"(?P<field>\w+(?:\[[^\]]*\]|\.\w+)*)=(?P<given>.+) is not allowed; give (?P<allowed>.+)\.", re.DOTALL
)
"""How the contract and the library refuse a value; the field as in `rate_limit` or `after[0].path`."""
ARGUMENT = re.compile(r"(?:unexpected keyword argument|required (?:keyword-only|positional) arguments?:) '(\w+)'")
"""How Python refuses a call that names an argument which there is not, or lacks one."""


@contextlib.contextmanager
def report_errors() -> Iterator[None]:
    """End with sentences for what stages and services did wrong; with a traceback for what the platform did."""
    try:
        yield
    except MistakeError as error:
        sys.exit(str(error))
    except Exception as error:
        found = problem_of(error)
        if found is None or _is_the_platforms(error):
            raise
        sys.exit(str(found))


def problem_of(error: BaseException) -> Problem | None:
    """Return what Python or the CDK says, at the innermost line of a stage's or a service's own; None if it met none.

    Names the field too, and what is allowed, where the error says them: for a call with wrong arguments, a name that
    there is not, and a value that the contract refuses.
    """
    if isinstance(error, SyntaxError) and error.filename:
        text = (error.text or "").strip()
        return Problem(
            file=relative(Path(error.filename)),
            line=error.lineno,
            column=error.offset,
            given=text,
            allowed="valid Python",
            message=f"{error.msg}: {text}" if text else error.msg,
        )
    own = [(frame, at) for frame, at in _frames(error) if _is_a_teams(relative(Path(at.filename)))]
    if not own:
        return None
    frame, at = own[-1]
    return _explained(error, frame, _expression(at)) or Problem(
        file=relative(Path(at.filename)), line=at.lineno, allowed="code that runs", message=_message(error)
    )


def _explained(error: BaseException, frame: FrameType, made: SourceExpression) -> Problem | None:
    """Return the problem with its field, if the error is of a kind that names one."""
    text = _message(error)
    if isinstance(error, ValueError) and (found := SETTING.search(text)):
        return problem(made.field(found["field"]), text, **found.groupdict())
    if isinstance(error, NameError | AttributeError) and error.name:
        owner = getattr(error, "obj", None)
        known = {*frame.f_globals, *dir(builtins)} if owner is None else dir(owner)
        allowed = "a name that is defined here" if owner is None else "a name that it has"
        return problem(
            made, f"{text}{suggestion(error.name, known)}", field=made.argument, given=made.text, allowed=allowed
        )
    if isinstance(error, TypeError) and isinstance(call := made.node, ast.Call):
        called = ast.unparse(call.func)
        takes = _parameters(frame.f_globals.get(called))
        allowed = ", ".join(takes)
        if argument := ARGUMENT.search(text):
            field = argument[1]
            place = made.field(field)
            said, given = f"has no {field}{suggestion(field, takes)}", place.text
            if place is made:
                said, given = f"needs {field}", "nothing"
            message = f"{called} {said}; it has {allowed}." if takes else f"{called} {said}."
            return problem(place, message, field=field, given=given, allowed=allowed)
        if "positional argument" in text and call.args:
            place = SourceExpression(file=made.file, node=call.args[0])
            message = f"{text}; give each by its name: {allowed}."
            return problem(place, message, field="", given=place.text, allowed=allowed)
    return None


def _parameters(called: Any) -> list[str]:
    """Return the names that a class or function may be called with; none if that cannot be told."""
    try:
        return list(inspect.signature(called).parameters)
    except (TypeError, ValueError):
        return []


def _expression(at: traceback.FrameSummary) -> SourceExpression:
    """Return the expression that a frame was at, and the argument that it is a part of."""
    file = Path(at.filename)
    begins, ends = (at.lineno or 0, at.colno or 0), (at.end_lineno or 0, at.end_colno or 0)
    found, argument = None, ""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):  # from the outside in
        if not isinstance(node, ast.keyword | ast.expr):
            continue
        first, last = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
        if isinstance(node, ast.keyword) and first <= begins and ends <= last:
            argument = node.arg or ""
        elif isinstance(node, ast.expr) and (first, last) == (begins, ends):
            found = node
    return SourceExpression(file=relative(file), node=found, argument=argument)


def _frames(error: BaseException) -> list[tuple[FrameType, traceback.FrameSummary]]:
    """Return our own frames that the error came through, the innermost last."""
    walked = traceback.walk_tb(error.__traceback__)
    found = [(frame, at) for (frame, _), at in zip(walked, traceback.extract_tb(error.__traceback__), strict=True)]
    files = [relative(Path(at.filename)) for _, at in found]
    ours = ("services/", "stages/", "pipeline/")
    return [
        each for each, file in zip(found, files, strict=True) if file.startswith(ours) and file not in CLIENT_OF_JSII
    ]


def _is_a_teams(file: str) -> bool:
    """Return whether a company writes it. The library's own checks speak of the line that called them."""
    if file == SETTINGS:
        return True
    folder, below = Path(file).parts[:2]
    return folder == "stages" or (folder == "services" and below != "library")


def _is_the_platforms(error: Exception) -> bool:
    """Return whether our own code failed below a team's line, with no sentence of ours and none of the CDK's."""
    if isinstance(error, ValueError | SyntaxError) or OF_THE_CDK in str(error):
        return False
    return not _is_a_teams(relative(Path(_frames(error)[-1][1].filename)))


def _message(error: BaseException) -> str:
    text = str(error).strip()
    if isinstance(error, ValueError):
        return text
    # The CDK's own errors come through jsii, with its type in front.
    said = text.rpartition(OF_THE_CDK)[2]
    return said.splitlines()[0] if said != text and said else f"{type(error).__name__}: {text}"
