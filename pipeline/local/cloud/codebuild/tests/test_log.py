from pathlib import Path

import pytest

from pipeline.local.cloud.codebuild.log import BYTES_IN_A_BATCH, BuildLog, Event


class Sent:
    def __init__(self) -> None:
        self.batches: list[list[Event]] = []

    def __call__(self, events: list[Event]) -> None:
        self.batches.append(events)

    @property
    def text(self) -> str:
        return "".join(line for batch in self.batches for _, line in batch)


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def log(tmp_path: Path, sent: Sent) -> BuildLog:
    return BuildLog(tmp_path / "log.txt", send=sent)


def test_a_secret_is_hidden_wherever_the_pipe_was_cut(log: BuildLog, sent: Sent, tmp_path: Path) -> None:
    log.hide(["hunter2", "hunter2000"])
    for piece in (b"a hun", b"ter2 b\nhunter20", b"00", b" end"):
        log.output(piece)
    log.close()
    assert sent.text == "a *** b\n*** end\n"
    assert (tmp_path / "log.txt").read_text() == sent.text


def test_each_line_of_a_long_secret_is_hidden(log: BuildLog, sent: Sent) -> None:
    log.hide(["-----BEGIN KEY-----\nabcdef\n}\n-----END KEY-----"])
    log.output(b"-----BEGIN KEY-----\nabcdef\n}\n-----END KEY-----\n")
    log.close()
    assert sent.text == "***\n***\n}\n***\n"


def test_access_key_ids_are_hidden_and_an_empty_secret_hides_nothing(log: BuildLog, sent: Sent) -> None:
    log.hide(["", "xyz"])
    log.output(b"key ASIA0123456789ABCDEF, word ASIAN\n")
    log.close()
    assert sent.text == "key ***, word ASIAN\n"


def test_own_lines_do_not_run_into_what_a_command_printed(log: BuildLog, sent: Sent) -> None:
    log.output(b"no end of line")
    log.say("Phase complete")
    log.close()
    first, second = sent.text.splitlines()
    assert first == "no end of line"
    assert second.startswith("[Container] ")
    assert second.endswith(" Phase complete")


def test_no_batch_and_no_event_is_larger_than_cloudwatch_takes(log: BuildLog, sent: Sent) -> None:
    log.output(b"x" * 1_500_000)
    log.output(b"\n" + b"line\n" * 25_000)
    log.close()
    assert sent.text.count("x") == 1_500_000
    assert max(len(line) for batch in sent.batches for _, line in batch) < 256 * 1024
    assert max(len(batch) for batch in sent.batches) <= 10_000
    sizes = [sum(len(line) + 26 for _, line in batch) for batch in sent.batches]
    assert max(sizes) <= BYTES_IN_A_BATCH + 100_000 < 1_048_576


def test_bytes_that_are_no_text_are_printed_all_the_same(log: BuildLog, sent: Sent) -> None:
    log.output(b"\xff\xfe ok\n")
    log.close()
    assert sent.text.endswith(" ok\n")


def test_a_full_disk_does_not_keep_the_log_from_cloudwatch(sent: Sent) -> None:
    log = BuildLog(Path("/dev/full"), send=sent)
    log.output(b"still here\n")
    log.close()
    assert sent.text == "still here\n"
