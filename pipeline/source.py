"""Where the pipeline's commits come from: one value in pipeline/settings.py."""

from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_s3 as s3
from aws_cdk import pipelines
from constructs import Construct

ACTION = "Source"


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

    def action(self, scope: Construct) -> pipelines.CodePipelineSource:
        """The source action of CDK Pipelines."""
        del scope
        return pipelines.CodePipelineSource.connection(
            self.repository,
            self.branch,
            connection_arn=self.connection_arn,
            action_name=ACTION,
            # With a trigger of its own the pipeline decides what starts a run; both would start two.
            trigger_on_push=self.paths is None,
        )

    def finish(self, pipeline: codepipeline.CfnPipeline) -> None:
        """Add the trigger that filters by path: CDK Pipelines has no property for it."""
        if self.paths is None:
            return
        push: dict[str, Any] = {"Branches": {"Includes": [self.branch]}}
        patterns = {"Includes": list(self.paths.includes), "Excludes": list(self.paths.excludes)}
        push["FilePaths"] = {key: value for key, value in patterns.items() if value}
        pipeline.add_property_override(
            "Triggers",
            [
                {
                    "ProviderType": "CodeStarSourceConnection",
                    "GitConfiguration": {"SourceActionName": ACTION, "Push": [push]},
                }
            ],
        )


@dataclass(frozen=True, kw_only=True)
class CodeCommitSource:
    """A CodeCommit repository, in the tools account or in another one."""

    repository_arn: str
    branch: str = "main"

    def action(self, scope: Construct) -> pipelines.CodePipelineSource:
        """The source action of CDK Pipelines; events of the repository start it."""
        repository = codecommit.Repository.from_repository_arn(scope, "Repository", self.repository_arn)
        return pipelines.CodePipelineSource.code_commit(repository, self.branch, action_name=ACTION)

    def finish(self, pipeline: codepipeline.CfnPipeline) -> None:
        """Nothing is left to add."""


@dataclass(frozen=True, kw_only=True)
class S3Source:
    """A zip of the checkout under one key of a versioned bucket, for repositories that no connection reaches."""

    bucket: str
    key: str

    def action(self, scope: Construct) -> pipelines.CodePipelineSource:
        """The source action of CDK Pipelines; it looks for a new version of the object every minute."""
        bucket = s3.Bucket.from_bucket_name(scope, "SourceBucket", self.bucket)
        # Events for an imported bucket need a CloudTrail trail over it, which only its owner can set up.
        return pipelines.CodePipelineSource.s3(bucket, self.key, action_name=ACTION, trigger=actions.S3Trigger.POLL)

    def finish(self, pipeline: codepipeline.CfnPipeline) -> None:
        """Nothing is left to add."""


Source = ConnectionSource | CodeCommitSource | S3Source
