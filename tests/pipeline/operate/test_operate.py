"""What commands on the pipeline do without one: where they act, what they refuse, what they say."""

import http.server
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import ClassVar
from unittest.mock import Mock

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from typer.testing import CliRunner

from pipeline.cli import connection, readiness, validate
from pipeline.cli import run as run_commands
from pipeline.cli.main import app
from pipeline.operate import call, outputs, service_logs
from pipeline.operate import follow as following
from pipeline.operate.errors import OperateError
from pipeline.operate.follow import changes, exit_code
from pipeline.operate.logs import choose
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import FAILED, IN_PROGRESS, NOT_STARTED, SUCCEEDED, WAITING, Action, Run, Stage
from pipeline.operate.target import Target, aws_target, local_target
from pipeline.settings import SETTINGS
from pipeline.source import ConnectionSource
from services.library.contract.acknowledgement import Acknowledgement
from stages import accounts

ROOT = Path(__file__).parents[3]
HOSTILE = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "somebody-elses",
    "AWS_SESSION_TOKEN": "somebody-elses",
    "AWS_PROFILE": "production",
    "AWS_REGION": "ap-southeast-2",
    "AWS_DEFAULT_REGION": "ap-southeast-2",
    "AWS_ENDPOINT_URL": "http://192.0.2.1:1",
    "AWS_ENDPOINT_URL_CODEPIPELINE": "http://192.0.2.1:1",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_MAX_ATTEMPTS": "nonsense",
    "AWS_CA_BUNDLE": "/nonexistent",
    "HTTP_PROXY": "http://192.0.2.1:1",
    "http_proxy": "http://192.0.2.1:1",
    "ALL_PROXY": "http://192.0.2.1:1",
}
"""192.0.2.0/24 is documentation's, RFC 5737: nothing answers there."""


class Recorder(http.server.BaseHTTPRequestHandler):
    """Answers everything with {} and keeps what it was asked."""

    requests: ClassVar[list[tuple[str, dict[str, str], bytes]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.requests.append((self.path, dict(self.headers.items()), body))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *arguments: object) -> None:
        """Nobody wants to read it."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[tuple[str, dict[str, str], bytes]]]]:
    """A loopback server's URL, and the requests that it got."""

    class Handler(Recorder):
        requests: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", Handler.requests
        listening.shutdown()
        thread.join()


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment full of somebody's credentials, endpoints and proxies."""
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    for variable, file in (("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")):
        (tmp_path / file).write_text("[default]\nendpoint_url = http://192.0.2.1:1\nregion = ap-southeast-2\n")
        monkeypatch.setenv(variable, str(tmp_path / file))


@pytest.mark.usefixtures("hostile")
def test_local_target_ignores_the_environments_aws_variables(
    server: tuple[str, list[tuple[str, dict[str, str], bytes]]],
) -> None:
    endpoint, requests = server
    target = local_target(endpoint, secret="secret", account="999999999999", region="eu-west-1")
    target.client("codepipeline").list_pipelines()
    assert target.client("cloudformation", account="444444444444", region="us-east-1").meta.endpoint_url == endpoint
    ((_, headers, _),) = requests
    assert "Credential=999999999999/" in headers["Authorization"]
    assert "/eu-west-1/codepipeline/" in headers["Authorization"]
    assert "X-Amz-Security-Token" not in headers


@pytest.mark.usefixtures("hostile")
def test_commands_reach_aws_only_with_profile_or_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def forbidden(*_arguments: object, **_named: object) -> Target:
        raise AssertionError("a command went to AWS by itself")

    monkeypatch.setattr(connection, "aws_target", forbidden)
    for command in (
        *("status", "approve", "retry", "stop", "start", "logs"),
        *("outputs", "call", "alarms", "partner", "demo"),
    ):
        done = CliRunner().invoke(app, [command], obj=tmp_path)
        assert done.exit_code == 2, done.output
        assert "`make up` starts it" in done.stderr
        assert "Traceback" not in done.output


@pytest.mark.parametrize("endpoint", ["https://codepipeline.eu-west-1.amazonaws.com", "http://10.0.0.1", "http://a.b"])
def test_local_target_refuses_an_endpoint_that_is_not_loopback(endpoint: str) -> None:
    with pytest.raises(OperateError, match="not on this machine"):
        local_target(endpoint, secret="secret", account="999999999999", region="eu-west-1")


def test_aws_target_refuses_credentials_of_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sts:
        def get_caller_identity(self) -> dict[str, str]:
            return {"Account": "123456789012"}

    monkeypatch.setattr(botocore.session.Session, "create_client", lambda *_a, **_k: Sts())
    monkeypatch.setattr(botocore.session.Session, "get_credentials", lambda _self: Credentials("a", "b"))
    with pytest.raises(OperateError, match="for account 123456789012, but the pipeline is in 999999999999"):
        aws_target(profile=None, account="999999999999", region="eu-west-1")


def forbidden_client(service: str, _account: str, _region: str) -> object:
    raise AssertionError(f"{service} was called")


@pytest.fixture
def on_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target on AWS that nothing may be asked of."""
    target = Target(
        account="999999999999",
        region="eu-west-1",
        endpoint=None,
        _clients=forbidden_client,
        _credentials=lambda _account: Credentials("a", "b"),
    )
    monkeypatch.setattr(connection, "aws_target", lambda **_named: target)


@pytest.mark.parametrize("command", ["retry", "start"])
@pytest.mark.usefixtures("on_aws")
def test_commands_ask_for_the_pipelines_name_before_they_change_aws(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--aws"], obj=ROOT, input="something else\n")
    assert done.exit_code == 2
    assert "account 999999999999, region eu-west-1, AWS" in done.stderr
    assert "nothing was changed" in done.stderr


@pytest.mark.parametrize("command", ["retry", "start"])
@pytest.mark.usefixtures("on_aws")
def test_commands_change_nothing_on_aws_without_confirmation(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--profile", "tools"], obj=ROOT, input="")
    assert done.exit_code == 2
    assert "Not confirmed, so nothing was changed" in done.stderr


def test_commands_do_not_import_the_cdk() -> None:
    script = (
        "import sys, pipeline.cli.main; print(sorted({'aws_cdk', 'jsii', 'constructs', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [ROOT / ".venv/bin/python", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_status_follow_answers_130_to_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object, **_named: object) -> Iterator[Run]:
        yield run(stage("dev", A=IN_PROGRESS), status=IN_PROGRESS)
        raise KeyboardInterrupt

    target = local_target("http://127.0.0.1:1", secret="secret", account="999999999999", region="eu-west-1")
    made = connection.Connection(pipeline=Pipeline(target=target, name="penstock"), approves_by_itself=False)
    monkeypatch.setattr(run_commands, "connect", lambda *_arguments, **_named: made)
    monkeypatch.setattr(run_commands, "follow", interrupted)
    done = CliRunner().invoke(app, ["status", "--follow"], obj=ROOT)
    assert done.exit_code == 130
    assert "dev/A" in done.stdout
    assert "the run goes on" in done.stderr


def test_status_follow_reports_a_cloud_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        target = local_target(
            f"http://127.0.0.1:{nobody.getsockname()[1]}", secret="secret", account="999999999999", region="eu-west-1"
        )
        made = connection.Connection(pipeline=Pipeline(target=target, name="penstock"), approves_by_itself=False)
        monkeypatch.setattr(run_commands, "connect", lambda *_arguments, **_named: made)
        done = CliRunner().invoke(app, ["status"], obj=ROOT)
    assert done.exit_code == 2
    assert "does not answer. `make up` starts the local cloud." in done.stderr


def test_status_refuses_follow_with_json() -> None:
    done = CliRunner().invoke(app, ["status", "--follow", "--json"], obj=ROOT)
    assert done.exit_code == 2
    assert "--wait --json" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        *("status", "approve", "retry", "stop", "start", "hold", "resume", "hotfix", "rollback", "repair", "logs"),
        *("alarms", "trace", "partner", "demo"),
        *("outputs", "call", "doctor", "validate", "explain", "new", "promote", "remove", "ledger"),
    ],
)
def test_every_command_has_help(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"], obj=ROOT)
    assert done.exit_code == 0
    assert len(done.output.splitlines()) > 5
    assert command in (ROOT / "docs/operate.md").read_text()


def test_call_sends_the_example_to_intake() -> None:
    found = [RECORDS, INTAKE]
    assert call.choose(found, service=None, output="Url", otherwise="intake") == INTAKE
    assert call.choose(found, service="records", output="Url", otherwise="intake") == RECORDS
    assert call.choose([RECORDS], service=None, output="Url", otherwise="intake") == RECORDS
    with pytest.raises(OperateError, match="say which, one of records, intake"):
        call.choose(found, service=None, output="Url")


def test_outputs_finds_one_environment_of_a_wave(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [replace(INTAKE, stage=stage) for stage in ("prod-eu", "prod-us")]
    monkeypatch.setattr(
        outputs, "read", lambda _pipeline, name: [each for each in both if name in ("wave", each.stage)]
    )
    assert outputs.find(Mock(), "intake", "prod-eu") == both[0]
    with pytest.raises(OperateError, match="Stage wave has intake in prod-eu, prod-us: say which"):
        outputs.find(Mock(), "intake", "wave")


def run(*stages: Stage, status: str, execution: str = "e1") -> Run:
    return Run(
        pipeline="penstock",
        execution=execution,
        status=status,
        commit="c0ffee",
        message="Add a thing",
        started=None,
        stages=stages,
    )


def stage(name: str, **actions: str) -> Stage:
    return Stage(
        name=name,
        status=IN_PROGRESS,
        actions=tuple(
            Action(
                stage=name,
                name=action,
                provider="CodeBuild",
                category="Build",
                configuration={},
                region="eu-west-1",
                role=None,
                status=status,
                started=None if status == NOT_STARTED else datetime(2026, 1, 1, tzinfo=UTC),
            )
            for action, status in actions.items()
        ),
    )


def test_changes_yields_only_what_changed() -> None:
    before = run(stage("dev", A=SUCCEEDED, B=IN_PROGRESS, C=NOT_STARTED), status=IN_PROGRESS)
    after = run(stage("dev", A=SUCCEEDED, B=FAILED, C=NOT_STARTED), status=FAILED)
    assert [change.name for change in changes(None, before)] == ["dev", "A", "B"]
    assert [change.name for change in changes(before, after)] == ["B"]


def test_changes_yields_a_stage_before_and_after_its_actions() -> None:
    running = run(stage("dev", A=IN_PROGRESS), status=IN_PROGRESS)
    done = run(replace(stage("dev", A=SUCCEEDED), status=SUCCEEDED), status=SUCCEEDED)
    assert [change.name for change in changes(None, running)] == ["dev", "A"]
    assert [change.name for change in changes(running, done)] == ["A", "dev"]


def test_follow_looks_less_often_at_a_run_that_takes_long_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    going, ended = run(status=IN_PROGRESS), run(status=SUCCEEDED)
    looks = iter([(going, 0.01), (going, 2.0), (ended, 0.01)])
    monkeypatch.setattr(following, "_look", lambda *_words: next(looks))
    target = local_target("http://127.0.0.1:1", secret="none", account="9" * 12, region="eu-west-1")
    pauses: list[float] = []
    assert list(following.follow(Pipeline(target=target, name="penstock"), pause=pauses.append)) == [
        going,
        going,
        ended,
    ]
    assert pauses == [target.poll_seconds, following.RESTS * 2.0]


def test_pipeline_asks_with_one_client() -> None:
    target = local_target("http://127.0.0.1:1", secret="none", account="9" * 12, region="eu-west-1")
    pipeline = Pipeline(target=target, name="penstock")
    assert pipeline.client is pipeline.client


@pytest.mark.parametrize(
    ("status", "code"), [(SUCCEEDED, 0), (WAITING, 3), (FAILED, 1), ("Stopped", 1), ("Cancelled", 1), ("Superseded", 1)]
)
def test_exit_code_tells_how_a_run_ended(status: str, code: int) -> None:
    assert exit_code(run(status=status)) == code


def test_logs_chooses_the_failed_action() -> None:
    found = run(stage("dev", Good=SUCCEEDED, Bad=FAILED), stage("qa", Good=NOT_STARTED), status=FAILED)
    assert choose(found, None).name == "Bad"
    assert choose(found, "qa/Good").stage == "qa"
    with pytest.raises(OperateError, match="dev/Good, qa/Good"):
        choose(found, "Good")
    with pytest.raises(OperateError, match="no action Ugly; it has"):
        choose(found, "Ugly")


INTAKE = DeployedStack(
    stage="prod",
    service="intake",
    stack="prod-intake",
    account="444444444444",
    region="us-east-1",
    status="CREATE_COMPLETE",
    outputs={"Url": "https://a1b2c3d4.execute-api.us-east-1.amazonaws.com/prod/submissions"},
)
RECORDS = replace(INTAKE, service="records", stack="prod-records")
AWKWARD = """{"patient": "O'Neill & söhne", "note": "$HOME `id` \\\\ \\"x\\""}"""


def test_call_curl_sends_the_same_request(server: tuple[str, list[tuple[str, dict[str, str], bytes]]]) -> None:
    endpoint, requests = server
    target = local_target(endpoint, secret="secret", account="999999999999", region="eu-west-1")
    request = call.to_service(target, INTAKE, body=AWKWARD, idempotency_key="key-1")
    assert call.send(target, request).status == 200
    line = call.curl(target, request)
    subprocess.run(["bash", "-c", f"{line} --silent --noproxy '*'"], check=True, capture_output=True)
    ours, curls = requests
    for path, headers, body in (ours, curls):
        assert path == "/_aws/execute-api/a1b2c3d4/prod/submissions"
        assert body.decode() == AWKWARD
        assert headers["Idempotency-Key"] == "key-1"
        assert headers["Content-Type"] == "application/json"
        scope = headers["Authorization"].partition("Credential=")[2].partition(",")[0].split("/")
        assert [scope[0], *scope[2:]] == ["444444444444", "us-east-1", "execute-api", "aws4_request"]
    assert valid_signature(endpoint, *ours)


@pytest.mark.parametrize("url", ["/v1/", "/v1"])
def test_call_get_sends_no_body_below_the_services_url(
    url: str, server: tuple[str, list[tuple[str, dict[str, str], bytes]]]
) -> None:
    endpoint, requests = server
    target = local_target(endpoint, secret="secret", account="999999999999", region="eu-west-1")
    records = replace(INTAKE, outputs={"Url": f"https://a1b2c3d4.execute-api.us-east-1.amazonaws.com{url}"})
    request = call.to_service(target, records, body=None, path="Patient/p-1", idempotency_key="key-1")
    assert call.send(target, request).status == 200
    line = call.curl(target, request)
    subprocess.run(["bash", "-c", f"{line} --silent --noproxy '*'"], check=True, capture_output=True)
    for path, headers, body in requests:
        assert (path, body) == ("/_aws/execute-api/a1b2c3d4/v1/Patient/p-1", b"")
        assert "Idempotency-Key" not in headers
    assert valid_signature(endpoint, *requests[0], method="GET")


@pytest.mark.parametrize("path", ["/Patient", "Patient/../x y", "Patient?family=doe", "Patient/", "a#b"])
def test_call_refuses_a_path_that_needs_encoding(path: str) -> None:
    target = local_target("http://127.0.0.1:1", secret="secret", account="999999999999", region="eu-west-1")
    with pytest.raises(OperateError, match="such as Patient/p-1"):
        call.to_service(target, INTAKE, body=None, path=path)


def test_call_get_refuses_a_body() -> None:
    done = CliRunner().invoke(app, ["call", "records", "--get", "--body", "{}"], obj=ROOT)
    assert (done.exit_code, "--get sends no body" in done.output) == (2, True)


STAGING = replace(INTAKE, stage="staging", service="ingest", stack="staging-ingest")
LOGGED = {
    "consumer": [
        (2_000, "START RequestId: 1 Version: $LATEST\n"),
        (2_000, "EXTENSION\tName: datadog-agent\tState: Ready\n"),
        (
            2_000,
            "REPORT RequestId: 1\tDuration: 2.10 ms\t\nXRAY TraceId: 1-6b05b55c-6f7b\tSegmentId: 7f\tSampled: true\n",
        ),
        (2_004, "REPORT RequestId: 2\tDuration: 3000.00 ms\tStatus: timeout\t\nXRAY TraceId: 1-6b05b55c-6f7c\n"),
        (2_001, '{"level":"WARNING","location":"handle:1","message":"record quarantined","shard":"0","times":2}\n'),
        (2_003, '[ERROR] Busy: no capacity\nTraceback (most recent call last):\n  File "x.py", line 1, in f\n'),
    ],
    "accesses": [(2_002, '{"status": "202"}')],
    "aws-waf-logs-1": [(2_002, '{"action": "ALLOW", "httpRequest": {"clientIp": "192.0.2.1"}}')],
}


class Pages:
    """CloudFormation and CloudWatch Logs as far as logs are read."""

    def get_paginator(self, operation: str) -> "Pages":
        del operation
        return self

    def paginate(self, **asked: object) -> list[dict[str, object]]:
        if "StackName" in asked:
            groups = {
                "ConsumerLogs017DF361": "consumer",
                "ApiAccessLogs50B185DB": "accesses",
                "ApiFirewallLogs34D37FBC": "aws-waf-logs-1",
            }
            found = [
                {"ResourceType": "AWS::Logs::LogGroup", "LogicalResourceId": logical, "PhysicalResourceId": physical}
                for logical, physical in groups.items()
            ]
            return [{"StackResourceSummaries": [*found, {"ResourceType": "AWS::SQS::Queue"}]}]
        return [{"events": [{"timestamp": at, "message": text}]} for at, text in LOGGED[str(asked["logGroupName"])]]


def test_service_logs_reads_all_log_groups_in_order() -> None:
    target = Target(
        account="999999999999",
        region="eu-west-1",
        endpoint=None,
        _clients=lambda *_place: Pages(),
        _credentials=lambda _account: Credentials("a", "b"),
    )
    found = service_logs.read(target, STAGING, since=timedelta(minutes=5))
    assert [(line.source, line.text) for line in found if not line.is_frame] == [
        ("Consumer", "WARNING  record quarantined  shard=0  times=2"),
        ("ApiAccess", "status=202"),
        ("Consumer", "[ERROR] Busy: no capacity"),
        ("Consumer", "REPORT RequestId: 2 Duration: 3000.00 ms Status: timeout XRAY TraceId: 1-6b05b55c-6f7c"),
    ]
    assert [line.text for line in found if line.is_frame] == [
        "Traceback (most recent call last):",
        '  File "x.py", line 1, in f',
    ]
    with pytest.raises(OperateError, match="staging-ingest is not deployed yet"):
        service_logs.read(target, replace(STAGING, status=""), since=timedelta(minutes=5))


@pytest.mark.parametrize("arguments", [("--stage", "qa"), ("ingest", "--stage", "qa", "--follow")])
def test_logs_with_stage_requires_a_service(arguments: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["logs", *arguments], obj=ROOT)
    assert (done.exit_code, "--stage wants a service" in done.output) == (2, True)


def valid_signature(endpoint: str, path: str, headers: dict[str, str], body: bytes, *, method: str = "POST") -> bool:
    """Sign the request again at the moment that it names, and compare."""
    signed = headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    lower = {name.lower(): value for name, value in headers.items()}
    again = AWSRequest(method, f"{endpoint}{path}", {name: lower[name] for name in signed if name != "host"}, body)
    again.context["timestamp"] = lower["x-amz-date"]
    signer = SigV4Auth(Credentials("444444444444", "secret"), "execute-api", "us-east-1")
    del again.headers["x-amz-date"]
    again.headers["X-Amz-Date"] = lower["x-amz-date"]
    signature = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
    return bool(headers["Authorization"].endswith(signature))


def test_call_curl_posts_an_empty_body() -> None:
    target = local_target("http://127.0.0.1:1", secret="secret", account="999999999999", region="eu-west-1")
    assert " --data '' " in call.curl(target, call.to_service(target, INTAKE, body=""))


def test_call_curl_holds_no_secret_on_aws() -> None:
    target = Target(
        account="999999999999",
        region="eu-west-1",
        endpoint=None,
        _clients=lambda *_place: None,
        _credentials=lambda _account: Credentials("AKIA", "secret", "token"),
    )
    line = call.curl(target, call.to_service(target, INTAKE, body="{}"))
    assert "secret" not in line.replace("$AWS_SECRET_ACCESS_KEY", "")
    assert line.endswith("https://a1b2c3d4.execute-api.us-east-1.amazonaws.com/prod/submissions")


def test_doctor_names_every_example_with_its_file_and_field(monkeypatch: pytest.MonkeyPatch) -> None:
    arn = "arn:aws:codeconnections:eu-west-1:999999999999:connection/00000000-0000-0000-0000-000000000000"
    source = ConnectionSource(repository="example/platform", connection_arn=arn)
    monkeypatch.setattr(readiness, "SETTINGS", replace(SETTINGS, source=source))
    monkeypatch.setattr(accounts, "PROD", "4" * 12)
    monkeypatch.setattr(accounts, "TOOLS", "9" * 12)
    done = CliRunner().invoke(app, ["doctor", "--json"], obj=ROOT)
    assert done.exit_code == 1
    left = {(each["file"], each["field"]) for each in json.loads(done.output)["left"]}
    assert left >= {
        ("stages/accounts.py", "PROD"),
        ("stages/accounts.py", "TOOLS"),
        ("pipeline/settings.py", "source.connection_arn"),
        ("pipeline/settings.py", "source.repository"),
    }


def test_validate_accepts_this_checkout() -> None:
    done = CliRunner().invoke(app, ["validate", "--no-expiry", "--json"], obj=ROOT)
    assert (done.exit_code, json.loads(done.output)["valid"]) == (0, True)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (
            "services=(Parcels(rate_limt=5),),",
            "stages/dev.py:8:33: Parcels has no rate_limt (did you mean rate_limit?)",
        ),
        ("services=(Parcels),,", "stages/dev.py:8:24: invalid syntax"),
    ],
)
def test_validate_reports_a_broken_stage_with_its_line(broken: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "stages").mkdir()
    for file in (ROOT / "stages").glob("*.py"):
        (tmp_path / "stages" / file.name).write_text(file.read_text())
    for folder in ("services", "pipeline", "tests", "cdk.json"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "stages/dev.py").write_text(
        "from services.library.contract.environment import Environment, Tier\n"
        "from stages import accounts\n"
        "from pipeline.catalogue.model import Stage\n"
        "from tests.testbed.small import Parcels\n\n"
        "DEV = Stage(\n"
        '    environment=Environment(name="dev", tier=Tier.SANDBOX, account=accounts.DEV, region="eu-west-1"),\n'
        f"    {broken}\n)\n"
    )
    script = "from pathlib import Path; from pipeline.cli.main import main; main(Path('.').absolute())"
    done = subprocess.run(
        [ROOT / ".venv/bin/python", "-c", script, "validate"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert said in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def acknowledgement(expires: date) -> Acknowledgement:
    return Acknowledgement(
        rule="AwsSolutions-IAM5", path="Api", reason="a reason to judge", owner="@example/x", expires=expires
    )


@pytest.mark.parametrize(
    ("expires", "blocks"),
    [
        (date(2026, 6, 30), [True]),
        (date(2026, 7, 1), [False]),
        (date(2026, 7, 15), [False]),
        (date(2026, 7, 16), []),
    ],
)
def test_validate_warns_before_an_acknowledgement_expires_and_then_fails(
    expires: date, blocks: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        validate,
        "acknowledgements",
        lambda _catalogue: iter([("stages/acknowledgements.py", acknowledgement(expires))]),
    )
    found = validate.expiry((), date(2026, 7, 1))
    assert [problem.blocks for problem in found] == blocks
    assert all(each.problem.file == "stages/acknowledgements.py" for each in found)
