"""Pushes of a changed handler, timed, with where their time goes."""

import os
from pathlib import Path

from tests.bench.figures import Figure
from tests.end_to_end.clone import Clone

HANDLER = "services/intake/runtime/handler.py"


def time_pushes(clone: Clone, figure: Figure, handler: str, *, runs: int) -> None:
    """Change a handler, push it and follow it to production, several times."""
    for number in range(runs):
        clone.edit(handler, ("logger = ", f"# {number}\nlogger = "))
        clone.commit(f"Measure {number}")
        emulator = processor_seconds(clone.cloud.emulator_pid)
        with figure.sample():
            clone.push()
        run = clone.wait()
        assert run.exit_code == 0
        actions = {
            f"{stage['name']}/{action['name']}": action["seconds"]
            for stage in run.found["stages"]
            for action in stage["actions"]
        }
        for name, seconds in actions.items():
            figure.part(name, seconds)
        figure.part("between actions, git, following", figure.samples[-1] - sum(actions.values()))
        figure.part("emulator, processor time", processor_seconds(clone.cloud.emulator_pid) - emulator)


def processor_seconds(process: int) -> float:
    """Return what a process has used itself: unlike a clock it says the same on a machine that others use, too."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    user, system = fields[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
