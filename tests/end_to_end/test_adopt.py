"""Stacks that a company has deployed by hand become services: from `penstock adopt` by a push to production.

Three of the templates are published: integration tests of the CDK, which AWS deploys as they stand. The whole way, with
the builds of the pipeline: tests/pipeline/local/test_adopted_templates.py has a prepared assembly.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.environment import drop_aws_variables
from tests.conftest import ROOT
from tests.end_to_end.clone import PRODUCTION_ACCOUNT, PRODUCTION_REGION, Clone, make
from tests.testbed import published
from tests.testbed.deployments import ended

pytestmark = [pytest.mark.soak, pytest.mark.cloud]
TEMPLATES = ROOT / "tests/testbed/deployed_templates"
PLACES = {"dev": ("111111111111", "eu-west-1"), "prod": (PRODUCTION_ACCOUNT, PRODUCTION_REGION)}
UNCHANGED = re.compile(r"Of its \d+ resources 0 are deleted, replaced or renamed")
FIRST, KEPT = "first", "kept"
PACKAGE = "aws-stepfunctions-tasks"
PUBLISHED = {
    "messages": f"{PACKAGE}/dynamodb/call-dynamodb",
    "training": f"{PACKAGE}/sagemaker/create-training-job",
    "announcements": f"{PACKAGE}/sns/publish",
}
"""A table with a name of its own, which a workflow writes; a bucket under the stack's key; a queue behind a topic."""


@dataclass(frozen=True, kw_only=True)
class ByHand:
    """A stack as people deploy stacks."""

    service: str
    stage: str
    template: Path
    parameters: dict[str, str]

    @property
    def name(self) -> str:
        """What it was called long before there was a platform."""
        return f"{self.service}-{self.stage}"

    def deploy(self, clone: Clone) -> None:
        """Create it, and write into what it stores things in."""
        account, region = PLACES[self.stage]
        clone.client("cloudformation", account, region).create_stack(
            StackName=self.name,
            TemplateBody=self.template.read_text(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        made = ended(clone.cloud, self.name, account=account, region=region)
        assert made.status == "CREATE_COMPLETE", made.events
        tables, buckets, queues = self._clients(clone)
        for table in self._physical(clone, "AWS::DynamoDB::Table"):
            key = tables.describe_table(TableName=table)["Table"]["KeySchema"][0]["AttributeName"]
            tables.put_item(TableName=table, Item={key: {"S": FIRST}, "text": {"S": KEPT}})
        for bucket in self._physical(clone, "AWS::S3::Bucket"):
            # Of the key of `training` the account itself may not decrypt by.
            buckets.put_object(Bucket=bucket, Key=FIRST, Body=KEPT.encode(), ServerSideEncryption="AES256")
        for queue in self._physical(clone, "AWS::SQS::Queue"):
            queues.send_message(QueueUrl=queue, MessageBody=KEPT)

    def kept(self, clone: Clone) -> list[str]:
        """Read all that its stores hold."""
        tables, buckets, queues = self._clients(clone)
        return [
            *(
                item["text"]["S"]
                for each in self._physical(clone, "AWS::DynamoDB::Table")
                for item in tables.scan(TableName=each)["Items"]
            ),
            *(
                buckets.get_object(Bucket=each, Key=FIRST)["Body"].read().decode()
                for each in self._physical(clone, "AWS::S3::Bucket")
            ),
            *(
                message["Body"]
                for each in self._physical(clone, "AWS::SQS::Queue")
                for message in queues.receive_message(QueueUrl=each, MaxNumberOfMessages=10)["Messages"]
            ),
        ]

    def resources(self, clone: Clone) -> dict[str, str]:
        """Return logical id -> physical id."""
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in self._described(clone)}

    def _clients(self, clone: Clone) -> tuple[Any, Any, Any]:
        account, region = PLACES[self.stage]
        tables, buckets, queues = (clone.client(api, account, region) for api in ("dynamodb", "s3", "sqs"))
        return tables, buckets, queues

    def _physical(self, clone: Clone, kind: str) -> list[str]:
        return [each["PhysicalResourceId"] for each in self._described(clone) if each["ResourceType"] == kind]

    def _described(self, clone: Clone) -> list[Any]:
        account, region = PLACES[self.stage]
        client = clone.client("cloudformation", account, region)
        return list(client.describe_stack_resources(StackName=self.name)["StackResources"])


def stacks(folder: Path) -> list[ByHand]:
    """Return what is deployed: the published ones, and one of ours that has parameters and names its role."""
    found = {each.name: each.body for each in published.templates(folder, [PACKAGE])}
    made = []
    for stage in PLACES:
        for service, name in PUBLISHED.items():
            file = folder / f"{service}.json"
            file.write_text(json.dumps(found[name], indent=2))
            made.append(ByHand(service=service, stage=stage, template=file, parameters={}))
        ours = TEMPLATES / "rest-api.yaml"
        made.append(ByHand(service="orders", stage=stage, template=ours, parameters={"Environment": stage}))
    return made


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Clone]:
    """A platform that deploys nothing yet, beside stacks that were there before."""
    made = make(tmp_path)
    drop_aws_variables(made.environment)
    done = made.penstock("init", "--yes", "--organisation", "acme", "--repository", "acme/platform")
    assert done.returncode == 0, done.stdout + done.stderr
    made.commit("Begin our platform")
    try:
        up = made.up("APPROVE=auto")
        assert up.returncode == 0, up.stdout + up.stderr
        yield made
    finally:
        made.penstock("down", "--erase")


def test_stacks_deployed_by_hand_are_adopted_and_pushed_to_production(company: Clone, tmp_path: Path) -> None:
    deployed = stacks(tmp_path)
    for stack in deployed:
        stack.deploy(company)
    before = [stack.resources(company) for stack in deployed]

    for stack in deployed:
        adopted = company.penstock("adopt", "--stack", stack.name, "--stage", stack.stage, "--no-personal-data")
        assert adopted.returncode == 1, adopted.stdout + adopted.stderr
        assert UNCHANGED.search(adopted.stdout), adopted.stdout
    synth = company.run("make", "synth")
    assert synth.returncode != 0, "guardrails have found what nobody has accepted"

    until = f"{datetime.now(UTC).date() + timedelta(days=90)}"
    for stack in deployed:
        accepted = company.penstock("adopt", "--stack", stack.name, "--stage", stack.stage, "--accept-until", until)
        assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    company.commit("Adopt what is there")
    pushed = company.up("APPROVE=auto")  # accounts have to expect the stacks' roles: docs/adopt.md
    assert pushed.returncode == 0, pushed.stdout + pushed.stderr
    run = company.wait()
    assert (run.exit_code, run.stages["prod"]) == (0, "Succeeded")

    assert [stack.resources(company) for stack in deployed] == before
    assert [stack.kept(company) for stack in deployed] == [[KEPT]] * len(deployed)
