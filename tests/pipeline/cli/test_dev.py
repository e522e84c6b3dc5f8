"""What `penstock dev` takes for a change, what it does then, and what it says of tests that fail."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from pipeline.cli import dev
from pipeline.cli.dev import Session
from pipeline.cli.dev_changes import Effect, Watched
from pipeline.cli.dev_tests import ServiceTests
from pipeline.operate.errors import OperateError
from tests.conftest import ROOT

HANDLER, STACK, TEST = (
    f"services/orders-api/{each}".replace("-", "_") for each in ("runtime/handler.py", "service.py", "tests/test_a.py")
)

OTHER, LIBRARYS_TEST = "services/other/service.py", "services/library/tests/test_a.py"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for file in (
        HANDLER,
        STACK,
        TEST,
        "stages/dev.py",
        "services/other/service.py",
        "services/library/tests/test_a.py",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("A = 1\n")
    return tmp_path


def write(file: Path, text: str) -> None:
    file.write_text(text)


def test_watched_names_what_was_written_added_and_deleted_once(checkout: Path) -> None:
    watched = Watched(root=checkout, module="orders_api")
    assert watched.changes() == []
    write(checkout / HANDLER, "A = 22\n")
    (checkout / STACK).unlink()
    write(checkout / "stages/prod.py", "A = 1\n")
    write(checkout / OTHER, "A = 22\n")
    write(checkout / LIBRARYS_TEST, "A = 22\n")
    assert watched.changes() == [HANDLER, STACK, "stages/prod.py"]
    assert watched.changes() == []


@pytest.mark.parametrize(
    ("files", "effect"),
    [
        ([TEST], Effect.TESTS),
        ([HANDLER, TEST], Effect.HANDLER),
        ([HANDLER, STACK], Effect.STACK),
        (["stages/dev.py"], Effect.STACK),
        (["services/library/runtime/log.py"], Effect.STACK),
    ],
)
def test_a_change_asks_for_the_most_that_one_of_its_files_does(
    checkout: Path, files: list[str], effect: Effect
) -> None:
    assert Watched(root=checkout, module="orders_api").effect(files) is effect


@pytest.mark.parametrize(
    ("effect", "done"),
    [(Effect.TESTS, []), (Effect.HANDLER, ["give_code"]), (Effect.STACK, ["deploy", "give_code"])],
)
def test_a_change_does_no_more_than_it_must(effect: Effect, done: list[str]) -> None:
    copy: Any = Mock(**{"give_code.return_value": ["Keep"]})
    Session(copy=copy, tests=None, say=Mock()).bring(effect)
    assert [name for name, _, _ in copy.method_calls] == done


def test_what_cannot_be_is_said_and_ends_nothing_once_there_is_a_copy() -> None:
    copy: Any = Mock(is_deployed=True, **{"give_code.side_effect": SyntaxError("handler.py, line 3")})
    say = Mock()
    Session(copy=copy, tests=None, say=say).bring(Effect.HANDLER)
    say.assert_called_once_with(dev.NOT_THERE, "handler.py, line 3")
    copy = Mock(is_deployed=False, **{"deploy.side_effect": OperateError("no cloud")})
    with pytest.raises(OperateError, match="no cloud"):
        Session(copy=copy, tests=None, say=say).bring(Effect.STACK)


def test_what_is_said_is_a_line_for_people_or_one_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    dev._say_to_people("tests", "1 passed")
    dev._say_to_machines("tests", "1 passed")
    for_people, for_machines = capsys.readouterr().out.splitlines()
    assert for_people.endswith("  tests      1 passed")
    found = json.loads(for_machines)
    assert (found.pop("at")[:2], found) == ("20", {"what": "tests", "text": "1 passed"})


INTERRUPTED = """
import signal
from pipeline.cli import dev
signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started in the background ignores it
with dev._asked_to_end() as ended:
    assert not ended()
    signal.raise_signal(signal.SIGINT)
    assert ended()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("stopped")
"""


def test_ctrl_c_is_a_wish_while_a_change_is_brought() -> None:
    """In a process of its own: a worker that runs tests would end by it."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("stopped\n", 0), done.stderr


@pytest.fixture
def checkout_with_tests(tmp_path: Path) -> Path:
    (tmp_path / ".venv").symlink_to((ROOT / ".venv").resolve())
    (tmp_path / "own").mkdir()
    return tmp_path


def said(root: Path, test: str) -> list[str]:
    (root / "own/test_it.py").write_text(test)
    lines: list[str] = []
    tests = ServiceTests(root=root, folder="own", say=lines.append)
    tests.begin()
    tests.wait()
    return lines


def test_tests_that_pass_are_counted(checkout_with_tests: Path) -> None:
    (line,) = said(checkout_with_tests, "def test_one() -> None:\n    pass\n")
    assert line.startswith("1 passed")


def test_a_test_that_fails_is_named_and_then_said_why(checkout_with_tests: Path) -> None:
    name, *reasons, count = said(checkout_with_tests, "def test_one() -> None:\n    assert 'given' == 'wanted'\n")
    assert name == "own/test_it.py::test_one FAILED"
    assert any("test_it.py:2: AssertionError: assert 'given' == 'wanted'" in each for each in reasons)
    assert count.startswith("1 failed")


def test_tests_of_files_that_are_no_more_are_ended_without_a_word(checkout_with_tests: Path) -> None:
    (checkout_with_tests / "own/test_it.py").write_text("import time\ndef test_one() -> None:\n    time.sleep(60)\n")
    lines: list[str] = []
    tests = ServiceTests(root=checkout_with_tests, folder="own", say=lines.append)
    tests.begin()
    tests.end()
    assert lines == []
