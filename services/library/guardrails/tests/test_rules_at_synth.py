"""Each of our own rules through a real `cdk synth`: what must fail, what nearly does, and an override that does again.

One synth holds every rule, each in a stack of its own: each finding is fatal by itself, and the stacks tell them apart.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[4]
BIN = REPOSITORY / ".venv/bin"

APP = """
import sys
from dataclasses import dataclass
from typing import ClassVar

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs

from services.library.contract.deployment import creation_suffix
from services.library.contract.service import Service, ServiceStack
from services.library.contract.environment import Environment, Tier
from services.library.guardrails.checked_stack import CheckedStack
from services.library.guardrails.judgement import Guardrails

ACCOUNT = "1" * 12
OTHERS_ROLE = f"arn:aws:iam::{ACCOUNT}:role/administrator"
PROD = Environment(name="prod", tier=Tier.PRODUCTION, account=ACCOUNT, region="eu-west-1")


class Thing(ServiceStack):
    def __init__(self, scope, settings, environment):
        super().__init__(scope, settings.name, environment=environment, description="one rule")
        self.breaks = settings.breaks
        getattr(self, settings.name)()

    def retained(self):
        self.table = dynamodb.CfnTable(
            self,
            "Table",
            key_schema=[],
            point_in_time_recovery_specification={"pointInTimeRecoveryEnabled": True},
            deletion_protection_enabled=True,
            sse_specification={"sseEnabled": True, "kmsMasterKeyId": "arn:aws:kms:eu-west-1:111111111111:key/1"},
        )
        self.table.add_override("DeletionPolicy", "Retain")
        self.table.add_override("UpdateReplacePolicy", "Delete" if self.breaks else "Retain")

    def named(self):
        self.group = logs.CfnLogGroup(
            self,
            "Group",
            log_group_name="orders" if self.breaks else f"orders{creation_suffix()}",
            retention_in_days=365,
            kms_key_id="arn:aws:kms:eu-west-1:111111111111:key/1",
        )
        self.group.apply_removal_policy(cdk.RemovalPolicy.RETAIN)

    def privileged(self):
        self.project = codebuild.CfnProject(
            self,
            "Project",
            artifacts={"type": "NO_ARTIFACTS"},
            encryption_key="arn:aws:kms:eu-west-1:111111111111:key/1",
            environment={
                "type": "LINUX_CONTAINER",
                "computeType": "BUILD_GENERAL1_SMALL",
                "image": "aws/codebuild/standard:7.0",
                "privilegedMode": self.breaks,
            },
            service_role=self.role_for("codebuild"),
            source={"type": "NO_SOURCE", "buildSpec": "version: 0.2"},
        )

    def wildcard(self):
        self.key("222222222222" if self.breaks else ACCOUNT, "kms:*")

    def administrator(self):
        self.key(ACCOUNT, "*" if self.breaks else "kms:Decrypt")

    def key(self, account, action):
        statement = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Resource": "*"}
        self.key = kms.CfnKey(
            self, "Key", enable_key_rotation=True, key_policy={"Statement": [{**statement, "Action": action}]}
        )
        self.key.apply_removal_policy(cdk.RemovalPolicy.RETAIN)

    def pipeline(self):
        self.pipeline = codepipeline.CfnPipeline(
            self, "Pipeline", role_arn=self.role_for("codepipeline"), stages=stages(51 if self.breaks else 50)
        )

    def passed(self):
        letters = {"arn": "arn:aws:sqs:eu-west-1:111111111111:letters"}
        machine = "arn:aws:states:eu-west-1:111111111111:stateMachine:it"
        target = {"id": "it", "arn": machine, "deadLetterConfig": letters}
        role = OTHERS_ROLE if self.breaks else self.role_for("events")
        self.rule = events.CfnRule(
            self, "Rule", schedule_expression="rate(1 day)", targets=[{**target, "roleArn": role}]
        )

    def role_for(self, service):
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": f"{service}.amazonaws.com"}}
        return iam.CfnRole(self, "Role", assume_role_policy_document={"Statement": [trust]}).attr_arn

    def limit(self):
        self.template_options.metadata = {"Text": "x" * (1_000_000 if self.breaks else 990_000)}

    def baseline(self):
        self.logs = logs.CfnLogGroup(
            self,
            "Logs",
            retention_in_days=30 if self.breaks else 365,
            kms_key_id="arn:aws:kms:eu-west-1:111111111111:key/1",
        )

    def lookup(self):
        if self.breaks:
            ec2.Vpc.from_lookup(self, "Network", is_default=True)
        else:
            ec2.Vpc.from_vpc_attributes(self, "Network", vpc_id="vpc-1", availability_zones=["eu-west-1a"])


def stages(count):
    return [{"name": f"s{number}", "actions": []} for number in range(count)]


def no_longer_retained(stack, environment):
    stack.table.add_override("UpdateReplacePolicy", "Delete")


def of_a_name_that_comes_again(stack, environment):
    stack.group.log_group_name = "orders"


def privileged(stack, environment):
    stack.project.add_property_override("Environment.PrivilegedMode", True)


def for_another_account(stack, environment):
    stack.key.add_property_override("KeyPolicy.Statement.0.Principal.AWS", "arn:aws:iam::222222222222:root")


def for_everything(stack, environment):
    stack.key.add_property_override("KeyPolicy.Statement.0.Action", "*")


def one_stage_more(stack, environment):
    stack.pipeline.stages = stages(51)


def by_its_arn(stack, environment):
    stack.rule.add_property_override("Targets.0.RoleArn", OTHERS_ROLE)


def some_text_more(stack, environment):
    stack.template_options.metadata = {"Text": "x" * 1_000_000}


def shortly(stack, environment):
    environment.keeps_data
    stack.logs.add_property_override("RetentionInDays", 30)


def look_it_up(stack, environment):
    ec2.Vpc.from_lookup(stack, "Looked", is_default=True)


OVERRIDES = {
    "retained": no_longer_retained,
    "named": of_a_name_that_comes_again,
    "privileged": privileged,
    "wildcard": for_another_account,
    "administrator": for_everything,
    "pipeline": one_stage_more,
    "passed": by_its_arn,
    "limit": some_text_more,
    "baseline": shortly,
    "lookup": look_it_up,
}


def service(name):
    @dataclass(frozen=True, kw_only=True)
    class Made(Service[Thing]):
        owner: ClassVar[str] = "@example/team"
        handles_personal_data: ClassVar[bool] = False
        breaks: bool = MODE == "broken"

        def build(self, scope, environment):
            return Thing(scope, self, environment)

    Made.name = name
    return Made(override=OVERRIDES[name] if MODE == "overridden" else None)


app = cdk.App()
pipeline = cdk.Stack(app, "Pipeline", env=PROD.to_cdk())
checked_stacks = [
    CheckedStack(
        stack=each.deploy(cdk.Stage(pipeline, f"{each.name}-stage", env=PROD.to_cdk()), PROD),
        environment=PROD,
        service=each.name,
        owner=each.owner,
        handles_personal_data=False,
        acknowledgements=(),
    )
    for each in map(service, OVERRIDES)
]
Guardrails(checked_stacks, accepted=()).synthesise(app)
"""

BROKEN = {
    ("Penstock-Retained", "Pipeline/retained-stage/retained/Table"),
    ("Penstock-RetainedName[LogGroupName]", "Pipeline/named-stage/named/Group"),
    ("Penstock-PrivilegedBuild", "Pipeline/privileged-stage/privileged/Project"),
    ("Penstock-WildcardAction[kms:*]", "Pipeline/wildcard-stage/wildcard/Key"),
    ("Penstock-AdministratorAction[*]", "Pipeline/administrator-stage/administrator/Key"),
    ("Penstock-PipelineQuota[stages]", "Pipeline/pipeline-stage/pipeline/Pipeline"),
    ("Penstock-PassedRole[arn:aws:iam::111111111111:role/administrator]", "Pipeline/passed-stage/passed/Rule"),
    ("Penstock-TemplateLimit[bytes]", "Pipeline/limit-stage/limit"),
    ("Penstock-BaselineRetention[RetentionInDays=30]", "Pipeline/baseline-stage/baseline/Logs"),
    ("Penstock-Lookup", ""),
}


def synth(folder: Path, mode: str) -> tuple[int, set[tuple[str, str]]]:
    """The exit code, and rule and construct of what our own rules found."""
    (folder / "app.py").write_text(f"MODE = {mode!r}\n{APP}")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTEST"))}
    done = subprocess.run(
        [BIN / "cdk", "synth", "--app", f"{BIN}/python app.py", "-o", "out", "--quiet", "--no-lookups"],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(REPOSITORY), "CDK_VALIDATION": "false", "CI": "true", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr or "ValidationFailed" in done.stderr, done.stderr
    reports = json.loads((folder / "out/validation-report.json").read_text())["pluginReports"]
    found_by_all = [each for plugin in reports for each in plugin["violations"]]
    violations = [each for each in found_by_all if each["ruleName"].startswith("Penstock-")]
    assert {each["severity"] for each in violations} <= {"fatal"}
    found = {(each["ruleName"], where["constructPath"]) for each in violations for where in each["violatingConstructs"]}
    return done.returncode, found


def test_synth_fails_for_exactly_what_breaks_a_rule(tmp_path: Path) -> None:
    code, found = synth(tmp_path, "broken")
    assert code != 0
    assert found == BROKEN


def test_synth_passes_what_nearly_breaks_a_rule(tmp_path: Path) -> None:
    assert synth(tmp_path, "near") == (0, set())


def test_synth_fails_for_an_override_that_breaks_a_rule(tmp_path: Path) -> None:
    code, found = synth(tmp_path, "overridden")
    assert code != 0
    assert found == BROKEN
    report = (tmp_path / "out/validation-report.json").read_text()
    line = (tmp_path / "app.py").read_text().split('"RetentionInDays", 30')[0].count("\n") + 1
    assert f"The override __main__.shortly does this at {tmp_path}/app.py:{line}." in report
