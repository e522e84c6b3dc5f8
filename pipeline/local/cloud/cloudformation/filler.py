"""CloudFormation, as strict as on AWS, and without operations that a kill left half done."""

from ministack.services.cloudformation import provisioners

from pipeline.local.cloud.cloudformation import recovery, strict
from pipeline.local.cloud.cloudformation.accepted import accepted
from pipeline.local.cloud.cloudformation.support import ACCEPTED_ONLY
from pipeline.local.cloud.emulator import Emulator


def install(emulator: Emulator) -> None:
    """Complete it. Comes before the fillers that provide types of their own."""
    strict.forget_unlisted_types()
    strict.check_templates()
    strict.check_resources()
    for type_name in ACCEPTED_ONLY:
        if type_name not in provisioners._RESOURCE_HANDLERS:  # noqa: SLF001 - the emulator keeps records of some itself
            emulator.provide(type_name, accepted(emulator, type_name))
    emulator.at_start.append(lambda: recovery.settle(emulator))
