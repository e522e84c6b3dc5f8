"""The walk-through and what plays it, without a cloud; against one: tests/end_to_end/test_promotion.py."""

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

from pipeline.cli import partner as partner_command
from pipeline.cli.demo import command as demo_command
from pipeline.cli.demo.command import pair
from pipeline.cli.demo.expectations import (
    EXPECTATIONS,
    Expectation,
    Said,
    Story,
    Unmet,
    breaker_opened,
    compensated,
    read,
    traced,
    traced_by_the_partner,
)
from pipeline.cli.demo.page import PAGE, Kind, Part, in_stage, parts
from pipeline.cli.demo.player import Narrator, Player, Silence, Step
from pipeline.cli.main import app
from pipeline.local.partner import control
from pipeline.operate import outputs
from pipeline.operate.errors import OperateError
from tests.conftest import ROOT


def test_the_demo_types_every_command_of_the_page_in_its_order() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines()]
    assert len(commands) == len(EXPECTATIONS)
    assert [part.text for part, expectation in pair(parts(ROOT)) if expectation is not None] == commands
    # Nothing else on the page looks like something to type but what brings the platform up.
    assert re.findall(r"^    (.*)$", text, re.MULTILINE) == ["make up"]


def test_the_demo_tells_every_heading_and_paragraph_of_the_steps() -> None:
    told = [part for part in parts(ROOT) if part.kind is not Kind.COMMAND]
    headings = [part.text for part in told if part.kind is Kind.HEADING]
    assert [heading.partition(".")[0] for heading in headings] == [str(number) for number in range(1, 11)]
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert all(part.text in text for part in told)


def command(text: str) -> Part:
    return Part(kind=Kind.COMMAND, text=text)


def without_the_last_command(found: list[Part]) -> list[Part]:
    return found[: max(number for number, part in enumerate(found) if part.kind is Kind.COMMAND)]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (without_the_last_command, "has no command 'penstock logs' where the demo expects one"),
        (
            lambda found: [*found, command("penstock status")],
            "does not know what comes of: penstock status",
        ),
        (lambda found: [command("rm -rf /"), *found], "does not know what comes of: rm -rf /"),
    ],
)
def test_a_page_that_the_demo_does_not_know_is_a_sentence(changed: Any, said: str) -> None:
    with pytest.raises(OperateError, match=re.escape(said)):
        pair(changed(parts(ROOT)))


def test_a_checkout_without_the_page_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OperateError, match=re.escape(f"{PAGE} cannot be read")):
        parts(tmp_path)


def test_another_stage_takes_the_pages_place_and_nothing_else_changes() -> None:
    typed = """penstock call intake --stage staging --body '{"text": "staging"}'"""
    assert in_stage(typed, "prod") == """penstock call intake --stage prod --body '{"text": "staging"}'"""
    assert in_stage("rm -r .penstock/pills", "prod") == "rm -r .penstock/pills"


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def player(*answers: str) -> tuple[Player, list[str], Clock]:
    """One whose commands say this, one after the other and the last for ever; and what it types."""
    clock, typed, left = Clock(), [], list(answers)

    def run(line: str) -> Said:
        typed.append(line)
        return Said(exit_code=0, out=left.pop(0) if len(left) > 1 else left[0])

    return Player(run=run, teller=Silence(), stage="qa", now=clock.now, sleep=clock.sleep), typed, clock


def says_yes(story: Story, line: str, said: Said) -> str:
    if said.out != "yes":
        raise Unmet("it said no")
    return "It said yes."


def asking(seconds: float) -> list[Step]:
    return [(command("ask --stage staging"), Expectation(of="ask", check=says_yes, seconds=seconds))]


def test_a_command_is_repeated_until_it_says_what_it_should() -> None:
    made, typed, _ = player("no", "no", "yes")
    made.play([*asking(10), *asking(0)])
    assert typed == ["ask --stage qa"] * 4
    assert made.to_json()["passed"] is True
    assert [step["found"] for step in made.done] == ["It said yes.", "It said yes."]


def test_what_stays_wrong_ends_the_demo_with_a_sentence_and_what_was_typed() -> None:
    made, typed, clock = player("no")
    made.play([*asking(5), *asking(5)])
    assert made.failure == "it said no. This is what was typed: ask --stage qa"
    assert (len(made.done), clock.at, len(typed)) == (1, 5.0, 6)
    assert made.to_json()["passed"] is False


def test_a_command_that_cannot_do_what_it_is_asked_ends_the_demo_at_once_with_its_reason() -> None:
    made, _, clock = player("no")
    made.run = lambda _line: Said(exit_code=2, out="no", err="Pipeline x\npenstock: The local cloud does not run.\n")
    made.play(asking(60))
    assert made.failure.startswith("it said no (penstock: The local cloud does not run.). This is what was typed: ask")
    assert clock.at == 0


def test_what_must_be_at_once_is_typed_once() -> None:
    made, typed, _ = player("no")
    made.play(asking(0))
    assert (len(typed), made.failure[:10]) == (1, "it said no")


def test_the_narrator_shows_the_command_the_end_of_what_it_said_and_what_that_shows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    narrator = Narrator(waits=False)
    narrator.tells(Part(kind=Kind.HEADING, text="1. Ask"))
    narrator.tells(Part(kind=Kind.PROSE, text="Ask `somebody` [now](x.md)."))
    narrator.types("ask --body '[bold]'")
    out = "\n".join(f"line {number}" for number in range(20))
    narrator.hears(Said(exit_code=0, out=out, err="Pipeline penstock: here\nHTTP 200\n"), "It is so.")
    shown = capsys.readouterr().out
    assert "1. Ask" in shown
    assert "$ ask --body '[bold]'" in shown
    assert "line 19" in shown
    assert "line 6\n" in shown
    assert "line 5\n" not in shown
    assert "(7 lines before)" in shown
    assert "Pipeline penstock" not in shown
    assert "✓ It is so." in shown


ADA = {"resourceType": "Patient", "id": "ada", "name": [{"family": "Lovelace"}]}


@pytest.mark.parametrize(
    ("exit_code", "found", "otherwise"),
    [
        (0, ADA | {"meta": {"versionId": "1"}}, None),
        (0, ADA | {"meta": {"versionId": "2"}, "gender": "female"}, "is not what was posted"),
        (1, {"status": 404}, "records has no Patient/ada"),
    ],
)
def test_a_record_is_what_was_posted_or_it_is_not(exit_code: int, found: Any, otherwise: str | None) -> None:
    story = Story(resources={"Patient/ada": ADA})
    said = Said(exit_code=exit_code, out=json.dumps(found))
    if otherwise is None:
        assert "version 1" in read(story, "penstock call --path Patient/ada", said)
    else:
        with pytest.raises(Unmet, match=otherwise):
            read(story, "penstock call --path Patient/ada", said)


@pytest.mark.parametrize("asked", [4, 6])
def test_a_breaker_that_opens_late_or_not_at_all_is_found(asked: int) -> None:
    with pytest.raises(Unmet, match=f"asked {asked} times"):
        breaker_opened(Story(), "penstock partner", Said(exit_code=0, out="GET /v1 trace=x\n" * asked))


RELEASED = "12:00:02  Compensate  INFO  change released  change=s-1  outcome=RELEASED\n"


@pytest.mark.parametrize(
    ("log", "otherwise"),
    [
        ("", "still trying"),
        (RELEASED.replace("s-1", "s-2"), "still trying"),
        (RELEASED * 2, "undone 2 times"),
        (RELEASED + "12:00:03  Enrich  INFO  change enriched  change=s-1  outcome=APPLIED\n", "was applied"),
    ],
)
def test_a_compensation_that_is_none_or_more_than_one_is_found(log: str, otherwise: str) -> None:
    with pytest.raises(Unmet, match=otherwise):
        compensated(Story(submission="s-1"), "penstock logs", Said(exit_code=0, out=log))


def test_the_tries_of_this_change_that_did_not_reach_the_partner_are_counted() -> None:
    tried = "12:00:01  Enrich  WARNING  change not enriched  change={}  reason=PartnerLeftAlone\n"
    story = Story(submission="s-1")
    compensated(story, "penstock logs", Said(exit_code=0, out=tried.format("s-2") + tried.format("s-1") + RELEASED))
    assert story.facts == {"released": 1, "left_alone": 1}


CALLS = "1-a  execution s-1\n 0 s 1 ms  200  GET http://x/datastore/{id}/r4/{id}/{id}\n" + (
    " 1 s 1 ms  503  GET https://p/v1/patients/{id}/coverage\n" * 5
)


@pytest.mark.parametrize(
    ("told", "otherwise"),
    [("1-a", None), ("1-b", "another trace"), ("", "another trace, or of none")],
)
def test_a_partner_that_was_told_another_trace_or_none_is_found(told: str, otherwise: str | None) -> None:
    story = Story(submission="s-1")
    traced(story, "penstock trace", Said(exit_code=0, out=CALLS.replace("1-a", f"1-{'a' * 8}-{'a' * 24}")))
    whole = f"1-{told[2:] * 8}-{told[2:] * 24}" if told else ""
    said = Said(exit_code=0, out=f"GET /v1/patients/ada/coverage  trace={whole}\n" * 5)
    if otherwise is None:
        assert "the same trace, 5 times" in traced_by_the_partner(story, "penstock partner", said)
    else:
        with pytest.raises(Unmet, match=otherwise):
            traced_by_the_partner(story, "penstock partner", said)


@pytest.mark.parametrize("missing", ["503", "200", "s-1"])
def test_a_trace_that_is_not_whole_is_found(missing: str) -> None:
    with pytest.raises(Unmet):
        traced(Story(submission="s-1"), "penstock trace", Said(exit_code=0, out=CALLS.replace(missing, "")))


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


def test_the_partner_is_broken_mended_and_asked_by_one_command(partner_asked: list[Any]) -> None:
    broken = CliRunner().invoke(app, ["partner", "--fail", "reset", "--times", "3", "--path", "ada"], obj=ROOT)
    assert broken.exit_code == 0, broken.output
    assert CliRunner().invoke(app, ["partner", "--clear", "--json"], obj=ROOT).exit_code == 0
    fault = {"kind": "reset", "times": 3, "status": 503, "seconds": 1.0, "path": "ada", "retry_after": None}
    assert partner_asked == [{"fault": fault}, {"clear": True}]
    assert broken.stdout.splitlines() == [
        "GET /v1/patients/ada/coverage  trace=1-6b058cbb-373e4f2e18e43ff1f1c08343",
        "Asked 1 times. It is well.",
    ]


def test_a_way_to_fail_that_there_is_not_is_a_sentence(partner_asked: list[Any]) -> None:
    done = CliRunner().invoke(app, ["partner", "--fail", "nonsense"], obj=ROOT)
    assert (done.exit_code, "partner refused that: give another" in done.stderr) == (2, True)


def test_a_partner_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(Exception, match=r"does not answer.*make up"):
        control(SimpleNamespace(port=1))  # type: ignore[arg-type]  # all that is used of a cloud


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, typer.Abort])
def test_whoever_interrupts_the_demo_finds_the_partner_well_again(
    interruption: type[BaseException], partner_asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_player: Player, _steps: object) -> None:
        raise interruption

    monkeypatch.setattr(Player, "play", interrupted)
    monkeypatch.setattr(demo_command, "_require_services", lambda *_given: None)
    done = CliRunner().invoke(app, ["demo"], obj=ROOT)
    assert done.exit_code == 130
    assert partner_asked == [{"clear": True}]
    assert "the partner is well again" in done.stderr


def test_a_demo_that_finds_something_wrong_answers_1_with_the_sentence(
    partner_asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self: Player, _steps: object) -> None:
        self.failure = "records has no Patient/ada. This is what was typed: x"

    monkeypatch.setattr(Player, "play", failing)
    monkeypatch.setattr(demo_command, "_require_services", lambda *_given: None)
    done = CliRunner().invoke(app, ["demo"], obj=ROOT)
    assert (done.exit_code, "penstock: records has no Patient/ada." in done.stderr) == (1, True)
    assert partner_asked == [{"clear": True}]
    machine = CliRunner().invoke(app, ["demo", "--json"], obj=ROOT)
    assert (machine.exit_code, json.loads(machine.stdout)["passed"]) == (1, False)


def test_a_stage_without_the_services_is_a_sentence(monkeypatch: pytest.MonkeyPatch, partner_asked: list[Any]) -> None:
    there = [SimpleNamespace(service=name, status="CREATE_COMPLETE") for name in ("intake", "ingest", "enrichment")]
    monkeypatch.setattr(demo_command, "connect", lambda *_given, **_named: SimpleNamespace(pipeline=None))
    monkeypatch.setattr(outputs, "read", lambda _pipeline, _stage: there)
    done = CliRunner().invoke(app, ["demo", "--stage", "dev"], obj=ROOT)
    assert (done.exit_code, "records is not deployed in stage dev" in done.stderr) == (2, True)


def test_waiting_for_somebody_needs_somebody() -> None:
    done = CliRunner().invoke(app, ["demo", "--pause"], obj=ROOT)
    assert (done.exit_code, "--pause waits for somebody" in done.output) == (2, True)


def test_a_command_of_ours_and_one_of_the_shell_are_run_as_typed(tmp_path: Path) -> None:
    inside = typer.Typer()

    @inside.command()
    def say(text: str, ctx: typer.Context) -> None:
        typer.echo(f"{text} {ctx.obj.name}")
        typer.echo("aside", err=True)
        raise typer.Exit(3)

    found: list[Said] = []

    @inside.command()
    def play(ctx: typer.Context) -> None:
        run = demo_command.Commands(ctx, tmp_path)
        found.extend([run("penstock say 'two words'"), run("echo 'a b' > made && cat made"), run("exit 4")])

    done = CliRunner().invoke(inside, ["play"])
    assert done.exit_code == 0, done.output
    assert found == [
        Said(exit_code=3, out=f"two words {tmp_path.name}\n", err="aside\n"),
        Said(exit_code=0, out="a b\n"),
        Said(exit_code=4, out=""),
    ]
    assert (tmp_path / "made").exists()
