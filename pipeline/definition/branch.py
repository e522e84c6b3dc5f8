"""A branch environment as the App builds it, in place of the pipeline."""

from collections.abc import Mapping

import aws_cdk as cdk

from pipeline.catalogue.model import Stage
from pipeline.definition.service_stage import ServiceStage, checked_stacks
from services.library.contract.names import BRANCH_TAG
from services.library.guardrails.plugin import CheckedStack


def build(app: cdk.App, stage: Stage, *, tags: Mapping[str, str]) -> list[CheckedStack]:
    """The stacks of a branch's stage, for guardrails.

    The tags are the stacks' alone: CloudFormation hands them on to what is in a stack, and a later expiry then leaves
    every template as it is. Whose branch it is stands on each resource too: the branches' roles depend on it.
    """
    return checked_stacks(ServiceStage(app, stage, tags={BRANCH_TAG: stage.environment.prefix}, stack_tags=tags))
