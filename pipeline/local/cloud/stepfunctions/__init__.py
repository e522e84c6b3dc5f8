"""Step Functions.

Emulated, by the emulator: states, JSONPath and JSONata, retries and catches, maps, task tokens, service integrations.
Added: tasks act as the state machine's role (`tasks.py`), what a definition and a start are refused for, its
idempotency, Express workflows, limits of time, the error log, trace headers. Accepted executions outlive a kill, as
they do on AWS (`journal.py`); one that was cut off is run again from its first state. Versions and aliases
(`versions.py`), and their gradual deployment by CloudFormation (`resources.py`).
Not emulated: redrive, activities that are polled for long, jitter, execution logs but that of failures, what `.sync`
integrations need besides their call, and which version or alias an execution was started by in its events on
EventBridge. Refused by name: `publish` of CreateStateMachine and UpdateStateMachine.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Complete it. Comes after CloudFormation."""
    from pipeline.local.cloud.cloudformation.patches import run_on_thread
    from pipeline.local.cloud.stepfunctions import definitions, patches, resources
    from pipeline.local.cloud.stepfunctions.api import Executions
    from pipeline.local.cloud.stepfunctions.shifts import Shifts
    from pipeline.local.cloud.stepfunctions.tasks import TaskPermissions

    patches.check_tasks(TaskPermissions(emulator).refusal)
    definitions.install(emulator)
    executions = Executions(emulator)
    emulator.provide(resources.MACHINE, resources.machine(emulator))
    emulator.provide(resources.VERSION, resources.version(emulator))
    emulator.provide(resources.ALIAS, resources.alias(emulator))
    run_on_thread(resources.ALIAS)
    emulator.at_start.append(emulator.part(Shifts).end_interrupted)
    emulator.at_start.append(executions.resume)
    emulator.before_snapshot.append(executions.before_snapshot)
    emulator.after_snapshot.append(executions.after_snapshot)
