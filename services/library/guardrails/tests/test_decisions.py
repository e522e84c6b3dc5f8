"""What the library decides is exact: the constructs' own findings are covered, and nothing that is nearly the same."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import ClassVar

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from services.library.cloudformation.template import Template
from services.library.constructs.api import ApiSettings
from services.library.constructs.async_api import AsyncApi
from services.library.constructs.backup_plan import BackupPlan
from services.library.constructs.bucket import Bucket, BucketSettings
from services.library.constructs.dead_letter_queue import DeadLetterQueue
from services.library.constructs.function import Function, FunctionSettings
from services.library.constructs.function_api import FunctionApi
from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.stream import Stream
from services.library.constructs.stream_consumer import StreamConsumer, StreamConsumerSettings
from services.library.constructs.table import Table
from services.library.constructs.workflow import Workflow
from services.library.constructs.workflow_tasks import Backoff, invoke_task, send_to_dead_letter_queue
from services.library.contract import defaults
from services.library.contract.acknowledgement import Acknowledgement
from services.library.contract.environment import Environment, Tier
from services.library.contract.network import Network
from services.library.contract.service import Override, Service, ServiceStack
from services.library.guardrails import nag, not_applicable
from services.library.guardrails.checked_stack import CheckedStack
from services.library.guardrails.decisions import library
from services.library.guardrails.decisions.decision import Cause, DecidedBy, Decision, decide
from services.library.guardrails.finding import DeploymentLocation, Finding, TierBaseline, without_hashes
from services.library.guardrails.judgement import Guardrails
from services.library.guardrails.tests.near_misses import (
    BACKUP,
    EVERYWHERE,
    ISSUER,
    NEAR_MISSES,
    REPLICA,
    REPLICATION,
    STAGE,
    WORK,
    Change,
)
from tests.testbed import runtime_code

ROOT = Path(__file__).parents[4]
CONTEXT = json.loads((ROOT / "cdk.json").read_text())["context"] | {"aws:cdk:enable-path-metadata": True}
QA = Environment(name="qa", tier=Tier.PRE_PRODUCTION, account="1" * 12, region="eu-west-1")
NETWORK = Network(
    vpc_id="vpc-1",
    availability_zones=("eu-west-1a",),
    private_subnet_ids=("subnet-1",),
    security_group_ids=("sg-1",),
)
KEPT = replace(QA, tier=Tier.PRODUCTION)
WITHOUT_FIREWALL = replace(QA, tier=Tier.SANDBOX)
"""The only tier in which the absence of a web firewall is decided."""
"""For what there is in production alone."""


class EverythingStack(ServiceStack):
    """Each construct that causes a finding, as a service has it."""

    def __init__(self, scope: Construct, id_: str, *, api_in: Environment = QA) -> None:
        super().__init__(scope, id_, environment=QA, description="everything")
        alarms = NotificationTopic(self, "Alarms", environment=QA)
        key = Key(self, "Key", environment=QA, description="Data")
        settings = FunctionSettings(handler=runtime_code.HANDLER, description="Works", reserved_concurrency=10)
        work = self.work = Function(self, "Work", environment=QA, settings=settings, alarms_to=alarms)
        Table(self, "Items", environment=QA, partition_key="id", encryption_key=key)
        inside = replace(settings, network=NETWORK)
        Function(self, "Inside", environment=QA, settings=inside, alarms_to=alarms)
        copied = Table(self, "Copied", environment=QA, partition_key="id", encryption_key=key, stream=True)
        BackupPlan(self, "Backups", environment=KEPT, tables=[copied], alarms_to=alarms)
        Bucket(self, "Documents", environment=QA, encryption_key=key)
        Bucket(self, "Replicated", environment=QA, encryption_key=key, settings=BucketSettings(replicate_to=REPLICA))
        stream = Stream(self, "Readings", environment=QA)
        for name, source in (("Consumer", stream), ("Changes", copied)):
            StreamConsumer(
                self,
                name,
                environment=QA,
                stream=source,
                alarms_to=alarms,
                settings=StreamConsumerSettings(
                    function=replace(settings, timeout=cdk.Duration.minutes(1)), record_age=cdk.Duration.hours(12)
                ),
            )
        letters = DeadLetterQueue(self, "DeadLetters", encryption_key=key, alarms_to=alarms)
        steps = Construct(self, "Steps")
        task = invoke_task(steps, "Do", work, {"id": "1"})
        task.add_catch(send_to_dead_letter_queue(steps, letters, Backoff(interval_seconds=1, max_delay_seconds=2)))
        workflow = Workflow(
            self,
            "Workflow",
            environment=QA,
            definition=task.next(sfn.Succeed(steps, "Done")),
            timeout=cdk.Duration.minutes(15),
            alarms_to=alarms,
        )
        AsyncApi(
            self,
            "Api",
            environment=api_in,
            workflow=workflow,
            settings=ApiSettings(rate_limit=100, burst_limit=200),
            alarms_to=alarms,
        )
        FunctionApi(
            self,
            "People",
            environment=api_in,
            function=work,
            settings=ApiSettings(rate_limit=100, burst_limit=200, issuer=ISSUER),
            alarms_to=alarms,
        )


@dataclass(frozen=True)
class Everything:
    """The template, and what cdk-nag finds in it: (rule without hashes, path below the stack) -> finding."""

    template: Template
    findings: Mapping[tuple[str, str], Finding]

    def decision(
        self, rule: str, path: str, change: Change | None = None, *, keeps_data: bool = False
    ) -> Decision | None:
        """Decide one finding, in the template as it is or changed."""
        body = copy.deepcopy(dict(self.template.body))
        finding = self.findings[rule, path]
        (resource,) = (each for each in self.template.resources() if each.path == finding.path)
        if change is not None:
            change(body, body["Resources"][resource.logical_id]["Properties"])
        template = Template(body, self.template.stack_path)
        (resource,) = (each for each in template.resources() if each.path == finding.path)
        cause = Cause(finding=finding, resource=resource, template=template, place=place(keeps_data=keeps_data))
        return decide(cause, library.DECISIONS)


def place(*, keeps_data: bool) -> DeploymentLocation:
    tier = defaults.for_environment(QA)
    return DeploymentLocation(
        keeps_data=keeps_data,
        account=QA.account,
        tier=TierBaseline(
            log_retention_days=tier.log_retention_days,
            key_pending_days=int(tier.key_pending_window.to_days()),
            web_firewall=keeps_data,
        ),
    )


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Everything:
    app = cdk.App(outdir=str(tmp_path_factory.mktemp("everything")), context=CONTEXT)
    with runtime_code.packaged():
        stack = EverythingStack(cdk.Stage(app, "qa", env=QA.to_cdk()), "some", api_in=WITHOUT_FIREWALL)
    template = Template(assertions.Template.from_stack(stack).to_json(), stack.node.path)
    by_path = {each.path: each for each in template.resources()}
    found = {}
    for _, finding in nag.findings(app):
        resource = by_path[finding.path]
        if not not_applicable.is_not_applicable(finding, resource, template):
            key = without_hashes(finding.rule), finding.path.removeprefix(f"{stack.node.path}/")
            found[key] = replace(finding, logical_id=resource.logical_id)
    return Everything(template, found)


def test_library_decides_every_finding_of_its_constructs_but_that_a_bucket_has_no_copy(everything: Everything) -> None:
    left = {key for key in everything.findings if everything.decision(*key) is None}
    assert left == {("HIPAA.Security-S3BucketReplicationEnabled", "Documents/Bucket/Resource")}


def test_every_decision_of_the_library_is_needed_by_a_construct(everything: Everything) -> None:
    needed = [everything.decision(*key) for key in everything.findings]
    assert [each for each in library.DECISIONS if each not in needed] == []


def test_decisions_are_about_cdk_nags_findings_and_say_why_in_words_of_their_own() -> None:
    reasons = [each.reason for each in library.DECISIONS]
    assert len(set(reasons)) == len(reasons)
    assert all(len(reason) >= 60 for reason in reasons)
    assert all(nag.is_nag_rule(f"pack::{rule}") for each in library.DECISIONS for rule in each.rules)
    assert {each.by for each in library.DECISIONS} == {DecidedBy.LIBRARY}


@pytest.mark.parametrize("near_miss", NEAR_MISSES)
def test_library_does_not_decide(near_miss: str, everything: Everything) -> None:
    rule, path, change = NEAR_MISSES[near_miss]
    assert everything.decision(rule, path) is not None
    assert everything.decision(rule, path, change) is None


def test_each_decision_of_the_library_has_a_near_miss(everything: Everything) -> None:
    missed = [everything.decision(rule, path) for rule, path, _ in NEAR_MISSES.values()]
    assert [each for each in library.DECISIONS if each not in missed] == []


@pytest.mark.parametrize(("rule", "path"), [(BACKUP, "Items/Table/Resource"), ("AwsSolutions-APIG3", STAGE)])
def test_library_does_not_decide_for_production_what_the_tier_asks_for(
    rule: str, path: str, everything: Everything
) -> None:
    assert everything.decision(rule, path) is not None
    assert everything.decision(rule, path, keeps_data=True) is None


def test_library_does_not_decide_for_a_resource_of_another_name(everything: Everything) -> None:
    finding = everything.findings[EVERYWHERE, WORK]
    (resource,) = (each for each in everything.template.resources() if each.path == finding.path)
    moved = replace(resource, path="qa/some/Work/Policy")
    cause = Cause(finding=finding, resource=moved, template=everything.template, place=place(keeps_data=False))
    assert decide(cause, library.DECISIONS) is None


@dataclass(frozen=True, kw_only=True)
class Everythings(Service[EverythingStack]):
    """Deploys all of it."""

    name: ClassVar[str] = "some"
    owner: ClassVar[str] = "@example/some"
    handles_personal_data: ClassVar[bool] = True

    def build(self, scope: Construct, environment: Environment) -> EverythingStack:
        assert environment == QA
        with runtime_code.packaged():
            return EverythingStack(scope, self.name)


def trace_more(stack: EverythingStack, _environment: Environment) -> None:
    """An action more on the resource of the statement that is decided."""
    stack.work.function.add_to_role_policy(iam.PolicyStatement(actions=["xray:GetTraceSummaries"], resources=["*"]))


@pytest.mark.parametrize(
    ("override", "left"),
    [(None, set()), (trace_more, {(EVERYWHERE, f"qa/some/{WORK}")})],
    ids=["as the library has it", "with an override"],
)
def test_guardrails_record_what_is_decided_and_find_what_an_override_adds_to_it(
    override: Override[EverythingStack] | None, left: set[tuple[str, str]], tmp_path: Path
) -> None:
    app = cdk.App(outdir=str(tmp_path), context=CONTEXT)
    stage = cdk.Stage(app, "qa", env=QA.to_cdk())
    service = Everythings(override=override)
    checked = CheckedStack(
        stack=service.deploy(stage, QA),
        environment=QA,
        service=service.name,
        owner=service.owner,
        handles_personal_data=service.handles_personal_data,
        acknowledgements=(
            Acknowledgement(
                rule=REPLICATION,
                path="Documents/Bucket/Resource",
                reason="The documents can be made again from what they are about",
                owner=service.owner,
                expires=date(2027, 1, 1),
            ),
        ),
    )
    made = Path(stage.synth(skip_validation=True).directory)
    judgement = Guardrails([checked], accepted=()).judge(app, made)
    assert {(each.rule, each.path) for each in judgement.failed} == left
    record = json.loads((made / "guardrails.json").read_text())
    assert [each["path"] for each in record["accepted"]] == ["qa/some/Documents/Bucket/Resource"]
    decided = {(each["rule"], each["path"]): each for each in record["decided"]}
    assert decided.keys().isdisjoint(left)
    assert decided["AwsSolutions-SF1", "qa/some/Workflow/StateMachine/Resource"] | {"reason": ""} == {
        "rule": "AwsSolutions-SF1",
        "path": "qa/some/Workflow/StateMachine/Resource",
        "stage": "qa",
        "template": decided["AwsSolutions-SF1", "qa/some/Workflow/StateMachine/Resource"]["template"],
        "reason": "",
        "decided_by": "library",
        "construct": "Workflow",
    }
