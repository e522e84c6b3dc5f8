"""CloudFormation, as strict as on AWS, and without operations that a kill left half done.

Emulated, by the emulator: stacks, change sets, exports, custom resources, and the resource types that `support.py`
lists. Added: a template is refused for what AWS refuses, a resource for what its service does or for a name that is
taken, an update for what the stack's policy denies, what its role may not call, an operation for what its rollback
triggers say, a deletion during an update, types that are only accepted, interrupted operations end.
Not emulated: nested change sets, types that `support.py` does not name. Refused by name: options
that `options.py` lists.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Complete it. Comes before the services that provide types of their own."""
    from pipeline.local.cloud.cloudformation import (
        creation_patches,
        deletion_patches,
        patches,
        recovery,
        role_patches,
        trigger_patches,
    )
    from pipeline.local.cloud.cloudformation.options import check_options
    from pipeline.local.cloud.cloudformation.resources import accepted
    from pipeline.local.cloud.cloudformation.support import ACCEPTED_ONLY

    patches.check_requests(check_options)
    patches.remove_unsupported_types()
    role_patches.operate_in_roles(emulator)  # what is installed after it is looked at before it
    patches.keep_deleted_stacks()
    patches.show_names_of_parameters()
    patches.obey_stack_policies()
    patches.validate_templates()
    patches.keep_members_called_condition()
    patches.validate_resources(emulator)
    creation_patches.overwrite_nothing()
    trigger_patches.obey_rollback_triggers(emulator)
    deletion_patches.delete_what_is_made()
    for type_name in ACCEPTED_ONLY:
        if not patches.is_provided(type_name):  # the emulator keeps records of some itself
            emulator.provide(type_name, accepted(emulator, type_name))
    emulator.at_start.append(lambda: recovery.settle(emulator))
