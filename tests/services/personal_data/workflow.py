"""Walks a workflow's own definition, with what Step Functions does around its tasks: as much as ours use.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.services.personal_data.sinks import Sinks

Json = dict[str, Any]


class FailedTaskError(Exception):
    """A task's, as Step Functions sees it."""

    def __init__(self, error: str, cause: str) -> None:
        self.error, self.cause = error, cause


def states_of(template: Json) -> Json:
    """The definition of a template's only workflow, with its addresses left out."""
    (machine,) = (each for each in template["Resources"].values() if each["Type"] == "AWS::StepFunctions::StateMachine")
    parts = machine["Properties"]["DefinitionString"]["Fn::Join"][1]
    logging = machine["Properties"]["LoggingConfiguration"]
    definition: Json = json.loads("".join(part if isinstance(part, str) else "?" for part in parts))
    return {"definition": definition, "tells_data": logging["IncludeExecutionData"]}


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Executions of one workflow."""

    machine: Json
    """What `states_of` found."""
    tasks: Mapping[str, Callable[[Json], Any]]
    """State -> the function. It raises FailedTaskError."""
    sinks: Sinks

    def run(self, name: str, given: Json) -> str:
        """One execution; how it ended."""
        context = {"Execution": {"Name": name, "Id": f"arn:execution:{name}", "Input": given}}
        states = self.machine["definition"]["States"]
        at, data = self.machine["definition"]["StartAt"], given
        while True:
            state = states[at]
            match state["Type"]:
                case "Succeed":
                    return "Succeeded"
                case "Fail":
                    return self._ended(str(_select(state["ErrorPath"], data, context)), state["Cause"])
                case "Choice":
                    holds = (rule["Next"] for rule in state["Choices"] if _holds(rule, data, context))
                    at = next(holds, state["Default"])
                case "Pass":
                    data = _filled(state["Parameters"], data, context)
                    if state.get("End"):
                        return "Succeeded"
                    at = state["Next"]
                case "Task":
                    try:
                        self._task(at, state, _filled(state["Parameters"], data, context))
                        at = state["Next"]
                    except FailedTaskError as failed:
                        caught = _caught(state, failed)
                        if caught is None:
                            return self._ended(failed.error, failed.cause)
                        told = {"Error": failed.error, "Cause": failed.cause}
                        path = caught.get("ResultPath", "$")
                        data = told if path == "$" else {**data, path.removeprefix("$."): told}
                        at = caught["Next"]
                case other:
                    raise AssertionError(f"this walk does not know a state of type {other}: teach it")

    def _task(self, name: str, state: Json, given: Json) -> None:
        assert state["ResultPath"] is None, "what a task answers would become data"
        if "sqs:sendMessage" in state["Resource"]:
            self.sinks.take("messages", json.dumps(given["MessageBody"]))
            return
        attempts = 2
        while True:
            attempts -= 1
            try:
                self.tasks[name](given)
            except FailedTaskError as failed:
                self.sinks.take("causes", json.dumps([name, failed.error, failed.cause]))
                again = any(_matches(retry, failed) for retry in state.get("Retry", []))
                if not (attempts and again):
                    raise
            else:
                return

    def _ended(self, error: str, cause: str) -> str:
        self.sinks.take("causes", json.dumps([error, cause]))
        # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
        told = {"type": "ExecutionFailed", "error": error, **({"cause": cause} if self.machine["tells_data"] else {})}
        sys.stdout.write(f"{json.dumps(told)}\n")
        return error


def _matches(rule: Json, failed: FailedTaskError) -> bool:
    return bool({"States.ALL", failed.error} & set(rule["ErrorEquals"]))


def _caught(state: Json, failed: FailedTaskError) -> Json | None:
    return next((catch for catch in state.get("Catch", []) if _matches(catch, failed)), None)


def _holds(rule: Json, data: Any, context: Json) -> bool:
    if "And" in rule:
        return all(_holds(each, data, context) for each in rule["And"])
    try:
        found = _select(rule["Variable"], data, context)
    except (KeyError, TypeError):
        return False
    return isinstance(found, str) if "IsString" in rule else rule["IsPresent"]


def _filled(template: Any, data: Any, context: Json) -> Any:
    if not isinstance(template, dict):
        return template
    return {
        name.removesuffix(".$"): _select(value, data, context) if name.endswith(".$") else _filled(value, data, context)
        for name, value in template.items()
    }


def _select(path: str, data: Any, context: Json) -> Any:
    found, rest = (context, path[2:]) if path.startswith("$$") else (data, path[1:])
    for name in filter(None, rest.split(".")):
        found = found[name]
    return found
