"""Walks a definition, and says what Step Functions refuses of it. Pure, as all of its folder: it knows no cloud.

https://states-language.net/spec.html
https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html
https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.local.cloud.stepfunctions.definition import fields
from pipeline.local.cloud.stepfunctions.definition.choices import TIMESTAMP, rule_problems
from pipeline.local.cloud.stepfunctions.definition.diagnostics import (
    DUPLICATE_NAME,
    INVALID_JSON,
    INVALID_NAME,
    Diagnostic,
)
from pipeline.local.cloud.stepfunctions.definition.graph import graph_problems
from pipeline.local.cloud.stepfunctions.definition.handlers import LONGEST_SECONDS, catch_problems, retry_problems
from pipeline.local.cloud.stepfunctions.definition.paths import is_path, is_payload_value, is_reference_path

LONGEST_NAME = 80
RESOURCE = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:\d*:\S+")
INTEGRATION = re.compile(
    r"arn:aws[a-z-]*:states:[a-z0-9-]*:\d*:(?!activity:)"
    r"(?P<action>(aws-sdk:)?[a-z0-9-]+:[a-z]\w*)(?P<pattern>\.sync(:2)?|\.waitForTaskToken)?"
)
"""A call of another service: `arn:aws:states:::sqs:sendMessage.waitForTaskToken`."""
ACTIVITY = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:activity:\S+")


def problems(text: str, *, express: bool = False) -> list[Diagnostic]:
    """List what Step Functions refuses of a definition; nothing, if it takes it."""
    try:
        machine = json.loads(text)
    except ValueError as error:
        return [Diagnostic(code=INVALID_JSON, message=f"Invalid JSON description: {error}", location=None)]
    if not isinstance(machine, dict):
        return [Diagnostic(code=INVALID_JSON, message="Invalid JSON description: it is no object", location=None)]
    return list(_Machine(machine, express=express).problems())


class _Machine:
    """One definition, with what holds for all of its states."""

    def __init__(self, machine: dict[str, Any], *, express: bool) -> None:
        self._machine = machine
        self._express = express
        self._language = machine.get("QueryLanguage", fields.JSONPATH)
        self._names: Counter[str] = Counter()

    def problems(self) -> Iterator[Diagnostic]:
        yield from _language_problems(self._machine, "")
        yield from _seconds(self._machine, "TimeoutSeconds", 1, "")
        yield from self._container(self._machine, "", fields.MACHINE_FIELDS)
        for name, count in self._names.items():
            if count > 1:
                message = f"Duplicate state name: {name}"
                yield Diagnostic(code=DUPLICATE_NAME, message=message, location=f"/States/{name}")

    def _container(self, container: Any, location: str, known: frozenset[str]) -> Iterator[Diagnostic]:
        where = location or "/"
        if not isinstance(container, dict):
            yield Diagnostic(message="Expected value of type Object", location=where)
            return
        yield from _unknown(container, known, where)
        yield from _missing(container, ("StartAt", "States"), where)
        states = container.get("States")
        if not isinstance(states, dict) or not states:
            if "States" in container:
                yield Diagnostic(message="Expected value of type non-empty Object", location=f"{location}/States")
            return
        for name, state in states.items():
            self._names[name] += 1
            if not 0 < len(name) <= LONGEST_NAME:
                message = f"State name must have 1 to {LONGEST_NAME} characters"
                yield Diagnostic(code=INVALID_NAME, message=message, location=f"{location}/States/{name}")
            yield from self._state(state, f"{location}/States/{name}")
        yield from graph_problems(container, location)

    def _state(self, state: Any, location: str) -> Iterator[Diagnostic]:
        type_ = state.get("Type") if isinstance(state, dict) else None
        if type_ not in fields.STATE_FIELDS:
            message = f"Value must be one of the following: [{', '.join(fields.STATE_FIELDS)}]"
            yield Diagnostic(message=message, location=f"{location}/Type")
            return
        jsonata = state.get("QueryLanguage", self._language) == fields.JSONATA
        yield from _unknown(state, fields.STATE_FIELDS[type_], location)
        yield from self._query_language(state, location, jsonata=jsonata)
        yield from _missing(state, fields.REQUIRED[type_], location)
        yield from _alternatives(state, location)
        yield from _numbers(state, location, jsonata=jsonata)
        if not jsonata:
            yield from _paths(state, location)
        if "Retry" in state:
            yield from retry_problems(state["Retry"], f"{location}/Retry")
        if "Catch" in state:
            yield from catch_problems(state["Catch"], f"{location}/Catch")
        yield from self._of_type(type_, state, location, jsonata=jsonata)

    def _query_language(self, state: Mapping[str, Any], location: str, *, jsonata: bool) -> Iterator[Diagnostic]:
        yield from _language_problems(state, location)
        if self._language == fields.JSONATA and state.get("QueryLanguage") == fields.JSONPATH:
            message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
            yield Diagnostic(message=message, location=location)
        here, other = (fields.JSONATA, fields.JSONPATH) if jsonata else (fields.JSONPATH, fields.JSONATA)
        for field in state.keys() & (fields.OF_JSONPATH if jsonata else fields.OF_JSONATA):
            message = (
                f"The QueryLanguage is set to '{here}', but field '{field}' is only supported for the '{other}' "
                "QueryLanguage"
            )
            yield Diagnostic(message=message, location=location)

    def _of_type(self, type_: str, state: dict[str, Any], location: str, *, jsonata: bool) -> Iterator[Diagnostic]:
        if type_ == "Task":
            yield from self._resource(state.get("Resource"), f"{location}/Resource")
        elif type_ == "Choice":
            yield from _list(state, "Choices", location, lambda rule, at: rule_problems(rule, at, jsonata=jsonata))
        elif type_ == "Parallel":
            yield from _list(
                state, "Branches", location, lambda branch, at: self._container(branch, at, fields.MACHINE_FIELDS)
            )
        elif type_ == "Map":
            for field in state.keys() & {"ItemProcessor", "Iterator"}:
                yield from self._container(state[field], f"{location}/{field}", fields.PROCESSOR_FIELDS)

    def _resource(self, resource: Any, location: str) -> Iterator[Diagnostic]:
        if resource is None:
            return
        integration = isinstance(resource, str) and ":states:" in resource and not ACTIVITY.fullmatch(resource)
        found = INTEGRATION.fullmatch(resource) if integration else None
        if not isinstance(resource, str) or not RESOURCE.fullmatch(resource) or (integration and not found):
            yield Diagnostic(message="Value is not a valid resource ARN", location=location)
        elif self._express and (ACTIVITY.fullmatch(resource) or (found and found["pattern"])):
            kind = f"'{found['pattern']}' service integration" if found else "activities"
            yield Diagnostic(message=f"Express state machine does not support {kind}", location=location)


def _language_problems(holder: Mapping[str, Any], location: str) -> Iterator[Diagnostic]:
    if holder.get("QueryLanguage", fields.JSONPATH) not in (fields.JSONPATH, fields.JSONATA):
        message = f"Value must be one of the following: [{fields.JSONPATH}, {fields.JSONATA}]"
        yield Diagnostic(message=message, location=f"{location}/QueryLanguage")


def _unknown(holder: Mapping[str, Any], known: frozenset[str], location: str) -> Iterator[Diagnostic]:
    for field in holder:
        if field not in known:
            yield Diagnostic(message=f"Field '{field}' is not supported", location=location)


def _missing(holder: Mapping[str, Any], required: tuple[str, ...], location: str) -> Iterator[Diagnostic]:
    if missing := [field for field in required if field not in holder]:
        yield Diagnostic(message=f"These fields are required: [{', '.join(missing)}]", location=location)


def _alternatives(state: Mapping[str, Any], location: str) -> Iterator[Diagnostic]:
    for group in fields.EXACTLY_ONE.get(state["Type"], ()):
        if sum(field in state for field in group) != 1:
            message = f"Exactly one of these fields must be specified: [{', '.join(group)}]"
            yield Diagnostic(message=message, location=location)
    for group in fields.AT_MOST_ONE:
        if all(field in state for field in group):
            message = f"These fields cannot be specified together: [{', '.join(group)}]"
            yield Diagnostic(message=message, location=location)
    if "End" in state and not isinstance(state["End"], bool):
        yield Diagnostic(message="Expected value of type Boolean", location=f"{location}/End")


def _numbers(state: Mapping[str, Any], location: str, *, jsonata: bool) -> Iterator[Diagnostic]:
    if jsonata:
        state = {field: value for field, value in state.items() if not _is_expression(value)}
    for field, least in (("Seconds", 0), ("TimeoutSeconds", 1), ("HeartbeatSeconds", 1)):
        yield from _seconds(state, field, least, location)
    timeout, heartbeat = state.get("TimeoutSeconds"), state.get("HeartbeatSeconds")
    if isinstance(timeout, int) and isinstance(heartbeat, int) and heartbeat >= timeout:
        message = "HeartbeatSeconds must be smaller than TimeoutSeconds"
        yield Diagnostic(message=message, location=f"{location}/HeartbeatSeconds")
    timestamp = state.get("Timestamp")
    if timestamp is not None and not (isinstance(timestamp, str) and TIMESTAMP.fullmatch(timestamp)):
        message = "Value is not a valid timestamp in the RFC 3339 format"
        yield Diagnostic(message=message, location=f"{location}/Timestamp")


def _seconds(holder: Mapping[str, Any], field: str, least: int, location: str) -> Iterator[Diagnostic]:
    value = holder.get(field, least)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= LONGEST_SECONDS:
        message = f"Value must be an integer from {least} to {LONGEST_SECONDS}"
        yield Diagnostic(message=message, location=f"{location}/{field}")


def _is_expression(value: object) -> bool:
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


def _paths(state: Mapping[str, Any], location: str) -> Iterator[Diagnostic]:
    for field in fields.PATHS:
        if state.get(field) is not None and not is_path(state[field]):
            yield Diagnostic(message="Value must be a valid JSONPath.", location=f"{location}/{field}")
    for field in fields.REFERENCE_PATHS:
        if state.get(field) is not None and not is_reference_path(state[field]):
            message = f"Value is not a Reference Path: {state[field]}"
            yield Diagnostic(message=message, location=f"{location}/{field}")
    for field in ("ErrorPath", "CausePath"):
        if field in state and not is_payload_value(state[field]):
            message = "Value must be a valid JSONPath or a valid intrinsic function call"
            yield Diagnostic(message=message, location=f"{location}/{field}")
    for field in fields.TEMPLATES:
        yield from _template(state.get(field), f"{location}/{field}")
    for field, inner in fields.NESTED_TEMPLATES.items():
        if isinstance(state.get(field), dict):
            yield from _template(state[field].get(inner), f"{location}/{field}/{inner}")


def _template(value: Any, location: str) -> Iterator[Diagnostic]:
    """Check the keys of a payload template that end in `.$`, at every depth."""
    if isinstance(value, list):
        for index, part in enumerate(value):
            yield from _template(part, f"{location}[{index}]")
    elif isinstance(value, dict):
        for key, part in value.items():
            if not key.endswith(".$"):
                yield from _template(part, f"{location}/{key}")
            elif not is_payload_value(part):
                message = f"The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call"
                yield Diagnostic(message=message, location=f"{location}/{key}")


def _list(
    state: Mapping[str, Any], field: str, location: str, check: Callable[[Any, str], Iterator[Diagnostic]]
) -> Iterator[Diagnostic]:
    parts = state.get(field)
    if isinstance(parts, list) and parts:
        for index, part in enumerate(parts):
            yield from check(part, f"{location}/{field}[{index}]")
    elif field in state:
        yield Diagnostic(message="Expected value of type non-empty Array", location=f"{location}/{field}")
