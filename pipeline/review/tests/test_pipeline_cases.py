"""The pipeline's own cases (A10, A16), and those of guardrails (A12, A13) and acknowledgements."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipeline.review import engine
from pipeline.review.judge import rules
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Level, Review, Verdict
from pipeline.review.read import assembly
from pipeline.review.tests.assemblies import TODAY, StackOf, digest, review, write
from pipeline.review.tests.cases.case import resource, template
from pipeline.review.tests.cases.data import DELETED, table

Json = Any
SYNTH = {
    "Name": "Synth",
    "ActionTypeId": {"Category": "Build", "Provider": "CodeBuild"},
    "Configuration": {"ProjectName": {"Ref": "Build"}},
    "RunOrder": 1,
}
APPROVE = {"Name": "Approve", "ActionTypeId": {"Category": "Approval", "Provider": "Manual"}, "RunOrder": 1}
DEPLOY = {
    "Name": "Deploy",
    "ActionTypeId": {"Category": "Deploy", "Provider": "CloudFormation"},
    "Configuration": {"StackName": "prod-one"},
    "RunOrder": 2,
}


def publishing(asset: str) -> str:
    """The buildspec of an asset's job, as CDK Pipelines writes it."""
    line = (
        f'cdk-assets --path "assembly-Pipeline-prod/one.assets.json" --verbose publish "{asset}:111111111111-eu-west-1"'
    )
    return json.dumps({"version": "0.2", "phases": {"build": {"commands": [line]}}})


def pipeline(*actions: Json, publishes: Json = (), **environment: Json) -> Json:
    """A pipeline with the actions of its prod stage, and asset jobs by number -> asset."""
    jobs = {
        f"Asset{number}": {
            **resource("CodeBuild::Project", {"Source": {"BuildSpec": publishing(each)}}),
            "Metadata": {"aws:cdk:path": f"Pipeline/Engine/Assets/FileAsset{number}/Resource"},
        }
        for number, each in enumerate(publishes, start=1)
    }
    publish = [
        {
            "Name": f"FileAsset{number}",
            "ActionTypeId": {"Category": "Build", "Provider": "CodeBuild"},
            "Configuration": {"ProjectName": {"Ref": f"Asset{number}"}},
            "RunOrder": 1,
        }
        for number, _ in enumerate(publishes, start=1)
    ]
    stages = [
        {"Name": "Build", "Actions": [SYNTH]},
        *([{"Name": "Assets", "Actions": publish}] if publish else []),
        {"Name": "prod", "Actions": list(actions)},
    ]
    project = {"Environment": {"Image": "aws/codebuild/standard:7.0", "PrivilegedMode": False, **environment}}
    return template(
        {
            "P": resource("CodePipeline::Pipeline", {"RoleArn": "r", "Stages": stages}),
            "Build": resource("CodeBuild::Project", project),
            **jobs,
        }
    )


def of_pipelines(tmp_path: Path, base: Json, head: Json) -> Review:
    stages = {"prod": {"one": StackOf(template=template({"T": resource("SNS::Topic")}))}}
    assets = [digest(each) for each in ("one", "two", "three")]
    sides = [
        write(tmp_path / name, stages, pipeline=side, assets=assets) for name, side in (("base", base), ("head", head))
    ]
    return review(*sides)


def levels(found: Review) -> dict[str, Level]:
    return {finding.rule: finding.level for finding in found.findings}


@pytest.mark.parametrize(
    "weaker",
    [
        pytest.param([DEPLOY], id="removed"),
        pytest.param([{**APPROVE, "RunOrder": 2}, DEPLOY], id="beside what it held back"),
        pytest.param([{**APPROVE, "RunOrder": 3}, DEPLOY], id="after what it held back"),
    ],
)
def test_a10_review_finds_a_removed_or_bypassed_approval(weaker: list[Json], tmp_path: Path) -> None:
    found = of_pipelines(tmp_path, pipeline(APPROVE, DEPLOY), pipeline(*weaker))
    assert levels(found)["Review-ApprovalRemoved"] is Level.CRITICAL
    assert (found.pipeline.self_mutates, found.pipeline.restarts) == (True, True)
    assert not found.pipeline.rollback_available


def test_review_finds_a_privileged_build_and_another_image(tmp_path: Path) -> None:
    found = of_pipelines(
        tmp_path, pipeline(APPROVE, DEPLOY), pipeline(APPROVE, DEPLOY, PrivilegedMode=True, Image="mine:1")
    )
    assert {each.what for each in found.pipeline.differences} == {"image changed", "privilege changed"}
    assert levels(found)["Review-PrivilegedBuild"] is Level.HIGH
    assert (found.pipeline.self_mutates, found.pipeline.restarts) == (True, False)


def probe(**variables: str) -> Json:
    """An action that calls what was deployed, as pipeline/definition/probes.py makes it."""
    given = [{"name": name, "type": "PLAINTEXT", "value": value} for name, value in variables.items()]
    return {
        "Name": "one.Refuses",
        "ActionTypeId": {"Category": "Build", "Provider": "CodeBuild"},
        "Configuration": {"ProjectName": {"Ref": "Build"}, "EnvironmentVariables": json.dumps(given)},
        "RunOrder": 3,
    }


@pytest.mark.parametrize(
    ("weaker", "new"),
    [
        ({"PROBE_URL": "#{one.Url}"}, "PROBE_URL=#{one.Url}"),
        ({"PROBE_URL": "#{one.Url}", "API_TOKEN": "abcdefgh"}, "PROBE_URL=#{one.Url}, API_TOKEN=(redacted)"),
    ],
)
def test_review_names_the_probe_that_expects_something_else(weaker: dict[str, str], new: str, tmp_path: Path) -> None:
    before = probe(PROBE_URL="#{one.Url}", PROBE_EXPECT_STATUS="403")
    found = of_pipelines(tmp_path, pipeline(APPROVE, DEPLOY, before), pipeline(APPROVE, DEPLOY, probe(**weaker)))
    (changed,) = found.pipeline.differences
    assert (changed.stage, changed.action, changed.what) == ("prod", "one.Refuses", "variables changed")
    assert (changed.old, changed.new) == ("PROBE_URL=#{one.Url}, PROBE_EXPECT_STATUS=403", new)
    assert levels(found) == {"Review-PipelineChanged": Level.MEDIUM}


def test_review_takes_a_changed_hash_of_a_builds_configuration_for_no_change_of_its_variables(tmp_path: Path) -> None:
    sides = [pipeline(APPROVE, DEPLOY, probe(_PROJECT_CONFIG_HASH=each)) for each in ("one", "two")]
    assert of_pipelines(tmp_path, *sides).pipeline.differences == ()


@pytest.mark.parametrize("given", [{"Fn::ImportValue": "v"}, "no list", "[1]"])
def test_review_says_variables_that_cannot_be_read(given: Json, tmp_path: Path) -> None:
    changed = probe()
    changed["Configuration"]["EnvironmentVariables"] = given
    found = of_pipelines(tmp_path, pipeline(APPROVE, DEPLOY, probe()), pipeline(APPROVE, DEPLOY, changed))
    (difference,) = found.pipeline.differences
    assert difference.what == "variables changed"
    assert difference.new


def staged(*stages: Json, **others: Json) -> Json:
    """A pipeline with these stages."""
    return template({"P": resource("CodePipeline::Pipeline", {"RoleArn": "r", "Stages": list(stages)}), **others})


STAGES = tuple({"Name": name, "Actions": [APPROVE, DEPLOY]} for name in ("qa", "prod"))


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(template({"T": resource("SNS::Topic")}), id="gone from its stack"),
        pytest.param(
            template({"P": resource("CodePipeline::Pipeline", {"Stages": {"Fn::If": ["C", [*STAGES], []]}})}),
            id="stages under a condition",
        ),
        pytest.param(
            template(
                {"P": resource("CodePipeline::Pipeline", {"Stages": {"Fn::FindInMap": ["A", {"Ref": "B"}, "C"]}})}
            ),
            id="stages of a mapping",
        ),
        pytest.param(
            staged(STAGES[0], {"Fn::If": ["C", STAGES[1], {"Ref": "AWS::NoValue"}]}), id="a stage under a condition"
        ),
        pytest.param(
            staged(STAGES[0], {"Name": "prod", "Actions": [{"Fn::If": ["C", APPROVE, DEPLOY]}, DEPLOY]}),
            id="an approval under a condition",
        ),
        pytest.param(staged(STAGES[0]), id="with its stage"),
    ],
)
def test_review_blocks_a_pipeline_whose_approval_is_gone_or_cannot_be_told(head: Json, tmp_path: Path) -> None:
    found = of_pipelines(tmp_path, staged(*STAGES), head)
    assert levels(found)["Review-ApprovalRemoved"] is Level.CRITICAL
    assert found.verdict is Verdict.BLOCKED


def test_review_of_a_pipeline_stack_that_goes_says_so_of_the_stack_and_not_of_its_approvals(tmp_path: Path) -> None:
    found = of_pipelines(tmp_path, staged(*STAGES), None)
    assert "Review-ApprovalRemoved" not in levels(found)
    assert levels(found)["Review-StackOrphaned"] is Level.CRITICAL


def test_review_of_a_stage_that_is_added_lists_its_actions_and_is_no_finding(tmp_path: Path) -> None:
    found = of_pipelines(tmp_path, staged(STAGES[0]), staged(*STAGES))
    (added,) = found.pipeline.differences
    assert (added.stage, added.what, added.new) == ("prod", "stage added", "Approve, Deploy")
    assert levels(found) == {}


def test_review_finds_stages_in_another_order(tmp_path: Path) -> None:
    found = of_pipelines(tmp_path, staged(*STAGES), staged(*reversed(STAGES)))
    (moved,) = found.pipeline.differences
    assert (moved.what, moved.old, moved.new) == ("order changed", "qa → prod", "prod → qa")
    assert levels(found) == {"Review-PipelineControl": Level.HIGH}


@pytest.mark.parametrize(
    ("role", "said"),
    [({"Ref": "Wide"}, "Wide"), ({"Fn::GetAtt": ["Wide", "Arn"]}, "Wide"), ({"Fn::ImportValue": "w"}, "ImportValue")],
)
def test_review_finds_another_role_of_a_build_however_it_is_named(role: Json, said: str, tmp_path: Path) -> None:
    build = {"Name": "Build", "Actions": [SYNTH]}
    sides = [
        staged(build, Build=resource("CodeBuild::Project", {"ServiceRole": each}))
        for each in ({"Fn::GetAtt": ["Narrow", "Arn"]}, role)
    ]
    (changed,) = of_pipelines(tmp_path, *sides).pipeline.differences
    assert (changed.what, changed.old) == ("role changed", "Narrow")
    assert said in changed.new


def test_a16_renumbered_assets_are_folded(tmp_path: Path) -> None:
    one, two, three = (digest(each) for each in ("one", "two", "three"))
    found = of_pipelines(
        tmp_path,
        pipeline(APPROVE, DEPLOY, publishes=[one, three]),
        pipeline(APPROVE, DEPLOY, publishes=[one, two, three]),
    )
    assert {row.noise for row in found.changes} == {"asset publishing changed"}
    assert (found.findings, found.pipeline.differences, found.verdict) == ((), (), Verdict.PASS)


RULE, PATH = "AwsSolutions-SQS4", "Pipeline/dev/one/Q/Resource"
QUEUE = {"Q": resource("SQS::Queue"), "T": resource("SNS::Topic")}
REPORT = {
    "pluginReports": [
        {"violations": [{"ruleName": RULE, "description": "No TLS.", "violatingConstructs": [{"constructPath": PATH}]}]}
    ]
}


def of_reports(tmp_path: Path, resources: Json, head: StackOf | None = None, **files: Json) -> Review:
    """A finding on the base side's queue, and a head side without it."""
    files = files or {"report": {"pluginReports": []}}
    before = {"dev": {"one": StackOf(template=template(QUEUE))}}
    after = {"dev": {"one": head or StackOf(template=template(resources))}}
    return review(write(tmp_path / "base", before, report=REPORT), write(tmp_path / "head", after, **files))


def states(found: Review) -> list[tuple[str, str]]:
    return [(each.kind, each.state) for each in found.guardrails]


def test_a_finding_that_is_gone_with_its_cause_is_fixed(tmp_path: Path) -> None:
    assert states(of_reports(tmp_path, QUEUE)) == [("finding", "fixed")]


def test_a13_a_finding_that_is_gone_with_its_resource_is_not_fixed(tmp_path: Path) -> None:
    assert states(of_reports(tmp_path, {"T": resource("SNS::Topic")})) == [("finding", "gone")]


@pytest.mark.parametrize("rule", [RULE, f"AwsSolutions::{RULE}", f"Annotation::{RULE}"])
@pytest.mark.parametrize("path", [PATH, "Pipeline/dev/one/Q", "Pipeline/dev/one"])
def test_a12_a_finding_that_somebody_accepted_is_not_fixed(rule: str, path: str, tmp_path: Path) -> None:
    accepted = [{"type": "aws:cdk:acknowledged-rules", "data": {rule: "because"}}]
    head = StackOf(template=template(QUEUE), metadata={f"/{path}": accepted})
    found = of_reports(tmp_path, QUEUE, head)
    assert states(found) == [("acknowledgement", "added"), ("finding", "acknowledged")]
    assert levels(found) == {"Review-Acknowledgement": Level.MEDIUM}


def test_an_acknowledgement_in_our_own_record_counts_likewise(tmp_path: Path) -> None:
    entry = {"rule": RULE, "path": PATH, "reason": "Because.", "owner": "@a/b", "expires": "2027-01-01"}
    found = of_reports(tmp_path, QUEUE, guardrails={"version": 1, "accepted": [entry]})
    assert states(found) == [("acknowledgement", "added"), ("finding", "acknowledged")]


def decided(by: str = "library") -> Json:
    """A record in which the queue's finding is decided."""
    entry = {"rule": RULE, "path": PATH, "reason": "It knows none.", "decided_by": by, "construct": "Queue"}
    return {"version": 1, "accepted": [], "decided": [entry]}


def of_records(tmp_path: Path, before: Json, after: Json, report: Json = None) -> Review:
    """Review a queue that differs in its record of findings alone."""
    stages = {"dev": {"one": StackOf(template=template(QUEUE))}}
    base = write(tmp_path / "base", stages, guardrails=before)
    return review(base, write(tmp_path / "head", stages, guardrails=after, report=report))


@pytest.mark.parametrize("by", ["library", "pipeline"])
def test_review_tells_a_decided_finding_from_an_accepted_one(by: str, tmp_path: Path) -> None:
    found = of_records(tmp_path, {"version": 1, "accepted": []}, decided(by))
    (row,) = found.guardrails
    assert (row.kind, row.state, row.owner) == ("finding", "decided", "")
    assert row.text == f"Decided by the {by} (Queue): It knows none."
    assert levels(found) == {}


def test_review_shows_who_decides_now_what_a_team_accepted_on_a_base_side_without_decisions(tmp_path: Path) -> None:
    entry = {"rule": RULE, "path": PATH, "reason": "Because.", "owner": "@a/b", "expires": "2027-01-01"}
    before, after = {"version": 1, "accepted": [entry]}, decided()
    removed = [("acknowledgement", "removed"), ("finding", "decided")]
    assert states(of_records(tmp_path / "one", before, after)) == removed
    assert states(of_records(tmp_path / "two", after, before)) == [("acknowledgement", "added")]


def test_review_shows_a_decided_finding_that_has_to_be_answered_again(tmp_path: Path) -> None:
    record = decided()
    found = of_records(tmp_path, record, {"version": 1, "accepted": [], "decided": []}, report=REPORT)
    (row,) = found.guardrails
    assert (row.kind, row.state) == ("finding", "new")
    assert row.text == "No TLS. Until now: Decided by the library (Queue): It knows none."
    assert levels(found) == {"Review-Guardrail": Level.HIGH}


def test_review_shows_a_decided_finding_that_is_fixed(tmp_path: Path) -> None:
    record = decided()
    assert states(of_records(tmp_path, record, {"version": 1, "accepted": [], "decided": []})) == [("finding", "fixed")]


def test_a15_an_assembly_with_guardrail_findings_is_read_and_the_findings_are_new(tmp_path: Path) -> None:
    stages = {"dev": {"one": StackOf(template=template(QUEUE))}}
    clean = write(tmp_path / "base", stages, report={"pluginReports": []})
    found = review(clean, write(tmp_path / "head", stages, report=REPORT))
    assert states(found) == [("finding", "new")]
    assert levels(found) == {"Review-Guardrail": Level.HIGH}


def loss(tmp_path: Path, rule: str, path: str, *, side: str, expires: str = "2027-01-01") -> Review:
    """A table's key changes; one side accepts it."""
    entry = {"rule": rule, "path": path, "reason": "Only tests.", "owner": "@a/b", "expires": expires}
    sides = []
    for name, key in (("base", "id"), ("head", "tenant")):
        stages = {"dev": {"one": StackOf(template=template({"A": table(key, **DELETED)}))}}
        record = {"version": 1, "accepted": [], "review": [entry] if name in side else []}
        sides.append(write(tmp_path / name, stages, guardrails=record))
    return review(*sides)


def test_review_does_not_block_what_the_base_side_acknowledges(tmp_path: Path) -> None:
    found = loss(tmp_path, "Review-DataLoss", "Pipeline/dev/one/A/Resource", side="base head")
    assert found.verdict is Verdict.PASS
    assert [finding.acknowledged for finding in found.findings] == ["Only tests."]


@pytest.mark.parametrize(
    ("rule", "path", "side", "expires"),
    [
        pytest.param("Review-DataLoss", "Pipeline/dev/one/A", "head", "2027-01-01", id="its own"),
        pytest.param("Review-DataLoss", "Pipeline/dev/one/A", "base head", "2026-11-23", id="expired"),
        pytest.param("Review-DataLoss", "Pipeline/qa/one/A", "base head", "2027-01-01", id="another environment"),
        pytest.param("Review-DataLoss", "Pipeline", "base head", "2027-01-01", id="the pipeline around it"),
        pytest.param("Review-Replacement", "Pipeline/dev/one/A", "base head", "2027-01-01", id="another rule"),
    ],
)
def test_review_ignores_acknowledgements_of_the_head_side(
    rule: str, path: str, side: str, expires: str, tmp_path: Path
) -> None:
    found = loss(tmp_path, rule, path, side=side, expires=expires)
    assert (found.verdict, found.risk) == (Verdict.BLOCKED, Level.CRITICAL)
    assert ("Review-Acknowledgement" in levels(found)) is (side == "head")


def test_review_judges_by_the_base_sides_rules(tmp_path: Path) -> None:
    stages = [{"dev": {"one": StackOf(template=template({"A": table(key)}))}} for key in ("id", "tenant")]
    base, head = (assembly.read(write(tmp_path / str(index), each)) for index, each in enumerate(stages))
    text = json.loads(rules.FILE.read_text())
    text["Review-DataLoss"]["level"] = "low"
    weaker = rules.parse(json.dumps(text))
    assert rules.weakened(rules.own(), weaker) == ("Review-DataLoss",)
    baseline = ReviewBaseline(today=TODAY, judged_by=weaker)
    assert engine.review(base, head, baseline).verdict is Verdict.PASS
    changed = ReviewBaseline(today=date(2026, 1, 1), changed_rules=("A rule is weakened.",), by_base=False)
    assert levels(engine.review(base, base, changed)) == {"Review-RuleChanged": Level.HIGH}


def test_review_of_a_new_pipeline_has_no_differences_of_its_own(tmp_path: Path) -> None:
    found = of_pipelines(tmp_path, None, staged(*STAGES))
    assert (found.pipeline.differences, levels(found)) == ((), {})
    assert [stage.name for stage in found.pipeline.after] == ["qa", "prod"]
