"""Step Functions.

Emulated, by the emulator: states, JSONPath and JSONata, retries and catches, maps, task tokens, service integrations.
Added: tasks act as the state machine's role (`tasks.py`), what a definition and a start are refused for, its
idempotency, Express workflows, limits of time, the error log, trace headers. Accepted executions outlive a kill, as
they do on AWS (`journal.py`); one that was cut off is run again from its first state.
Not emulated: redrive, activities that are polled for long, jitter, execution logs but that of failures, what `.sync`
integrations need besides their call. Refused by name: versions and aliases of state machines.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Complete it."""
    from pipeline.local.cloud.stepfunctions import definitions, patches, versions
    from pipeline.local.cloud.stepfunctions.api import Executions
    from pipeline.local.cloud.stepfunctions.tasks import TaskPermissions

    patches.check_tasks(TaskPermissions(emulator).refusal)
    definitions.install(emulator)
    versions.install()
    executions = Executions(emulator)
    emulator.at_start.append(executions.resume)
    emulator.before_snapshot.append(executions.before_snapshot)
    emulator.after_snapshot.append(executions.after_snapshot)
