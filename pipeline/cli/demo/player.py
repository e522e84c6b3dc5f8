"""Goes through the walk-through: tells, types, and looks whether that came of it which should."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import typer

from pipeline.cli.demo.expectations import Expectation, Said, Story, Unmet
from pipeline.cli.demo.page import Kind, Part, in_stage
from pipeline.cli.failures import CANNOT

PAUSE_SECONDS = 1.0
LINES_SHOWN = 14
ANNOUNCEMENTS = ("Pipeline ", "Stack ")
"""How commands begin the line that says where they act, which is the same all along."""

Run = Callable[[str], Said]
Step = tuple[Part, Expectation | None]


class Teller(Protocol):
    """Who tells what happens."""

    def tells(self, part: Part) -> None:
        """A heading or a paragraph of the page."""

    def types(self, command: str) -> None:
        """A command, before it runs."""

    def hears(self, said: Said, found: str) -> None:
        """What it said, and what that shows."""


class Silence:
    """For machines."""

    def tells(self, part: Part) -> None:
        """Nothing."""

    def types(self, command: str) -> None:
        """Nothing."""

    def hears(self, said: Said, found: str) -> None:
        """Nothing."""


class Narrator:
    """For people at a terminal."""

    def __init__(self, *, waits: bool) -> None:
        from rich.console import Console  # noqa: PLC0415 - 0.2 s, which no other command has to pay

        self.console: Console = Console(highlight=False)
        self.waits = waits

    def tells(self, part: Part) -> None:
        """A rule for a heading; a paragraph as it is written."""
        from rich.markdown import Markdown  # noqa: PLC0415 - as above

        self.console.print()
        if part.kind is Kind.HEADING:
            self.console.rule(f"[bold]{part.text}", align="left")
        else:
            self.console.print(Markdown(part.text, hyperlinks=False))

    def types(self, command: str) -> None:
        """As at a prompt."""
        self.console.print()
        self.console.print(f"$ {command}", style="bold cyan", markup=False)
        if self.waits:
            typer.prompt("", default="", show_default=False, prompt_suffix="[Enter] ")

    def hears(self, said: Said, found: str) -> None:
        """The end of it, and the sentence."""
        lines = list(_shown(said))
        if len(lines) > LINES_SHOWN:
            self.console.print(f"  ({len(lines) - LINES_SHOWN} lines before)", style="dim")
        for line in lines[-LINES_SHOWN:]:
            self.console.print(f"  {line}", style="dim", markup=False, no_wrap=True, overflow="ellipsis")
        self.console.print(f"✓ {found}", style="green", markup=False)


def _shown(said: Said) -> Iterator[str]:
    for line in (*said.err.splitlines(), *said.out.splitlines()):
        if line and not line.startswith(ANNOUNCEMENTS):
            yield line


@dataclass(kw_only=True)
class Player:
    """Goes through the steps until one is not as it should be."""

    run: Run
    teller: Teller
    stage: str
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    story: Story = field(default_factory=Story)
    failure: str = ""
    """The sentence about what was not as it should be."""
    done: list[dict[str, Any]] = field(default_factory=list)

    def play(self, steps: Iterable[Step]) -> None:
        """Tell, type, look."""
        for part, expectation in steps:
            if expectation is None:
                self.teller.tells(part)
            elif not self._typed(in_stage(part.text, self.stage), expectation):
                return

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "passed": not self.failure,
            "failure": self.failure,
            "stage": self.stage,
            "facts": self.story.facts,
            "steps": self.done,
        }

    def _typed(self, command: str, expectation: Expectation) -> bool:
        self.teller.types(command)
        began = self.now()
        while True:
            said = self.run(command)
            try:
                found = expectation.check(self.story, command, said)
            except Unmet as unmet:
                refused = said.exit_code == CANNOT  # such as a cloud that has ended: asking again changes nothing
                if refused or self.now() - began >= expectation.seconds:
                    why = f" ({said.err.strip().splitlines()[-1]})" if refused and said.err.strip() else ""
                    self.failure = f"{unmet}{why}. This is what was typed: {command}"
                    self._note(command, said, began, str(unmet))
                    return False
            else:
                self._note(command, said, began, found)
                self.teller.hears(said, found)
                return True
            self.sleep(PAUSE_SECONDS)

    def _note(self, command: str, said: Said, began: float, found: str) -> None:
        seconds = round(self.now() - began, 1)
        self.done.append({"command": command, "exit_code": said.exit_code, "seconds": seconds, "found": found})
