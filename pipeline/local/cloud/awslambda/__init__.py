"""Lambda: Python functions run as on AWS, where the emulator runs them inside its own Python environment.

Emulated, by the emulator: the API, versions, aliases, permissions, asynchronous invocation, concurrency, layers. Added:
aliases with weights, whoever invokes them,
sandboxes that see the package, its layers and nothing else, locked dependencies built for this machine, initialisation,
time limits, errors by their class, environment variables, a role that trusts Lambda, its session, logs.
Not emulated: the runtime's version and processor, memory size, VPCs, file systems, SnapStart; other languages than
Python are run as the emulator does. Event source mappings are in `eventsources`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Take over the emulator's way to run a function in a warm process, for Python."""
    import random

    from pipeline.local.cloud.awslambda import checks, patches
    from pipeline.local.cloud.awslambda.aliases import chosen_version, refusal
    from pipeline.local.cloud.awslambda.permissions import RolePermissions
    from pipeline.local.cloud.awslambda.runner import Runner

    Runner(emulator)
    patches.route_aliases(lambda alias: chosen_version(alias, random.random()))  # noqa: S311 - traffic, no secret
    patches.check_aliases(refusal)
    patches.check_functions(emulator, checks.check_function)
    permissions = RolePermissions(emulator)
    patches.write_logs_into_groups_that_exist(permissions.may_write_log)
    patches.check_destinations(permissions.may_send)
