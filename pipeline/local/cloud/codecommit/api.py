"""CodeCommit's API: repositories, branches and commits, as far as a pipeline's source needs them."""

from collections.abc import Mapping

from pipeline.local.cloud.codecommit import git
from pipeline.local.cloud.codecommit.repositories import Repositories
from pipeline.local.cloud.emulator import AwsError, Call, Json, Operation


def operations(repositories: Repositories) -> Mapping[str, Operation]:
    """List every operation by its name."""

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
