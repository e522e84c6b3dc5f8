"""The builds that review pull requests: what starts them, and what their roles may do."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.definition.pull_request_builds import MERGE
from pipeline.settings import SETTINGS
from pipeline.source import CodeCommitSource, ConnectionSource, Host, Source
from stages import accounts
from tests.testbed import tiny

Resources = dict[str, dict[str, Any]]
REPOSITORY = f"arn:aws:codecommit:{accounts.TOOLS_REGION}:{accounts.TOOLS}:platform"


def resources_with(source: Source, folder: Path) -> Resources:
    app, _ = tiny.app(folder, settings=replace(SETTINGS, source=source), catalogue=(tiny.stage("dev"),))
    app.synth()
    found: Resources = json.loads((folder / "Pipeline.template.json").read_text())["Resources"]
    return found


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Resources:
    return resources_with(CodeCommitSource(repository_arn=REPOSITORY), tmp_path_factory.mktemp("out"))


def named(resources: Resources, type_: str, beginning: str) -> tuple[str, dict[str, Any]]:
    ((name, found),) = (
        (name, each["Properties"])
        for name, each in resources.items()
        if each["Type"] == type_ and name.startswith(f"PullRequests{beginning}")
    )
    return name, found


def statements(resources: Resources, role: str) -> Iterator[dict[str, Any]]:
    for each in resources.values():
        if each["Type"] == "AWS::IAM::Policy" and {"Ref": role} in each["Properties"]["Roles"]:
            yield from each["Properties"]["PolicyDocument"]["Statement"]


def actions(resources: Resources, role: str) -> set[str]:
    found: set[str] = set()
    for each in statements(resources, role):
        assert each["Effect"] == "Allow"
        found |= {each["Action"]} if isinstance(each["Action"], str) else set(each["Action"])
    return found


def test_the_build_that_runs_a_pull_requests_code_can_neither_assume_comment_nor_approve(resources: Resources) -> None:
    role, properties = named(resources, "AWS::IAM::Role", "ReviewRole")
    assert actions(resources, role) == {
        "codecommit:GitPull",
        "kms:GenerateDataKey",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:PutObject",
    }
    assert not properties.get("ManagedPolicyArns")
    _, project = named(resources, "AWS::CodeBuild::Project", "Review")
    assert project["ServiceRole"] == {"Fn::GetAtt": [role, "Arn"]}
    assert project["Environment"]["PrivilegedMode"] is False


def test_no_review_role_may_assume_a_role_that_deploys(resources: Resources) -> None:
    commenter, trust = named(resources, "AWS::IAM::Role", "Commenter")
    comment, _ = named(resources, "AWS::IAM::Role", "CommentRole")
    assumed = [each["Resource"] for each in statements(resources, comment) if "sts:AssumeRole" in each["Action"]]
    assert assumed == [{"Fn::GetAtt": [commenter, "Arn"]}]
    assert trust["AssumeRolePolicyDocument"]["Statement"] == [
        {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"AWS": {"Fn::GetAtt": [comment, "Arn"]}}}
    ]
    assert all(action.startswith("codecommit:") for action in actions(resources, commenter))
    assert "codecommit:MergePullRequestByFastForward" not in actions(resources, commenter)
    others = [
        name
        for name, each in resources.items()
        if each["Type"] == "AWS::IAM::Role"
        and any(review in json.dumps(each["Properties"]["AssumeRolePolicyDocument"]) for review in (comment, commenter))
    ]
    assert others == [commenter], "no other role trusts them"


def test_a_pull_request_to_the_branch_starts_the_review_of_its_newest_commit(resources: Resources) -> None:
    project, _ = named(resources, "AWS::CodeBuild::Project", "Review")
    _, rule = named(resources, "AWS::Events::Rule", "Opened")
    assert rule["EventPattern"]["detail"]["destinationReference"] == ["refs/heads/main"]
    assert rule["EventPattern"]["detail"]["event"] == ["pullRequestCreated", "pullRequestSourceBranchUpdated"]
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [project, "Arn"]}
    assert target["InputTransformer"]["InputPathsMap"]["detail-sourceCommit"] == "$.detail.sourceCommit"
    assert '"sourceVersion":<detail-sourceCommit>' in target["InputTransformer"]["InputTemplate"]
    assert "DeadLetterConfig" in target


def test_the_end_of_the_review_starts_the_comment_however_it_ended(resources: Resources) -> None:
    review, _ = named(resources, "AWS::CodeBuild::Project", "Review")
    project, properties = named(resources, "AWS::CodeBuild::Project", "Comment")
    _, rule = named(resources, "AWS::Events::Rule", "Reviewed")
    assert rule["EventPattern"]["detail"]["project-name"] == [{"Ref": review}]
    assert {"SUCCEEDED", "FAILED", "TIMED_OUT"} <= set(rule["EventPattern"]["detail"]["build-status"])
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [project, "Arn"]}
    assert '"sourceVersion"' not in target["InputTransformer"]["InputTemplate"], "it runs the branch, not the request"
    assert properties["SourceVersion"] == "main"


def test_the_review_runs_the_base_sides_tools(resources: Resources) -> None:
    _, project = named(resources, "AWS::CodeBuild::Project", "Review")
    phases = json.loads(project["Source"]["BuildSpec"])["phases"]
    assert phases["install"]["commands"] == ['git checkout --detach "$BASE"', "make setup"]
    assert phases["build"]["commands"][0].startswith('.venv/bin/penstock review "$BASE" "$HEAD" --format json')
    *_, gate = phases["build"]["commands"]
    assert ('merge --quiet --no-edit "$HEAD" && env -u CI make check;' in gate, "> review.gate;" in gate) == (
        True,
        True,
    )


@pytest.mark.parametrize(
    "source",
    [SETTINGS.source, CodeCommitSource(repository_arn=REPOSITORY.replace(accounts.TOOLS, "555555555555"))],
    ids=["a connection", "another account"],
)
def test_other_sources_bring_no_review_build(source: Source, tmp_path: Path) -> None:
    assert [name for name in resources_with(source, tmp_path) if name.startswith("PullRequests")] == []


CONNECTION = f"arn:aws:codeconnections:{accounts.TOOLS_REGION}:{accounts.TOOLS}:connection/1"


@pytest.fixture(scope="module")
def over_a_connection(tmp_path_factory: pytest.TempPathFactory) -> Resources:
    source = ConnectionSource(
        repository="example/platform", connection_arn=CONNECTION, branch="release/2.x", review_webhook=Host.BITBUCKET
    )
    return resources_with(source, tmp_path_factory.mktemp("out"))


def test_a_pull_request_over_a_connection_is_built_for_its_commits_status(over_a_connection: Resources) -> None:
    _, project = named(over_a_connection, "AWS::CodeBuild::Project", "Review")
    source = project["Source"]
    assert source["Location"] == "https://bitbucket.org/example/platform.git"
    assert source["Auth"] == {"Type": "CODECONNECTIONS", "Resource": CONNECTION}
    assert source["ReportBuildStatus"] is True
    (filters,) = project["Triggers"]["FilterGroups"]
    base = next(each["Pattern"] for each in filters if each["Type"] == "BASE_REF")
    assert re.search(base, "refs/heads/release/2.x")
    assert not re.search(base, "refs/heads/release/2xx"), "a dot is a dot"
    assert not re.search(base, "refs/heads/release/2.x-next")


def test_the_build_over_a_connection_runs_the_base_sides_tools(over_a_connection: Resources) -> None:
    _, project = named(over_a_connection, "AWS::CodeBuild::Project", "Review")
    spec = json.loads(project["Source"]["BuildSpec"])
    assert spec["phases"]["install"]["commands"] == [
        "git fetch origin release/2.x",
        "git checkout --detach FETCH_HEAD",
        "make setup",
    ]
    assert spec["phases"]["build"]["commands"] == [
        '.venv/bin/penstock review HEAD "$CODEBUILD_RESOLVED_SOURCE_VERSION"',
        f'{MERGE} "$CODEBUILD_RESOLVED_SOURCE_VERSION"',
        "env -u CI make check",
    ]


def test_strangers_code_is_built_only_after_somebody_agreed(over_a_connection: Resources) -> None:
    _, project = named(over_a_connection, "AWS::CodeBuild::Project", "Review")
    policy = project["Triggers"]["PullRequestBuildPolicy"]
    assert policy["RequiresCommentApproval"] == "ALL_PULL_REQUESTS"
    assert policy["ApproverRoles"] == ["BITBUCKET_WRITE", "BITBUCKET_ADMIN"]


def test_the_build_over_a_connection_can_assume_no_role_and_write_nothing_but_its_log(
    over_a_connection: Resources,
) -> None:
    role, properties = named(over_a_connection, "AWS::IAM::Role", "ReviewRole")
    assert actions(over_a_connection, role) == {
        "codeconnections:GetConnection",
        "codeconnections:GetConnectionToken",
        "codeconnections:UseConnection",
        "codestar-connections:GetConnection",
        "codestar-connections:GetConnectionToken",
        "codestar-connections:UseConnection",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    assert not properties.get("ManagedPolicyArns")
    _, project = named(over_a_connection, "AWS::CodeBuild::Project", "Review")
    assert project["Environment"]["PrivilegedMode"] is False
    trusting = [
        name
        for name, each in over_a_connection.items()
        if each["Type"] == "AWS::IAM::Role" and role in json.dumps(each["Properties"]["AssumeRolePolicyDocument"])
    ]
    assert trusting == []


def test_the_webhook_is_made_after_the_role_may_use_the_connection(over_a_connection: Resources) -> None:
    depends = next(
        each["DependsOn"]
        for name, each in over_a_connection.items()
        if name.startswith("PullRequestsReview") and each["Type"] == "AWS::CodeBuild::Project"
    )
    policies = {name for name, each in over_a_connection.items() if each["Type"] == "AWS::IAM::Policy"}
    assert policies & set(depends)
