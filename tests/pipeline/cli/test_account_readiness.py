"""What `penstock doctor --profile` finds in accounts, each bad state made in a local cloud that was ready before."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.accounts import role_names
from pipeline.cli import account_readiness, doctor, place_needs, readiness
from pipeline.cli.main import app
from pipeline.cli.place_needs import PlaceNeeds
from pipeline.cli.readiness import OpenItem
from pipeline.local import bootstrap
from pipeline.local.lifecycle import CloudLocation, LocalCloud, start, stop
from pipeline.local.processes import free_port
from pipeline.operate.errors import OperateError
from pipeline.operate.target import Target, local_target
from pipeline.settings import SETTINGS
from pipeline.source import CodeCommitSource, ConnectionSource
from tests.conftest import ROOT
from tests.testbed import small

TOOLS, REGION = SETTINGS.account, SETTINGS.region
STAGE = small.DEV
PLACE = (STAGE.environment.account, STAGE.environment.region)
CATALOGUE = (STAGE,)
PUBLIC = "/aws/service/global-infrastructure/regions"
pytestmark = pytest.mark.cloud


@dataclass(kw_only=True)
class Accounts:
    """The accounts of one stage and of the pipeline, which are ready, and what is deployed to them."""

    cloud: LocalCloud
    folder: Path
    quotas: dict[str, float] = field(default_factory=dict)
    opted_in: bool = True

    def client(self, service: str, place: tuple[str, str] = PLACE) -> Any:
        return self.cloud.client(service, *place)

    @property
    def target(self) -> Target:
        """The local cloud, and what it does not have: Service Quotas, and settings of AWS Backup."""

        def clients(service: str, account: str, region: str) -> Any:
            absent = {"service-quotas": Quotas(self.quotas), "backup": Backup(opted_in=self.opted_in)}
            return absent.get(service) or self.cloud.client(service, account, region)

        target = local_target(self.cloud.endpoint, secret=self.cloud.root_secret, account=TOOLS, region=REGION)
        return replace(target, _clients=clients)

    def synthesised(self, *, place: tuple[str, str] = PLACE, **resources: Any) -> None:
        folder = self.folder / "cdk.out"
        folder.mkdir(exist_ok=True)
        stack = {
            "type": "aws:cloudformation:stack",
            "environment": "aws://" + "/".join(place),
            "properties": {"templateFile": "stack.json"},
        }
        (folder / "manifest.json").write_text(json.dumps({"artifacts": {"stack": stack}}))
        (folder / "stack.json").write_text(json.dumps({"Resources": resources}))

    def left(self) -> list[OpenItem]:
        return account_readiness.left_to_do(self.folder, self.target, CATALOGUE, say=lambda _line: None)

    def problems(self) -> list[str]:
        return [each.problem for each in self.left()]


@dataclass(frozen=True)
class Quotas:
    """Service Quotas, as far as it is asked."""

    values: dict[str, float]

    def get_paginator(self, _operation: str) -> "Quotas":
        return self

    def paginate(self, ServiceCode: str) -> Iterator[Any]:  # noqa: N803 - the API's own name
        assert ServiceCode == "codebuild"
        names = {f"Concurrently running builds for {each} environment": value for each, value in self.values.items()}
        yield {"Quotas": [{"QuotaName": name, "Value": value} for name, value in names.items()]}


@dataclass(frozen=True, kw_only=True)
class Backup:
    """AWS Backup, as far as it is asked."""

    opted_in: bool

    def describe_region_settings(self) -> Any:
        return {"ResourceTypeOptInPreference": {"DynamoDB": self.opted_in, "EBS": True}}


@pytest.fixture(scope="module")
def ready_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    place = CloudLocation(home=tmp_path_factory.mktemp("accounts"), port=free_port())
    cloud = start(place, environment=os.environ)
    pipeline = [(TOOLS, region, role_names.PIPELINE) for region in {REGION, PLACE[1]}]
    places = [*pipeline, (*PLACE, (role_names.of_stage(STAGE.environment.label),))]
    bootstrap.bootstrap(
        cloud,
        {bootstrap.Target(account=account, region=region, role_names=names) for account, region, names in places},
        tools_account=TOOLS,
        foundation=bootstrap.checkout_foundation(),
        template=bootstrap.checkout_template(),
    )
    trail = cloud.client("cloudtrail", TOOLS, REGION)
    cloud.client("s3", TOOLS, REGION).create_bucket(
        Bucket="trails", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    trail.create_trail(Name="all", S3BucketName="trails")
    trail.start_logging(Name="all")
    yield cloud
    stop(place)


@pytest.fixture
def accounts(ready_cloud: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    source = CodeCommitSource(repository_arn=f"arn:aws:codecommit:{REGION}:{TOOLS}:penstock", branch="main")
    monkeypatch.setattr(account_readiness, "SETTINGS", replace(SETTINGS, source=source))
    made = Accounts(cloud=ready_cloud, folder=tmp_path)
    made.synthesised(Queue={"Type": "AWS::SQS::Queue"})
    return made


def test_nothing_is_left_in_accounts_that_are_ready(accounts: Accounts) -> None:
    assert accounts.left() == []


def test_what_was_not_synthesised_is_left(accounts: Accounts) -> None:
    (accounts.folder / "cdk.out/manifest.json").unlink()
    assert accounts.problems() == ["nothing was synthesised here, so quotas and regions were held against nothing"]


def test_a_place_without_a_bootstrap_or_with_an_old_one_is_named(accounts: Accounts) -> None:
    ssm, name = accounts.client("ssm"), SETTINGS.bootstrap.version_parameter
    version = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    try:
        ssm.put_parameter(Name=name, Value="7", Type="String", Overwrite=True)
        (old,) = accounts.left()
        ssm.delete_parameter(Name=name)
        (none,) = accounts.left()
    finally:
        ssm.put_parameter(Name=name, Value=version, Type="String", Overwrite=True)
    assert old.problem.startswith("has version 7 of the bootstrap with the qualifier ")
    assert none.problem.startswith("has no bootstrap with the qualifier ")
    assert none.file == "account {} {}".format(*PLACE)


def test_an_execution_policy_that_another_bootstrap_gave_is_named(accounts: Accounts) -> None:
    iam, role = accounts.client("iam"), SETTINGS.bootstrap.role("cfn-exec", account=PLACE[0], region=PLACE[1])
    everything = "arn:aws:iam::aws:policy/AdministratorAccess"
    iam.attach_role_policy(RoleName=role, PolicyArn=everything)
    (found,) = accounts.problems()
    iam.detach_role_policy(RoleName=role, PolicyArn=everything)
    assert "AdministratorAccess" in found
    assert found.endswith("not penstock-execution")


def test_a_foundation_that_is_not_the_repositorys_is_named_by_statement(accounts: Accounts) -> None:
    iam, arn = accounts.client("iam"), f"arn:aws:iam::{PLACE[0]}:policy/penstock-boundary"
    known = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=known)["PolicyVersion"]["Document"]
    changed = {**document, "Statement": [{**document["Statement"][0], "Action": "s3:*"}, *document["Statement"][1:]]}
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(changed), SetAsDefault=True)
    (found,) = accounts.left()
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(document), SetAsDefault=True)
    assert (found.field, found.problem) == (
        "penstock-boundary",
        "the policy differs from the repository in WhatItsOwnPoliciesAllow",
    )
    assert accounts.left() == []


def test_more_executions_than_lambda_gives_are_named(accounts: Accounts) -> None:
    limit = accounts.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    all_but_ten, ten, one = (_reserving(each) for each in (limit - 110, 10, 1))
    accounts.synthesised(One=all_but_ten, Two=ten)
    assert accounts.left() == []  # with the 100 that Lambda keeps, that is all
    accounts.synthesised(One=all_but_ten, Two=ten, Three=one)
    (found,) = accounts.problems()
    assert found.startswith(f"Lambda runs {limit} functions at once, and services reserve {limit - 99} beside the 100 ")


def test_a_reservation_that_only_the_deployment_knows_is_left(accounts: Accounts) -> None:
    accounts.synthesised(One=_reserving({"Ref": "Reserved"}))
    assert accounts.problems() == ["1 functions reserve a number of executions that only their deployment knows"]


def _reserving(executions: Any) -> Any:
    return {"Type": "AWS::Lambda::Function", "Properties": {"ReservedConcurrentExecutions": executions}}


@pytest.mark.parametrize(("limit", "is_enough"), [(0.0, False), (1.0, True), (None, False)])
def test_too_few_builds_at_once_are_named(accounts: Accounts, limit: float | None, *, is_enough: bool) -> None:
    build = {
        "ActionTypeId": {"Category": "Build", "Owner": "AWS", "Provider": "CodeBuild", "Version": "1"},
        "Configuration": {"ProjectName": {"Ref": "Project"}},
    }
    accounts.quotas = {} if limit is None else {"Linux/Small": limit}
    accounts.synthesised(
        place=(TOOLS, REGION),
        Project={
            "Type": "AWS::CodeBuild::Project",
            "Properties": {"Environment": {"Type": "LINUX_CONTAINER", "ComputeType": "BUILD_GENERAL1_SMALL"}},
        },
        Pipeline={
            "Type": "AWS::CodePipeline::Pipeline",
            "Properties": {"Stages": [{"Name": "Assets", "Actions": [build] * 6}, {"Name": "Dev", "Actions": [build]}]},
        },
    )
    found = [
        each for each in accounts.problems() if each.startswith("the pipeline begins 6 builds at once on Linux/Small")
    ]
    assert (found == []) == is_enough


def test_a_connection_that_nobody_confirmed_is_named(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    connections = accounts.client("codeconnections", (TOOLS, REGION))
    arn = f"arn:aws:codeconnections:{REGION}:{TOOLS}:connection/11111111-1111-1111-1111-111111111111"
    source = ConnectionSource(repository="a/b", branch="main", connection_arn=arn)
    monkeypatch.setattr(account_readiness, "SETTINGS", replace(SETTINGS, source=source))
    assert accounts.problems() == ["there is no such connection"]
    made = connections.create_connection(ConnectionName="platform", ProviderType="GitHub")["ConnectionArn"]
    source = replace(source, connection_arn=made)
    monkeypatch.setattr(account_readiness, "SETTINGS", replace(SETTINGS, source=source))
    status = connections.get_connection(ConnectionArn=made)["Connection"]["ConnectionStatus"]
    assert accounts.problems() == ([] if status == "AVAILABLE" else [f"the connection is {status}"])


def test_a_service_that_the_region_does_not_have_is_named(accounts: Accounts) -> None:
    accounts.synthesised(Store={"Type": "AWS::HealthLake::FHIRDatastore"})
    assert accounts.problems() == ["AWS has no healthlake in this region"]


def test_tables_that_backup_leaves_out_are_named(accounts: Accounts) -> None:
    accounts.synthesised(Table={"Type": "AWS::DynamoDB::Table"}, Selection={"Type": "AWS::Backup::BackupSelection"})
    assert accounts.left() == []
    accounts.opted_in = False
    assert accounts.problems() == ["AWS Backup does not back up DynamoDB in this region"]


def test_without_a_trail_holds_are_told_to_nobody(accounts: Accounts) -> None:
    trail = accounts.client("cloudtrail", (TOOLS, REGION))
    trail.stop_logging(Name="all")
    found = accounts.problems()
    trail.start_logging(Name="all")
    assert found == ["no trail of CloudTrail logs changes here, so nobody is told when a stage is held or resumed"]


def test_what_could_not_be_asked_is_left_and_says_why(accounts: Accounts) -> None:
    target = replace(accounts.target, _clients=_refusing)
    found = account_readiness.left_to_do(accounts.folder, target, CATALOGUE, say=lambda _line: None)
    assert "could not be asked (The CDK's bootstrap and its policies): no way" in {each.problem for each in found}


def _refusing(service: str, account: str, region: str) -> Any:
    raise OperateError("no way")


def test_doctor_asks_with_a_profile_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    left = OpenItem(file="account 1 x", field="", problem="is not ready", remedy="Make it so.")
    monkeypatch.setattr(readiness, "left_to_do", lambda _root: [])
    monkeypatch.setattr(doctor, "aws_target", lambda **given: given["profile"])
    monkeypatch.setattr(account_readiness, "left_to_do", lambda _root, target, *_, **__: [left] if target else [])
    without = CliRunner().invoke(app, ["doctor"], obj=ROOT)
    assert without.exit_code == 0
    done = CliRunner().invoke(app, ["doctor", "--profile", "tools"], obj=ROOT)
    assert done.exit_code == 1
    assert "to do  account 1 x: is not ready\n       Make it so.\n" in done.output


def test_needs_are_those_of_nested_assemblies_too(tmp_path: Path) -> None:
    accounts = Accounts.__new__(Accounts)
    accounts.folder = tmp_path / "inner"
    accounts.folder.mkdir()
    accounts.synthesised(One={"Type": "AWS::Lambda::Function", "Properties": {"ReservedConcurrentExecutions": 7}})
    outer = tmp_path / "cdk.out"
    outer.mkdir()
    (tmp_path / "inner/cdk.out").rename(outer / "assembly-dev")
    nested = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-dev"}}
    (outer / "manifest.json").write_text(json.dumps({"artifacts": {"dev": nested}}))
    found = place_needs.of_last_synth(tmp_path)
    assert found == {PLACE: PlaceNeeds(reserved_executions=7, types={"AWS::Lambda::Function"})}
