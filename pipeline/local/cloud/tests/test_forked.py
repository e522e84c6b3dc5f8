"""A copy of the process works on what was there at its start, keeps nothing open, and can be given up."""

import os
import resource
import socket
import time

import pytest

from pipeline.local.cloud.forked import CHUNK, ForkError, fork

SECONDS = 30.0


def test_fork_answers_with_what_was_there_when_it_began() -> None:
    state = {"rows": 1}
    copy = fork(lambda: str(state["rows"]).encode())
    state["rows"] = 2
    assert copy.result(SECONDS) == b"1"


def test_fork_changes_nothing_here() -> None:
    state = {"rows": 1}
    assert fork(lambda: str(state.pop("rows")).encode()).result(SECONDS) == b"1"
    assert state == {"rows": 1}


def test_fork_hands_over_an_answer_larger_than_a_pipe() -> None:
    assert fork(lambda: b"x" * (CHUNK * 4)).result(SECONDS) == b"x" * (CHUNK * 4)


def test_fork_answers_however_many_connections_are_open() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        assert fork(lambda: b"here").result(SECONDS) == b"here"
    finally:
        for each in opened:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_fork_lets_go_of_connections_at_once() -> None:
    ours, theirs = socket.socketpair()
    blocked_reader, blocked_writer = os.pipe()

    def closed_and_then_wait() -> bytes:
        time.sleep(SECONDS)
        return b""

    copy = fork(closed_and_then_wait)
    ours.close()
    os.close(blocked_writer)
    theirs.settimeout(SECONDS / 2)
    assert theirs.recv(1) == b""
    assert os.read(blocked_reader, 1) == b""
    os.close(blocked_reader)
    theirs.close()
    with pytest.raises(ForkError):
        copy.result(0.0)


def test_fork_that_hangs_is_killed_and_said() -> None:
    def hang() -> bytes:
        time.sleep(SECONDS)
        return b"late"

    copy = fork(hang)
    with pytest.raises(ForkError, match="more than 0 s"):
        copy.result(0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(copy.pid, 0)


def test_fork_that_fails_answers_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> bytes:
        raise LookupError("broken state")

    assert fork(fail).result(SECONDS) == b""
    assert "broken state" in capfd.readouterr().err
