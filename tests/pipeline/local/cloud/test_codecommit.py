"""CodeCommit and connections, as far as a pipeline's source needs them."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.conftest import FreshCloud
from tests.testbed.pipelines import HOME, TOOLS, until
from tests.testbed.repositories import Repository

pytestmark = pytest.mark.cloud


@pytest.fixture
def name() -> str:
    return f"r{uuid.uuid4().hex[:10]}"


def deployed(cloud: LocalCloud, name: str, resources: dict[str, Any], outputs: dict[str, Any]) -> dict[str, str]:
    """The outputs of a stack."""
    client: Any = cloud.client("cloudformation")
    body = {"Resources": resources, "Outputs": {key: {"Value": value} for key, value in outputs.items()}}
    client.create_stack(StackName=name, TemplateBody=json.dumps(body))
    stack = until(
        lambda: client.describe_stacks(StackName=name)["Stacks"][0],
        lambda stack: not stack["StackStatus"].endswith("_IN_PROGRESS"),
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE", client.describe_stack_events(StackName=name)["StackEvents"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_a_repository_shows_the_commits_that_were_pushed(cloud: LocalCloud, name: str, tmp_path: Path) -> None:
    client: Any = cloud.client("codecommit")
    made = client.create_repository(repositoryName=name, repositoryDescription="for a test")["repositoryMetadata"]
    assert made["Arn"] == f"arn:aws:codecommit:{HOME}:{TOOLS}:{name}"
    pushed = Repository(tmp_path, cloud, name).push({"file": "text"})
    assert client.list_branches(repositoryName=name)["branches"] == ["main"]
    branch = client.get_branch(repositoryName=name, branchName="main")["branch"]
    assert branch["commitId"] == pushed["commit"]
    commit = client.get_commit(repositoryName=name, commitId=pushed["commit"])["commit"]
    assert commit["message"] == "Change file"
    assert commit["author"]["email"] == "ada@example.com"
    assert name in {each["repositoryName"] for each in client.list_repositories()["repositories"]}


def test_what_a_repository_does_not_have_is_named(cloud: LocalCloud, name: str) -> None:
    client: Any = cloud.client("codecommit")
    with pytest.raises(ClientError, match="RepositoryDoesNotExistException"):
        client.get_repository(repositoryName=name)
    client.create_repository(repositoryName=name)
    with pytest.raises(ClientError, match="RepositoryNameExistsException"):
        client.create_repository(repositoryName=name)
    with pytest.raises(ClientError, match="BranchDoesNotExistException"):
        client.get_branch(repositoryName=name, branchName="main")
    client.delete_repository(repositoryName=name)
    with pytest.raises(ClientError, match="RepositoryDoesNotExistException"):
        client.get_repository(repositoryName=name)


def test_a_repository_in_another_region_is_another_one(cloud: LocalCloud, name: str) -> None:
    cloud.client("codecommit").create_repository(repositoryName=name)
    with pytest.raises(ClientError, match="RepositoryDoesNotExistException"):
        cloud.client("codecommit", region="eu-west-1").get_repository(repositoryName=name)


def test_a_template_makes_a_repository(cloud: LocalCloud, name: str) -> None:
    """Its return values: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-codecommit-repository.html"""
    resources = {"Code": {"Type": "AWS::CodeCommit::Repository", "Properties": {"RepositoryName": name}}}
    outputs = deployed(cloud, name, resources, {"Arn": {"Fn::GetAtt": ["Code", "Arn"]}, "Id": {"Ref": "Code"}})
    found = cloud.client("codecommit").get_repository(repositoryName=name)["repositoryMetadata"]
    assert outputs == {"Arn": found["Arn"], "Id": found["repositoryId"]}


def test_a_template_may_say_that_a_repository_has_no_triggers(cloud: LocalCloud, name: str) -> None:
    """Templates that the CDK made have an empty list; https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-codecommit-repository.html"""
    properties: dict[str, Any] = {"RepositoryName": name, "Triggers": []}
    deployed(cloud, name, {"Code": {"Type": "AWS::CodeCommit::Repository", "Properties": properties}}, {})
    assert cloud.client("codecommit").get_repository(repositoryName=name)


def changed(cloud: LocalCloud, stack: str, resources: dict[str, Any]) -> str:
    """Update a stack; its status afterwards."""
    client: Any = cloud.client("cloudformation")
    client.update_stack(StackName=stack, TemplateBody=json.dumps({"Resources": resources}))
    said = until(
        lambda: client.describe_stacks(StackName=stack)["Stacks"][0],
        lambda stack: not stack["StackStatus"].endswith("_IN_PROGRESS"),
    )
    return str(said["StackStatus"])


def test_template_renames_and_describes_a_repository_in_place(cloud: LocalCloud, name: str, tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-codecommit-repository.html

    RepositoryName and RepositoryDescription: "Update requires: No interruption".
    """

    def repository(**properties: str) -> dict[str, Any]:
        return {"Code": {"Type": "AWS::CodeCommit::Repository", "Properties": properties}}

    client: Any = cloud.client("codecommit")
    deployed(cloud, name, repository(RepositoryName=name), {})
    pushed = Repository(tmp_path, cloud, name).push({"file": "text"})
    after = repository(RepositoryName=f"{name}-new", RepositoryDescription="Renamed")
    assert changed(cloud, name, after) == "UPDATE_COMPLETE"
    found = client.get_repository(repositoryName=f"{name}-new")["repositoryMetadata"]
    assert found["repositoryDescription"] == "Renamed"
    branch = client.get_branch(repositoryName=f"{name}-new", branchName="main")["branch"]
    assert branch["commitId"] == pushed["commit"]
    with pytest.raises(ClientError, match="RepositoryDoesNotExistException"):
        client.get_repository(repositoryName=name)
    refused = repository(RepositoryName=f"{name}-new", KmsKeyId="alias/any")
    assert changed(cloud, name, refused) == "UPDATE_ROLLBACK_COMPLETE"
    cloud.client("cloudformation").delete_stack(StackName=name)
    until(
        lambda: {each["repositoryName"] for each in client.list_repositories()["repositories"]},
        lambda names: f"{name}-new" not in names,
    )


def test_template_replaces_a_connection_whose_provider_changes(cloud: LocalCloud, name: str) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-codeconnections-connection.html

    ProviderType: "Update requires: Replacement". Tags: "Update requires: No interruption".
    """

    def connection(provider: str, *tags: dict[str, str]) -> dict[str, Any]:
        properties = {"ConnectionName": name, "ProviderType": provider, "Tags": list(tags)}
        return {"Host": {"Type": "AWS::CodeConnections::Connection", "Properties": properties}}

    client: Any = cloud.client("codeconnections")
    arn = deployed(cloud, name, connection("GitHub"), {"Arn": {"Ref": "Host"}})["Arn"]
    tag = {"Key": "team", "Value": "one"}
    assert changed(cloud, name, connection("GitHub", tag)) == "UPDATE_COMPLETE"
    assert client.list_tags_for_resource(ResourceArn=arn)["Tags"] == [tag]
    assert changed(cloud, name, connection("GitLab")) == "UPDATE_COMPLETE"
    (left,) = (each for each in client.list_connections()["Connections"] if each["ConnectionName"] == name)
    assert (left["ProviderType"], left["ConnectionArn"] != arn) == ("GitLab", True)


@pytest.mark.parametrize(
    ("service", "kind"),
    [
        ("codeconnections", "AWS::CodeConnections::Connection"),
        ("codestar-connections", "AWS::CodeStarConnections::Connection"),
    ],
)
def test_a_connection_is_available_at_once(cloud: LocalCloud, name: str, service: str, kind: str) -> None:
    """On AWS it is PENDING until somebody confirms it in the console, and there is nobody here.

    https://docs.aws.amazon.com/dtconsole/latest/userguide/connections-update.html
    """
    resources = {"Hub": {"Type": kind, "Properties": {"ConnectionName": name, "ProviderType": "GitHub"}}}
    outputs = deployed(cloud, name, resources, {"Arn": {"Ref": "Hub"}})
    assert outputs["Arn"].startswith(f"arn:aws:{service}:{HOME}:{TOOLS}:connection/")
    client: Any = cloud.client(service)
    found = client.get_connection(ConnectionArn=outputs["Arn"])["Connection"]
    assert (found["ConnectionStatus"], found["ConnectionName"]) == ("AVAILABLE", name)
    assert name in {each["ConnectionName"] for each in client.list_connections()["Connections"]}


def test_without_the_services_none_of_them_answers(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud(without=("codecommit", "codeconnections", "codepipeline"))
    for service, operation in (
        ("codecommit", "list_repositories"),
        ("codeconnections", "list_connections"),
        ("codepipeline", "list_pipelines"),
    ):
        with pytest.raises(ClientError, match="UnsupportedService"):
            getattr(cloud.client(service), operation)()
