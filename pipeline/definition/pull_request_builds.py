"""The builds that review pull requests where their host has none of its own.

In CodeCommit two, because a build that runs a pull request's code must not hold what could approve it. The first
leaves its review in the artifact store; the second is started by the end of the first, with main's code, and asks
CodeBuild which pull request that was. Over a connection one, whose result is the commit's status: a connection cannot
comment.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from pipeline.definition import steps
from pipeline.definition.artifacts import ArtifactStore
from pipeline.definition.build_environment import RUNTIMES, build_environment, cfn_environment
from pipeline.source import CodeCommitSource, ConnectionSource, Host

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
MERGE = "git -c user.name=gate -c user.email=gate@localhost merge --quiet --no-edit"
GATE = (
    # The commit that merging would make. CodeBuild promises no network namespaces, of which a test makes one: it is
    # skipped, as on a person's machine.
    'if { git checkout --quiet --detach "$BASE" && '
    f'{MERGE} "$HEAD" && env -u CI make check; }} > review.gate.log 2>&1; then echo passed > review.gate;'
    " else tail -n 100 review.gate.log; echo failed > review.gate; fi"
)
"""After the review: what the comment and the approval state besides its verdict."""
COMMENT = '.venv/bin/python -m pipeline.review.hosts.codecommit --build "$BUILD" --bucket "$BUCKET" --role "$COMMENTER"'

TRUSTED = {
    # https://docs.aws.amazon.com/codebuild/latest/userguide/pull-request-build-policy.html
    Host.GITHUB: ["GITHUB_WRITE", "GITHUB_MAINTAIN", "GITHUB_ADMIN"],
    Host.GITLAB: ["GITLAB_DEVELOPER", "GITLAB_MAINTAINER", "GITLAB_OWNER"],
    Host.BITBUCKET: ["BITBUCKET_WRITE", "BITBUCKET_ADMIN"],
}
"""Who may have their code built without asking: those who could push it to the repository anyway."""


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
            build=[*REVIEW, GATE],
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
            "install": {"runtime-versions": RUNTIMES, "commands": list(install)},
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
            timeout=cdk.Duration.minutes(60),
            environment=build_environment(),
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


class WebhookReview(Construct):
    """Reviews every pull request over a connection: the build's result is the status of the commit."""

    def __init__(self, scope: Construct, id_: str, *, source: ConnectionSource, key: kms.IKey) -> None:
        super().__init__(scope, id_)
        assert source.review_webhook is not None  # noqa: S101 - the caller asked
        host = source.review_webhook
        log = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.ONE_YEAR, removal_policy=cdk.RemovalPolicy.RETAIN
        )
        # Nothing but its log and reading the repository: it runs the pull request's code.
        role = iam.Role(self, "ReviewRole", assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"))
        log.grant_write(role)
        role.add_to_policy(
            iam.PolicyStatement(
                # The prefix must be that of the connection's ARN, which has either: source_action.py.
                actions=[
                    f"{prefix}:{action}"
                    for prefix in ("codeconnections", "codestar-connections")
                    for action in ("GetConnection", "GetConnectionToken", "UseConnection")
                ],
                resources=[source.connection_arn],
            )
        )
        project = codebuild.CfnProject(
            self,
            "Review",
            description="Reviews a pull request: its result is the status of the commit",
            service_role=role.role_arn,
            encryption_key=key.key_arn,
            artifacts=codebuild.CfnProject.ArtifactsProperty(type="NO_ARTIFACTS"),
            environment=cfn_environment(),
            logs_config=codebuild.CfnProject.LogsConfigProperty(
                cloud_watch_logs=codebuild.CfnProject.CloudWatchLogsConfigProperty(
                    status="ENABLED", group_name=log.log_group_name
                )
            ),
            timeout_in_minutes=60,
            source=codebuild.CfnProject.SourceProperty(
                type=host.value,
                location=f"https://{host.domain}/{source.repository}.git",
                auth=codebuild.CfnProject.SourceAuthProperty(type="CODECONNECTIONS", resource=source.connection_arn),
                # All commits: the review goes back to where the pull request left the branch.
                git_clone_depth=0,
                report_build_status=True,
                build_status_config=codebuild.CfnProject.BuildStatusConfigProperty(context="penstock review"),
                build_spec=json.dumps(_reviewed(source.branch)),
            ),
            triggers=codebuild.CfnProject.ProjectTriggersProperty(
                webhook=True,
                build_type="BUILD",
                filter_groups=[
                    [
                        codebuild.CfnProject.WebhookFilterProperty(
                            type="EVENT", pattern="PULL_REQUEST_CREATED, PULL_REQUEST_UPDATED"
                        ),
                        codebuild.CfnProject.WebhookFilterProperty(
                            type="BASE_REF", pattern=f"^refs/heads/{re.escape(source.branch)}$"
                        ),
                    ]
                ],
                pull_request_build_policy=codebuild.CfnProject.PullRequestBuildPolicyProperty(
                    requires_comment_approval="ALL_PULL_REQUESTS", approver_roles=TRUSTED[host]
                ),
            ),
        )
        # The webhook is made with the role, and refused while the role may not use the connection (aws-cdk 31726).
        project.node.add_dependency(role)


def _reviewed(branch: str) -> dict[str, object]:
    """Lies in the project and reviews with the base side's tools, so that a pull request changes neither.

    Then the gate, of the commit that merging would make.
    """
    fetch = f"git fetch origin {shlex.quote(branch)}"
    return {
        "version": "0.2",
        "env": {"git-credential-helper": "yes"},
        "phases": {
            "install": {
                "runtime-versions": RUNTIMES,
                "commands": [fetch, "git checkout --detach FETCH_HEAD", steps.SETUP],
            },
            "build": {
                "commands": [
                    '.venv/bin/penstock review HEAD "$CODEBUILD_RESOLVED_SOURCE_VERSION"',
                    f'{MERGE} "$CODEBUILD_RESOLVED_SOURCE_VERSION"',
                    "env -u CI make check",
                ]
            },
        },
    }


def _input(variables: dict[str, str], version: str = "") -> events.RuleTargetInput:
    """What StartBuild is given of an event."""
    given = [
        {"name": name, "type": "PLAINTEXT", "value": events.EventField.from_path(path)}
        for name, path in variables.items()
    ]
    source = {"sourceVersion": events.EventField.from_path(version)} if version else {}
    return events.RuleTargetInput.from_object({**source, "environmentVariablesOverride": given})
