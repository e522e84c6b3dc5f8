"""Guardrails as people meet them: a real `cdk synth`, judged by its exit code and what it says."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[4]
BIN = REPOSITORY / ".venv/bin"

APP = """
from datetime import date

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_dynamodb as dynamodb

from services.library.contract.environment import Environment, Tier
from services.library.contract.acknowledgement import Acknowledgement
from services.library.guardrails.checked_stack import CheckedStack
from services.library.guardrails.judgement import Guardrails

PROD = Environment(name="prod", tier=Tier.PRODUCTION, account="1" * 12, region="eu-west-1")


def acknowledge(rule, path, reason):
    return Acknowledgement(rule=rule, path=path, reason=reason, owner="@example/team", expires=date(2020, 1, 1))


app = cdk.App()
pipeline = cdk.Stack(app, "Pipeline", env=PROD.to_cdk())
stage = cdk.Stage(pipeline, "prod", env=PROD.to_cdk())
left, right = (cdk.Stack(stage, name, termination_protection=True) for name in ("left", "right"))


def checked(stack, *acknowledgements, handles_personal_data=False):
    return CheckedStack(
        stack=stack,
        environment=PROD,
        service=stack.node.id,
        owner="@example/team",
        handles_personal_data=handles_personal_data,
        acknowledgements=acknowledgements,
    )


def check(*checked_stacks, accepted=()):
    Guardrails(checked_stacks, accepted=accepted).synthesise(app)


def queue(stack):
    key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:eu-west-1:{'1' * 12}:key/1")
    return sqs.Queue(stack, "Queue", enforce_ssl=True, encryption_master_key=key)


def acknowledge_queue(reason):
    return [
        acknowledge("AwsSolutions-SQS3", "Queue", f"{reason}: the sender keeps what fails"),
        acknowledge("Serverless-SQSRedrivePolicy", "Queue", f"{reason}: and tries again every hour"),
    ]
"""


@dataclass(frozen=True)
class Synth:
    """What a synth came to."""

    code: int
    says: str
    folder: Path

    def found(self) -> set[tuple[str, str]]:
        """Rule and construct path of each finding in the report."""
        report = json.loads((self.folder / "validation-report.json").read_text())
        return {
            (violation["ruleName"], construct["constructPath"])
            for plugin in report["pluginReports"]
            for violation in plugin["violations"]
            for construct in violation["violatingConstructs"]
        }

    def report(self) -> list[dict[str, Any]]:
        """The report's violations, as the CDK wrote them."""
        (plugin,) = json.loads((self.folder / "validation-report.json").read_text())["pluginReports"]
        violations: list[dict[str, Any]] = plugin["violations"]
        return violations

    def accepted(self) -> list[dict[str, str]]:
        """The record of accepted findings."""
        entries: list[dict[str, str]] = json.loads((self.folder / "guardrails.json").read_text())["accepted"]
        return entries


@pytest.fixture
def synth(tmp_path: Path) -> Callable[[str], Synth]:
    def run(code: str) -> Synth:
        (tmp_path / "app.py").write_text(f"{APP}\n{code}")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTEST"))}
        done = subprocess.run(
            [BIN / "cdk", "synth", "--app", f"{BIN}/python app.py", "-o", "out", "--quiet", "--no-lookups"],
            cwd=tmp_path,
            env={**kept, "PYTHONPATH": str(REPOSITORY), "CDK_VALIDATION": "false", "CI": "true", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return Synth(code=done.returncode, says=done.stdout + done.stderr, folder=tmp_path / "out")

    return run


def test_synth_records_an_accepted_finding_and_a_second_one_gives_the_same_record(
    synth: Callable[[str], Synth],
) -> None:
    app = 'queue(left)\ncheck(checked(left, *acknowledge_queue("left")), checked(right))'
    first = synth(app)
    assert first.code == 0, first.says
    record = (first.folder / "guardrails.json").read_bytes()
    assert [(each["rule"], each["path"], each["stage"], each["accepted_in"]) for each in first.accepted()] == [
        ("AwsSolutions-SQS3", "Pipeline/prod/left/Queue/Resource", "prod", "services/left/acknowledgements.py"),
        (
            "Serverless-SQSRedrivePolicy",
            "Pipeline/prod/left/Queue/Resource",
            "prod",
            "services/left/acknowledgements.py",
        ),
    ]
    second = synth(app)
    assert second.code == 0, second.says
    assert (second.folder / "guardrails.json").read_bytes() == record


def test_synth_fails_for_a_sibling_and_for_each_wrong_acknowledgement(synth: Callable[[str], Synth]) -> None:
    done = synth("""
queue(left)
queue(right)
for stack in (left, right):
    dynamodb.CfnTable(
        stack, "Table", key_schema=[], attribute_definitions=[], point_in_time_recovery_specification={
            "pointInTimeRecoveryEnabled": True
        },
    ).add_override("UpdateReplacePolicy", "Retain")
project = codebuild.PipelineProject(right, "Build")
project.node.default_child.add_property_override("Environment.PrivilegedMode", "true")
cdk.Validations.of(project).acknowledge(cdk.Acknowledgment(id="guardrails::AwsSolutions-CB4", reason="hidden"))
nested = cdk.NestedStack(right, "Nested")
iam.CfnManagedPolicy(
    nested, "Policy", policy_document={"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
)
unused = acknowledge("AwsSolutions-S1", "Bucket", "The bucket holds the access logs of others")
retained = acknowledge("Penstock-Retained", "Table", "A cache, filled again from its source within minutes")
check(checked(left, *acknowledge_queue("left"), unused, retained), checked(right))
""")
    assert done.code != 0
    found = done.found()
    queue = "Pipeline/prod/right/Queue/Resource"
    assert {("AwsSolutions-SQS3", queue), ("Serverless-SQSRedrivePolicy", queue)} <= found
    assert not {rule for rule, path in found if path.startswith("Pipeline/prod/left/Queue")}
    assert ("Penstock-Retained", "Pipeline/prod/left/Table") in found
    assert ("Penstock-Retained", "Pipeline/prod/right/Table") in found
    assert ("Penstock-PrivilegedBuild", "Pipeline/prod/right/Build/Resource") in found
    assert ("Penstock-WildcardAction[s3:*]", "Pipeline/prod/right/Nested/Policy") in found
    assert ("Penstock-Acknowledgement", "Pipeline/prod/left/Bucket") in found, "nothing needs it"
    assert ("Penstock-Acknowledgement", "Pipeline/prod/left/Table") in found, "not the service's to accept"
    assert ("Penstock-Acknowledgement", "Pipeline/prod/right/Build") in found, "suppressed by the CDK's means"
    for violation in done.report():
        assert violation["severity"] == "fatal"
        assert violation["ruleName"] in done.says
    (privileged,) = (each for each in done.report() if each["ruleName"] == "Penstock-PrivilegedBuild")
    (construct,) = privileged["violatingConstructs"]
    place = construct["cloudFormationResource"]
    assert place["templatePath"].startswith("assembly-Pipeline-prod/")
    assert place["propertyPaths"] == ["Properties.Environment.PrivilegedMode"]
    assert "stages/acknowledgements.py" in privileged["suggestedFix"]
    assert "Pipeline/prod/right/Build/Resource" in done.says


def test_synth_fails_for_a_lookup_and_says_where_the_value_belongs(synth: Callable[[str], Synth]) -> None:
    done = synth('ec2.Vpc.from_lookup(left, "Network", is_default=True)\ncheck(checked(left), checked(right))')
    assert done.code != 0
    assert "vpc-provider:account=111111111111" in done.says
    assert "stages/accounts.py" in done.says
    assert ("Penstock-Lookup", "") in done.found()


def test_hipaa_pack_holds_for_services_with_personal_data_alone_and_for_their_nested_stacks(
    synth: Callable[[str], Synth],
) -> None:
    done = synth("""
for stack in (left, right):
    for scope in (stack, cdk.NestedStack(stack, "Nested")):
        logs.CfnLogGroup(scope, "Logs", retention_in_days=7)
check(checked(left, handles_personal_data=True), checked(right))
""")
    assert done.code != 0
    rule = "HIPAA.Security-CloudWatchLogGroupEncrypted"
    assert {found for found in done.found() if found[0].startswith("HIPAA.")} == {
        (rule, "Pipeline/prod/left/Logs"),
        (rule, "Pipeline/prod/left/Nested/Logs"),
    }


def test_synth_finds_an_override_that_takes_back_what_a_construct_decided(synth: Callable[[str], Synth]) -> None:
    done = synth("""
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_

from services.library.constructs.function import FunctionSettings
from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.queue_worker import QueueWorker, QueueWorkerSettings
from tests.testbed import runtime_code

handler = FunctionSettings(handler=runtime_code.HANDLER, description="Works")
for stack in (left, right):
    with runtime_code.packaged():
        QueueWorker(
            stack,
            "Worker",
            environment=PROD,
            encryption_key=Key(stack, "Key", environment=PROD, description="Data"),
            alarms_to=NotificationTopic(stack, "Alarms", environment=PROD),
            settings=QueueWorkerSettings(function=handler),
        )
worker = left.node.find_child("Worker")
queue = worker.queue.queue.node.default_child
queue.visibility_timeout = 30
queue.kms_master_key_id = None
queue.sqs_managed_sse_enabled = False
queue.add_property_deletion_override("RedrivePolicy")
function = worker.function.function.node.default_child
function.architectures = ["x86_64"]
function.runtime = "python3.12"
function.add_property_override("Environment.Variables.DATABASE_PASSWORD", "hunter2")
function.add_property_override("TracingConfig.Mode", "PassThrough")
function.add_property_deletion_override("LoggingConfig")
stream = kinesis.CfnStream(left, "Stream", shard_count=1)
lambda_.CfnEventSourceMapping(
    left,
    "Source",
    function_name=function.ref,
    event_source_arn=stream.attr_arn,
    starting_position="LATEST",
)
check(checked(left), checked(right))
""")
    assert done.code != 0
    ours = {
        (rule, path)
        for rule, path in done.found()
        if rule.startswith("Penstock-") and "Retained" not in rule and "Baseline" not in rule
    }
    work, runs = (
        "Pipeline/prod/left/Worker/Queue/Queue/Resource",
        "Pipeline/prod/left/Worker/Function/Function/Resource",
    )
    settings = ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError")
    assert ours == {
        *((f"Penstock-Queue{what}", work) for what in ("DeadLetters", "Visibility", "Encryption")),
        *((f"Penstock-Function{what}", runs) for what in ("Architecture", "Runtime", "Tracing", "Logs")),
        ("Penstock-FunctionSecret[DATABASE_PASSWORD]", runs),
        *((f"Penstock-Stream{what}", "Pipeline/prod/left/Stream") for what in ("Retention", "Encryption")),
        *(
            (f"Penstock-StreamConsumer[{setting}]", "Pipeline/prod/left/Source")
            for setting in (*settings, "FunctionResponseTypes", "DestinationConfig")
        ),
    }
    assert "hunter2" not in done.says
