"""The phases that a buildspec describes: its commands, in one shell, with what follows from a failing one.

https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html
"""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

from pipeline.local.cloud.codebuild.buildspec import PHASES, Buildspec, Phase, PhaseName
from pipeline.local.cloud.codebuild.shell import Shell, ShellError

GOES_ON_AFTER_FAILURE: tuple[PhaseName, ...] = ("build", "post_build")
"""POST_BUILD follows a failed BUILD; a failed INSTALL or PRE_BUILD ends the build unless `on-failure` says CONTINUE."""


class CommandError(Exception):
    """A command of a phase failed."""


class Commands:
    """Runs the phases of one buildspec."""

    def __init__(
        self,
        buildspec: Buildspec,
        shell: Shell,
        *,
        say: Callable[[str], None],
        enter: Callable[[str], None],
        leave: Callable[[Exception | None], None],
    ) -> None:
        self._buildspec = buildspec
        self._shell = shell
        self._say = say
        self._enter = enter
        self._leave = leave
        self.succeeded = True
        self.aborted = False
        """Whether the build ends here, without uploading anything."""

    def run(self) -> None:
        """Go through all phases, as far as failures let it."""
        for name in PHASES:
            phase = self._buildspec.phases.get(name, Phase())
            self._enter(name.upper())
            error = self._run_phase(phase)
            self._leave(error)
            if error is not None and (
                phase.on_failure == "ABORT" or (phase.on_failure is None and name not in GOES_ON_AFTER_FAILURE)
            ):
                self.aborted = True
                return

    def exported(self, names: Iterable[str], folder: Path) -> dict[str, str]:
        """Return the values that variables have in the shell now; those that are not set are left out."""
        file = folder / "exported"
        wanted = list(names)
        if not wanted:
            return {}
        self._shell.run(
            "\n".join(f'[ -z "${{{name}+set}}" ] || printf \'{name}=%s\\0\' "${name}"' for name in wanted).join(
                ("{ :\n", f"\n}} >'{file}'")
            )
        )
        entries = file.read_bytes().decode(errors="replace").split("\0")
        return dict(entry.split("=", 1) for entry in entries if entry)

    def expand(self, text: str, folder: Path) -> str:
        """Expand a text in the shell command language, as artifact names are."""
        file = folder / "expanded"
        self._shell.run(f"printf %s \"{text}\" >'{file}'")
        return file.read_text()

    def _run_phase(self, phase: Phase) -> Exception | None:
        error: Exception | None = None
        for commands in (phase.commands, phase.after):
            try:
                self._run_all(commands)
            except (CommandError, ShellError, OSError) as failed:
                error = error or failed
                self.succeeded = False
                with contextlib.suppress(ShellError, OSError):  # the same again: it is told already
                    self._shell.run("export CODEBUILD_BUILD_SUCCEEDING=0")
        return error

    def _run_all(self, commands: Iterable[str]) -> None:
        for command in commands:
            self._say(f"Running command {command}")
            status = self._shell.run(command)
            if status != 0:
                self._say(f"Command did not exit successfully {command} exit status {status}")
                raise CommandError(f"Error while executing command: {command}. Reason: exit status {status}")
