"""The name of a wave of which a single stage has services: CDK Pipelines calls such a one by its stage."""

from collections.abc import Sequence

from aws_cdk import aws_codepipeline as codepipeline

from pipeline.catalogue.model import Catalogue


def name_waves(pipeline: codepipeline.CfnPipeline, names: Sequence[str], catalogue: Catalogue) -> list[str]:
    """Call each wave by its own name, which its gate, its conditions and commands go by; returns all names.

    `names`: those of the pipeline's stages, in order.
    """
    serviced = {entry.label: [stage.label for stage in entry.stages if stage.services] for entry in catalogue}
    waves = {stages[0]: wave for wave, stages in serviced.items() if len(stages) == 1}
    found = []
    for position, name in enumerate(names):
        stage, dot, part = name.partition(".")
        found.append(f"{waves.get(stage, stage)}{dot}{part}")
        if found[-1] != name:
            pipeline.add_property_override(f"Stages.{position}.Name", found[-1])
    return found
