"""docs/walk-through.md as something that can be played: what it says, and the commands on it, in their order."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pipeline.operate.errors import OperateError

PAGE = "docs/walk-through.md"
FENCE, END = "```sh", "```"
STEP = "## "
STAGE = "--stage"


class Kind(Enum):
    """What a part of the page is."""

    HEADING = "HEADING"
    PROSE = "PROSE"
    COMMAND = "COMMAND"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A heading, a paragraph, or one command."""

    kind: Kind
    text: str


def parts(checkout: Path) -> list[Part]:
    """The steps of the page: from its first numbered heading to the last command, and what is said of that."""
    try:
        lines = (checkout / PAGE).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise OperateError(f"{PAGE} cannot be read, and it says what to do: {error.strerror}.") from error
    return list(_parts(iter([*lines, ""])))


def _parts(lines: Iterator[str]) -> Iterator[Part]:
    """Prose before the first step and after the last is for readers of the page."""
    inside = False
    paragraph: list[str] = []
    for line in lines:
        if line and not line.startswith((STEP, FENCE)):
            paragraph.append(line)
            continue
        if paragraph and inside:
            yield Part(kind=Kind.PROSE, text="\n".join(paragraph))
        paragraph = []
        if line.startswith(STEP):
            inside = line.removeprefix(STEP)[:1].isdigit()
            if inside:
                yield Part(kind=Kind.HEADING, text=line.removeprefix(STEP))
        elif line == FENCE:
            for command in iter(lambda: next(lines, END), END):
                yield Part(kind=Kind.COMMAND, text=command)


def in_stage(command: str, stage: str) -> str:
    """The same command for another stage than the page's."""
    words = shlex.split(command)
    if STAGE not in words:
        return command
    named = words[words.index(STAGE) + 1]
    return command.replace(f"{STAGE} {named}", f"{STAGE} {stage}")


def option(command: str, name: str) -> str:
    """What a command is given by an option."""
    words = shlex.split(command)
    return words[words.index(name) + 1]
