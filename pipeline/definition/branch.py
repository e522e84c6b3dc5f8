"""What the stacks of a branch environment carry."""

from collections.abc import Mapping

from pipeline.catalogue.model import Stage
from services.library.contract.names import BRANCH_TAG


def resource_tags(stage: Stage) -> Mapping[str, str]:
    """Return the tags of every resource in a branch's stage: the branches' roles depend on whose branch it is.

    All other tags are the stacks' alone: CloudFormation hands them on to what is in a stack, and a later expiry then
    leaves every template as it is.
    """
    return {BRANCH_TAG: stage.environment.prefix}
