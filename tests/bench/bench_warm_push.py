"""How long a change of a handler takes from `git push` to production, and where the time goes."""

from tests.bench.figures import Figure
from tests.end_to_end.clone import Clone

RUNS = 5
HANDLER = "services/intake/runtime/handler.py"


def measure_warm_push(clone: Clone, figure: Figure) -> None:
    figure.aim = "20 s"
    for number in range(RUNS):
        clone.edit(HANDLER, ("logger = ", f"# {number}\nlogger = "))
        clone.commit(f"Measure {number}")
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
