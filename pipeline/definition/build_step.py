"""An action that runs a shared build with variables of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

import jsii
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import pipelines

from pipeline.definition.shared_build import SharedBuild, as_cdk


@jsii.implements(pipelines.ICodePipelineActionFactory)
class BuildStep(pipelines.ShellStep):
    """One run of a shared build over the cloud assembly. A `ShellStep` for its input alone: it makes no project."""

    def __init__(
        self,
        id_: str,
        *,
        assembly: pipelines.FileSet,
        build: SharedBuild,
        commands: Sequence[str],
        variables: Mapping[str, str],
        namespace: str = "",
    ) -> None:
        """`commands`: the build's own; `namespace`: under which others read what it exports."""
        super().__init__(id_, input=assembly, commands=list(commands))
        self._assembly = assembly
        self._build = build
        self._namespace = namespace
        self._variables = variables

    def produce_action(
        self,
        stage: codepipeline.IStage,
        *,
        action_name: str,
        artifacts: pipelines.ArtifactMap,
        run_order: float,
        **_: Any,
    ) -> pipelines.CodePipelineActionFactoryResult:
        """Add the action; CDK Pipelines calls this."""
        stage.add_action(
            actions.CodeBuildAction(
                action_name=action_name,
                run_order=run_order,
                input=artifacts.to_code_pipeline(self._assembly),
                project=self._build.project,
                role=self._build.start_role,
                variables_namespace=self._namespace or None,
                environment_variables=as_cdk(self._variables),
            )
        )
        return pipelines.CodePipelineActionFactoryResult(run_orders_consumed=1, project=self._build.project)
