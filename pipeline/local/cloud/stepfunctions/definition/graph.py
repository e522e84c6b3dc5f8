"""Where the states of one container (a machine, a branch, an item processor) lead."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.local.cloud.stepfunctions.definition.diagnostics import NO_END, NO_TARGET, Diagnostic

TERMINAL = ("Succeed", "Fail")


def graph_problems(container: Mapping[str, Any], location: str) -> Iterator[Diagnostic]:
    """Say which transitions lead nowhere, and which states nothing leads to.

    AWS calls each missing target a 'Next', whatever field names it, and looks for unreachable states only where a
    state ends the container: https://github.com/floci-io/floci/pull/2786 has what its API answers.
    """
    states = {name: state for name, state in container["States"].items() if isinstance(state, dict)}
    start = container.get("StartAt")
    edges = [(start, f"{location}/StartAt"), *_transitions(states, location)]
    for target, where in edges:
        if isinstance(target, str) and target not in states:
            yield Diagnostic(code=NO_TARGET, message=f"Missing 'Next' target: {target}", location=where)
    if not any(state.get("End") is True or state.get("Type") in TERMINAL for state in states.values()):
        yield Diagnostic(code=NO_END, message="Workflow has no terminal state", location=None)
        return
    for name in states.keys() - _reachable(states, start):
        message = f'State "{name}" is not reachable.'
        yield Diagnostic(code=NO_TARGET, message=message, location=f"{location}/States/{name}")


def _transitions(states: Mapping[str, Any], location: str) -> Iterator[tuple[Any, str]]:
    for name, state in states.items():
        for target, where in targets(state):
            yield target, f"{location}/States/{name}/{where}"


def targets(state: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    """List what a state names as the next one, and by which field."""
    for field in ("Next", "Default"):
        if field in state:
            yield state[field], field
    for field in ("Choices", "Catch"):
        handlers = state.get(field)
        for index, handler in enumerate(handlers if isinstance(handlers, list) else ()):
            if isinstance(handler, dict) and "Next" in handler:
                yield handler["Next"], f"{field}[{index}]/Next"


def _reachable(states: Mapping[str, Any], start: Any) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        name = ahead.pop()
        if isinstance(name, str) and name in states and name not in found:
            found.add(name)
            ahead += [target for target, _ in targets(states[name])]
    return found
