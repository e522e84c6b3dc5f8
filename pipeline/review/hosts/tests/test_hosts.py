"""One comment on a pull request, kept up to date, whatever the review's build left behind."""

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.review.hosts import codecommit, github, gitlab
from pipeline.review.hosts.comment import comment
from pipeline.review.model import Verdict
from pipeline.review.render import data
from pipeline.review.render.markdown import HOSTS, MARKER
from pipeline.review.render.tests import reviews

HEAD = "a" * 40
RUN = {
    "event": "pull_request",
    "head_sha": HEAD,
    "head_branch": "topic",
    "head_repository": {"owner": {"login": "someone"}},
    "html_url": "https://github.example/runs/1",
}


class Host:
    """A host's API on loopback: what it answers with, and what it was told."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.told: list[tuple[str, str, Any]] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                host.told.append((self.command, self.path, json.loads(content) if content else None))
                found = host.answers.get(f"{self.command} {self.path.partition('?')[0]}", [])
                self.send_response(found if isinstance(found, int) else 200)
                if found == 302:
                    self.send_header("Location", f"{host.address}/elsewhere")
                self.end_headers()
                self.wfile.write(json.dumps(found).encode())

            do_GET = do_POST = do_PATCH = do_PUT = answer  # noqa: N815 - the base class's names

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def written(self) -> list[tuple[str, str, Any]]:
        return [each for each in self.told if each[0] != "GET"]


@pytest.fixture
def host() -> Iterator[Host]:
    made = Host()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """What the build of a usual review leaves."""
    folder = tmp_path / "left"
    folder.mkdir()
    (folder / "review.json").write_text(data.write(reviews.usual()))
    return folder


@pytest.fixture
def on_github(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"workflow_run": RUN}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    monkeypatch.setenv("GITHUB_API_URL", host.address)
    monkeypatch.setenv("GITHUB_TOKEN", "token")
    monkeypatch.setenv("GITHUB_REPOSITORY", "example/platform")
    host.answers["GET /repos/example/platform/pulls"] = [
        {"number": 6, "head": {"sha": "b" * 40}},
        {"number": 7, "head": {"sha": HEAD}},
    ]
    return host


def test_github_gets_one_comment_on_the_pull_request_of_the_event(on_github: Host, left: Path) -> None:
    assert github.main([str(left)]) == 0
    ((method, path, content),) = on_github.written
    assert (method, path) == ("POST", "/repos/example/platform/issues/7/comments")
    assert content["body"].startswith(f"{MARKER}\n## ⛔ Blocked")
    assert "The full review: https://github.example/runs/1" in content["body"]


def test_github_updates_the_comment_of_its_own_and_nobody_elses(on_github: Host, left: Path) -> None:
    on_github.answers["GET /repos/example/platform/issues/7/comments"] = [
        {"id": 1, "user": {"login": "someone"}, "body": f"{MARKER} mine"},
        {"id": 2, "user": {"login": github.AUTHOR}, "body": "something else"},
        {"id": 3, "user": {"login": github.AUTHOR}, "body": f"{MARKER}\n## before"},
    ]
    assert github.main([str(left)]) == 0
    assert [each[:2] for each in on_github.written] == [("PATCH", "/repos/example/platform/issues/comments/3")]


def test_github_says_nothing_for_a_commit_that_is_not_the_newest(on_github: Host, left: Path) -> None:
    on_github.answers["GET /repos/example/platform/pulls"] = [{"number": 6, "head": {"sha": "b" * 40}}]
    assert github.main([str(left)]) == 0
    assert on_github.written == []


def test_a_token_follows_no_redirect(on_github: Host, left: Path, capsys: pytest.CaptureFixture[str]) -> None:
    on_github.answers["GET /repos/example/platform/pulls"] = 302
    assert github.main([str(left)]) == 1
    assert "answered with 302" in capsys.readouterr().err
    assert [path for _, path, _ in on_github.told if "elsewhere" in path] == []


@pytest.mark.parametrize(
    "content", [None, "", "{}", '{"version": 1}', "[" * 100_000, '{"version": 1, "verdict": "pass"}']
)
def test_what_is_no_review_is_told_as_could_not_review(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "review.json").write_text(content)
    made = comment(tmp_path, HOSTS["github"], pointer="")
    assert made.verdict is Verdict.INCOMPLETE
    assert "## ⚠️ Could not review\n" in made.text


def test_a_link_is_not_followed_to_the_posting_machines_files(left: Path, tmp_path: Path) -> None:
    (tmp_path / "review.json").symlink_to(left / "review.json")
    assert comment(tmp_path, HOSTS["github"], pointer="").verdict is Verdict.INCOMPLETE


@pytest.fixture
def on_gitlab(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    for name, value in (
        ("CI_API_V4_URL", host.address),
        ("CI_PROJECT_ID", "5"),
        ("CI_MERGE_REQUEST_IID", "9"),
        (gitlab.TOKEN, "token"),
    ):
        monkeypatch.setenv(name, value)
    host.answers["GET /user"] = {"id": 42}
    return host


NOTES = "/projects/5/merge_requests/9/notes"


@pytest.mark.parametrize("has_one", [False, True])
def test_gitlab_gets_one_comment_and_keeps_it(has_one: bool, on_gitlab: Host, left: Path) -> None:
    others = [{"id": 1, "author": {"id": 41}, "body": MARKER}]
    own = [{"id": 2, "author": {"id": 42}, "body": f"{MARKER} before"}] if has_one else []
    on_gitlab.answers[f"GET {NOTES}"] = others + own
    assert gitlab.main([str(left)]) == 0
    expected = ("PUT", f"{NOTES}/2") if has_one else ("POST", NOTES)
    assert [each[:2] for each in on_gitlab.written] == [expected]


@pytest.mark.parametrize("refused", ["GET /user", f"GET {NOTES}", f"POST {NOTES}"])
def test_gitlab_that_refuses_a_call_fails_the_job_in_its_words(
    refused: str, on_gitlab: Host, left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on_gitlab.answers[refused] = 403
    assert gitlab.main([str(left)]) == 1
    said = capsys.readouterr()
    assert f"gitlab: {refused}" in said.err
    assert "was answered with 403" in said.err
    assert said.out == ""


def test_gitlab_without_a_token_says_which(left: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.delenv(gitlab.TOKEN, raising=False)
    assert gitlab.main([str(left)]) == 1
    assert "PENSTOCK_REVIEW_TOKEN is not set. docs/review.md" in capsys.readouterr().err


ROLE = "arn:aws:iam::999999999999:role/Commenter"


class CodeCommit:
    """The few calls that commenting needs, of three services."""

    def __init__(self, review: str, *, moved: bool = False, refused: str = "", gate: str = "passed\n") -> None:
        self.moved, self.refused = moved, refused
        self.left = {"review.json": review, "review.gate": gate}
        self.comments: list[dict[str, Any]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, *_: object, **__: object) -> "CodeCommit":
        return self

    def batch_get_builds(self, **given: Any) -> dict[str, Any]:
        assert given == {"ids": ["review:1234"]}
        variables = [{"name": "PULL_REQUEST", "value": "3"}, {"name": "HEAD", "value": HEAD}]
        return {
            "builds": [
                {"environment": {"environmentVariables": variables}, "logs": {"deepLink": "https://logs.example"}}
            ]
        }

    def get_object(self, **given: Any) -> dict[str, Any]:
        folder, _, name = given["Key"].rpartition("/")
        assert (given["Bucket"], folder) == ("artifacts", "reviews/1234")
        if self.refused:
            raise ClientError({"Error": {"Code": self.refused, "Message": ""}}, "GetObject")
        return {"Body": io.BytesIO(self.left[name].encode())}

    def assume_role(self, **given: Any) -> dict[str, Any]:
        assert given == {"RoleArn": ROLE, "RoleSessionName": codecommit.SESSION}
        return {"Credentials": {"AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c"}}

    def get_pull_request(self, **_: Any) -> dict[str, Any]:
        target = {
            "repositoryName": "platform",
            "sourceCommit": "c" * 40 if self.moved else HEAD,
            "destinationCommit": "d" * 40,
        }
        status = {"pullRequestTargets": [target], "pullRequestStatus": "OPEN", "revisionId": "r1"}
        return {"pullRequest": status}

    def get_paginator(self, _: str) -> "CodeCommit":
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"commentsForPullRequestData": [{"comments": self.comments}]}]

    def __getattr__(self, name: str) -> Any:
        return lambda **given: self.calls.append((name, given))


@pytest.mark.parametrize(
    ("review", "state"), [(reviews.usual(), "REVOKE"), (reviews.EMPTY, "APPROVE"), (reviews.UNREAD, "REVOKE")]
)
def test_codecommit_gets_one_comment_and_the_approval_state(
    review: Any, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = CodeCommit(data.write(review))
    monkeypatch.setattr("boto3.client", fake)
    arguments = ["--build", "review:1234", "--bucket", "artifacts", "--role", ROLE]
    assert codecommit.main(arguments) == 0
    (first, said), (second, approval) = fake.calls
    assert (first, second) == ("post_comment_for_pull_request", "update_pull_request_approval_state")
    assert len(said["content"].encode()) <= 10_240
    assert approval == {"pullRequestId": "3", "revisionId": "r1", "approvalState": state}
    own = f"arn:aws:sts::999999999999:assumed-role/Commenter/{codecommit.SESSION}"
    fake.comments = [
        {"commentId": "1", "authorArn": "arn:aws:iam::999999999999:user/somebody", "content": MARKER},
        {"commentId": "2", "authorArn": own, "content": said["content"]},
    ]
    fake.calls.clear()
    assert codecommit.main(arguments) == 0
    assert fake.calls[0][0] == "update_comment"
    assert fake.calls[0][1]["commentId"] == "2"


@pytest.mark.parametrize("gate", ["failed\n", ""])
def test_codecommit_does_not_approve_what_the_gate_did_not_pass(gate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = CodeCommit(data.write(reviews.EMPTY), gate=gate)
    monkeypatch.setattr("boto3.client", fake)
    assert codecommit.main(["--build", "review:1234", "--bucket", "artifacts", "--role", ROLE]) == 0
    (_, said), (_, approval) = fake.calls
    assert said["content"].startswith(MARKER)
    assert "`make check`, did not pass on the commit that merging would make: https://logs.example" in said["content"]
    assert approval["approvalState"] == "REVOKE"


def test_codecommit_neither_comments_nor_approves_a_commit_that_was_not_reviewed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = CodeCommit(data.write(reviews.EMPTY), moved=True)
    monkeypatch.setattr("boto3.client", fake)
    assert codecommit.main(["--build", "review:1234", "--bucket", "artifacts", "--role", ROLE]) == 0
    assert fake.calls == []


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied"])
def test_codecommit_revokes_the_approval_of_a_build_that_left_no_review(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = CodeCommit("", refused=code)
    monkeypatch.setattr("boto3.client", fake)
    assert codecommit.main(["--build", "review:1234", "--bucket", "artifacts", "--role", ROLE]) == 0
    (_, said), (_, approval) = fake.calls
    assert "## ⚠️ Could not review\n" in said["content"]
    assert approval["approvalState"] == "REVOKE"


def test_codecommit_fails_if_the_review_cannot_be_fetched_for_another_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = CodeCommit(data.write(reviews.EMPTY), refused="SlowDown")
    monkeypatch.setattr("boto3.client", fake)
    with pytest.raises(ClientError, match="SlowDown"):
        codecommit.main(["--build", "review:1234", "--bucket", "artifacts", "--role", ROLE])
    assert fake.calls == []
