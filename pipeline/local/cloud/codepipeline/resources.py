"""`AWS::CodePipeline::Pipeline` and `AWS::CodePipeline::Webhook`."""

from typing import NoReturn

from pipeline.local.cloud.codepipeline.executor import Transition
from pipeline.local.cloud.codepipeline.pipelines import Pipelines
from pipeline.local.cloud.codepipeline.records import Pipeline
from pipeline.local.cloud.codepipeline.shape import from_template
from pipeline.local.cloud.emulator import AwsError, Emulator, Json, ResourceType

BESIDE_THE_DECLARATION = ("DisableInboundStageTransitions", "RestartExecutionOnUpdate", "Tags")


class PipelineResource:
    """How CloudFormation makes, changes and removes pipelines."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._pipelines = emulator.part(Pipelines)

    def resource(self) -> ResourceType:
        """For `Emulator.provide`."""
        return ResourceType(create=self.create, update=self.update, delete=self.delete)

    def create(self, logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        """Make a pipeline, and start its first execution."""
        account, region = self._emulator.here()
        name = properties.get("Name") or self._emulator.physical_name(stack_name, logical_id, longest=100)
        pipeline = self._pipelines.create(
            account,
            region,
            _definition(properties, name),
            tags=_tags(properties),
            restarts_on_update=_truth(properties.get("RestartExecutionOnUpdate", False)),
        )
        self._set_transitions(pipeline, properties)
        self._pipelines.start(pipeline, trigger_type="CreatePipeline")
        return name, {"Version": str(pipeline.executor.version)}

    def update(self, physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        """Another definition. RestartExecutionOnUpdate: "whether to rerun the pipeline after you update it"."""
        if new.get("Name", physical_id) != physical_id:
            return self.create(physical_id, new, stack_name)
        pipeline = self._pipelines.get(*self._emulator.here(), physical_id)
        differs = self._pipelines.update(
            pipeline,
            _definition(new, physical_id),
            restarts_on_update=_truth(new.get("RestartExecutionOnUpdate", False)),
        )
        pipeline.tags = _tags(new)
        if old.get("DisableInboundStageTransitions") != new.get("DisableInboundStageTransitions"):
            self._set_transitions(pipeline, new)
        if differs and pipeline.restarts_on_update:
            self._pipelines.start(pipeline, trigger_type="StartPipelineExecution", trigger_detail="cloudformation")
        return physical_id, {"Version": str(pipeline.executor.version)}

    def delete(self, physical_id: str, _properties: Json) -> None:
        """Remove it, with its history."""
        try:
            pipeline = self._pipelines.get(*self._emulator.here(), physical_id)
        except AwsError:
            return
        self._pipelines.delete(pipeline)

    def _set_transitions(self, pipeline: Pipeline, properties: Json) -> None:
        disabled = {each["StageName"]: each["Reason"] for each in properties.get("DisableInboundStageTransitions", [])}
        for stage in pipeline.executor.declaration.stages:
            known = pipeline.executor.transitions.get(stage.name, Transition())
            if stage.name in disabled or not known.enabled:
                transition = Transition(
                    enabled=stage.name not in disabled,
                    reason=disabled.get(stage.name, ""),
                    changed_by="cloudformation",
                    changed_at=pipeline.updated,
                )
                self._pipelines.change(
                    pipeline,
                    lambda executor, name=stage.name, to=transition: executor.set_transition(name, to),  # type: ignore[misc]  # defaults bind the loop's values
                )


def webhook() -> ResourceType:
    """Refused, since nothing outside could ever call it."""

    def refuse(*_: object) -> NoReturn:
        raise ValueError(
            "AWS::CodePipeline::Webhook is not emulated: use a connection (AWS::CodeConnections::Connection) as source"
        )

    def delete(_physical_id: str, _properties: Json) -> None:
        """There is none."""

    return ResourceType(create=refuse, update=refuse, delete=delete)


def _definition(properties: Json, name: str) -> Json:
    declared = {key: value for key, value in properties.items() if key not in (*BESIDE_THE_DECLARATION, "Name")}
    return from_template(declared, name)


def _tags(properties: Json) -> list[Json]:
    return [{"key": tag["Key"], "value": tag["Value"]} for tag in properties.get("Tags", [])]


def _truth(value: object) -> bool:
    return str(value).lower() == "true"
