"""The walk-through and the command that plays it, without a cloud; against one: tests/end_to_end/test_promotion.py."""

import http.server
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli import demo as demo_command
from pipeline.cli import partner as partner_command
from pipeline.cli.demo import PAGE, PATIENCE_SECONDS, Command, cut, find_missing, play, read
from pipeline.cli.main import app
from pipeline.local.partner import control
from pipeline.operate import outputs
from pipeline.operate.errors import OperateError
from tests.conftest import ROOT

QUIET = ("sed ", "rm ")
"""Commands of the page that print nothing."""


def commands(stage: str = "staging") -> list[Command]:
    return [part for part in read(ROOT / PAGE, stage) if isinstance(part, Command)]


def test_demo_types_every_command_of_the_page_in_its_order() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if not line.startswith("#")]
    assert [command.text for command in commands()] == lines
    # Nothing else on the page looks like something to type but what brings the platform up.
    assert re.findall(r"^    (.*)$", text, re.MULTILINE) == ["make up"]


def test_the_page_says_of_every_command_what_it_prints() -> None:
    unsaid = [command.text for command in commands() if not command.expected]
    assert [text for text in unsaid if not text.startswith(QUIET)] == []


def test_the_page_repeats_no_command_that_changes_something() -> None:
    repeated = [command.text for command in commands() if command.is_repeated]
    assert repeated
    changing = re.compile(r"^penstock call intake|--apply|--save|--clear|--fail")
    assert [text for text in repeated if changing.search(text)] == []


def test_demo_shows_every_heading_and_paragraph_of_the_steps() -> None:
    prose = "\n".join(part for part in read(ROOT / PAGE, "staging") if isinstance(part, str))
    assert re.findall(r"^## (\d+)", prose, re.MULTILINE) == [str(number) for number in range(1, 11)]


def test_demo_refuses_a_checkout_without_the_page(tmp_path: Path) -> None:
    with pytest.raises(OperateError, match=re.escape(f"{PAGE} cannot be read")):
        read(tmp_path / PAGE, "staging")


def test_demo_names_another_stage_in_the_place_of_the_pages() -> None:
    assert [each.text.replace("--stage prod", "--stage staging") for each in commands("prod")] == [
        each.text for each in commands()
    ]
    assert "--stage prod" in commands("prod")[0].text


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def played(expected: str, *answers: tuple[int, str]) -> tuple[str, int, float]:
    """What is missing of a command that answers this, one after the other and the last for ever; tries and time."""
    clock, tries, left = Clock(), [], list(answers)

    def run(line: str) -> tuple[int, str]:
        tries.append(line)
        return left.pop(0) if len(left) > 1 else left[0]

    command = Command(text="ask", expected=[expected] if expected else [])
    _, missing = play(command, run, {}, now=clock.now, sleep=clock.sleep)
    return missing, len(tries), clock.at


@pytest.mark.parametrize(
    ("expected", "answers", "result"),
    [
        ("until yes", [(1, "no"), (1, "no"), (0, "yes")], ("", 3, 2.0)),
        ("until yes", [(1, "no")], ("until yes", PATIENCE_SECONDS + 1, PATIENCE_SECONDS)),
        ("until yes", [(2, "The local cloud does not run.")], ("until yes", 1, 0.0)),
        ("yes", [(0, "no")], ("yes", 1, 0.0)),
        ("", [(0, "whatever")], ("", 1, 0.0)),
        ("", [(1, "")], ("exit code 0", 1, 0.0)),
    ],
)
def test_demo_repeats_a_command_only_where_the_page_says_until(
    expected: str, answers: list[tuple[int, str]], result: tuple[str, int, float]
) -> None:
    assert played(expected, *answers) == result


@pytest.mark.parametrize(
    ("expected", "printed", "missing"),
    [
        (['{"id": "<one>"}'], '{"id":"s-1"}', ""),
        (["...change=<known>  outcome=RELEASED..."], "12:00  change=k-1 outcome=RELEASED  x", ""),
        (["...change=<known> outcome=RELEASED..."], "12:00  change=k-2 outcome=RELEASED  x", "..."),
        (["<one> is", "and <one>"], "s-1 is\nand s-1", ""),
        (["<one> is", "and <one>"], "s-1 is\nand s-2", "and"),
        (["Asked 5 times."], "Asked 15 times.", "Asked"),
        (["not SENT ..."], "ALREADY  shard", ""),
        (["ALREADY ...", "not SENT ..."], "ALREADY  shard\nSENT  shard", "not"),
        (["a.c"], "abc", "a.c"),
        (["one <known>", "one <known>"], "one k-1\none k-1", ""),
        (["one <known>", "one <known>"], "one k-1\none k-2", "one"),
        (["one <known>", "not one ..."], "one k-1\none k-1", "not"),
    ],
)
def test_demo_finds_the_first_expected_line_that_is_missing(expected: list[str], printed: str, missing: str) -> None:
    found = find_missing(expected, printed, {"known": "k-1"})
    assert found.startswith(missing)
    assert bool(found) == bool(missing)


def test_demo_remembers_names_of_commands_that_printed_all_that_is_expected() -> None:
    names: dict[str, str] = {}
    find_missing(["<one> is", "and more"], "s-1 is", names)
    assert names == {}
    find_missing(["<one> is"], "s-2 is", names)
    assert names == {"one": "s-2"}


LONG = f"12:00:00  {'-' * 100}  reason=AnotherPatient  {'-' * 100}"


@pytest.mark.parametrize(
    ("line", "expected", "begins", "ends"),
    [
        ("short", ["until short..."], "short", "short"),
        (LONG, ["until ...record quarantined...reason=AnotherPatient..."], "…-", "-…"),
        (LONG, ["...nothing..."], "12:00:00", "-…"),
        (f"{'-' * 100}the end", ["...the end"], "…-", "the end"),
    ],
)
def test_demo_cuts_a_long_line_around_what_the_page_points_at(
    line: str, expected: list[str], begins: str, ends: str
) -> None:
    shown = cut(line, expected, width=78)
    assert len(shown) <= 78
    assert (shown.startswith(begins), shown.endswith(ends)) == (True, True), shown
    assert ("AnotherPatient" in shown) == ("AnotherPatient" in expected[0])


class PartnerDoor(http.server.BaseHTTPRequestHandler):
    """Keeps what it was asked, and answers as the local cloud does."""

    asked: ClassVar[list[Any]]
    heard: ClassVar[dict[str, Any]] = {
        "method": "GET",
        "path": "/v1/patients/ada/coverage",
        "headers": {"traceparent": "00-6b058cbb373e4f2e18e43ff1f1c08343-7421950235d46121-01"},
    }

    def do_POST(self) -> None:
        self.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        refused = self.asked[-1].get("fault", {}).get("kind") == "nonsense"
        answer = {"message": "give another"} if refused else {"waiting": 0, "requests": [self.heard]}
        body = json.dumps(answer).encode()
        self.send_response(400 if refused else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nobody wants to read it."""


@pytest.fixture
def partner_asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What the partner's control is asked, by commands that take it for the local cloud."""

    class Door(PartnerDoor):
        asked: ClassVar[list[Any]] = []

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        cloud = SimpleNamespace(port=listening.server_port)
        for module in (demo_command, partner_command):
            monkeypatch.setattr(module, "local_cloud", lambda _ctx: cloud)
        yield Door.asked
        listening.shutdown()
        thread.join()


def test_partner_breaks_mends_and_shows_requests(partner_asked: list[Any]) -> None:
    broken = CliRunner().invoke(app, ["partner", "--fail", "reset", "--times", "3", "--path", "ada"], obj=ROOT)
    assert broken.exit_code == 0, broken.output
    assert CliRunner().invoke(app, ["partner", "--clear", "--json"], obj=ROOT).exit_code == 0
    fault = {"kind": "reset", "times": 3, "status": 503, "seconds": 1.0, "path": "ada", "retry_after": None}
    assert partner_asked == [{"fault": fault}, {"clear": True}]
    assert broken.stdout.splitlines() == [
        "GET /v1/patients/ada/coverage  trace=1-6b058cbb-373e4f2e18e43ff1f1c08343",
        "Asked 1 times. It is well.",
    ]


def test_partner_refuses_an_unknown_fault(partner_asked: list[Any]) -> None:
    done = CliRunner().invoke(app, ["partner", "--fail", "nonsense"], obj=ROOT)
    assert (done.exit_code, "partner refused that: give another" in done.stderr) == (2, True)


def test_partner_says_when_it_does_not_answer() -> None:
    with pytest.raises(Exception, match=r"does not answer.*make up"):
        control(SimpleNamespace(port=1))  # type: ignore[arg-type]  # all that is used of a cloud


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, typer.Abort])
def test_demo_mends_the_partner_when_it_is_interrupted(
    interruption: type[BaseException], partner_asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_given: object) -> None:
        raise interruption

    monkeypatch.setattr(demo_command, "play", interrupted)
    monkeypatch.setattr(demo_command, "_require_services", lambda *_given: None)
    done = CliRunner().invoke(app, ["demo"], obj=ROOT)
    assert done.exit_code == 130
    assert partner_asked == [{"clear": True}]
    assert "the partner is well again" in done.stderr


def test_demo_answers_1_with_what_is_missing_and_what_was_typed(
    partner_asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_command, "play", lambda *_given: ("HTTP 500\nbroken\n", "until yes"))
    monkeypatch.setattr(demo_command, "_require_services", lambda *_given: None)
    done = CliRunner().invoke(app, ["demo"], obj=ROOT)
    sentence = f"penstock: {PAGE} expects `until yes` (broken). This is what was typed: penstock call intake"
    assert (done.exit_code, sentence in done.stderr) == (1, True)
    assert partner_asked == [{"clear": True}]
    machine = CliRunner().invoke(app, ["demo", "--json"], obj=ROOT)
    assert (machine.exit_code, json.loads(machine.stdout)["passed"]) == (1, False)


def test_demo_shows_the_page_each_command_and_the_end_of_what_it_printed(
    partner_asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = "\n".join(f"line {number}" for number in range(20))
    monkeypatch.setattr(demo_command, "play", lambda *_given: (printed, ""))
    monkeypatch.setattr(demo_command, "_require_services", lambda *_given: None)
    done = CliRunner().invoke(app, ["demo"], obj=ROOT)
    assert done.exit_code == 0, done.output
    assert all(f"$ {command.text}" in done.stdout for command in commands())
    assert ("## 10. Mend the partner" in done.stdout, "(6 lines before)" in done.stdout) == (True, True)
    assert ("  line 6\n" in done.stdout, "  line 5\n" in done.stdout) == (True, False)
    machine = CliRunner().invoke(app, ["demo", "--json"], obj=ROOT)
    assert [step["command"] for step in json.loads(machine.stdout)["steps"]] == [each.text for each in commands()]


def test_demo_refuses_a_stage_without_the_services(monkeypatch: pytest.MonkeyPatch, partner_asked: list[Any]) -> None:
    there = [SimpleNamespace(service=name, status="CREATE_COMPLETE") for name in ("intake", "ingest", "enrichment")]
    monkeypatch.setattr(demo_command, "connect", lambda *_given, **_named: SimpleNamespace(pipeline=None))
    monkeypatch.setattr(outputs, "read", lambda _pipeline, _stage: there)
    done = CliRunner().invoke(app, ["demo", "--stage", "dev"], obj=ROOT)
    assert (done.exit_code, "records is not deployed in stage dev" in done.stderr) == (2, True)


def test_demo_refuses_to_pause_without_a_terminal() -> None:
    done = CliRunner().invoke(app, ["demo", "--pause"], obj=ROOT)
    assert (done.exit_code, "--pause waits for somebody" in done.output) == (2, True)


def test_demo_runs_commands_of_penstock_and_of_the_shell(tmp_path: Path) -> None:
    inside = typer.Typer()

    @inside.command()
    def say(text: str, ctx: typer.Context) -> None:
        typer.echo(f"{text} {ctx.obj.name}")
        typer.echo("aside", err=True)
        raise typer.Exit(3)

    found: list[tuple[int, str]] = []

    @inside.command()
    def play(ctx: typer.Context) -> None:
        found.extend(
            demo_command._run(ctx, tmp_path, line)
            for line in ("penstock say 'two words'", "echo 'a b' > made && cat made", "exit 4")
        )

    done = CliRunner().invoke(inside, ["play"])
    assert done.exit_code == 0, done.output
    assert found == [(3, f"aside\ntwo words {tmp_path.name}\n"), (0, "a b\n"), (4, "")]
    assert (tmp_path / "made").exists()
