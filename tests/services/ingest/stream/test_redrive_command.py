"""`penstock redrive` as an operator types it, against a consumer in memory."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.credentials import Credentials
from typer.testing import CliRunner, Result

from pipeline.cli import connection
from pipeline.cli.main import app
from pipeline.operate.target import Target
from stages import accounts
from tests.services.ingest.stream.memory import client_error
from tests.services.ingest.stream.simulation import QUARANTINE, World
from tests.services.ingest.stream.test_properties import given_up

DEV = ("redrive", "ingest", "--stage", "dev")
Type = Callable[..., Result]


class Formation:
    """CloudFormation, with the one stack."""

    def __init__(self, outputs: dict[str, str]) -> None:
        self.outputs = outputs

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        assert StackName == "dev-ingest"
        if not self.outputs:
            raise client_error("Stack with id dev-ingest does not exist")
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()]
        return {"Stacks": [{"Outputs": outputs}]}


OUTPUT = {"function": "ingest", "stream": "stream", "quarantine": "quarantine", "failures": "failures"}


@pytest.fixture
def world() -> World:
    return given_up(to_queue=False)


@pytest.fixture
def formation() -> Formation:
    return Formation({"Redrive": json.dumps(OUTPUT), "Url": "https://x"})


@pytest.fixture
def type_(world: World, formation: Formation, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Runs the command; on AWS unless told otherwise, in an account that only a stage's own profile leads to."""
    clients = {"cloudformation": formation}
    asked: list[dict[str, Any]] = []

    def target(**given: Any) -> Target:
        asked.append(given)
        return Target(
            account=given["account"],
            region=given["region"],
            endpoint=None if "profile" in given else "http://127.0.0.1:1",
            _clients=lambda service, _account, _region: {**world.clients(), **clients}[service],
            _credentials=lambda account: Credentials(account, "x"),
        )

    monkeypatch.setattr(connection, "aws_target", target)
    monkeypatch.setattr(connection, "local_target", lambda _endpoint, **given: target(**given))
    local = SimpleNamespace(endpoint="http://127.0.0.1:1", root_secret="x")
    monkeypatch.setattr(connection, "find", lambda _place: local)

    def run(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(app, [*DEV, *arguments], obj=Path(), input=typed)

    return run


def counts(done: Result) -> dict[str, int]:
    found: dict[str, int] = json.loads(done.stdout)["counts"]
    return {verdict: number for verdict, number in found.items() if number}


def test_a_dry_run_shows_what_would_be_sent_and_answers_1(type_: Type, world: World) -> None:
    before = dict(world.patients.effects)
    done = type_("--json")
    assert done.exit_code == 1
    assert counts(done).keys() == {"QUARANTINED", "WOULD_SEND"}
    assert world.patients.effects == before
    people = type_()
    assert "Nothing was sent: --apply sends them." in people.stdout
    assert f"Stack dev-ingest: account {accounts.DEV}, region {accounts.FIRST_REGION}, http://127" in people.stderr


def test_pills_are_saved_mended_and_sent_and_then_nothing_is_left(type_: Type, world: World, tmp_path: Path) -> None:
    done = type_("--apply", "--json")
    assert counts(done).keys() == {"QUARANTINED", "SENT"}
    folder = tmp_path / "pills"
    saved = json.loads(type_("--save", str(folder), "--json").stdout)["saved"]
    assert len(saved) == len(world.redrive().quarantined()) > 0
    for pill in world.redrive().quarantined():
        file = folder / pill.file_name
        assert file.read_bytes() == pill.record.data
        assert file.stat().st_mode & 0o777 == 0o600
        resource = {"resourceType": "Observation"}
        patient = pill.record.partition_key
        file.write_text(json.dumps({"id": f"m-{pill.record.sequence}", "patient": patient, "resource": resource}))
    kept = Path(saved[0]).read_bytes()
    assert json.loads(type_("--save", str(folder), "--json").stdout)["saved"] == []
    assert Path(saved[0]).read_bytes() == kept
    done = type_("--mended", str(folder), "--apply")
    assert done.exit_code == 0, done.stdout
    assert f"{len(saved)} SENT" in done.stdout
    again = type_("--mended", str(folder), "--apply", "--json")
    assert again.exit_code == 0
    assert counts(again).keys() == {"ALREADY"}


def test_nothing_of_a_payload_or_a_patient_is_printed(type_: Type, world: World) -> None:
    for done in (type_(), type_("--json"), type_("--apply")):
        for pill in world.redrive().quarantined():
            assert pill.record.partition_key not in done.output.replace("dev-", "")
            assert pill.record.data.decode("latin-1") not in done.output or pill.record.data == b"[]"


@pytest.mark.parametrize("typed", ["", "pipeline\n"])
def test_on_aws_the_stacks_name_is_typed_before_anything_is_sent(type_: Type, world: World, typed: str) -> None:
    done = type_("--apply", "--profile", "dev", typed=typed)
    assert done.exit_code == 2
    assert "nothing was changed" in done.stderr
    assert not world.buckets.keys(QUARANTINE, "redriven/")
    assert type_("--apply", "--profile", "dev", typed="dev-ingest\n").exit_code == 1  # pills wait
    assert world.buckets.keys(QUARANTINE, "redriven/")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("redrive", "ingest", "--stage", "nowhere"), "has no stage 'nowhere'; it has dev, "),
        (("redrive", "other", "--stage", "dev"), "Stage 'dev' has no service 'other'; it has "),
        (("redrive", "ingst", "--stage", "dev"), "Did you mean ingest?"),
        (
            (*DEV, "--consumer", "RedriveOther"),
            "these stream consumers and queues: Redrive. Choose one with --consumer.",
        ),
        ((*DEV, "--mended", "not-there"), "--mended not-there: No such file or directory."),
        ((*DEV, "--save", "/proc/x"), "--save /proc/x: No such file or directory."),
        ((*DEV, "--save", "x", "--apply"), "--save only writes files"),
    ],
)
@pytest.mark.usefixtures("type_")
def test_a_mistake_is_one_sentence(arguments: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(app, [*arguments], obj=Path())
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ({}, "Stack dev-ingest is not deployed yet."),
        ({"Url": "x"}, "Stack dev-ingest has these stream consumers and queues: none."),
        ({"Redrive": "{}"}, "describes neither a stream consumer nor a queue: deploy the service again."),
        ({"RedriveA": "{}", "RedriveB": "{}"}, "RedriveA, RedriveB. Choose one with --consumer."),
    ],
)
def test_a_stack_without_a_consumer_is_named(
    type_: Type, formation: Formation, outputs: dict[str, str], said: str
) -> None:
    formation.outputs = outputs
    done = type_()
    assert done.exit_code == 2
    assert said in done.stderr


class DeadLetters:
    """SQS with one dead letter."""

    def __init__(self) -> None:
        self.left = ["Schmidt"]
        self.sent: list[str] = []

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"MessageRetentionPeriod": "1209600"}}

    def receive_message(self, **_: Any) -> dict[str, Any]:
        about = {"Attributes": {"SentTimestamp": "1767225600000"}, "MessageId": "m-1", "ReceiptHandle": "r"}
        return {"Messages": [{**about, "Body": body} for body in self.left]}

    def send_message(self, *, QueueUrl: str, MessageBody: str, **_: Any) -> None:  # noqa: N803 - boto3's names
        assert QueueUrl == "work"
        self.sent.append(MessageBody)

    def delete_message(self, **_: Any) -> None:
        self.left.clear()

    def change_message_visibility(self, **_: Any) -> None:
        """It is not hidden."""


def test_the_command_serves_the_dead_letters_of_a_queue(
    type_: Type, formation: Formation, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sqs = DeadLetters()
    monkeypatch.setattr(world, "queue", sqs)
    formation.outputs = {"RedriveWork": '{"queue": "work", "dead_letters": "dead"}'}
    done = type_()
    assert done.exit_code == 1
    assert "WOULD_SEND" in done.stdout
    assert "message m-1  sent 2026-01-01 00:00, expires 2026-01-15 00:00 UTC" in done.stdout
    assert "Schmidt" not in done.output
    assert json.loads(type_("--save", str(tmp_path), "--json").stdout)["saved"] == [str(tmp_path / "m-1.txt")]
    (tmp_path / "m-1.txt").write_text("mended")
    assert (type_("--mended", str(tmp_path), "--apply").exit_code, sqs.sent) == (0, ["mended"])
    done = type_("--mended", str(tmp_path), "--apply", "--json")
    assert (done.exit_code, counts(done)) == (1, {"EXPIRED": 1})
    assert "--again and --since are for stream consumers" in type_("--again").stderr
