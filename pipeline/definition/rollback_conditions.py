"""How a stage is released, as conditions on the finished pipeline: CDK Pipelines has no properties for them."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_codepipeline as codepipeline

from pipeline.catalogue.model import Catalogue
from pipeline.catalogue.problem import MistakeError
from pipeline.catalogue.release import release_of
from services.library.contract.names import entry_of, gate_of


def add_conditions(pipeline: codepipeline.CfnPipeline, names: Sequence[str], catalogue: Catalogue) -> None:
    """Add the conditions of each stage and wave. `names`: those of the pipeline's stages, in order."""
    for entry in catalogue:
        wish = release_of(entry).roll_back
        if wish is None:
            continue
        # Never the stage of the approval: to say no, or nothing, is to leave everything as it is.
        parts = [
            (position, name)
            for position, name in enumerate(names)
            if entry_of(name) == entry.label and name != gate_of(entry.label)
        ]
        if len(parts) > 1 and wish.is_default:
            cdk.Annotations.of(pipeline).add_warning_v2(
                f"penstock:noRollBack:{entry.label}",
                f"{entry.label} is not rolled back when it fails, as its tier has it, for it has more actions than one"
                " stage of a pipeline takes. Make two stages of it, or say roll_back=False in its release.",
            )
            continue
        if len(parts) > 1:
            raise MistakeError(
                f"{wish.who}: release.roll_back=True is not allowed in {entry.label}, which has more actions than one"
                f" stage of a pipeline takes and becomes {', '.join(name for _, name in parts)}: a failure in one of"
                " them would leave the new revision in the others. Make two stages of it, or leave roll_back out."
            )
        for position, _ in parts:
            pipeline.add_property_override(f"Stages.{position}.OnFailure", {"Result": "ROLLBACK"})
