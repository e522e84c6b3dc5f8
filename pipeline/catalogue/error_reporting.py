"""How a synth ends at a team's mistake: with a sentence and its line, not with a traceback through the CDK."""

import contextlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from pipeline.catalogue.problem import MistakeError, Problem
from pipeline.catalogue.source_location import relative

OF_THE_CDK = "@jsii/kernel.RuntimeError: "


@contextlib.contextmanager
def told() -> Iterator[None]:
    """End with sentences for what stages and services did wrong; with a traceback for what the platform did."""
    try:
        yield
    except MistakeError as error:
        sys.exit(str(error))
    except Exception as error:
        problem = problem_of(error)
        if problem is None or _is_the_platforms(error):
            raise
        sys.exit(str(problem))


def problem_of(error: BaseException) -> Problem | None:
    """What Python or the CDK says, at the innermost line of a stage's or a service's own; None if it met none."""
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
    own = [(file, line) for file, line in _frames(error) if _is_a_teams(file)]
    if not own:
        return None
    file, line = own[-1]
    return Problem(file=file, line=line, allowed="code that runs", message=_said(error))


def _frames(error: BaseException) -> list[tuple[str, int | None]]:
    """Our own files and lines that the error came through, the innermost last."""
    found = ((relative(Path(frame.filename)), frame.lineno) for frame in traceback.extract_tb(error.__traceback__))
    return [(file, line) for file, line in found if file.startswith(("services/", "stages/", "pipeline/"))]


def _is_a_teams(file: str) -> bool:
    """Whether teams write it. The library's own checks speak of the line that called them."""
    folder, below = Path(file).parts[:2]
    return folder == "stages" or (folder == "services" and below != "library")


def _is_the_platforms(error: Exception) -> bool:
    """Whether our own code failed below a team's line, with no sentence of ours and none of the CDK's."""
    if isinstance(error, ValueError | SyntaxError) or OF_THE_CDK in str(error):
        return False
    return not _is_a_teams(_frames(error)[-1][0])


def _said(error: BaseException) -> str:
    text = str(error).strip()
    if isinstance(error, ValueError):
        return text
    # The CDK's own errors come through jsii, with its type in front.
    said = text.rpartition(OF_THE_CDK)[2]
    return said.splitlines()[0] if said != text and said else f"{type(error).__name__}: {text}"
