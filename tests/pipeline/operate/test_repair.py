"""Repairs of stacks whose first creation failed, in an account that production's guard is on."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import connection, loading
from pipeline.cli.main import app
from pipeline.local import bootstrap
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate import failed_creation
from pipeline.operate.contents import Contents, contents
from pipeline.operate.failed_creation import Fate, LeftResource
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.target import Target, local_target
from services.library.contract.environment import Tier
from services.library.contract.names import PLATFORM_BOOTSTRAP
from tests.conftest import ROOT
from tests.testbed import tiny
from tests.testbed.pipelines import HOME, TOOLS, Tools, stage, until

pytestmark = pytest.mark.cloud
PROD = "444444440035"
DEPLOY, EXECUTE = (
    f"arn:aws:iam::{PROD}:role/{PLATFORM_BOOTSTRAP.role(name, account=PROD, region=HOME)}"
    for name in ("deploy", "cfn-exec")
)
RETAINED = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
Json = dict[str, Any]


def table(**properties: Any) -> Json:
    given = {
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]}},
    }
    return {"Type": "AWS::DynamoDB::Table", "Properties": {**given, **properties}, **RETAINED}


STATEMENT = {
    "Effect": "Allow",
    "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}},
    "Action": "kms:*",
    "Resource": "*",
}
KEY = {
    "Type": "AWS::KMS::Key",
    "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": [STATEMENT]}},
    **RETAINED,
}
BUCKET = {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}}, **RETAINED}
STREAM = {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}, **RETAINED}
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        },
        "PermissionsBoundary": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/penstock-boundary"},
    },
    **RETAINED,
}
VAULT = {
    "Type": "AWS::Backup::BackupVault",
    "Properties": {"BackupVaultName": "orders", "EncryptionKeyArn": {"Fn::GetAtt": ["Key", "Arn"]}},
    **RETAINED,
}


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account with a production stage of one service, whose name every test has for itself."""

    cloud: LocalCloud
    service: str
    target: Target

    @property
    def stack(self) -> str:
        return f"prod-{self.service}"

    def client(self, name: str) -> Any:
        return self.target.client(name)

    def template(self, resources: Mapping[str, Json], **more: Json) -> str:
        """Resources, and a parameter after them that cannot be made while there is another of its name."""
        taken = {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": f"/{self.service}", "Type": "String", "Value": {"Ref": "Published"}},
            "DependsOn": sorted(resources),
        }
        read = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": f"/{self.service}/published"}
        return json.dumps({"Parameters": {"Published": read}, "Resources": {**resources, **more, "Last": taken}})

    def publish(self) -> None:
        """Offer what the template reads, as another service does."""
        self.client("ssm").put_parameter(Name=f"/{self.service}/published", Value="published", Type="String")

    def block(self) -> None:
        self.client("ssm").put_parameter(Name=f"/{self.service}", Value="taken", Type="String")

    def unblock(self) -> None:
        self.client("ssm").delete_parameter(Name=f"/{self.service}")

    def deploy(self, template: str) -> str:
        """Deploy as the pipeline's action does, with the bootstrap's roles; the status that it comes to."""
        formation = self.target.assumed("cloudformation", role=DEPLOY, account=PROD, region=HOME)
        act = formation.update_stack if self.status() else formation.create_stack
        act(StackName=self.stack, TemplateBody=template, RoleARN=EXECUTE, Capabilities=["CAPABILITY_IAM"])
        return until(self.status, lambda status: not status.endswith("IN_PROGRESS"))

    def fail(self, resources: Mapping[str, Json], **more: Json) -> str:
        self.block()
        status = self.deploy(self.template(resources, **more))
        self.unblock()
        return status

    def status(self) -> str:
        found = self.client("cloudformation").list_stacks()["StackSummaries"]
        states = [each["StackStatus"] for each in found if each["StackName"] == self.stack]
        return next((each for each in states if each != "DELETE_COMPLETE"), "")

    def id_of(self, logical_id: str) -> str:
        found = self.client("cloudformation").describe_stack_resource(
            StackName=self.stack, LogicalResourceId=logical_id
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def repair(self, *options: str) -> Result:
        done = CliRunner().invoke(app, ["repair", "prod", self.service, *options], obj=ROOT)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    def left(self) -> dict[str, Json]:
        document = json.loads(self.repair("--json").stdout)
        return {each["path"]: each for each in document["resources"]}


@pytest.fixture(scope="module")
def guarded(cloud: LocalCloud) -> LocalCloud:
    bootstrap.bootstrap(
        cloud,
        [bootstrap.Target(account=PROD, region=HOME, role_names=("prod-*",), keeps_data=True)],
        tools_account=TOOLS,
        foundation=bootstrap.checkout_foundation(),
        template=bootstrap.checkout_template(),
    )
    return cloud


@pytest.fixture
def account(guarded: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Account:
    service = f"s{uuid.uuid4().hex[:8]}"
    production = tiny.stage("prod", tier=Tier.PRODUCTION, account=PROD, region=HOME)
    entry = Mock(stack_name=lambda environment: f"{environment.name}-{service}")
    monkeypatch.setattr(loading, "find_entry", lambda *_: (production, entry))
    monkeypatch.setattr(connection, "find", lambda _place: guarded)
    target = local_target(guarded.endpoint, secret=guarded.root_secret, account=PROD, region=HOME)
    made = Account(cloud=guarded, service=service, target=target)
    made.publish()
    return made


def test_repair_lets_a_retry_create_what_failed_with_what_stayed_behind(account: Account) -> None:
    tools = Tools(account.cloud)
    readers = {"Effect": "Allow", "Principal": {"AWS": DEPLOY}, "Action": ["s3:Get*", "s3:List*"]}
    store = [f"arn:aws:s3:::{tools.bucket}", f"arn:aws:s3:::{tools.bucket}/*"]
    tools.s3.put_bucket_policy(
        Bucket=tools.bucket,
        Policy=json.dumps({"Version": "2012-10-17", "Statement": [{**readers, "Resource": store}]}),
    )
    resources = {"Key": KEY, "Table": table(), "Bucket": BUCKET, "Role": ROLE, "Stream": STREAM, "Vault": VAULT}
    tools.push({"template.json": account.template(resources)})
    configuration = {"StackName": account.stack, "RoleArn": EXECUTE, "Capabilities": "CAPABILITY_IAM"}
    account.block()
    run = tools.create(
        stage("prod", tools.deployment("Deploy", "CREATE_UPDATE", roleArn=DEPLOY, configuration=configuration))
    )
    assert tools.ended(run) == "Failed"
    account.unblock()
    assert account.status() == "ROLLBACK_COMPLETE", tools.errors(run)

    def retried() -> str:
        tools.codepipeline.retry_stage_execution(
            pipelineName=tools.name, stageName="prod", pipelineExecutionId=run, retryMode="FAILED_ACTIONS"
        )
        return tools.ended(run)

    assert retried() == "Failed", "a stack in this state takes no update"
    pipeline = Pipeline(
        target=local_target(account.cloud.endpoint, secret=account.cloud.root_secret, account=TOOLS, region=HOME),
        name=tools.name,
    )
    (failed,) = failed_creation.after(pipeline, pipeline.read(run))
    assert (failed.stage, failed.service, failed.status) == ("prod", account.service, "ROLLBACK_COMPLETE")

    shown = account.repair()
    assert shown.exit_code == 1, shown.output
    assert f"{account.stack} in {PROD} {HOME} is ROLLBACK_COMPLETE." in shown.stdout
    assert "already exists" in shown.stdout.splitlines()[1]
    left = account.left()
    assert {path: (each["contents"], each["fate"]) for path, each in left.items()} == {
        "Bucket": ("empty", "adopted"),
        "Key": ("no data", "adopted"),
        "Role": ("no data", "adopted"),
        "Stream": ("empty", "left"),
        "Table": ("empty", "adopted"),
    }, "and no vault, of which the local cloud makes none"
    delete = f"aws kinesis delete-stream --stream-name {left['Stream']['id']} --profile NAME --region {HOME}"
    assert f"  {delete}" in shown.stdout.splitlines()
    assert account.status() == "ROLLBACK_COMPLETE", "nothing was changed"

    done = account.repair("--yes")
    assert done.exit_code == 0, done.output
    assert account.status() == "IMPORT_COMPLETE"
    (adopted,) = account.client("cloudformation").describe_stacks(StackName=account.stack)["Stacks"]
    assert adopted["RoleARN"] == EXECUTE
    assert retried() == "Succeeded", tools.errors(run)
    assert account.status() == "UPDATE_COMPLETE"
    assert failed_creation.after(pipeline, pipeline.read(run)) == []
    kept = ("Bucket", "Key", "Role", "Table")
    assert {name: account.id_of(name) for name in kept} == {name: left[name]["id"] for name in kept}
    assert account.id_of("Stream") != left["Stream"]["id"]
    again = account.repair()
    assert (again.exit_code, again.stdout) == (0, f"{account.stack} is UPDATE_COMPLETE: nothing is to be repaired.\n")


def test_repair_changes_nothing_while_there_is_data(account: Account) -> None:
    assert account.fail({"Key": KEY, "Table": table(), "Bucket": BUCKET}) == "ROLLBACK_COMPLETE"
    left = account.left()
    dynamodb, name = account.client("dynamodb"), left["Table"]["id"]
    dynamodb.put_item(TableName=name, Item={"id": {"S": "1"}})
    account.client("s3").put_object(Bucket=left["Bucket"]["id"], Key="one", Body=b"")
    account.client("s3").delete_object(Bucket=left["Bucket"]["id"], Key="one")
    refused = account.repair("--yes")
    assert refused.exit_code == 2, refused.output
    assert "Nothing was changed: " in refused.stderr
    assert account.status() == "ROLLBACK_COMPLETE"
    held = {path: (each["contents"], each["seen"]) for path, each in account.left().items() if each["fate"] == "kept"}
    assert held == {
        "Bucket": ("data", "it has objects, old versions or uploads"),
        "Table": ("data", "it has items"),
    }
    assert dynamodb.get_item(TableName=name, Key={"id": {"S": "1"}})["Item"]


def test_repair_adopts_what_an_earlier_creation_left_under_a_name_that_comes_again(account: Account) -> None:
    named = {"Key": KEY, "Table": table(TableName=f"{account.service}-orders")}
    assert account.fail(named) == "ROLLBACK_COMPLETE"
    account.client("cloudformation").delete_stack(StackName=account.stack)
    until(account.status, lambda status: not status)
    assert account.repair().exit_code == 0, "there is no stack"
    assert account.deploy(account.template(named)) == "ROLLBACK_COMPLETE", "its table is in the way"
    assert account.left()["Table"]["id"] == f"{account.service}-orders"
    # The key that the table names is another one by now, and so the template of the import has both.
    done = account.repair("--yes")
    assert done.exit_code == 0, done.output
    assert account.deploy(account.template(named)) == "UPDATE_COMPLETE"
    assert account.id_of("Table") == f"{account.service}-orders"


def test_repair_adopts_no_empty_store_that_no_stack_of_this_name_made(account: Account) -> None:
    name = f"{account.service}-orders"
    of_template = table()["Properties"]
    given = {part: of_template[part] for part in ("AttributeDefinitions", "KeySchema", "BillingMode")}
    account.client("dynamodb").create_table(TableName=name, **given)
    assert account.deploy(account.template({"Key": KEY, "Table": table(TableName=name)})) == "ROLLBACK_COMPLETE"
    left = account.left()["Table"]
    assert (left["id"], left["contents"], left["fate"]) == (name, "undecided", "kept")
    assert "no stack of this name is known to have made it" in left["seen"]
    refused = account.repair("--yes")
    assert refused.exit_code == 2, refused.output
    assert account.status() == "ROLLBACK_COMPLETE"


def test_repair_takes_along_what_the_guard_kept_from_being_rolled_back(account: Account) -> None:
    except_on_create = {**table(), "DeletionPolicy": "RetainExceptOnCreate"}
    assert account.fail({"Key": KEY, "Table": except_on_create}) == "ROLLBACK_FAILED"
    left = account.left()
    assert (left["Table"]["contents"], left["Table"]["fate"]) == ("empty", "adopted")
    done = account.repair("--yes")
    assert done.exit_code == 0, done.output
    assert account.deploy(account.template({"Key": KEY, "Table": except_on_create})) == "UPDATE_COMPLETE"
    assert account.id_of("Table") == left["Table"]["id"]


def test_repair_adopts_nothing_of_a_stack_that_was_complete(account: Account) -> None:
    assert account.deploy(account.template({"Key": KEY, "Table": {**table(), "DeletionPolicy": "Delete"}})) == (
        "CREATE_COMPLETE"
    )
    formation = account.target.assumed("cloudformation", role=DEPLOY, account=PROD, region=HOME)
    formation.delete_stack(StackName=account.stack)
    assert until(account.status, lambda status: status != "DELETE_IN_PROGRESS") == "DELETE_FAILED"
    refused = account.repair("--yes")
    assert refused.exit_code == 2
    assert "was complete before" in refused.stderr


def test_contents_that_nobody_can_tell_are_undecided(account: Account) -> None:
    name, client = account.service, account.client
    client("sqs").create_queue(QueueName=name)
    url = client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    client("kinesis").create_stream(StreamName=name, ShardCount=1)
    stored = {"AWS::SQS::Queue": url, "AWS::Kinesis::Stream": name}
    assert {contents(*each, client)[0] for each in stored.items()} == {Contents.EMPTY}
    client("sqs").send_message(QueueUrl=url, MessageBody="one")
    client("kinesis").put_record(StreamName=name, Data=b"one", PartitionKey="1")
    assert {contents(*each, client)[0] for each in stored.items()} == {Contents.DATA}
    kinds = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Kinesis::Stream", "AWS::IAM::Role", "AWS::Logs::LogGroup")
    assert {contents(kind, f"{name}-gone", client)[0] for kind in kinds} == {Contents.ABSENT}
    assert contents("AWS::HealthLake::FHIRDatastore", name, client)[0] == Contents.UNDECIDED


@pytest.mark.parametrize(
    ("was_there", "own", "fate"),
    [(True, (), Fate.KEPT), (True, ("reader",), Fate.ADOPTED), (False, (), Fate.ADOPTED)],
)
def test_a_role_that_the_creation_found_there_may_be_anybodys(
    was_there: bool, own: tuple[str, ...], fate: Fate
) -> None:
    left = LeftResource(
        logical_id="Reader",
        path="prod/orders/Reader",
        type="AWS::IAM::Role",
        physical_id="reader",
        was_there=was_there,
        in_the_way=was_there,
        contents=Contents.UNDECIDED,
        seen="",
        fate=Fate.KEPT,
    )
    looked = failed_creation._looked_into(Mock(), left, own)
    (decided,) = failed_creation._decided([looked], {"Resources": {"Reader": {"Type": "AWS::IAM::Role"}}})
    assert (decided.fate, "no stack of this name" in decided.seen) == (fate, fate is Fate.KEPT)
