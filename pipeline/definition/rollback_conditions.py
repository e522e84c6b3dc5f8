"""How a stage is released, as conditions on the finished pipeline: CDK Pipelines has no properties for them."""

from collections.abc import Sequence

from aws_cdk import aws_codepipeline as codepipeline

from pipeline.catalogue.model import Catalogue


def add_conditions(pipeline: codepipeline.CfnPipeline, names: Sequence[str], catalogue: Catalogue) -> None:
    """Add the conditions of each stage and wave. `names`: those of the pipeline's stages, in order."""
    for entry in catalogue:
        services = [service for stage in entry.stages for service in stage.services]
        if not any(service.release and service.release.roll_back_on_failure for service in services):
            continue
        for position, found in enumerate(names):
            # CDK Pipelines splits a stage of more than 50 actions: prod.1, prod.2.
            if found == entry.label or found.rpartition(".")[0] == entry.label:
                pipeline.add_property_override(f"Stages.{position}.OnFailure", {"Result": "ROLLBACK"})
