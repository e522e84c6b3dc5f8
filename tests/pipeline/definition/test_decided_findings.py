"""What the pipeline decides of its own findings is exact: whatever the source is, and for nothing beside its grants."""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from pipeline.build_settings import BuildImage, BuildSettings, SecretValue, Vpc
from pipeline.catalogue.model import Removal, Shipped
from pipeline.definition.stack import PipelineStack
from pipeline.settings import SETTINGS
from pipeline.source import CodeCommitSource, S3Source, Source
from services.library.cloudformation.template import Template
from services.library.contract.environment import Tier
from services.library.guardrails import nag, not_applicable
from services.library.guardrails.decisions.decision import Cause, DecidedBy, Decision, decide
from services.library.guardrails.finding import DeploymentLocation, Finding, without_hashes
from services.library.guardrails.rules import retained_names
from stages import accounts
from tests.testbed import tiny

ELSEWHERE = "555555555555"
SOURCES: Mapping[str, Source] = {
    "connection": SETTINGS.source,
    "repository": CodeCommitSource(repository_arn=f"arn:aws:codecommit:{SETTINGS.region}:{SETTINGS.account}:platform"),
    "repository elsewhere": CodeCommitSource(
        repository_arn=f"arn:aws:codecommit:{SETTINGS.region}:{ELSEWHERE}:platform"
    ),
    "bucket": S3Source(bucket="example-sources", key="platform.zip"),
}
COMPANY = BuildSettings(
    image=BuildImage(name="images.example.com/builds:1", credentials="builds/images"),
    vpc=Vpc(vpc_id="vpc-0123456789", subnet_ids=("subnet-0123456789",), security_group_ids=("sg-0123456789",)),
    package_index=SecretValue(name="builds/index", key="url"),
)
CONTEXT = json.loads((tiny.ROOT / "cdk.json").read_text())["context"] | {"aws:cdk:enable-path-metadata": True}
Body = dict[str, Any]
Change = Callable[[Body], None]
"""Changes the properties of a policy."""


@dataclass(frozen=True)
class Found:
    """A finding of the pipeline's own stacks, with what is needed to decide it."""

    finding: Finding
    template: Template
    decisions: tuple[Decision, ...]

    def decision(self, change: Change | None = None) -> Decision | None:
        """Decide it, in the template as it is or with the policy changed."""
        body = copy.deepcopy(dict(self.template.body))
        if change is not None:
            change(body["Resources"][self.finding.logical_id]["Properties"])
        template = Template(body, self.template.stack_path)
        (resource,) = (each for each in template.resources() if each.logical_id == self.finding.logical_id)
        place = DeploymentLocation(keeps_data=True, account=SETTINGS.account)
        return decide(Cause(finding=self.finding, resource=resource, template=template, place=place), self.decisions)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    """All of a pipeline with each kind of source, that deploys production elsewhere and removes a stack."""
    stages = (tiny.stage("prod", tier=Tier.PRODUCTION),)
    removed = Shipped(
        stage="prod", service="old", stack="prod-old", account=accounts.DEV, region=accounts.SECOND_REGION
    )
    made = []
    for source in SOURCES.values():
        folder = tmp_path_factory.mktemp("pipeline")
        builds = COMPANY if isinstance(source, S3Source) else SETTINGS.builds
        settings = replace(SETTINGS, source=source, builds=builds)
        app = cdk.App(outdir=str(folder), context=CONTEXT)
        pipeline = PipelineStack(
            app,
            "Pipeline",
            settings=settings,
            catalogue=stages,
            removals=(Removal(shipped=removed, why="It is of no use any more", owner="@example/old"),),
        )
        made += list(_findings(app, pipeline))
    assert len(made) > 100
    return made


def _findings(app: cdk.App, pipeline: PipelineStack) -> Iterator[Found]:
    stacks = [each for each in app.node.children if isinstance(each, cdk.Stack)]
    templates = [Template(assertions.Template.from_stack(each).to_json(), each.node.path) for each in stacks]
    for template in templates:
        for finding in retained_names.check(template, DeploymentLocation(keeps_data=True)):
            yield Found(finding, template, pipeline.decided_findings)
    resources = {each.path: (each, template) for template in templates for each in template.resources()}
    for pack, finding in nag.findings(app):
        if finding.path in resources and not pack.only_personal_data:
            resource, template = resources[finding.path]
            if not not_applicable.is_not_applicable(finding, resource, template):
                yield Found(replace(finding, logical_id=resource.logical_id), template, pipeline.decided_findings)


def test_pipeline_decides_every_finding_of_its_own_whatever_the_source(found: list[Found]) -> None:
    left = {(without_hashes(each.finding.rule), each.finding.path) for each in found if each.decision() is None}
    assert left == set()


def test_every_decision_of_the_pipeline_is_needed(found: list[Found]) -> None:
    needed = {each.reason for one in found if (each := one.decision())}
    needless = {each.reason for one in found for each in one.decisions} - needed
    assert needless == set()


def test_pipelines_decisions_say_who_decides_and_why(found: list[Found]) -> None:
    decisions = {each.reason: each for one in found for each in one.decisions}.values()
    assert {each.by for each in decisions} == {DecidedBy.PIPELINE}
    assert all(len(each.reason) >= 60 for each in decisions)


def with_wildcards(properties: Body) -> list[Body]:
    statements: list[Body] = properties["PolicyDocument"]["Statement"]
    return [each for each in statements if "*" in json.dumps(each)]


def one_action_more(properties: Body) -> None:
    for each in with_wildcards(properties):
        action = each["Action"]
        each["Action"] = [*([action] if isinstance(action, str) else action), "iam:PassRole"]


def also_with_other_actions_and_resources(properties: Body) -> None:
    for each in with_wildcards(properties):
        other = {**each, "Action": "iam:PassRole"}, {**each, "Resource": "arn:aws:s3:::another/x"}
        properties["PolicyDocument"]["Statement"] += other


def also_of_another_role(properties: Body) -> None:
    properties["Roles"].append("another")


def under_other_conditions(properties: Body) -> None:
    for each in with_wildcards(properties):
        each["Condition"] = {"Bool": {"aws:SecureTransport": "true"}}


@pytest.mark.parametrize(
    "change",
    [one_action_more, also_with_other_actions_and_resources, also_of_another_role, under_other_conditions],
    ids=lambda change: change.__name__,
)
def test_pipeline_decides_nothing_of_a_policy(change: Change, found: list[Found]) -> None:
    of_policies = [each for each in found if each.finding.path.endswith("/DefaultPolicy/Resource")]
    if change is not also_of_another_role:  # the policy of builds in a network is for several from the beginning
        of_policies += [each for each in found if each.finding.path == "Pipeline/BuildNetwork/Policy/Resource"]
    assert {each.finding for each in of_policies if each.decision(change) is not None} == set()


def test_pipeline_decides_the_name_of_an_artifact_store_and_no_other(found: list[Found]) -> None:
    def renamed(properties: Body) -> None:
        properties["BucketName"] = "another"

    named = [each for each in found if each.finding.base_rule == retained_names.RULE.id]
    assert {each.finding.path.partition("/")[0] for each in named} == {
        "Pipeline",
        f"{SETTINGS.name}-artifacts-{accounts.SECOND_REGION}",
    }
    assert [each.finding for each in named if each.decision(renamed) is not None] == []


def without_condition(properties: Body) -> None:
    for each in with_wildcards(properties):
        each.pop("Condition", None)


def test_pipeline_does_not_decide_that_self_mutation_assumes_any_role(found: list[Found]) -> None:
    assuming = [each for each in found if "arn:*:iam::" in each.finding.rule]
    assert len(assuming) == len(SOURCES)
    assert [each for each in assuming if each.decision(without_condition)] == []


def test_pipeline_decides_nothing_of_a_services_role(tmp_path: Path) -> None:
    _, pipeline = tiny.app(tmp_path, catalogue=(tiny.stage("dev"),))
    policy = "Pipeline/dev/tiny/Role/DefaultPolicy/Resource"
    body = {"Type": "AWS::IAM::Policy", "Properties": {}, "Metadata": {"aws:cdk:path": policy}}
    template = Template({"Resources": {"Policy": body}}, "Pipeline/dev/tiny")
    (resource,) = template.resources()
    for rule in {rule for each in pipeline.decided_findings for rule in each.rules}:
        cause = Cause(
            finding=Finding(rule=rule, path=policy, text="", fix=""),
            resource=resource,
            template=template,
            place=DeploymentLocation(keeps_data=False),
        )
        assert decide(cause, pipeline.decided_findings) is None
