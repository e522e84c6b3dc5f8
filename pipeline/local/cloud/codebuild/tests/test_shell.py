import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.local.cloud.codebuild.shell import Shell, ShellError

START = Callable[..., "Console"]


class Console:
    """A shell, and what it has printed."""

    def __init__(self, folder: Path, program: str, **variables: str) -> None:
        self.printed = b""
        self.ticks = 0
        self.stop_at: int | None = None
        self.shell = Shell(
            program=program,
            folder=folder,
            directory=folder,
            environment={"PATH": "/usr/bin:/bin", "CODEBUILD_SRC_DIR": str(folder), **variables},
            output=self._print,
            tick=self._tick,
        )

    def run(self, command: str) -> tuple[int, str]:
        self.printed = b""
        status = self.shell.run(command)
        return status, self.printed.decode()

    def _print(self, data: bytes) -> None:
        self.printed += data

    def _tick(self) -> None:
        self.ticks += 1
        if self.ticks == self.stop_at:
            raise InterruptedError


@pytest.fixture(params=["sh", "bash"])
def console(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path, request.param)
    yield made
    made.shell.close()


def test_a_command_has_its_status_and_both_of_its_outputs(console: Console) -> None:
    assert console.run("echo out; echo err >&2; (exit 4)") == (4, "out\nerr\n")


def test_directory_and_variables_last(console: Console, tmp_path: Path) -> None:
    console.run("mkdir inner; cd inner; export A=1; B=2")
    assert console.run("pwd; echo $A $B") == (0, f"{tmp_path}/inner\n1 2\n")


def test_a_command_that_leaves_the_shell_ends_alone(console: Console, tmp_path: Path) -> None:
    console.run("cd /; export A=1")
    assert console.run("exit 7") == (7, "")
    assert console.run("exit 0") == (0, "")
    assert console.run("pwd; echo $A") == (0, "/\n1\n")


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("set -e; false", 1),
        ("if", 2),
        ("exec false", 1),
        ("kill -9 $$", 137),
        ("no-such-command", 127),
        ("return 5", 5),
    ],
)
def test_whatever_ends_a_command_the_next_one_runs(console: Console, command: str, status: int) -> None:
    assert console.run(command)[0] == status
    assert console.run("echo next") == (0, "next\n")


def test_a_command_reads_nothing_and_sees_no_pipes_of_ours(console: Console) -> None:
    assert console.run("cat; read x; echo end") == (0, "end\n")
    status, printed = console.run("ls /proc/self/fd | tr '\\n' ' '")
    assert (status, printed.split()) == (0, ["0", "1", "2", "3"]), "the fourth is the folder that ls reads"


def test_a_process_in_the_background_holds_nothing_up(console: Console) -> None:
    assert console.run("sleep 600 & echo started") == (0, "started\n")
    assert console.run("(sleep 600; true) & exit 3") == (3, "")


def test_much_output_arrives_whole_and_before_the_status(console: Console) -> None:
    status, printed = console.run("seq 200000; echo last")
    assert (status, len(printed.splitlines())) == (0, 200001)
    assert printed.endswith("200000\nlast\n")


def test_closing_ends_what_is_left_in_any_session(console: Console, tmp_path: Path) -> None:
    console.run(
        "sleep 600 & echo $! > one; setsid sh -c 'echo $$ > two; trap : TERM; sleep 600' &"
        "while ! test -s two; do :; done"
    )
    commands = [Path("/proc", (tmp_path / name).read_text().strip(), "cmdline") for name in ("one", "two")]
    console.shell.close()
    assert [path for path in commands if path.exists() and path.read_bytes()] == [], "a zombie has no command line"


def test_a_tick_can_end_the_waiting(console: Console) -> None:
    console.stop_at = 2
    with pytest.raises(InterruptedError):
        console.run("sleep 600")


def test_new_files_are_readable_by_all(console: Console, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        assert console.run("umask") == (0, "0022\n")
    finally:
        os.umask(before)


def test_a_missing_shell_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ShellError, match="sh: No such file"):
        Console(tmp_path, "sh", PATH="/nowhere").run("true")
