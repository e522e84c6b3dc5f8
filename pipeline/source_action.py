"""The pipeline's source action, and the trigger that goes with it."""

from typing import Any

from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_s3 as s3
from aws_cdk import pipelines
from constructs import Construct

from pipeline.source import CodeCommitSource, ConnectionSource, S3Source, Source

ACTION = "Source"


def source_action(scope: Construct, source: Source) -> pipelines.CodePipelineSource:
    """The source action of CDK Pipelines."""
    match source:
        case ConnectionSource():
            return pipelines.CodePipelineSource.connection(
                source.repository,
                source.branch,
                connection_arn=source.connection_arn,
                action_name=ACTION,
                # With a trigger of its own the pipeline decides what starts a run; both would start two.
                trigger_on_push=source.paths is None,
            )
        case CodeCommitSource():
            repository = codecommit.Repository.from_repository_arn(scope, "Repository", source.repository_arn)
            return pipelines.CodePipelineSource.code_commit(repository, source.branch, action_name=ACTION)
        case S3Source():
            bucket = s3.Bucket.from_bucket_name(scope, "SourceBucket", source.bucket)
            # Events for an imported bucket need a CloudTrail trail over it, which only its owner can set up.
            return pipelines.CodePipelineSource.s3(
                bucket, source.key, action_name=ACTION, trigger=actions.S3Trigger.POLL
            )


def add_trigger(pipeline: codepipeline.CfnPipeline, source: Source) -> None:
    """Add the trigger that filters by path: CDK Pipelines has no property for it."""
    if not isinstance(source, ConnectionSource) or source.paths is None:
        return
    push: dict[str, Any] = {"Branches": {"Includes": [source.branch]}}
    patterns = {"Includes": list(source.paths.includes), "Excludes": list(source.paths.excludes)}
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
