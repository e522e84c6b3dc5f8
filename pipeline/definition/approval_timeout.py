"""How long an approval waits, which CDK Pipelines' own step cannot say."""

import aws_cdk as cdk
from aws_cdk import aws_codepipeline as codepipeline

from pipeline.catalogue.model import Catalogue
from pipeline.catalogue.release import release_of
from services.library.contract.names import gate_of


def set_timeouts(pipeline: codepipeline.CfnPipeline, catalogue: Catalogue) -> None:
    """Let the approval of each stage and wave that wishes it wait so long and no longer.

    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionDeclaration.html
    """
    wished = {gate_of(entry.label): wish for entry in catalogue if (wish := release_of(entry).approval_timeout_minutes)}
    for position, stage in enumerate(cdk.Stack.of(pipeline).resolve(pipeline.stages)):
        for number, action in enumerate(stage["actions"] if stage["name"] in wished else ()):
            if action["actionTypeId"]["category"] == "Approval":
                path = f"Stages.{position}.Actions.{number}.TimeoutInMinutes"
                pipeline.add_property_override(path, wished[stage["name"]].value)
