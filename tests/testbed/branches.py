"""Branch environments and main's dev as the App builds them, the ARNs that CloudFormation would give, and a cloud."""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from pipeline.accounts import role_names
from pipeline.catalogue.branch import Branch
from pipeline.catalogue.model import Stage
from pipeline.definition import branch
from pipeline.definition.service_stage import ServiceStage
from pipeline.local import bootstrap, first_deployment
from pipeline.local.lifecycle import CloudLocation, LocalCloud, start, stop
from pipeline.local.processes import free_port
from pipeline.settings import SETTINGS
from tests.conftest import ROOT
from tests.testbed import small

ENDS = datetime(2026, 12, 1, 12, tzinfo=UTC)
FEATURE = Branch(name="feature/new-tax", expires=ENDS)
FIX = Branch(name="fix/rounding", expires=ENDS, services=("parcels",))


@dataclass(frozen=True, kw_only=True)
class StackLocation:
    """What an ARN says besides the name."""

    account: str
    region: str


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of a template, as it is called once it is deployed."""

    stack: str
    logical_id: str
    body: dict[str, Any]
    arn: str
    deletion: str
    """The action that deletes it."""
    tags: dict[str, str]

    @property
    def type_(self) -> str:
        return str(self.body["Type"])


def build(made: Branch | None, folder: Path, *, like: Stage = small.DEV) -> dict[str, dict[str, Any]]:
    """Return the templates of a branch, or of the stage that branches are like, by the name of their stack."""
    app = cdk.App(outdir=str(folder), context=json.loads((ROOT / "cdk.json").read_text())["context"])
    if made is None:
        ServiceStage(app, like)
    else:
        stage = made.stage(like)
        ServiceStage(app, stage, tags=branch.resource_tags(stage), stack_tags=made.tags)
    (nested,) = app.synth().nested_assemblies
    return {stack.stack_name: stack.template for stack in nested.nested_assembly.stacks}


@contextmanager
def cloud_with(stage: Stage, folder: Path) -> Iterator[LocalCloud]:
    """Start a cloud with the development account prepared, and this stage deployed there as main's."""
    account, region = stage.environment.account, stage.environment.region
    place = CloudLocation(home=folder / "cloud", port=free_port())
    cloud = start(place, environment=os.environ)
    try:
        bootstrap.bootstrap(
            cloud,
            [
                bootstrap.Target(account=account, region=region, role_names=(role_names.of_stage(stage.label),)),
                bootstrap.Target(account=SETTINGS.account, region=region, role_names=role_names.PIPELINE),
            ],
            tools_account=SETTINGS.account,
            foundation=bootstrap.checkout_foundation(),
            template=bootstrap.checkout_template(),
        )
        bootstrap.prepare_for_branches(
            cloud,
            account=account,
            region=region,
            deployers=(SETTINGS.account, account),
            roles=bootstrap.checkout_branches(),
        )
        build(None, folder / "main", like=stage)
        home = place.home / "home"
        home.mkdir(exist_ok=True)
        first_deployment.run(
            f"{stage.environment.label}/*",
            "--app",
            str(folder / "main"),
            checkout=ROOT,
            output=place.home / "cdk.out",
            environment=first_deployment.cdk_environment(os.environ, cloud, account=account, region=region, home=home),
            progress=lambda _line: None,
        )
        yield cloud
    finally:
        stop(place)


# What CloudFormation puts the stack's name in front of, or whose name we give ({name}); and what AWS names by itself.
ARNS = {
    "AWS::ApiGateway::Account": ("apigateway:{region}::/account", "apigateway:PATCH"),
    "AWS::ApiGateway::Deployment": ("apigateway:{region}::/restapis/a1b2c3d4e5/deployments/d1", "apigateway:DELETE"),
    "AWS::ApiGateway::GatewayResponse": (
        "apigateway:{region}::/restapis/a1b2c3d4e5/gatewayresponses/DEFAULT_4XX",
        "apigateway:DELETE",
    ),
    "AWS::ApiGateway::Method": (
        "apigateway:{region}::/restapis/a1b2c3d4e5/resources/r1/methods/POST",
        "apigateway:DELETE",
    ),
    "AWS::ApiGateway::Model": ("apigateway:{region}::/restapis/a1b2c3d4e5/models/Body", "apigateway:DELETE"),
    "AWS::ApiGateway::RequestValidator": (
        "apigateway:{region}::/restapis/a1b2c3d4e5/requestvalidators/v1",
        "apigateway:DELETE",
    ),
    "AWS::ApiGateway::Resource": ("apigateway:{region}::/restapis/a1b2c3d4e5/resources/r1", "apigateway:DELETE"),
    "AWS::ApiGateway::RestApi": ("apigateway:{region}::/restapis/a1b2c3d4e5", "apigateway:DELETE"),
    "AWS::ApiGateway::Stage": ("apigateway:{region}::/restapis/a1b2c3d4e5/stages/v1", "apigateway:DELETE"),
    "AWS::CloudWatch::Alarm": ("cloudwatch:{region}:{account}:alarm:{name}", "cloudwatch:DeleteAlarms"),
    "AWS::DynamoDB::Table": ("dynamodb:{region}:{account}:table/{name}", "dynamodb:DeleteTable"),
    "AWS::Events::Archive": ("events:{region}:{account}:archive/{name}", "events:DeleteArchive"),
    "AWS::Events::EventBus": ("events:{region}:{account}:event-bus/{name}", "events:DeleteEventBus"),
    "AWS::Events::Rule": ("events:{region}:{account}:rule/{name}", "events:DeleteRule"),
    "AWS::IAM::ManagedPolicy": ("iam::{account}:policy/{name}", "iam:DeletePolicy"),
    "AWS::IAM::Role": ("iam::{account}:role/{name}", "iam:DeleteRole"),
    "AWS::KMS::Key": ("kms:{region}:{account}:key/{uuid}", "kms:ScheduleKeyDeletion"),
    "AWS::Kinesis::Stream": ("kinesis:{region}:{account}:stream/{name}", "kinesis:DeleteStream"),
    "AWS::Lambda::EventSourceMapping": (
        "lambda:{region}:{account}:event-source-mapping:{uuid}",
        "lambda:DeleteEventSourceMapping",
    ),
    "AWS::Lambda::Function": ("lambda:{region}:{account}:function:{name}", "lambda:DeleteFunction"),
    "AWS::Lambda::LayerVersion": ("lambda:{region}:{account}:layer:{name}:1", "lambda:DeleteLayerVersion"),
    "AWS::Logs::LogGroup": ("logs:{region}:{account}:log-group:{name}", "logs:DeleteLogGroup"),
    "AWS::S3::Bucket": ("s3:::{name}", "s3:DeleteBucket"),
    "AWS::SNS::Topic": ("sns:{region}:{account}:{name}", "sns:DeleteTopic"),
    "AWS::SQS::Queue": ("sqs:{region}:{account}:{name}", "sqs:DeleteQueue"),
    "AWS::SSM::Parameter": ("ssm:{region}:{account}:parameter{name}", "ssm:DeleteParameter"),
    "AWS::StepFunctions::StateMachine": ("states:{region}:{account}:stateMachine:{name}", "states:DeleteStateMachine"),
}
"""Type -> its ARN behind `arn:aws:`, and the action that deletes it."""
PARTS = {
    "AWS::CDK::Metadata",
    "AWS::IAM::Policy",
    "AWS::Lambda::Permission",
    "AWS::Logs::MetricFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}
"""Types that are part of another resource: whoever may change that may change them."""
NAME = {
    "AWS::Events::Archive": "ArchiveName",
    "AWS::Events::EventBus": "Name",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::SSM::Parameter": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
"""Type -> the property that names it, where a template of ours has one."""
WITHOUT_STACK = {"AWS::Lambda::LayerVersion", "AWS::StepFunctions::StateMachine", "AWS::Events::Archive"}
"""What CloudFormation calls by its logical id alone (aws-sam-cli 2022), or may (it does not say so of archives)."""


def resources(templates: dict[str, dict[str, Any]], place: StackLocation) -> Iterator[Resource]:
    """Each resource that has an ARN."""
    for stack, template in templates.items():
        tags: dict[str, str] = {}
        for logical_id, body in template["Resources"].items():
            if body["Type"] in PARTS:
                continue
            assert body["Type"] in ARNS, (
                f"say above how {body['Type']} is named, and in pipeline/accounts/branches.yaml who may"
            )
            arn, deletion = ARNS[body["Type"]]
            name = physical_name(stack, logical_id, body)
            yield Resource(
                stack=stack,
                logical_id=logical_id,
                body=body,
                arn="arn:aws:" + arn.format(region=place.region, account=place.account, name=name, uuid=_id(name)),
                deletion=deletion,
                tags=(tags := tags | _tags(body)),
            )
        yield Resource(
            stack=stack,
            logical_id=stack,
            body={"Type": "AWS::CloudFormation::Stack"},
            arn=f"arn:aws:cloudformation:{place.region}:{place.account}:stack/{stack}/{_id(stack)}",
            deletion="cloudformation:DeleteStack",
            tags=tags,
        )


def physical_name(stack: str, logical_id: str, body: dict[str, Any]) -> str:
    """As CloudFormation would call it: by the name that the template gives, or by one of its own."""
    given = body.get("Properties", {}).get(NAME.get(body["Type"], ""))
    if isinstance(given, str):
        return given
    if given is not None:
        first = given["Fn::Join"][1][0]
        if first.startswith("aws-waf-logs-"):  # it ends in a part of its stack's id
            return f"{first}a1b2c3d4"
        assert first == "API-Gateway-Execution-Logs_", given
        return "API-Gateway-Execution-Logs_a1b2c3d4e5/v1"
    name = f"{logical_id}-9TB2XYZQ" if body["Type"] in WITHOUT_STACK else f"{stack}-{logical_id}-9TB2XYZQ"
    return name.lower() if body["Type"] == "AWS::S3::Bucket" else name


def _id(name: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, name)


def _tags(body: dict[str, Any]) -> dict[str, str]:
    tags = body.get("Properties", {}).get("Tags", [])
    return {tag["Key"]: tag["Value"] for tag in tags} if isinstance(tags, list) else dict(tags)
