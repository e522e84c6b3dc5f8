"""How a stage is released, as conditions on the finished pipeline: CDK Pipelines has no properties for them."""

from collections.abc import Sequence

from aws_cdk import aws_codepipeline as codepipeline

from pipeline.catalogue.model import Catalogue
from services.library.contract.names import entry_of, gate_of


def add_conditions(pipeline: codepipeline.CfnPipeline, names: Sequence[str], catalogue: Catalogue) -> None:
    """Add the conditions of each stage and wave. `names`: those of the pipeline's stages, in order."""
    for entry in catalogue:
        services = [service for stage in entry.stages for service in stage.services]
        if not any(service.release and service.release.roll_back_on_failure for service in services):
            continue
        for position, found in enumerate(names):
            # Never the stage of the approval: to say no, or nothing, is to leave everything as it is.
            if entry_of(found) == entry.label and found != gate_of(entry.label):
                pipeline.add_property_override(f"Stages.{position}.OnFailure", {"Result": "ROLLBACK"})
