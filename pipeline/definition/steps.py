"""Steps as services declare them, as CDK Pipelines' own."""

import shlex
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import pipelines
from constructs import Construct

from pipeline.catalogue.model import Removal
from pipeline.definition import bakes, gates, probes, protection
from pipeline.definition.artifacts import ArtifactStore
from pipeline.definition.bootstrap_roles import deploy_role_arn
from pipeline.definition.probes import ProbeStep
from pipeline.definition.shared_build import BuildContent, SharedBuild
from services.library.contract.names import REMOVALS_STAGE, Bootstrap
from services.library.contract.steps import Approval, Command, Probe, Step

SETUP = "make setup"
PROVE = "make prove"
"""After synth, in the Build stage: whether the pipeline may update itself with what synth gave."""

REMOVE = "Remove-"
"""Begins the names of steps that delete a stack; the rest is the stack's."""
MOST_OF_A_COMMENT = 1_000
"""Characters that CodePipeline takes as an approval's.
https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ManualApproval.html"""
BUILDS_OF_A_ROLE = 30
"""How many projects one role may start: with long names of services and steps a policy has room for no more than 40.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
PROGRAMS = "pipeline/builds"
"""Of the commit, this folder alone is what the Build stage gives probes as their input."""


class StepBuilds(Construct):
    """What the builds of all steps share, however many services and stages there are: roles, a log group, and probes
    one project.

    CDK Pipelines would make a role and a policy for each step: four stages of fifty services would be four hundred
    resources, and each would bring findings of its own for the platform team to judge.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        artifacts: ArtifactStore,
        pipeline_role: iam.IRole,
        bootstrap: Bootstrap,
        deploy_roles: Sequence[str],
        gated: gates.GatedStages | None = None,
        removals: Sequence[Removal] = (),
    ) -> None:
        """`gated`: the stages behind a gate; None if there are none."""
        super().__init__(scope, id_)
        self.bootstrap = bootstrap
        self._artifacts = artifacts.bucket
        self._pipeline_role = pipeline_role
        self.artifacts_key = artifacts.key
        self.log_group = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.ONE_YEAR, removal_policy=cdk.RemovalPolicy.RETAIN
        )
        self.role = self._role("Role").without_policy_updates()
        """For what services ask for: it reads the commit and writes its log, and nothing else."""
        protecting = self._role("ProtectRole")
        if deploy_roles:
            protecting.add_to_policy(
                iam.PolicyStatement(actions=["sts:AssumeRole"], resources=sorted(set(deploy_roles)))
            )
        self.remove_role = self._remove_role(removals) if removals else None
        shared: dict[str, Any] = {
            "role": self.role,
            "logging": self.logging,
            "encryption_key": self.artifacts_key,
            "pipeline_role": pipeline_role,
        }
        self.probes = SharedBuild(self, "Probes", content=probes.CONTENT, **shared)
        shared["role"] = protecting.without_policy_updates()
        self.protections = SharedBuild(self, "Protections", content=protection.CONTENT, **shared)
        shared["role"] = self._release_role(gated) if gated else self.role
        judging = gates.content(gated.settings.authors) if gated else gates.CONTENT
        self.gates = SharedBuild(self, "Gates", content=judging, **shared)
        self.bakes = SharedBuild(self, "Bakes", content=bakes.CONTENT, **shared) if gated and gated.bake else None
        self._own_builds = 0
        self._start_role: iam.IRole | None = None

    def start_role(self) -> iam.IRole | None:
        """Return in which role the pipeline starts one more build that is a step's alone; None: in CDK Pipelines' own.

        That one names each project that it starts, and CDK splits its policy by what ARNs usually have.
        """
        group, first = divmod(self._own_builds, BUILDS_OF_A_ROLE)
        self._own_builds += 1
        if group and not first:
            self._start_role = iam.Role(self, f"StartRole{group}", assumed_by=self._pipeline_role)
        return self._start_role

    @property
    def looking(self) -> list[SharedBuild]:
        """The builds that change nothing of what a stage runs."""
        return [each for each in (self.probes, self.protections, self.bakes) if each is not None]

    def scheduled_role(self, id_: str) -> iam.Role:
        """Return a role for one more build on a schedule, which adds what it needs."""
        return self._role(id_)

    @property
    def logging(self) -> codebuild.LoggingOptions:
        """Where every step's build writes."""
        return codebuild.LoggingOptions(
            cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=self.log_group, enabled=True)
        )

    def shared_build(
        self, id_: str, *, content: BuildContent, statements: Iterable[iam.PolicyStatement]
    ) -> SharedBuild:
        """Return one more build of several actions, in a role that may do this besides reading the commit."""
        role = self._role(f"{id_}Role")
        for statement in statements:
            role.add_to_policy(statement)
        return SharedBuild(
            self,
            id_,
            content=content,
            role=role.without_policy_updates(),
            logging=self.logging,
            encryption_key=self.artifacts_key,
            pipeline_role=self._pipeline_role,
        )

    def _release_role(self, gated: gates.GatedStages) -> iam.IRole:
        """For gates and bakes: what they judge by, the state and the variables of the run, alarms of stages."""
        role = self._role("ReleaseRole")
        for statement in gated.statements(cdk.Stack.of(self)):
            role.add_to_policy(statement)
        return role.without_policy_updates()

    def _remove_role(self, removals: Sequence[Removal]) -> iam.IRole:
        """For the steps that delete stacks: their accounts' deploy roles, and the records of these removals alone."""
        stack = cdk.Stack.of(self)
        role = self._role("RemoveRole")
        roles = {
            deploy_role_arn(stack, self.bootstrap, account=each.shipped.account, region=each.shipped.region)
            for each in removals
        }
        role.add_to_policy(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=sorted(roles)))
        records = {
            f"arn:{stack.partition}:ssm:{stack.region}:{stack.account}:parameter{each.shipped.removal_record}"
            for each in removals
        }
        role.add_to_policy(iam.PolicyStatement(actions=["ssm:PutParameter"], resources=sorted(records)))
        return role.without_policy_updates()

    def _role(self, id_: str) -> iam.Role:
        role = iam.Role(self, id_, assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"))
        self.log_group.grant_write(role)
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:GetObject", "s3:GetObjectVersion"], resources=[self._artifacts.arn_for_objects("*")]
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:GetBucketAcl", "s3:GetBucketLocation"], resources=[self._artifacts.bucket_arn]
            )
        )
        role.add_to_policy(iam.PolicyStatement(actions=["kms:Decrypt"], resources=[self.artifacts_key.key_arn]))
        return role


def to_pipeline_steps(
    steps: Sequence[Step],
    *,
    stack: cdk.Stack | None,
    source: pipelines.IFileSetProducer,
    programs: pipelines.FileSet,
    builds: StepBuilds,
) -> list[pipelines.Step]:
    """Pipeline steps in the order given. `stack` is the deployed one, None for steps that run before it exists."""
    made: list[pipelines.Step] = []
    for step in steps:
        made.append(_to_pipeline_step(step, stack=stack, source=source, programs=programs, builds=builds))
        if len(made) > 1:
            made[-1].add_step_dependency(made[-2])
    return made


def protect_from_termination(
    stacks: Sequence[cdk.Stack], *, programs: pipelines.FileSet, builds: StepBuilds
) -> list[pipelines.Step]:
    """Set termination protection, which CDK Pipelines leaves off whatever the stack says (aws-cdk 17871).

    `stacks`: of one account and region, or none.
    """
    if not stacks:
        return []
    region = stacks[0].region
    made = protection.steps(
        [stack.stack_name for stack in stacks],
        role=deploy_role_arn(stacks[0], builds.bootstrap, account=stacks[0].account, region=region),
        region=region,
        files=programs,
        build=builds.protections,
    )
    return list(made)


def remove_stack(
    removal: Removal, *, keeps_data: bool, stack: cdk.Stack, source: pipelines.IFileSetProducer, builds: StepBuilds
) -> pipelines.Step:
    """Delete a stack that is in no stage any more, which CDK Pipelines never does. `stack`: the pipeline's own.

    A review reads the command (pipeline/review/diff/removals.py), and takes no other one for a removal with a reason.
    """
    shipped = removal.shipped
    arn = deploy_role_arn(stack, builds.bootstrap, account=shipped.account, region=shipped.region)
    words = ["--role", f'"{arn}"', "--region", shipped.region, "--record", shipped.removal_record]
    words += ["--keeps-data"] if keeps_data else []
    words += ["--why", shlex.quote(" ".join(removal.why.split())), "--owner", shlex.quote(removal.owner)]
    return pipelines.CodeBuildStep(
        f"{REMOVE}{shipped.stack}",
        input=source,
        install_commands=[SETUP],
        commands=[" ".join([".venv/bin/python -m pipeline.builds.delete_stack", *words, shipped.stack])],
        role=builds.remove_role,
        action_role=builds.start_role(),
        logging=builds.logging,
    )


def agreed_to(removing: Sequence[pipelines.Step]) -> list[pipelines.Step]:
    """Let a person agree before stacks are removed that no gate asks about."""
    removed = ", ".join(each.id.removeprefix(REMOVE) for each in removing)
    asked = textwrap.shorten(f"Removes {removed}", MOST_OF_A_COMMENT, placeholder=" ...")
    approval = pipelines.ManualApprovalStep(gates.approval_of(REMOVALS_STAGE), comment=asked)
    for each in removing:
        each.add_step_dependency(approval)
    return [approval, *removing]


def _to_pipeline_step(
    step: Step,
    *,
    stack: cdk.Stack | None,
    source: pipelines.IFileSetProducer,
    programs: pipelines.FileSet,
    builds: StepBuilds,
) -> pipelines.Step:
    if isinstance(step, Approval):
        return pipelines.ManualApprovalStep(step.name, comment=step.note)
    if isinstance(step, Probe):
        return ProbeStep(step, output=_output(step, step.output, stack), programs=programs, build=builds.probes)
    return pipelines.CodeBuildStep(
        step.name,
        input=source,
        commands=list(step.commands),
        env_from_cfn_outputs={variable: _output(step, key, stack) for variable, key in step.outputs.items()},
        role=builds.role,
        action_role=builds.start_role(),
        logging=builds.logging,
    )


def _output(step: Command | Probe, key: str, stack: cdk.Stack | None) -> cdk.CfnOutput:
    if stack is None:
        raise ValueError(f"step {step.name!r} runs before its stack is deployed, so it cannot use the output {key!r}.")
    outputs = {child.node.id: child for child in stack.node.children if isinstance(child, cdk.CfnOutput)}
    if key not in outputs:
        raise ValueError(
            f"step {step.name!r} uses the output {key!r} of {stack.node.path}, which has"
            f" {', '.join(sorted(outputs)) or 'none'}."
        )
    return outputs[key]
