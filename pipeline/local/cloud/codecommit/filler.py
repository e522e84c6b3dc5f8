"""CodeCommit, as far as a pipeline's source needs it: repositories, branches and commits."""

from collections.abc import Mapping
from typing import NoReturn

from pipeline.local.cloud.codecommit import git
from pipeline.local.cloud.codecommit.repositories import Repositories
from pipeline.local.cloud.emulator import AwsError, Call, Emulator, Json, Operation, ResourceType

PROPERTIES = {"RepositoryName", "RepositoryDescription", "Tags"}


def install(emulator: Emulator) -> None:
    """Answer the API, and let CloudFormation make repositories."""
    repositories = emulator.part(Repositories)
    emulator.serve_json_api("codecommit", target_prefix="CodeCommit_20150413", operations=_operations(repositories))
    emulator.provide("AWS::CodeCommit::Repository", _resource(repositories))


def _operations(repositories: Repositories) -> Mapping[str, Operation]:
    def create_repository(call: Call) -> Json:
        made = repositories.create(
            call.parameters["repositoryName"],
            description=call.parameters.get("repositoryDescription", ""),
            tags=call.parameters.get("tags", {}),
        )
        return {"repositoryMetadata": _metadata(made)}

    def delete_repository(call: Call) -> Json:
        deleted = repositories.delete(call.parameters["repositoryName"])
        return {} if deleted is None else {"repositoryId": deleted}

    def update_default_branch(call: Call) -> Json:
        repositories.change(call.parameters["repositoryName"], defaultBranch=call.parameters["defaultBranchName"])
        return {}

    return _reading(repositories) | {
        "CreateRepository": create_repository,
        "DeleteRepository": delete_repository,
        "UpdateDefaultBranch": update_default_branch,
    }


def _reading(repositories: Repositories) -> dict[str, Operation]:
    def get_repository(call: Call) -> Json:
        return {"repositoryMetadata": _metadata(repositories.get(call.parameters["repositoryName"]))}

    def list_repositories(_call: Call) -> Json:
        found = sorted(repositories.all(), key=lambda record: str(record["repositoryName"]))
        names = ("repositoryName", "repositoryId")
        return {"repositories": [{name: record[name] for name in names} for record in found]}

    def get_branch(call: Call) -> Json:
        name = call.parameters["branchName"]
        try:
            commit_id = git.head(repositories.path(call.parameters["repositoryName"]), name)
        except git.GitError:
            raise AwsError("BranchDoesNotExistException", f"Branch {name} does not exist") from None
        return {"branch": {"branchName": name, "commitId": commit_id}}

    def list_branches(call: Call) -> Json:
        return {"branches": git.branches(repositories.path(call.parameters["repositoryName"]))}

    def get_commit(call: Call) -> Json:
        try:
            found = git.commit(repositories.path(call.parameters["repositoryName"]), call.parameters["commitId"])
        except git.GitError:
            raise AwsError("CommitIdDoesNotExistException", f"{call.parameters['commitId']} does not exist") from None
        return {
            "commit": {
                "commitId": found.id,
                "treeId": found.tree,
                "parents": list(found.parents),
                "message": found.message,
                "author": {"name": found.author, "email": found.author_email, "date": found.author_date},
                "committer": {
                    "name": found.committer,
                    "email": found.committer_email,
                    "date": found.committer_date,
                },
                "additionalData": "",
            }
        }

    return {
        "GetRepository": get_repository,
        "ListRepositories": list_repositories,
        "GetBranch": get_branch,
        "ListBranches": list_branches,
        "GetCommit": get_commit,
    }


def _metadata(record: Json) -> Json:
    return {key: value for key, value in record.items() if key != "tags"}


def _resource(repositories: Repositories) -> ResourceType:
    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        del logical_id, stack_name
        _check(properties)
        made = repositories.create(
            properties["RepositoryName"],
            description=properties.get("RepositoryDescription", ""),
            tags={tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])},
        )
        return str(made["repositoryId"]), _attributes(made)

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        del stack_name
        _check(new)
        if old["RepositoryName"] != new["RepositoryName"]:
            repositories.rename(old["RepositoryName"], new["RepositoryName"])
        repositories.change(new["RepositoryName"], repositoryDescription=new.get("RepositoryDescription", ""))
        return physical_id, _attributes(repositories.get(new["RepositoryName"]))

    def delete(_physical_id: str, properties: Json) -> None:
        repositories.delete(properties["RepositoryName"])

    return ResourceType(create=create, update=update, delete=delete)


def _check(properties: Json) -> None:
    if "RepositoryName" not in properties:
        _refuse("lacks RepositoryName")
    if unknown := properties.keys() - PROPERTIES:
        _refuse(
            f"cannot have {', '.join(sorted(unknown))} in the local cloud; it takes {', '.join(sorted(PROPERTIES))}"
        )


def _refuse(why: str) -> NoReturn:
    raise ValueError(f"AWS::CodeCommit::Repository {why}")


def _attributes(record: Json) -> Json:
    return {
        "Arn": record["Arn"],
        "CloneUrlHttp": record["cloneUrlHttp"],
        "CloneUrlSsh": record["cloneUrlSsh"],
        "Name": record["repositoryName"],
    }
