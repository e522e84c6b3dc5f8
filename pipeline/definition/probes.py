"""Probes as actions that share one build."""

from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import pipelines

from pipeline.definition.build_environment import RUNTIMES
from pipeline.definition.shared_build import BuildContent, SharedBuild, as_cdk
from services.library.contract.steps import Probe

COMMAND = (
    'python3 -I probe.py --method "$PROBE_METHOD" --path "$PROBE_PATH"'
    ' --expect-status "$PROBE_EXPECT_STATUS" --attempts "$PROBE_ATTEMPTS" "$PROBE_URL"'
)
"""In the folder of the builds' programs, which are a few kilobytes: hundreds of probes need not unpack a commit each.
What varies comes in variables, which the shell does not read again: no path of a service can become a command."""


@jsii.implements(pipelines.ICodePipelineActionFactory)
class ProbeStep(pipelines.ShellStep):
    """One probe. A `ShellStep` for its input and its stack output alone: it makes no project of its own."""

    def __init__(self, probe: Probe, *, output: cdk.CfnOutput, programs: pipelines.FileSet, build: SharedBuild) -> None:
        super().__init__(probe.name, input=programs, commands=[COMMAND], env_from_cfn_outputs={"PROBE_URL": output})
        self._variables = {name: value for name, value in _variables(probe).items() if DEFAULTS[name] != value}
        self._output = output
        self._programs = programs
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
        url = stack_outputs_map.to_code_pipeline(pipelines.StackOutputReference.from_cfn_output(self._output))
        stage.add_action(
            actions.CodeBuildAction(
                action_name=action_name,
                run_order=run_order,
                input=artifacts.to_code_pipeline(self._programs),
                project=self._build.project,
                role=self._build.start_role,
                environment_variables=as_cdk({"PROBE_URL": url, **self._variables}),
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


DEFAULTS = _variables(Probe(name="default", output="default"))
"""What the project has, so that an action names only what is different."""

CONTENT = BuildContent(
    description="Calls what was just deployed; the pipeline's action says what, and which answer is right",
    spec={
        "version": "0.2",
        "phases": {"install": {"runtime-versions": RUNTIMES}, "build": {"commands": [COMMAND]}},
    },
    variables=DEFAULTS,
)
"""Of the build of all probes."""
