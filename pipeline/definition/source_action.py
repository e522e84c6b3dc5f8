"""The pipeline's source action, and what starts a run when there is something new."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import pipelines
from constructs import Construct

from pipeline.definition.notifications import undelivered_queue
from pipeline.source import CodeCommitSource, ConnectionSource, S3Source, Source

ACTION = "Source"
NEW_COMMITS = ["referenceCreated", "referenceUpdated"]


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
            return pipelines.CodePipelineSource.code_commit(
                repository,
                source.branch,
                action_name=ACTION,
                # The CDK's own rule has no queue for what it cannot deliver, and for a repository in another account
                # it stands in the pipeline's account, where the repository's events never arrive.
                trigger=actions.CodeCommitTrigger.NONE,
            )
        case S3Source():
            bucket = s3.Bucket.from_bucket_name(scope, "SourceBucket", source.bucket)
            # Events for an imported bucket need a CloudTrail trail over it, which only its owner can set up.
            return pipelines.CodePipelineSource.s3(
                bucket, source.key, action_name=ACTION, trigger=actions.S3Trigger.POLL
            )


def grant_connection(pipeline: codepipeline.Pipeline, source: Source) -> None:
    """Grant the source action the connection by the service's new name, too: the CDK grants it by the old one alone.

    "The service prefix needs to match that of the resource", and connections made since July 2024 have the new one:
    https://docs.aws.amazon.com/dtconsole/latest/userguide/security-iam.html
    """
    if isinstance(source, ConnectionSource):
        role = pipeline.node.find_child("Source").node.find_child(ACTION).node.find_child("CodePipelineActionRole")
        assert isinstance(role, iam.Role)  # noqa: S101 - what the CDK makes for each source action
        role.add_to_policy(
            iam.PolicyStatement(actions=["codeconnections:UseConnection"], resources=[source.connection_arn])
        )


def add_trigger(
    scope: Construct, pipeline: codepipeline.Pipeline, source: Source, *, undelivered: sqs.IQueue, support: cdk.Stack
) -> None:
    """Add what starts a run, for sources of which CDK Pipelines has no property for it.

    `support` is the stack in the account of the repository: the pipeline's own unless that is another account.
    """
    if isinstance(source, ConnectionSource) and source.paths is not None:
        template = pipeline.node.default_child
        assert isinstance(template, codepipeline.CfnPipeline)  # noqa: S101 - what every L2 pipeline is made of
        _filter_by_path(template, source)
    elif isinstance(source, CodeCommitSource):
        pushed = events.EventPattern(
            source=["aws.codecommit"],
            resources=[source.repository_arn],
            detail_type=["CodeCommit Repository State Change"],
            detail={"event": NEW_COMMITS, "referenceType": ["branch"], "referenceName": [source.branch]},
        )
        events.Rule(
            scope,
            "Pushed",
            event_pattern=pushed,
            targets=[targets.CodePipeline(pipeline, dead_letter_queue=undelivered)],
        )
        if support is not cdk.Stack.of(scope):
            _forward(scope, support, source, pushed)


def _filter_by_path(pipeline: codepipeline.CfnPipeline, source: ConnectionSource) -> None:
    assert source.paths is not None  # noqa: S101 - the caller asked
    patterns = {"Includes": list(source.paths.includes), "Excludes": list(source.paths.excludes)}
    push: dict[str, Any] = {
        "Branches": {"Includes": [source.branch]},
        "FilePaths": {key: value for key, value in patterns.items() if value},
    }
    pipeline.add_property_override(
        "Triggers",
        [
            {
                "ProviderType": "CodeStarSourceConnection",
                "GitConfiguration": {"SourceActionName": ACTION, "Push": [push]},
            }
        ],
    )


def _forward(scope: Construct, support: cdk.Stack, source: CodeCommitSource, pushed: events.EventPattern) -> None:
    """Bring the repository's events from its account to the pipeline's, whose bus must let that account in."""
    here = cdk.Stack.of(scope)
    bus = f"arn:{here.partition}:events:{here.region}:{here.account}:event-bus/default"
    events.CfnEventBusPolicy(
        scope,
        "RepositoryAccount",
        statement_id=f"{here.stack_name}-from-{source.account}",
        statement={
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{here.partition}:iam::{source.account}:root"},
            "Action": "events:PutEvents",
            "Resource": bus,
        },
    )
    events.Rule(
        support,
        "Pushed",
        event_pattern=pushed,
        targets=[
            targets.EventBus(
                events.EventBus.from_event_bus_arn(support, "PipelineBus", bus),
                dead_letter_queue=undelivered_queue(support),
            )
        ],
    )
