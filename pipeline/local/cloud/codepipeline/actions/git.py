"""The source actions that take a commit: CodeCommit, and connections to GitHub, GitLab and Bitbucket.

https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeCommit.html
https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodestarConnectionSource.html
"""

from pathlib import Path

from pipeline.local.cloud.codecommit import git
from pipeline.local.cloud.codecommit.repositories import Repositories
from pipeline.local.cloud.codeconnections.remotes import Remotes
from pipeline.local.cloud.codepipeline.declaration import Action
from pipeline.local.cloud.codepipeline.work import ActionFailedError, Done, Work

ZIP = "CODE_ZIP"
NEEDED_OF_CODECOMMIT = (
    "codecommit:GetBranch",
    "codecommit:GetCommit",
    "codecommit:UploadArchive",
    "codecommit:GetUploadArchiveStatus",
)
"""What the source action does there where its output is a zip file."""


def from_code_commit(work: Work) -> Done:
    """Fetch the repository of the account and region that the action acts in, which is its role's account."""
    name = work.configuration["RepositoryName"]
    # Asks as the action would on AWS, so that a wrong role or account shows.
    identity = work.client("sts").get_caller_identity()
    work.require(f"arn:aws:codecommit:{work.region}:{identity['Account']}:{name}", *NEEDED_OF_CODECOMMIT)
    with work.emulator.within(identity["Account"], work.region):
        path = work.emulator.part(Repositories).path(name)
    commit = _take(work, path, name)
    return Done(
        variables={
            "AuthorDate": commit.author_date,
            "BranchName": work.configuration["BranchName"],
            "CommitId": commit.id,
            "CommitMessage": commit.message,
            "CommitterDate": commit.committer_date,
            "RepositoryName": name,
        },
        revision={
            "id": commit.id,
            "summary": commit.message,
            "url": f"{work.console}/codecommit/home#/repository/{name}/commit/{commit.id}",
        },
    )


def from_connection(work: Work) -> Done:
    """Fetch the repository behind the connection; any connection's ARN will do, as nobody confirms one here."""
    name, connection = work.configuration["FullRepositoryId"], work.configuration["ConnectionArn"]
    # "The service prefix needs to match that of the resource":
    # https://docs.aws.amazon.com/dtconsole/latest/userguide/security-iam.html
    work.require(connection, f"{connection.split(':')[2]}:UseConnection")
    commit = _take(work, work.emulator.part(Remotes).path(name), name)
    return Done(
        variables={
            "AuthorDate": commit.author_date,
            "AuthorDisplayName": commit.author,
            "AuthorEmail": commit.author_email,
            "BranchName": work.configuration["BranchName"],
            "CommitId": commit.id,
            "CommitMessage": commit.message,
            "ConnectionArn": connection,
            "FullRepositoryName": name,
        },
        revision={
            "id": commit.id,
            "summary": commit.message,
            "url": f"{work.console}/codesuite/settings/connections/redirect?connectionArn="
            f"{connection}&referenceType=COMMIT&FullRepositoryId={name}&Commit={commit.id}",
        },
    )


def is_cloned(source: Action) -> bool:
    """Tell whether a source hands builds a reference to clone from, and no zip file."""
    return source.configuration.get("OutputArtifactFormat", ZIP) != ZIP


def clone_permission(source: Action, role: str, region: str) -> tuple[str, str]:
    """Return what a build's role needs to clone a source, and on what. `role` and `region`: those of its pipeline."""
    if connection := source.configuration.get("ConnectionArn"):
        return f"{connection.split(':')[2]}:UseConnection", connection
    account = (source.role_arn or role).split(":")[4]
    repository = source.configuration["RepositoryName"]
    return "codecommit:GitPull", f"arn:aws:codecommit:{source.region or region}:{account}:{repository}"


def _take(work: Work, path: Path, name: str) -> git.Commit:
    branch = work.configuration["BranchName"]
    try:
        commit_id = git.head(path, branch) if work.override is None else str(work.override["value"])
        commit = git.commit(path, commit_id)
    except git.GitError as error:
        raise ActionFailedError(
            "ConfigurationError", f"No commit of branch {branch} found in repository {name}: {error}"
        ) from error
    # AWS hands CodeBuild a reference to clone from; the clone itself comes to the same in its source folder.
    cloned = is_cloned(work.action)
    body = git.full_clone(path, commit.id, branch) if cloned else git.archive(path, commit.id)
    work.write(work.action.outputs[0], body)
    return commit
