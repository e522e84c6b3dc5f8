"""What a deployed pipeline tells people, and what it protects: seen from outside, in one platform with production."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.builds import approve_unchanged
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate import approvals, holds
from pipeline.operate.run import FAILED, SUCCEEDED, WAITING
from pipeline.source import S3Source
from services.library.contract.environment import Tier
from tests.testbed import small_checkout, tiny
from tests.testbed.pipelines import until
from tests.testbed.platforms import AWAY, HOME, MAKEFILE, Platform
from tests.testbed.roles import letting_in

pytestmark = pytest.mark.cloud
BUILD_SECONDS = 120


class Subscriber:
    """A queue of ours at the pipeline's topic."""

    def __init__(self, platform: Platform) -> None:
        self._sqs: Any = platform.cloud.client("sqs", platform.tools, HOME)
        sns: Any = platform.cloud.client("sns", platform.tools, HOME)
        self._queue = self._sqs.create_queue(QueueName="subscriber")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        policy = letting_in("sns.amazonaws.com", action="sqs:SendMessage", resource=arn)
        self._sqs.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": policy})
        (topic,) = sns.list_topics()["Topics"]
        sns.subscribe(TopicArn=topic["TopicArn"], Protocol="sqs", Endpoint=arn)

    def hears(self, about: str) -> str:
        """The next message about this; others are passed over."""
        return until(self._receive, lambda message: about in message)

    def _receive(self) -> str:
        answer = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=1)
        for message in answer.get("Messages", []):
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
            return str(json.loads(message["Body"])["Message"])
        return ""


@pytest.fixture(scope="module")
def platform(equipped_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    made = Platform(tmp_path_factory.mktemp("platform"), equipped_cloud, number=2000, tier=Tier.PRODUCTION)
    made.stage = replace(made.stage, approves_unchanged=True)
    made.deploy(S3Source(bucket="announcements-source", key="platform.zip"))
    return made


@pytest.fixture(scope="module")
def subscriber(platform: Platform) -> Subscriber:
    return Subscriber(platform)


def is_protected(platform: Platform) -> bool:
    formation: Any = platform.cloud.client("cloudformation", platform.target, AWAY)
    (stack,) = formation.describe_stacks(StackName="dev-tiny")["Stacks"]
    return bool(stack["EnableTerminationProtection"])


def with_platform(platform: Platform, *, expired: str, soon: str) -> dict[str, str]:
    """What `penstock validate` needs, with two teams' acknowledgements ending on these days, and a broken synth."""
    for folder in ("services/library", "stages", "pipeline"):
        shutil.copytree(
            tiny.ROOT / folder,
            platform.checkout / folder,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("__pycache__", "tests"),
        )
    small_checkout.replace_services(platform.checkout)
    first, second = (platform.checkout / file for file in (small_checkout.FIRST, small_checkout.SECOND))
    return {
        "Makefile": MAKEFILE.replace("cp -r assembly cdk.out", "false"),
        "cdk.json": (tiny.ROOT / "cdk.json").read_text(),
        small_checkout.FIRST: ending(first, expired),
        small_checkout.SECOND: ending(second, soon),
    }


def ending(file: Path, day: str) -> str:
    year, month, date = map(int, day.split("-"))
    before = file.read_text()
    after = before.replace("date(2027, 11, 1)", f"date({year}, {month}, {date})")
    assert after != before
    return after


def test_a_person_is_asked_told_of_failures_and_warned_of_what_expires(
    platform: Platform, subscriber: Subscriber
) -> None:
    platform.commit()
    platform.push()
    platform.run(lambda run: run.status == WAITING)
    subscriber.hears("waits for approval of dev-gate")
    holds.hold(platform.pipeline, "dev", why="a change freeze")
    subscriber.hears("dev is held by arn:aws:iam::")
    holds.resume(platform.pipeline, "dev")
    subscriber.hears("dev is no longer held")
    approvals.answer(platform.pipeline, approvals.find(platform.pipeline), approved=True, why="because")
    run = platform.run(lambda run: not run.is_live)
    assert run.status == SUCCEEDED, [action.error for action in run.actions if action.error]
    assert is_protected(platform)
    a_run_that_would_change_nothing_is_approved_by_rule(platform)

    today = datetime.now(UTC).date()
    soon, expired = str(today + timedelta(days=13)), str(today - timedelta(days=1))
    platform.commit(with_platform(platform, expired=expired, soon=soon))
    platform.push()
    run = platform.run(lambda run: run.status == FAILED)
    subscriber.hears(f"Pipeline {platform.name}: execution {run.execution} failed.")

    codebuild: Any = platform.cloud.client("codebuild", platform.tools, HOME)
    (project,) = (name for name in codebuild.list_projects()["projects"] if "DailyCheck" in name)
    build = codebuild.start_build(projectName=project)["build"]["id"]
    ended: Any = until(
        lambda: codebuild.batch_get_builds(ids=[build])["builds"][0],
        lambda found: found["buildComplete"],
        BUILD_SECONDS,
    )
    said = subscriber.hears(f"{small_checkout.FIRST}: the acknowledgement of AwsSolutions-SQS3")
    assert f"expired on {expired}" in said
    assert f"expires on {soon}" in said
    assert ended["buildStatus"] == "FAILED", "an expired one makes the check red, and nothing else"


def a_run_that_would_change_nothing_is_approved_by_rule(platform: Platform) -> None:
    commit = platform.commit()
    platform.push()
    run = platform.run(lambda run: run.message.startswith(commit[:7]) and not run.is_live)
    assert run.status == SUCCEEDED, [action.error for action in run.actions if action.error]
    (approval,) = (each for each in run.actions if each.category == "Approval")
    assert approval.summary == approve_unchanged.SUMMARY


def test_a_check_that_cannot_be_set_up_is_told_too(platform: Platform, subscriber: Subscriber) -> None:
    codebuild: Any = platform.cloud.client("codebuild", platform.tools, HOME)
    (project,) = (name for name in codebuild.list_projects()["projects"] if "DailyCheck" in name)
    nowhere = [{"name": "PIPELINE", "value": "nowhere", "type": "PLAINTEXT"}]
    build = codebuild.start_build(projectName=project, environmentVariablesOverride=nowhere)["build"]["id"]
    subscriber.hears(build)
