"""The review of pull requests in a CodeCommit repository: one build that runs their code, one that comments.

Two, because a build that runs a pull request's code must not hold what could approve it. The first leaves its review in
the artifact store; the second is started by the end of the first, with main's code, and asks CodeBuild which pull
request that was.
"""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from pipeline import steps
from pipeline.artifacts import ArtifactStore
from pipeline.source import CodeCommitSource

PREFIX = "reviews"
"""Of what the first build leaves, as pipeline/review/hosts/codecommit.py looks for it."""
OPENED = ["pullRequestCreated", "pullRequestSourceBranchUpdated"]
ENDED = ["SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED"]
REVIEW = (
    # The comment and the approval state the verdict; a build that failed could not review.
    '.venv/bin/penstock review "$BASE" "$HEAD" --format json --out review.json || test -s review.json',
    ".venv/bin/python -m pipeline.review.render review.json .",
    "cat review.txt",
)
COMMENT = '.venv/bin/python -m pipeline.review.hosts.codecommit --build "$BUILD" --bucket "$BUCKET" --role "$COMMENTER"'


class PullRequestReviews(Construct):
    """Reviews every pull request to the pipeline's branch, comments on it, and approves it if nothing blocks."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        source: CodeCommitSource,
        artifacts: ArtifactStore,
        undelivered: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id_)
        self._repository = codecommit.Repository.from_repository_arn(self, "Repository", source.repository_arn)
        self._branch = source.branch
        self._key = artifacts.key
        self._logs = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.ONE_YEAR, removal_policy=cdk.RemovalPolicy.RETAIN
        )
        left = artifacts.bucket.arn_for_objects(f"{PREFIX}/*")
        reviewing = self._role("ReviewRole", {"s3:PutObject": left, "kms:GenerateDataKey": artifacts.key.key_arn})
        self.review = self._build(
            "Review",
            "Reviews a pull request: runs its code, and can neither comment nor approve",
            role=reviewing,
            install=['git checkout --detach "$BASE"', steps.SETUP],
            build=REVIEW,
            leaves=codebuild.Artifacts.s3(
                bucket=artifacts.bucket, path=PREFIX, include_build_id=True, name="/", package_zip=False
            ),
        )
        commenting = self._role(
            "CommentRole",
            {
                "s3:GetObject": left,
                "kms:Decrypt": artifacts.key.key_arn,
                "codebuild:BatchGetBuilds": self.review.project_arn,
            },
        )
        self.commenter = iam.Role(
            self,
            "Commenter",
            description="Comments on pull requests and approves them, always as the same author",
            assumed_by=iam.ArnPrincipal(commenting.role_arn),
        )
        self.commenter.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "codecommit:GetCommentsForPullRequest",
                    "codecommit:GetPullRequest",
                    "codecommit:PostCommentForPullRequest",
                    "codecommit:UpdateComment",
                    "codecommit:UpdatePullRequestApprovalState",
                ],
                resources=[source.repository_arn],
            )
        )
        commenting.add_to_policy(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[self.commenter.role_arn]))
        self.comment = self._build(
            "Comment",
            "Comments on a reviewed pull request: runs the pipeline's branch alone",
            role=commenting,
            install=[steps.SETUP],
            build=[COMMENT],
            variables={"BUCKET": artifacts.bucket.bucket_name, "COMMENTER": self.commenter.role_arn},
        )
        self._start(undelivered)
        cdk.CfnOutput(
            cdk.Stack.of(self),
            "PullRequestCommenter",
            value=self.commenter.role_name,
            description="The role to name in an approval rule template: docs/review.md",
        )

    def _role(self, id_: str, allowed: dict[str, str]) -> iam.Role:
        """For one build: its log, the repository's commits, and what it is allowed besides (action -> resource)."""
        role = iam.Role(self, id_, assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"))
        self._logs.grant_write(role)
        for action, resource in {"codecommit:GitPull": self._repository.repository_arn, **allowed}.items():
            role.add_to_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
        return role

    def _build(
        self,
        id_: str,
        description: str,
        *,
        role: iam.Role,
        install: Sequence[str],
        build: Sequence[str],
        variables: Mapping[str, str] | None = None,
        leaves: codebuild.IArtifacts | None = None,
    ) -> codebuild.Project:
        phases = {
            "install": {"runtime-versions": {"python": "3.12"}, "commands": list(install)},
            "build": {"commands": list(build)},
        }
        left = {"artifacts": {"files": ["review.*"]}} if leaves else {}
        return codebuild.Project(
            self,
            id_,
            description=description,
            # Without what the CDK would grant by itself: deleting in the store, and groups of reports.
            role=role.without_policy_updates(),
            encryption_key=self._key,
            source=codebuild.Source.code_commit(repository=self._repository, branch_or_ref=self._branch),
            artifacts=leaves,
            grant_report_group_permissions=False,
            logging=codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=self._logs, enabled=True)
            ),
            timeout=cdk.Duration.minutes(30),
            environment=codebuild.BuildEnvironment(
                build_image=codebuild.LinuxBuildImage.STANDARD_7_0,
                compute_type=codebuild.ComputeType.MEDIUM,
                privileged=False,
            ),
            environment_variables={
                name: codebuild.BuildEnvironmentVariable(value=value) for name, value in (variables or {}).items()
            },
            build_spec=codebuild.BuildSpec.from_object({"version": "0.2", "phases": phases, **left}),
        )

    def _start(self, undelivered: sqs.IQueue) -> None:
        """A pull request starts the review; the end of the review starts the comment."""
        events.Rule(
            self,
            "Opened",
            event_pattern=events.EventPattern(
                source=["aws.codecommit"],
                resources=[self._repository.repository_arn],
                detail_type=["CodeCommit Pull Request State Change"],
                detail={
                    "event": OPENED,
                    "pullRequestStatus": ["Open"],
                    "destinationReference": [f"refs/heads/{self._branch}"],
                },
            ),
            targets=[
                targets.CodeBuildProject(
                    self.review,
                    dead_letter_queue=undelivered,
                    event=_input(
                        {
                            "PULL_REQUEST": "$.detail.pullRequestId",
                            "BASE": "$.detail.destinationCommit",
                            "HEAD": "$.detail.sourceCommit",
                        },
                        version="$.detail.sourceCommit",
                    ),
                )
            ],
        )
        events.Rule(
            self,
            "Reviewed",
            event_pattern=events.EventPattern(
                source=["aws.codebuild"],
                detail_type=["CodeBuild Build State Change"],
                detail={"project-name": [self.review.project_name], "build-status": ENDED},
            ),
            targets=[
                targets.CodeBuildProject(
                    self.comment, dead_letter_queue=undelivered, event=_input({"BUILD": "$.detail.build-id"})
                )
            ],
        )


def _input(variables: dict[str, str], version: str = "") -> events.RuleTargetInput:
    """What StartBuild is given of an event."""
    given = [
        {"name": name, "type": "PLAINTEXT", "value": events.EventField.from_path(path)}
        for name, path in variables.items()
    ]
    source = {"sourceVersion": events.EventField.from_path(version)} if version else {}
    return events.RuleTargetInput.from_object({**source, "environmentVariablesOverride": given})
