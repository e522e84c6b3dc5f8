"""`penstock dev`: a developer's own copy of a service on the local cloud, kept in step with its files."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import branch, loading
from pipeline.cli.dev_changes import Effect, Watched
from pipeline.cli.dev_copy import Copy
from pipeline.cli.dev_tests import ServiceTests
from pipeline.local.errors import LocalCloudError
from pipeline.operate.errors import OperateError
from pipeline.operate.next_step import penstock

PAUSE_SECONDS = 0.25
LOGS_EVERY = 4
"""Pauses: the logs are asked for once a second."""
NOT_THERE = "not there"
"""What is said of a change that could not be brought to the copy."""
INTERRUPTED = 130
"""As a shell reports Ctrl-C."""
Say = Callable[[str, str], None]
"""Takes what a line is about, such as `tests`, and the line."""


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(dev)


def dev(
    ctx: typer.Context,
    service: Annotated[str, typer.Argument(help="Such as payments.")],
    *,
    tests: Annotated[bool, typer.Option(help="Whether the service's tests run at each change.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each thing that is said.")] = False,
) -> None:
    """Keep your own copy of a service on the local cloud in step with its files, and show what comes of each change.

    The copy is this branch's environment (docs/branch.md), with what the service needs. A changed handler is there
    within seconds, without a deployment; a changed stack, setting or library deploys the copy again. Shows what
    changed, what the copy logs, and which of the service's tests fail. Ctrl-C ends it once what goes on is done.
    """
    root, module = ctx.ensure_object(Path), service.replace("-", "_")
    loading.find_entry(root, service, branch.place_of_branches(ctx).name)
    watched = Watched(root=root, module=module)
    say = _say_to_machines if as_json else _say_to_people
    beside = ServiceTests(root=root, folder=f"services/{module}/tests", say=lambda line: say("tests", line))
    copy = Copy(ctx=ctx, root=root, service=service, module=module)
    session = Session(copy=copy, tests=beside if tests else None, say=say)
    with _asked_to_end() as ended:
        session.bring(Effect.STACK)
        say("watching", f"services/{module}, the stages and the library. Ctrl-C ends it.")
        while not ended():
            session.look(watched)
            time.sleep(PAUSE_SECONDS)
        session.end()
    say("ended", f"The copy stays until it expires:  {penstock('branch down')} removes it.")
    raise typer.Exit(INTERRUPTED)


class Session:
    """What goes on from the first deployment to Ctrl-C."""

    def __init__(self, *, copy: Copy, tests: ServiceTests | None, say: Say) -> None:
        self._copy = copy
        self._tests = tests
        self._say = say
        self._rounds = 0

    def look(self, watched: Watched) -> None:
        """Do what a change asks for, if there is one, and say what came in meanwhile."""
        if files := watched.changes():
            for file in files:
                self._say("changed", file)
            self.bring(watched.effect(files))
        self._rounds += 1
        if self._rounds % LOGS_EVERY == 0:
            for line in self._copy.new_lines():
                self._say("log", f"{line.source}  {line.text}")

    def bring(self, effect: Effect) -> None:
        """Bring the copy to the files; where that cannot be, it stays as it was, and the next change tries again."""
        if self._tests:
            self._tests.begin()
        began = time.monotonic()
        try:
            if effect is Effect.STACK:
                self._copy.deploy()
                self._say("deployed", f"in {time.monotonic() - began:.1f} s")
            if effect is not Effect.TESTS:
                names = self._copy.give_code()
                self._say("handlers", f"{', '.join(names)}: new code in {time.monotonic() - began:.1f} s")
        except (OperateError, LocalCloudError, SyntaxError, ValueError) as error:
            if not self._copy.is_deployed:
                raise
            self._say(NOT_THERE, str(error))

    def end(self) -> None:
        """Leave nothing that runs."""
        if self._tests:
            self._tests.end()


def _say_to_people(what: str, text: str) -> None:
    typer.secho(f"{_now():%H:%M:%S}  {what:9}  {text}", fg="red" if what == NOT_THERE else None)


def _say_to_machines(what: str, text: str) -> None:
    typer.echo(json.dumps({"at": _now().isoformat(timespec="seconds"), "what": what, "text": text}))


def _now() -> datetime:
    return datetime.now().astimezone()  # the reader's own clock


@contextmanager
def _asked_to_end() -> Iterator[Callable[[], bool]]:
    """Take Ctrl-C as a wish: what goes on is finished first."""
    asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: asked.append(number))
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)
