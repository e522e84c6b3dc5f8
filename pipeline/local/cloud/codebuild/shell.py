"""One shell for a whole build, fed one command at a time.

"CodeBuild runs all build commands in the same instance of the default shell", so that directories and variables last:
https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec-ref-versions
"""

import os
import selectors
import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.local.cloud.codebuild.processes import end_processes

# Commands come in on descriptor 8 and statuses go out on 9, out of the commands' sight: dash knows one digit only.
DRIVER = """\
exec 8<&0 9>&2 0</dev/null 2>&1
trap '_status=$?; {{ env -0 >{environment}; pwd >{directory}; }} 2>/dev/null; exit $_status' EXIT
while IFS= read -r _command <&8; do
  command . "$_command" 8<&- 9>&-
  printf '%d\\n' "$?" >&9
done
"""
SECONDS_BETWEEN_TICKS = 0.2


class ShellError(Exception):
    """The shell cannot run at all."""


class Shell:
    """Runs commands in a process group of its own, in an environment built from nothing."""

    def __init__(
        self,
        *,
        program: str,
        folder: Path,
        directory: Path,
        environment: Mapping[str, str],
        output: Callable[[bytes], None],
        tick: Callable[[], None],
    ) -> None:
        """`tick` is called every now and then while a command runs; what it raises ends the waiting."""
        self._program = program
        self._folder = folder
        self._directory = directory
        self._environment = dict(environment)
        self._output = output
        self._tick = tick
        self._running: _Running | None = None
        self._count = 0

    def run(self, command: str) -> int:
        """Run one command to its end and return its exit status."""
        self._count += 1
        script = self._folder / f"{self._count}.sh"
        script.write_text(command + "\n")
        if self._running is None:
            self._running = _Running(self._start(), self._output)
        status = self._running.follow(script, self._tick)
        if status is not None:
            return status
        status = self._running.forget()  # the command was `exit`, or ended the shell in another way
        self._running = None
        return status

    def close(self) -> None:
        """Leave no process behind, also none that left the process group."""
        if self._count:
            group = self._running.pid if self._running is not None else None
            end_processes(f"CODEBUILD_SRC_DIR={self._environment['CODEBUILD_SRC_DIR']}", group=group)
        if self._running is not None:
            self._running.forget()
            self._running = None

    def _start(self) -> "subprocess.Popen[bytes]":
        environment, directory = self._left()
        driver = DRIVER.format(
            environment=shlex.quote(str(self._folder / "left.env")),
            directory=shlex.quote(str(self._folder / "left.cwd")),
        )
        try:
            return subprocess.Popen(
                [self._program, "-c", driver],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=environment,
                cwd=directory,
                start_new_session=True,
                umask=0o022,
            )
        except OSError as error:
            raise ShellError(f"{self._program}: {error.strerror}") from error

    def _left(self) -> tuple[dict[str, str], Path]:
        """Return what a command that ended the shell has left: the next one goes on from there."""
        try:
            entries = os.fsdecode((self._folder / "left.env").read_bytes()).split("\0")
            directory = Path((self._folder / "left.cwd").read_text().rstrip("\n"))
        except FileNotFoundError:
            return self._environment, self._directory
        environment = dict(entry.split("=", 1) for entry in entries if "=" in entry)
        return environment or self._environment, directory if directory.is_dir() else self._directory


class _Running:
    """A shell's process and its three pipes."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: Callable[[bytes], None]) -> None:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ShellError("the shell was started without pipes")
        self.pid = process.pid
        self._process = process
        self._commands, self._printed, self._statuses = process.stdin, process.stdout, process.stderr
        os.set_blocking(self._printed.fileno(), False)
        os.set_blocking(self._statuses.fileno(), False)
        self._output = output

    def follow(self, script: Path, tick: Callable[[], None]) -> int | None:
        """Run a script and hand on what it prints; its exit status, or None if the shell is gone."""
        try:
            self._commands.write(f"{script}\n".encode())
        except BrokenPipeError:
            return None
        status = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._printed, selectors.EVENT_READ)
            selector.register(self._statuses, selectors.EVENT_READ)
            while not status.endswith(b"\n"):
                ready = [key.fileobj for key, _ in selector.select(SECONDS_BETWEEN_TICKS)]
                # A process left in the background may hold the pipes open after the shell's end.
                gone = self._process.poll() is not None
                if self._printed in ready and not self._drain():
                    selector.unregister(self._printed)
                if self._statuses in ready or gone:
                    more = self._statuses.read(64)
                    status += more or b""
                    if more == b"" or (gone and not more):
                        self._drain()
                        return None
                tick()
        self._drain()  # what the command printed came before its status
        return int(status)

    def forget(self) -> int:
        """Close the pipes and return the exit status of the shell itself, as another shell would print it."""
        for pipe in (self._commands, self._printed, self._statuses):
            pipe.close()
        status = self._process.wait()
        return status if status >= 0 else 128 - status

    def _drain(self) -> bool:
        """Hand on what was printed so far; False once nobody can print any more."""
        while data := self._printed.read(65536):
            self._output(data)
        return data is None
