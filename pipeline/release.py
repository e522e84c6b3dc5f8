"""How a stage is released, as conditions on the finished pipeline: CDK Pipelines has no properties for them."""

from aws_cdk import aws_codepipeline as codepipeline

from stages.model import Stage


def add_conditions(pipeline: codepipeline.CfnPipeline, positions: dict[str, int], stages: list[Stage]) -> None:
    """Add each stage's conditions. `positions` is the index of a stage in the pipeline, by its name there."""
    for stage in stages:
        if any(service.release and service.release.roll_back_on_failure for service in stage.services):
            position = positions[stage.environment.label]
            pipeline.add_property_override(f"Stages.{position}.OnFailure", {"Result": "ROLLBACK"})
