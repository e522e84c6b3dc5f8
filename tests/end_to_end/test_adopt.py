"""Stacks that a company has deployed by hand become services: from `penstock adopt` by a push to production.

The whole way, with the builds of the pipeline: tests/pipeline/local/test_adopted_templates.py has a prepared assembly.
"""

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
from tests.testbed.deployments import ended

pytestmark = [pytest.mark.soak, pytest.mark.cloud]
TEMPLATES = ROOT / "tests/testbed/deployed_templates"
PLACES = {"dev": ("111111111111", "eu-west-1"), "prod": (PRODUCTION_ACCOUNT, PRODUCTION_REGION)}
UNCHANGED = re.compile(r"Of its \d+ resources 0 are deleted, replaced or renamed")
KEY = {"id": {"S": "first"}}


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
        for table in self._physical(clone, "AWS::DynamoDB::Table"):
            item = {**KEY, "text": {"S": "kept"}}
            clone.client("dynamodb", account, region).put_item(TableName=table, Item=item)
        for bucket in self._physical(clone, "AWS::S3::Bucket"):
            clone.client("s3", account, region).put_object(Bucket=bucket, Key="first", Body=b"kept")

    def kept(self, clone: Clone) -> list[str]:
        """Read what was written."""
        account, region = PLACES[self.stage]
        tables, buckets = (clone.client(api, account, region) for api in ("dynamodb", "s3"))
        items = [
            tables.get_item(TableName=each, Key=KEY)["Item"]["text"]["S"]
            for each in self._physical(clone, "AWS::DynamoDB::Table")
        ]
        return items + [
            buckets.get_object(Bucket=each, Key="first")["Body"].read().decode()
            for each in self._physical(clone, "AWS::S3::Bucket")
        ]

    def resources(self, clone: Clone) -> dict[str, str]:
        """Return logical id -> physical id."""
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in self._described(clone)}

    def _physical(self, clone: Clone, kind: str) -> list[str]:
        return [each["PhysicalResourceId"] for each in self._described(clone) if each["ResourceType"] == kind]

    def _described(self, clone: Clone) -> list[Any]:
        account, region = PLACES[self.stage]
        client = clone.client("cloudformation", account, region)
        return list(client.describe_stack_resources(StackName=self.name)["StackResources"])


STACKS = [
    made
    for stage in PLACES
    for made in (
        ByHand(service="orders", stage=stage, template=TEMPLATES / "rest-api.yaml", parameters={"Environment": stage}),
        ByHand(
            service="documents",
            stage=stage,
            template=TEMPLATES / "bucket-notifications.json",
            parameters={"KeepDays": "7"},
        ),
        ByHand(
            service="report",
            stage=stage,
            template=TEMPLATES / "scheduled-report.yaml",
            parameters={"Schedule": "rate(2 days)"},
        ),
    )
]


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


def test_stacks_deployed_by_hand_are_adopted_and_pushed_to_production(company: Clone) -> None:
    for stack in STACKS:
        stack.deploy(company)
    before = [stack.resources(company) for stack in STACKS]

    for stack in STACKS:
        adopted = company.penstock("adopt", "--stack", stack.name, "--stage", stack.stage, "--no-personal-data")
        assert adopted.returncode == 1, adopted.stdout + adopted.stderr
        assert UNCHANGED.search(adopted.stdout), adopted.stdout
    synth = company.run("make", "synth")
    assert synth.returncode != 0, "guardrails have found what nobody has accepted"

    until = f"{datetime.now(UTC).date() + timedelta(days=90)}"
    for stack in STACKS:
        accepted = company.penstock("adopt", "--stack", stack.name, "--stage", stack.stage, "--accept-until", until)
        assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    company.commit("Adopt what is there")
    pushed = company.up("APPROVE=auto")  # accounts have to expect the stacks' roles: docs/adopt.md
    assert pushed.returncode == 0, pushed.stdout + pushed.stderr
    run = company.wait()
    assert (run.exit_code, run.stages["prod"]) == (0, "Succeeded")

    assert [stack.resources(company) for stack in STACKS] == before
    assert [stack.kept(company) for stack in STACKS] == [["kept"]] * len(STACKS)
