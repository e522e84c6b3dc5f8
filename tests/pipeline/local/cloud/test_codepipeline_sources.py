"""What starts a pipeline, and which revision its source then is."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.pipelines import TOOLS, Tools, action, approval, stage, until
from tests.testbed.repositories import Repository
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud
EVENTS = "events.amazonaws.com"
CONNECTION = f"arn:aws:codeconnections:us-east-1:{TOOLS}:connection/00000000-0000-0000-0000-000000000000"


@pytest.fixture
def tools(cloud: LocalCloud) -> Tools:
    return Tools(cloud)


@pytest.fixture
def hosted(cloud: LocalCloud, tmp_path: Path) -> Repository:
    return Repository(tmp_path, cloud, f"example/{uuid.uuid4().hex}")


def follow(tools: Tools, provider: str, configuration: dict[str, str], **more: Any) -> str:
    """A pipeline of one source and an approval; the id of its first execution."""
    fetch = action("Fetch", f"Source/{provider}", configuration, outputs=["Code"], namespace="Source")
    definition = tools.definition(stage("Gate", approval()), **more)
    definition["stages"][0] = stage("Source", fetch)
    tools.codepipeline.create_pipeline(pipeline=definition)
    return str(tools.executions()[0]["pipelineExecutionId"])


def connection(repository: Repository, **more: str) -> dict[str, str]:
    return {"ConnectionArn": CONNECTION, "FullRepositoryId": repository.name, "BranchName": "main", **more}


def trigger(**push: dict[str, list[str]]) -> list[dict[str, Any]]:
    configuration = {"sourceActionName": "Fetch", "push": [push]}
    return [{"providerType": "CodeStarSourceConnection", "gitConfiguration": configuration}]


def fetched(tools: Tools, execution: str) -> tuple[dict[str, str], dict[str, str]]:
    """The variables and the files of the source action, once it is done."""
    output = tools.actions_done(execution, "Fetch")["output"]
    return output["outputVariables"], tools.artifact(output["outputArtifacts"][0])


def only(push: dict[str, Any]) -> str:
    (execution,) = push["executions"]
    return str(execution["id"])


@pytest.mark.parametrize(("service", "status"), [("codeconnections", "Succeeded"), ("codestar-connections", "Failed")])
def test_a_source_uses_its_connection_by_the_service_of_its_arn(
    tools: Tools, hosted: Repository, service: str, status: str
) -> None:
    """ "The service prefix needs to match that of the resource."

    https://docs.aws.amazon.com/dtconsole/latest/userguide/security-iam.html
    """
    hosted.push({"a": "b"})
    action = f"{service}:UseConnection"
    statement = {"Effect": "Allow", "Action": ["s3:*", action], "Resource": "*"}
    tools.cloud.client("iam").put_role_policy(
        RoleName=f"{tools.name}-pipeline",
        PolicyName="May",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    execution = follow(tools, "CodeStarSourceConnection", connection(hosted))
    run = until(
        lambda: tools.actions(execution).get("Fetch", {}), lambda found: found.get("status") in ("Succeeded", "Failed")
    )
    assert run["status"] == status, tools.errors(execution)


def test_a_push_to_a_connection_starts_the_pipeline_at_the_pushed_commit(tools: Tools, hosted: Repository) -> None:
    """Its variables: https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodestarConnectionSource.html"""
    hosted.push({"file": "before"})
    follow(tools, "CodeStarSourceConnection", connection(hosted))
    first = hosted.push({"file": "one"})
    second = hosted.push({"file": "two"})
    assert first["executions"][0]["pipeline"] == tools.name
    variables, files = fetched(tools, only(second))
    assert files == {"file": "two"}
    assert variables["CommitId"] == second["commit"]
    assert variables["CommitMessage"] == "Change file"
    assert variables["BranchName"] == "main"
    assert variables["FullRepositoryName"] == hosted.name
    assert variables["ConnectionArn"] == CONNECTION
    revisions = {e["pipelineExecutionId"]: e["sourceRevisions"] for e in tools.executions()}
    assert revisions[only(second)][0]["revisionId"] == second["commit"]


def test_a_later_push_does_not_change_what_an_execution_takes(tools: Tools, hosted: Repository) -> None:
    hosted.push({"file": "before"})
    started = follow(tools, "CodeStarSourceConnection", connection(hosted))
    fetched(tools, started)
    arguments = {"pipelineName": tools.name, "stageName": "Source", "transitionType": "Inbound"}
    tools.codepipeline.disable_stage_transition(**arguments, reason="look later")
    first = hosted.push({"file": "one"})
    hosted.commit({"file": "two"})  # the branch moves on, and the cloud hears of it later
    tools.codepipeline.enable_stage_transition(**arguments)
    assert fetched(tools, only(first))[1] == {"file": "one"}


@pytest.mark.parametrize(
    ("configuration", "more"),
    [
        ({"DetectChanges": "false"}, {}),
        ({"BranchName": "other"}, {}),
        ({"DetectChanges": "false"}, {"triggers": trigger(branches={"includes": ["release/*"]})}),
        ({"DetectChanges": "false"}, {"triggers": trigger(branches={"includes": ["*"], "excludes": ["main"]})}),
        (
            {"DetectChanges": "false"},
            {"triggers": trigger(branches={"includes": ["main"]}, filePaths={"includes": ["src/**"]})},
        ),
        (
            {"DetectChanges": "false"},
            {"triggers": trigger(branches={"includes": ["main"]}, filePaths={"excludes": ["docs/*"]})},
        ),
    ],
)
def test_a_push_that_is_not_followed_starts_nothing(
    tools: Tools, hosted: Repository, configuration: dict[str, str], more: dict[str, Any]
) -> None:
    hosted.push({"docs/page.md": "before"})
    follow(tools, "CodeStarSourceConnection", connection(hosted, **configuration), **more)
    assert hosted.push({"docs/page.md": "after"})["executions"] == []


@pytest.mark.parametrize(
    "filters",
    [
        {"branches": {"includes": ["main"]}},
        {"branches": {"includes": ["m*"]}, "filePaths": {"includes": ["docs/**"]}},
        {"branches": {"includes": ["main"]}, "filePaths": {"includes": ["**/*.md"], "excludes": ["*.md"]}},
    ],
)
def test_a_push_that_passes_a_trigger_starts_the_pipeline_once(
    tools: Tools, hosted: Repository, filters: dict[str, dict[str, list[str]]]
) -> None:
    """ "an OR operation between different push filters and an AND operation inside filters"

    https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-filter.html
    """
    hosted.push({"docs/page.md": "before"})
    configuration = connection(hosted, DetectChanges="false")
    follow(tools, "CodeStarSourceConnection", configuration, triggers=trigger(**filters))
    pushed = hosted.push({"docs/page.md": "after"})
    assert fetched(tools, only(pushed))[1] == {"docs/page.md": "after"}


def test_a_full_clone_brings_the_history_along(tools: Tools, hosted: Repository) -> None:
    hosted.push({"file": "before"})
    follow(tools, "CodeStarSourceConnection", connection(hosted, OutputArtifactFormat="CODEBUILD_CLONE_REF"))
    pushed = hosted.push({"file": "after"})
    place = fetched(tools, only(pushed))[1]
    assert place["file"] == "after"
    assert place[".git/HEAD"] == "ref: refs/heads/main\n"


def test_a_build_may_clone_what_its_role_may_use(tools: Tools, hosted: Repository) -> None:
    """ "you must add the UseConnection permission to the service role for your CodeBuild project"

    https://docs.aws.amazon.com/codepipeline/latest/userguide/troubleshooting.html#codebuild-role-connections
    """
    cloned = action(
        "Fetch",
        "Source/CodeStarSourceConnection",
        connection(hosted, OutputArtifactFormat="CODEBUILD_CLONE_REF"),
        outputs=["Code"],
    )
    builder = role(tools.cloud, f"{tools.name}-builder", "codebuild.amazonaws.com", Action=["s3:*", "logs:*"])
    codebuild: Any = tools.cloud.client("codebuild")
    codebuild.create_project(
        name=tools.name,
        source={"type": "CODEPIPELINE", "buildspec": "version: 0.2"},
        artifacts={"type": "CODEPIPELINE"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_LAMBDA_1GB",
        },
        serviceRole=builder,
    )
    hosted.push({"file": "before"})
    build = action("Build", "Build/CodeBuild", {"ProjectName": tools.name}, inputs=["Code"])
    definition = tools.definition(stage("Build", build))
    definition["stages"][0] = stage("Source", cloned)
    tools.codepipeline.create_pipeline(pipeline=definition)
    execution = str(tools.executions()[0]["pipelineExecutionId"])
    assert tools.ended(execution) == "Failed"
    assert f"codeconnections:UseConnection on resource: {CONNECTION}" in tools.error(execution, "Build")


def code_commit(tools: Tools, tmp_path: Path, account: str = TOOLS) -> Repository:
    repository = Repository(tmp_path, tools.cloud, tools.name)
    client: Any = tools.cloud.client("codecommit", account=account)
    client.create_repository(repositoryName=tools.name)
    return repository


def events_rule(tools: Tools, pattern: dict[str, Any], target: str, account: str = TOOLS) -> None:
    """A rule's role is of its own account."""
    events: Any = tools.cloud.client("events", account=account)
    own = tools.role if account == TOOLS else role(tools.cloud, f"{tools.name}-events", EVENTS, account=account)
    events.put_rule(Name=tools.name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=tools.name, Targets=[{"Id": "1", "Arn": target, "RoleArn": own}])


def test_a_rule_for_code_commit_starts_the_pipeline_at_the_pushed_commit(tools: Tools, tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/triggering.html"""
    repository = code_commit(tools, tmp_path)
    repository.push({"file": "before"})
    configuration = {"RepositoryName": tools.name, "BranchName": "main", "PollForSourceChanges": "false"}
    follow(tools, "CodeCommit", configuration)
    pattern = {
        "source": ["aws.codecommit"],
        "resources": [f"arn:aws:codecommit:us-east-1:{TOOLS}:{tools.name}"],
        "detail-type": ["CodeCommit Repository State Change"],
        "detail": {"event": ["referenceCreated", "referenceUpdated"], "referenceName": ["main"]},
    }
    events_rule(tools, pattern, f"arn:aws:codepipeline:us-east-1:{TOOLS}:{tools.name}")
    pushed = repository.push({"file": "after"})
    variables, files = fetched(tools, only(pushed))
    assert files == {"file": "after"}
    assert variables["CommitId"] == pushed["commit"]
    assert variables["RepositoryName"] == tools.name
    found = tools.codepipeline.get_pipeline_execution(pipelineName=tools.name, pipelineExecutionId=only(pushed))
    assert found["pipelineExecution"]["trigger"]["triggerType"] == "CloudWatchEvent"


def test_code_commit_is_polled_unless_told_otherwise(tools: Tools, tmp_path: Path) -> None:
    """ "PollForSourceChanges ... Default is true"

    https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeCommit.html
    """
    repository = code_commit(tools, tmp_path)
    repository.push({"file": "before"})
    follow(tools, "CodeCommit", {"RepositoryName": tools.name, "BranchName": "main"})
    pushed = repository.push({"file": "after"})
    assert fetched(tools, only(pushed))[1] == {"file": "after"}


@pytest.mark.parametrize("call", ["codecommit:GetBranch", "codecommit:GetCommit"])
def test_code_commit_is_not_polled_by_who_may_not_look(tools: Tools, tmp_path: Path, call: str) -> None:
    """ "codecommit:GetBranch" and "codecommit:GetCommit" are among what a service role needs.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html
    """
    repository = code_commit(tools, tmp_path)
    repository.push({"file": "before"})
    follow(tools, "CodeCommit", {"RepositoryName": tools.name, "BranchName": "main"})
    with denied(tools, call):
        assert repository.push({"file": "unseen"})["executions"] == []
    assert fetched(tools, only(repository.push({"file": "seen"})))[1] == {"file": "seen"}


def test_code_commit_may_be_in_another_account(tools: Tools, tmp_path: Path) -> None:
    """Its events reach the pipeline's account by a rule whose target is that account's bus."""
    elsewhere = "222222222222"
    repository = code_commit(tools, tmp_path, elsewhere)
    repository.push({"file": "before"})
    source = tools.make_role("source", elsewhere)
    tools.cloud.client("events").put_permission(
        Action="events:PutEvents", Principal=elsewhere, StatementId=f"From{elsewhere}"
    )
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": elsewhere},
                "Action": "s3:*",
                "Resource": [f"arn:aws:s3:::{tools.bucket}", f"arn:aws:s3:::{tools.bucket}/*"],
            }
        ],
    }
    tools.s3.put_bucket_policy(Bucket=tools.bucket, Policy=json.dumps(policy))
    configuration = {"RepositoryName": tools.name, "BranchName": "main", "PollForSourceChanges": "false"}
    fetch = action("Fetch", "Source/CodeCommit", configuration, outputs=["Code"], namespace="Source", roleArn=source)
    definition = tools.definition(stage("Gate", approval()))
    definition["stages"][0] = stage("Source", fetch)
    tools.codepipeline.create_pipeline(pipeline=definition)
    pattern = {"source": ["aws.codecommit"]}
    events_rule(tools, pattern, f"arn:aws:events:us-east-1:{TOOLS}:event-bus/default", elsewhere)
    pattern |= {"resources": [f"arn:aws:codecommit:us-east-1:{elsewhere}:{tools.name}"]}
    events_rule(tools, pattern, f"arn:aws:codepipeline:us-east-1:{TOOLS}:{tools.name}")
    pushed = repository.push({"file": "after"})
    assert fetched(tools, only(pushed))[1] == {"file": "after"}


@contextmanager
def denied(tools: Tools, call: str) -> Iterator[None]:
    """Meanwhile the pipeline's role may not do this."""
    iam: Any = tools.cloud.client("iam")
    statement = {"Effect": "Deny", "Action": call, "Resource": "*"}
    policy = {"RoleName": tools.role.rpartition("/")[2], "PolicyName": "Not"}
    iam.put_role_policy(**policy, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    yield
    iam.delete_role_policy(**policy)


def test_s3_is_polled_unless_told_otherwise(tools: Tools) -> None:
    """ "PollForSourceChanges ... Default is true"

    https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-S3.html
    """
    tools.push({"file": "before"})
    follow(tools, "S3", {"S3Bucket": tools.source, "S3ObjectKey": "source.zip"})
    version = tools.push({"file": "after"})
    latest = until(tools.executions, lambda found: len(found) == 2)[0]
    assert latest["trigger"]["triggerType"] == "PollForSourceChanges"
    variables, files = fetched(tools, latest["pipelineExecutionId"])
    assert (variables["VersionId"], files) == (version, {"file": "after"})


def test_s3_is_not_polled_by_who_may_not_look(tools: Tools) -> None:
    """ "s3:GetBucketVersioning" is among what a service role needs.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html
    """
    tools.push({"file": "before"})
    follow(tools, "S3", {"S3Bucket": tools.source, "S3ObjectKey": "source.zip"})
    with denied(tools, "s3:GetBucketVersioning"):
        tools.push({"file": "unseen"})
    version = tools.push({"file": "seen"})
    latest, _first = until(tools.executions, lambda found: len(found) > 1)
    assert fetched(tools, latest["pipelineExecutionId"])[0]["VersionId"] == version


def test_a_rule_for_cloud_trails_record_of_an_object_starts_the_pipeline(tools: Tools) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/create-cloudtrail-S3-source-console.html"""
    tools.push({"file": "before"})
    configuration = {"S3Bucket": tools.source, "S3ObjectKey": "source.zip", "PollForSourceChanges": "false"}
    follow(tools, "S3", configuration)
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "eventSource": ["s3.amazonaws.com"],
            "eventName": ["PutObject", "CompleteMultipartUpload", "CopyObject"],
            "requestParameters": {"bucketName": [tools.source], "key": ["source.zip"]},
        },
    }
    events_rule(tools, pattern, f"arn:aws:codepipeline:us-east-1:{TOOLS}:{tools.name}")
    version = tools.push({"file": "after"})
    latest = until(tools.executions, lambda found: len(found) == 2)[0]
    assert latest["trigger"]["triggerType"] == "CloudWatchEvent"
    assert fetched(tools, latest["pipelineExecutionId"])[0]["VersionId"] == version
