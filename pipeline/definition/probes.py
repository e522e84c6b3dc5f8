"""Probes as actions that share one build: a project for each would be half of a large pipeline's template."""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import pipelines
from constructs import Construct

from pipeline.definition.build_environment import RUNTIMES, build_environment
from services.library.contract.steps import Probe

COMMAND = (
    'python3 -I pipeline/builds/probe.py --method "$PROBE_METHOD" --path "$PROBE_PATH"'
    ' --expect-status "$PROBE_EXPECT_STATUS" --attempts "$PROBE_ATTEMPTS" "$PROBE_URL"'
)
"""What varies comes in variables, which the shell does not read again: no path of a service can become a command."""
START_BUILDS = ("codebuild:BatchGetBuilds", "codebuild:StartBuild", "codebuild:StopBuild")


class ProbeBuild(Construct):
    """The build of all probes, and the role in which the pipeline starts it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        role: iam.IRole,
        logging: codebuild.LoggingOptions,
        encryption_key: kms.IKey,
        pipeline_role: iam.IRole,
    ) -> None:
        """`role`: in which a probe runs; `pipeline_role`: of the pipeline, which may start builds of this project."""
        super().__init__(scope, id_)
        self.project = codebuild.PipelineProject(
            self,
            "Project",
            description="Calls what was just deployed; the pipeline's action says what, and which answer is right",
            role=role,
            logging=logging,
            encryption_key=encryption_key,
            environment=build_environment(codebuild.ComputeType.SMALL),
            environment_variables=_as_cdk(DEFAULTS),
            build_spec=codebuild.BuildSpec.from_object(
                {
                    "version": "0.2",
                    "phases": {"install": {"runtime-versions": RUNTIMES}, "build": {"commands": [COMMAND]}},
                }
            ),
        )
        starting = iam.Role(self, "StartRole", assumed_by=pipeline_role)
        starting.add_to_policy(iam.PolicyStatement(actions=list(START_BUILDS), resources=[self.project.project_arn]))
        # Each action would add the same statement once more.
        self.start_role = starting.without_policy_updates()


@jsii.implements(pipelines.ICodePipelineActionFactory)
class ProbeStep(pipelines.ShellStep):
    """One probe. A `ShellStep` for its input and its stack output alone: it makes no project of its own."""

    def __init__(
        self, probe: Probe, *, output: cdk.CfnOutput, source: pipelines.IFileSetProducer, build: ProbeBuild
    ) -> None:
        super().__init__(probe.name, input=source, commands=[COMMAND], env_from_cfn_outputs={"PROBE_URL": output})
        self._variables = {name: value for name, value in _variables(probe).items() if DEFAULTS[name] != value}
        self._output = output
        self._source = source
        self._build = build

    def produce_action(
        self,
        stage: codepipeline.IStage,
        *,
        action_name: str,
        artifacts: pipelines.ArtifactMap,
        run_order: float,
        stack_outputs_map: pipelines.StackOutputsMap,
        **_: Any,
    ) -> pipelines.CodePipelineActionFactoryResult:
        """Add the action; CDK Pipelines calls this."""
        source = self._source.primary_output
        assert source is not None  # noqa: S101 - every source has one
        url = stack_outputs_map.to_code_pipeline(pipelines.StackOutputReference.from_cfn_output(self._output))
        stage.add_action(
            actions.CodeBuildAction(
                action_name=action_name,
                run_order=run_order,
                input=artifacts.to_code_pipeline(source),
                project=self._build.project,
                role=self._build.start_role,
                environment_variables=_as_cdk({"PROBE_URL": url, **self._variables}),
            )
        )
        return pipelines.CodePipelineActionFactoryResult(run_orders_consumed=1, project=self._build.project)


def _variables(probe: Probe) -> dict[str, str]:
    return {
        "PROBE_METHOD": probe.method,
        "PROBE_PATH": probe.path or "/",
        "PROBE_EXPECT_STATUS": str(probe.expect_status),
        "PROBE_ATTEMPTS": str(probe.attempts),
    }


def _as_cdk(variables: Mapping[str, str]) -> dict[str, codebuild.BuildEnvironmentVariable]:
    return {name: codebuild.BuildEnvironmentVariable(value=value) for name, value in variables.items()}


DEFAULTS = _variables(Probe(name="default", output="default"))
"""What the project has, so that an action names only what is different."""
