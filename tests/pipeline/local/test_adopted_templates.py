"""Stacks that were deployed by hand go on as services, from dev to production, with what they hold."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pipeline.catalogue.model import Catalogue, Stage
from pipeline.cli.adoption_outcome import outcome_of, refuse_losses
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.run import SUCCEEDED
from pipeline.review.model import ResourceOutcome
from pipeline.scaffold.adopted_service import DeployedStack
from pipeline.scaffold.written_template import WrittenTemplate
from pipeline.settings import SETTINGS
from pipeline.source import CodeCommitSource
from services.library.constructs.adopted_stack import AdoptedService
from services.library.contract.environment import Tier
from services.library.contract.names import SHARED_QUALIFIER, SHARED_TOOLKIT_STACK, Bootstrap
from tests.conftest import ROOT
from tests.testbed import tiny
from tests.testbed.deployments import ended
from tests.testbed.platforms import AWAY, HOME, Platform

pytestmark = [pytest.mark.cloud, pytest.mark.soak]

BOUNDARY = "organisation-boundary"
TEMPLATES = ROOT / "tests/testbed/deployed_templates"


class Orders(AdoptedService):
    """A REST API over a function and a table, with names of its own."""

    name: ClassVar[str] = "orders"
    owner: ClassVar[str] = "@example/orders"
    handles_personal_data: ClassVar[bool] = False
    template: ClassVar[Path] = TEMPLATES / "rest-api.yaml"


class Documents(AdoptedService):
    """A bucket that tells a queue by way of a topic, under a key."""

    name: ClassVar[str] = "documents"
    owner: ClassVar[str] = "@example/documents"
    handles_personal_data: ClassVar[bool] = False
    template: ClassVar[Path] = TEMPLATES / "bucket-notifications.json"


class Report(AdoptedService):
    """A function on a schedule."""

    name: ClassVar[str] = "report"
    owner: ClassVar[str] = "@example/report"
    handles_personal_data: ClassVar[bool] = False
    template: ClassVar[Path] = TEMPLATES / "scheduled-report.yaml"


def services(stage: str) -> tuple[AdoptedService, ...]:
    """Return the three as a stage lists them, whose stacks are called as people call stacks."""
    return (
        Orders(
            deployed_stack=f"orders-{stage}",
            parameters={"Environment": stage},
            deployed_role_names=(f"orders-function-{stage}",),
        ),
        Documents(deployed_stack=f"{stage.capitalize()}Documents", parameters={"KeepDays": "7"}),
        Report(deployed_stack="nightly-report-of-everything", parameters={"Schedule": "rate(2 days)"}),
    )


class AdoptingPlatform(Platform):
    """A platform whose stacks are there before it: one stage in `target`, one that keeps data in `other`."""

    def __init__(self, folder: Path, cloud: LocalCloud, *, number: int) -> None:
        super().__init__(folder, cloud, number=number)
        self.stages = (
            self._stage("dev", Tier.SANDBOX, self.target),
            self._stage("prod", Tier.PRODUCTION, self.other),
        )

    def _stage(self, name: str, tier: Tier, account: str) -> Stage:
        made = tiny.stage(name, tier=tier, account=account, region=AWAY)
        return replace(made, services=services(name), approval=False)

    def catalogue(self, value: str) -> Catalogue:  # noqa: ARG002 - what is deployed was there before
        return self.stages

    def deploy_by_hand(self, stage: Stage, service: AdoptedService) -> None:
        """Deploy a stack as it was deployed before there was a platform."""
        name, account = service.stack_name(stage.environment), stage.environment.account
        self.cloud.client("cloudformation", account, AWAY).create_stack(
            StackName=name,
            TemplateBody=service.template.read_text(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in service.parameters.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        made = ended(self.cloud, name, account=account, region=AWAY)
        assert made.status == "CREATE_COMPLETE", made.events

    def resources(self, stage: Stage, service: AdoptedService) -> dict[str, str]:
        """Return logical id -> physical id of what a stack has."""
        client = self.cloud.client("cloudformation", stage.environment.account, AWAY)
        found = client.describe_stack_resources(StackName=service.stack_name(stage.environment))["StackResources"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}


def keep_something(cloud: LocalCloud, stage: Stage, resources: Mapping[str, str]) -> None:
    """Write into a stack's stores."""
    account = stage.environment.account
    if table := resources.get("OrdersTable"):
        item = {"id": {"S": "first"}, "text": {"S": "kept"}}
        cloud.client("dynamodb", account, AWAY).put_item(TableName=table, Item=item)
    for bucket in filter(None, (resources.get("Documents"), resources.get("Reports"))):
        cloud.client("s3", account, AWAY).put_object(Bucket=bucket, Key="first", Body=b"kept")


def kept(cloud: LocalCloud, stage: Stage, resources: Mapping[str, str]) -> list[str]:
    """Read what was written into a stack's stores."""
    account = stage.environment.account
    key: Any = {"id": {"S": "first"}}
    tables = filter(None, [resources.get("OrdersTable")])
    buckets = filter(None, [resources.get("Documents"), resources.get("Reports")])
    dynamodb, s3 = (cloud.client(api, account, AWAY) for api in ("dynamodb", "s3"))
    items = [dynamodb.get_item(TableName=each, Key=key)["Item"]["text"]["S"] for each in tables]
    return items + [s3.get_object(Bucket=each, Key="first")["Body"].read().decode() for each in buckets]


def test_stacks_deployed_by_hand_go_through_dev_to_production_with_what_they_hold(
    equipped_cloud: LocalCloud, tmp_path: Path
) -> None:
    """In accounts that have a shared bootstrap, and whose organisation names the boundary of all roles."""
    platform = AdoptingPlatform(tmp_path, equipped_cloud, number=5700)
    entries = [(stage, service) for stage in platform.stages for service in services(stage.name)]
    before = []
    for stage, service in entries:
        platform.deploy_by_hand(stage, service)
        before.append(platform.resources(stage, service))
        keep_something(equipped_cloud, stage, before[-1])

    source = CodeCommitSource(repository_arn=f"arn:aws:codecommit:{HOME}:{platform.tools}:{platform.name}")
    shared = Bootstrap(qualifier=SHARED_QUALIFIER, toolkit_stack=SHARED_TOOLKIT_STACK, permissions_boundary=BOUNDARY)
    platform.deploy(source, given=replace(SETTINGS, bootstrap=shared))
    platform.commit()
    platform.push()
    run = platform.run(lambda run: not run.is_live and bool(run.commit), seconds=300)
    assert run.status == SUCCEEDED, [action.error for action in run.actions if action.error]

    iam = equipped_cloud.client("iam", platform.other, AWAY)
    role = iam.get_role(RoleName="orders-function-prod")["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith(f":policy/{BOUNDARY}")
    of_the_cdk = [each["RoleName"] for each in iam.list_roles()["Roles"] if each["RoleName"].startswith("cdk-")]
    assert {name[:14] for name in of_the_cdk} == {f"cdk-{SHARED_QUALIFIER}-"}
    for (stage, service), resources in zip(entries, before, strict=True):
        assert platform.resources(stage, service) == resources, service.name
        assert kept(equipped_cloud, stage, resources) == ["kept"], service.name


@pytest.mark.parametrize("stage", ["dev", "prod"])
@pytest.mark.parametrize("position", range(3))
def test_adoption_changes_nothing_but_what_is_the_platforms(position: int, stage: str) -> None:
    service = services(stage)[position]
    tier = Tier.PRODUCTION if stage == "prod" else Tier.SANDBOX
    listed = replace(tiny.stage(stage, tier=tier), services=(service,))
    template = WrittenTemplate(service.template.name, service.template.read_text())
    deployed = DeployedStack(
        name=service.stack_name(listed.environment), template=template, parameters=service.parameters
    )
    outcome = outcome_of(ROOT, listed, service, deployed)
    refuse_losses(outcome.review, deployed)
    assert [each for each in outcome.review.changes if each.outcome is not ResourceOutcome.UPDATE] == []
    assert [each.logical_id for each in outcome.review.changes if not each.noise.startswith("the platform's")] == []
