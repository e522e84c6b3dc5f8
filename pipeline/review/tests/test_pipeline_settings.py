"""Every property of the pipeline's stack that is not harmless is a finding, blocking where it decides deployments."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.review.model import Finding, Level, Review, Verdict
from pipeline.review.tests.assemblies import StackOf, review, write
from pipeline.review.tests.cases.case import resource, template

Json = Any
SPEC = {
    "version": "0.2",
    "phases": {
        "install": {"runtime-versions": {"python": "3.12"}, "commands": ["make setup"]},
        "build": {"commands": ["make check", "make synth"]},
    },
    "artifacts": {"base-directory": "cdk.out"},
}


def action(name: str, category: str, provider: str, order: int = 1, **more: Json) -> Json:
    kind = {"Category": category, "Owner": "AWS", "Provider": provider, "Version": "1"}
    return {"Name": name, "ActionTypeId": kind, "RunOrder": order, **more}


def build(name: str, project: str, order: int = 1) -> Json:
    return action(name, "Build", "CodeBuild", order, Configuration={"ProjectName": {"Ref": project}})


def deploy(service: str) -> Json:
    to = {"StackName": service, "TemplatePath": f"Synth_Output::{service}.json", "ActionMode": "CREATE_UPDATE"}
    return action(f"{service}.Deploy", "Deploy", "CloudFormation", 2, Configuration=to, RoleArn="arn:deploy")


def project(**more: Json) -> Json:
    environment = {"Image": "aws/codebuild/standard:7.0", "ComputeType": "BUILD_GENERAL1_SMALL", "Type": "LINUX"}
    source = {"Type": "CODEPIPELINE", "BuildSpec": json.dumps(SPEC)}
    given = {"Environment": environment, "Source": source, "ServiceRole": "role", "Description": "A build"}
    return resource("CodeBuild::Project", {**given, **more})


def pipeline() -> Json:
    """A pipeline's template as `pipeline/definition/` makes it, as text of which a test changes a part."""
    source = {"ConnectionArn": "arn:connection", "FullRepositoryId": "ours/app", "BranchName": "main"}
    stages = [
        {"Name": "Source", "Actions": [action("Source", "Source", "CodeStarSourceConnection", Configuration=source)]},
        {"Name": "Build", "Actions": [build("Synth", "Synth")]},
        {"Name": "UpdatePipeline", "Actions": [build("SelfMutate", "SelfMutate")]},
        {"Name": "Assets", "Actions": [build("FileAssets", "Publish")]},
        {"Name": "dev", "Actions": [deploy("one"), build("one.Smoke", "DevProbe", 3)]},
        {
            "Name": "prod",
            "Actions": [
                action("Approve-prod", "Approval", "Manual"),
                deploy("one"),
                build("one.Answers", "Probes", 3),
                build("one.Refuses", "Probes", 3),
                build("Protect", "Protect", 4),
            ],
            "BeforeEntry": {"Conditions": [{"Result": "SKIP", "Rules": [{"Name": "Chosen"}]}]},
        },
    ]
    settings = {
        "Stages": stages,
        "RoleArn": "arn:role",
        "PipelineType": "V2",
        "ExecutionMode": "SUPERSEDED",
        "RestartExecutionOnUpdate": True,
        "Tags": [{"Key": "team", "Value": "ours"}],
    }
    publish = {**project(), "Metadata": {"aws:cdk:path": "Pipeline/Engine/Assets/FileAsset/Resource"}}
    names = ("Synth", "SelfMutate", "DevProbe", "Probes", "Protect", "DailyCheck")
    return template(
        {
            "P": resource("CodePipeline::Pipeline", settings),
            **{name: project() for name in names},
            "Publish": publish,
            "Failed": resource("Events::Rule", {"State": "ENABLED", "EventPattern": {"source": ["aws.codepipeline"]}}),
        }
    )


def changed(path: str, value: Json) -> Json:
    """The template with one value changed. A path's numbers are places in lists."""
    whole = pipeline()
    *way, last = path.split("/")
    place = whole["Resources"]
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value is None:
        place.pop(int(last) if isinstance(place, list) else last)
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return whole


def of(tmp_path: Path, head: Json, base: Json = None) -> Review:
    stages = {"prod": {"one": StackOf(template=template({"T": resource("SNS::Topic")}))}}
    return review(
        write(tmp_path / "base", stages, pipeline=base or pipeline()), write(tmp_path / "head", stages, pipeline=head)
    )


def said(found: Review) -> list[Finding]:
    return [each for each in found.findings if each.rule.startswith("Review-Pipeline")]


def spec(**more: Json) -> str:
    return json.dumps({**SPEC, **more})


STAGES = "P/Properties/Stages"
SOURCE = f"{STAGES}/0/Actions/0"
COMMANDS = "Properties/Source/BuildSpec"
OTHER = spec(phases={**SPEC["phases"], "build": {"commands": ["make synth"]}})  # type: ignore[dict-item]  # a mapping

DECISIVE = {
    "repository": (f"{SOURCE}/Configuration/FullRepositoryId", "others/app"),
    "branch": (f"{SOURCE}/Configuration/BranchName", "topic"),
    "connection": (f"{SOURCE}/Configuration/ConnectionArn", "arn:other"),
    "what a push starts": (f"{SOURCE}/Configuration/DetectChanges", False),
    "source's role": (f"{SOURCE}/RoleArn", "arn:other"),
    "triggers": ("P/Properties/Triggers", [{"ProviderType": "CodeStarSourceConnection"}]),
    "execution mode": ("P/Properties/ExecutionMode", "PARALLEL"),
    "restart on update": ("P/Properties/RestartExecutionOnUpdate", False),
    "the pipeline's role": ("P/Properties/RoleArn", "arn:other"),
    "variables": ("P/Properties/Variables", [{"Name": "Stages", "DefaultValue": "dev"}]),
    "a property of tomorrow": ("P/Properties/SkipApprovals", True),
    "commands of synth": (f"Synth/{COMMANDS}", OTHER),
    "commands of synth, unreadable": (f"Synth/{COMMANDS}", "buildspec.yaml"),
    "artifacts of synth": (f"Synth/{COMMANDS}", spec(artifacts={"base-directory": "other"})),
    "what synth fetches": ("Synth/Properties/Source/Location", "https://elsewhere"),
    "image of synth": ("Synth/Properties/Environment/Image", "mine:1"),
    "role of synth": ("Synth/Properties/ServiceRole", "other"),
    "variables of synth": ("Synth/Properties/Environment/EnvironmentVariables", [{"Name": "A", "Value": "b"}]),
    "commands of self-mutation": (f"SelfMutate/{COMMANDS}", OTHER),
    "commands of probes": (f"Probes/{COMMANDS}", OTHER),
    "commands of termination protection": (f"Protect/{COMMANDS}", OTHER),
    "termination protection": (f"{STAGES}/5/Actions/4", None),
    "commands of the daily check": (f"DailyCheck/{COMMANDS}", OTHER),
    "image of the daily check": ("DailyCheck/Properties/Environment/Image", "mine:1"),
    "image of publishing": ("Publish/Properties/Environment/Image", "mine:1"),
    "condition of production": (f"{STAGES}/5/BeforeEntry", None),
    "rollback of production": (f"{STAGES}/5/OnFailure", {"Result": "RETRY"}),
    "approval's text and who may": (f"{STAGES}/5/Actions/0/Configuration", {"CustomData": "x"}),
    "a probe of a service that stays": (f"{STAGES}/5/Actions/2", None),
}
ORDINARY = {
    "condition of dev": (f"{STAGES}/4/OnFailure", {"Result": "ROLLBACK"}),
    "template of a deployment": (f"{STAGES}/5/Actions/1/Configuration/TemplatePath", "Synth_Output::two.json"),
    "role of a deployment": (f"{STAGES}/5/Actions/1/RoleArn", "arn:other"),
    "commands of a step in dev": (f"DevProbe/{COMMANDS}", OTHER),
    "what tells of failures": ("Failed/Properties/State", "DISABLED"),
    "nothing tells of failures": ("Failed", None),
}
HARMLESS = {
    "tags": ("P/Properties/Tags/0/Value", "theirs"),
    "a description": ("Synth/Properties/Description", "Another"),
    "a larger machine": ("Synth/Properties/Environment/ComputeType", "BUILD_GENERAL1_LARGE"),
    "a namespace": (f"{STAGES}/4/Actions/0/Namespace", "one"),
    "assets that are published": (f"Publish/{COMMANDS}", OTHER),
}


@pytest.mark.parametrize("id_", DECISIVE)
def test_review_blocks_a_change_of_what_decides_deployments(id_: str, tmp_path: Path) -> None:
    found = of(tmp_path, changed(*DECISIVE[id_]))
    assert {(each.rule, each.level) for each in said(found)} == {("Review-PipelineControl", Level.HIGH)}
    assert found.verdict is Verdict.BLOCKED


@pytest.mark.parametrize("id_", ORDINARY)
def test_review_says_other_changes_of_the_pipelines_stack(id_: str, tmp_path: Path) -> None:
    found = of(tmp_path, changed(*ORDINARY[id_]))
    assert {(each.rule, each.level) for each in said(found)} == {("Review-PipelineChanged", Level.MEDIUM)}
    assert found.verdict is Verdict.PASS


@pytest.mark.parametrize("id_", HARMLESS)
def test_review_has_no_finding_of_what_is_harmless(id_: str, tmp_path: Path) -> None:
    assert said(of(tmp_path, changed(*HARMLESS[id_]))) == []


def test_review_of_a_pipeline_against_itself_is_empty(tmp_path: Path) -> None:
    assert of(tmp_path, pipeline()).is_empty


def test_review_shows_commands_whole_with_what_goes_and_what_comes(tmp_path: Path) -> None:
    phases = {**SPEC["phases"], "build": {"commands": ["make synth\nrm -r tests", "TOKEN=abcdefgh deploy"]}}  # type: ignore[dict-item]  # a mapping
    (finding,) = said(of(tmp_path, changed(f"Synth/{COMMANDS}", spec(phases=phases))))
    assert finding.evidence.splitlines() == [
        "Pipeline Build / Synth: commands changed.",
        "  install: make setup",
        "- build: make check",
        "  build: make synth",
        "+ build: rm -r tests",
        "+ build: TOKEN=(redacted) deploy",
    ]


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("one", "one two", "Review-PipelineChanged"),
        ("one two", "one", "Review-PipelineChanged"),
        ("one", "one && true", "Review-PipelineControl"),
        ("one", "true", "Review-PipelineControl"),
    ],
)
def test_review_does_not_block_commands_that_follow_the_stacks_of_their_stage(
    old: str, new: str, rule: str, tmp_path: Path
) -> None:
    def protecting(stacks: str) -> Json:
        whole = changed(f"Protect/{COMMANDS}", spec(phases={"build": {"commands": [f"protect {stacks}"]}}))
        whole["Resources"]["P"]["Properties"]["Stages"][5]["Actions"] += [deploy("two")] if "two" in stacks else []
        return whole

    found = of(tmp_path, protecting(new), base=protecting(old))
    assert {each.rule for each in said(found) if "commands" in each.evidence} == {rule}


def test_review_shows_a_shared_builds_commands_once(tmp_path: Path) -> None:
    (difference,) = of(tmp_path, changed(f"Probes/{COMMANDS}", OTHER)).pipeline.differences
    assert (difference.stage, difference.action) == ("", "Probes")


def test_review_pairs_a_build_that_is_named_anew_by_the_action_that_runs_it(tmp_path: Path) -> None:
    whole = changed(f"Synth/{COMMANDS}", OTHER)
    whole["Resources"]["Renamed"] = whole["Resources"].pop("Synth")
    whole["Resources"]["P"]["Properties"]["Stages"][1]["Actions"] = [build("Synth", "Renamed")]
    assert [each.what for each in of(tmp_path, whole).pipeline.differences] == ["commands changed"]


def test_review_shows_where_a_value_was_and_is(tmp_path: Path) -> None:
    (difference,) = of(tmp_path, changed(*DECISIVE["branch"])).pipeline.differences
    assert (difference.stage, difference.action, difference.what) == (
        "Source",
        "Source",
        "Configuration.BranchName changed",
    )
    assert (difference.old, difference.new) == ("main", "topic")


def with_gate(**different: Json) -> Json:
    """The template with the approval of prod in a stage of its own, before it."""
    whole = pipeline()
    stages = whole["Resources"]["P"]["Properties"]["Stages"]
    prod = stages[-1]
    gate = {"Name": "prod-gate", "Actions": [prod["Actions"].pop(0)], "BeforeEntry": prod["BeforeEntry"]}
    stages.insert(-1, {**gate, **different})
    return whole


def test_review_takes_an_approval_that_moves_in_front_of_its_stage_for_no_loss(tmp_path: Path) -> None:
    found = of(tmp_path, with_gate())
    assert [each for each in found.findings if each.rule == "Review-ApprovalRemoved"] == []
    moved = next(each for each in found.pipeline.differences if each.what == "approval moved")
    assert (moved.action, moved.old, moved.new) == ("Approve-prod", "prod", "prod-gate")


@pytest.mark.parametrize(
    "different",
    [
        {"BeforeEntry": {"Conditions": [{"Result": "SKIP", "Rules": [{"Name": "Never"}]}]}},
        {"Actions": [build("Approve", "Synth")]},
        {"Actions": []},
    ],
    ids=["it lets other runs past", "it asks nobody", "it is empty"],
)
def test_review_blocks_an_approval_that_moves_to_where_it_holds_nothing_back(different: Json, tmp_path: Path) -> None:
    found = of(tmp_path, with_gate(**different))
    assert [each.rule for each in found.findings if each.rule == "Review-ApprovalRemoved"]
    assert found.verdict is Verdict.BLOCKED


def test_review_blocks_a_gate_that_goes(tmp_path: Path) -> None:
    whole = with_gate()
    whole["Resources"]["P"]["Properties"]["Stages"].pop(-2)
    found = of(tmp_path, whole, base=with_gate())
    assert [each.rule for each in found.findings if each.rule == "Review-ApprovalRemoved"]
