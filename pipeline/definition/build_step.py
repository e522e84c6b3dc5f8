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
    """One run of a shared build over some files. A `ShellStep` for its input alone: it makes no project."""

    def __init__(  # noqa: PLR0913 - each is a property of the action
        self,
        id_: str,
        *,
        files: pipelines.IFileSetProducer,
        build: SharedBuild,
        commands: Sequence[str],
        variables: Mapping[str, str],
        namespace: str = "",
        more: codepipeline.Artifact | None = None,
        output: codepipeline.Artifact | None = None,
        is_beside_next: bool = False,
    ) -> None:
        """`commands`: the build's own; `namespace`: under which others read what it exports; `more`: another input.

        `is_beside_next`: whether what comes next begins with it and not after it.
        """
        super().__init__(id_, input=files, commands=list(commands))
        self._files = files
        self._build = build
        self._namespace = namespace
        self._variables = variables
        self._more = more
        self._output = output
        self._is_beside_next = is_beside_next

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
        files = self._files.primary_output
        assert files is not None  # noqa: S101 - whoever makes files has one
        stage.add_action(
            actions.CodeBuildAction(
                action_name=action_name,
                run_order=run_order,
                input=artifacts.to_code_pipeline(files),
                extra_inputs=[self._more] if self._more else None,
                outputs=[self._output] if self._output else None,
                project=self._build.project,
                role=self._build.start_role,
                variables_namespace=self._namespace or None,
                environment_variables=as_cdk(self._variables) or None,
            )
        )
        consumed = 0 if self._is_beside_next else 1
        return pipelines.CodePipelineActionFactoryResult(run_orders_consumed=consumed, project=self._build.project)
