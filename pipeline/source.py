"""Where the pipeline's commits come from: one value in pipeline/settings.py. `source_action.py` makes an action of it.

Data alone, and without the CDK: commands read the settings, and must not wait a second for what only synth needs.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PathFilters:
    """Which pushes start a run, by the files that they change; patterns as CodePipeline's triggers take them."""

    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ConnectionSource:
    """A repository on GitHub, GitLab or Bitbucket, through a connection that somebody confirmed in the console."""

    repository: str
    """owner/name"""
    connection_arn: str
    branch: str = "main"
    paths: PathFilters | None = None


@dataclass(frozen=True, kw_only=True)
class CodeCommitSource:
    """A CodeCommit repository, in the tools account or in another one."""

    repository_arn: str
    branch: str = "main"


@dataclass(frozen=True, kw_only=True)
class S3Source:
    """A zip of the checkout under one key of a versioned bucket, for repositories that no connection reaches."""

    bucket: str
    key: str


Source = ConnectionSource | CodeCommitSource | S3Source
