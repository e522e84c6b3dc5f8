"""Where the pipeline's commits come from: one value in pipeline/settings.py. `source_action.py` makes an action of it.

Data alone, and without the CDK: commands read the settings, and must not wait a second for what only synth needs.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

MOST_PATTERNS = 8
"""Of one kind in one filter: https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html"""
REPOSITORY = re.compile(r"[^\s/]+(/[^\s/]+)+")
CONNECTION_ARN = re.compile(
    r"arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:\d{12}:connection/[A-Za-z0-9-]+"
)
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
REFUSED_IN_A_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|^[-./]|[./]$|\.lock(/|$)|^@$|^refs/")
"""What git refuses in a branch's name, and the prefix that a branch's name does not have.

https://git-scm.com/docs/git-check-ref-format
"""
COMMIT_ARN = re.compile(r"arn:aws[a-z-]*:codecommit:[a-z0-9-]+:\d{12}:[A-Za-z0-9._-]+")


def check_branch(source: str, branch: str) -> None:
    """Refuse what git takes for no branch: CodePipeline would wait for it for ever, without a word."""
    if not branch or REFUSED_IN_A_BRANCH.search(branch):
        raise ValueError(
            f"{source}: branch={branch!r} is not allowed; give a branch's name as git has it, such as main."
        )


@dataclass(frozen=True, kw_only=True)
class PathFilters:
    """Which pushes start a run, by the files that they change; patterns as CodePipeline's triggers take them."""

    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.includes and not self.excludes:
            raise ValueError(
                "PathFilters has neither includes nor excludes; give a pattern, or paths=None for all files."
            )
        for field, patterns in (("includes", self.includes), ("excludes", self.excludes)):
            if len(patterns) > MOST_PATTERNS:
                raise ValueError(f"PathFilters: {field} has {len(patterns)} patterns; give at most {MOST_PATTERNS}.")


class Host(StrEnum):
    """Where the repositories of a connection are, as CodeBuild names it."""

    GITHUB = "GITHUB"
    GITLAB = "GITLAB"
    BITBUCKET = "BITBUCKET"

    @property
    def domain(self) -> str:
        """Of the addresses that the repositories are cloned from."""
        return {Host.GITHUB: "github.com", Host.GITLAB: "gitlab.com", Host.BITBUCKET: "bitbucket.org"}[self]


@dataclass(frozen=True, kw_only=True)
class ConnectionSource:
    """A repository on GitHub, GitLab or Bitbucket, through a connection that somebody confirmed in the console."""

    repository: str
    """owner/name"""
    connection_arn: str
    branch: str = "main"
    paths: PathFilters | None = None
    review_webhook: Host | None = None
    """Where a build of the pipeline's stack reviews pull requests and sets a commit's status. None: the host's own
    jobs do it, which can comment too (docs/review.md)."""

    def __post_init__(self) -> None:
        if not REPOSITORY.fullmatch(self.repository):
            raise ValueError(f"ConnectionSource: repository={self.repository!r} is not allowed; give owner/name.")
        if not CONNECTION_ARN.fullmatch(self.connection_arn):
            raise ValueError(
                f"ConnectionSource: connection_arn={self.connection_arn!r} is not allowed;"
                " give arn:aws:codeconnections:REGION:ACCOUNT:connection/ID."
            )
        check_branch("ConnectionSource", self.branch)


@dataclass(frozen=True, kw_only=True)
class CodeCommitSource:
    """A CodeCommit repository, in the tools account or in another one, in the pipeline's region."""

    repository_arn: str
    branch: str = "main"

    def __post_init__(self) -> None:
        if not COMMIT_ARN.fullmatch(self.repository_arn):
            raise ValueError(
                f"CodeCommitSource: repository_arn={self.repository_arn!r} is not allowed;"
                " give arn:aws:codecommit:REGION:ACCOUNT:NAME."
            )
        check_branch("CodeCommitSource", self.branch)

    @property
    def region(self) -> str:
        """Where it is."""
        return self.repository_arn.split(":")[3]

    @property
    def account(self) -> str:
        """Whose it is."""
        return self.repository_arn.split(":")[4]

    @property
    def repository(self) -> str:
        """Its name."""
        return self.repository_arn.split(":")[5]


@dataclass(frozen=True, kw_only=True)
class S3Source:
    """A zip of the checkout under one key of a versioned bucket, for repositories that no connection reaches."""

    bucket: str
    key: str

    def __post_init__(self) -> None:
        if not BUCKET.fullmatch(self.bucket):
            raise ValueError(f"S3Source: bucket={self.bucket!r} is not allowed; give a bucket's name.")
        if not self.key or self.key != self.key.strip("/ "):
            raise ValueError(f"S3Source: key={self.key!r} is not allowed; give the key of an object, such as main.zip.")


Source = ConnectionSource | CodeCommitSource | S3Source
