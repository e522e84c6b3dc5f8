"""A stack built again with a part of its override: which of its lines run, and what an error in it leads to."""

import operator
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from services.library.cloudformation.template import Template
from services.library.contract.build_record import OverriddenStack, StackFactory
from services.library.guardrails.overrides import rebuild

LINES = Path(__file__).read_text().splitlines()


def parameter(stack: cdk.Stack, name: str) -> None:
    ssm.CfnParameter(stack, name, type="String", value="any")


def build(scope: Construct) -> cdk.Stack:
    return cdk.Stack(scope, "Stack")


def build_beside(scope: Construct) -> cdk.Stack:
    return cdk.Stack(scope, "Beside")


def overridden(override: Callable[[cdk.Stack], Any]) -> OverriddenStack:
    stack = build(cdk.App(analytics_reporting=False))
    return OverriddenStack(stack=stack, build=build, inherited=(), override=override, written=override)


def beside(one: StackFactory) -> StackFactory:
    app = one.stack.node.root
    assert isinstance(app, cdk.App)
    return StackFactory(stack=build_beside(app), build=build_beside, inherited=())


def made(templates: list[Template]) -> list[str]:
    return [resource.logical_id for template in templates for resource in template.resources()]


def in_a_loop(stack: cdk.Stack) -> None:
    for name in ("One", "Two"):
        try:
            parameter(stack, name)
        except Exception as error:  # noqa: BLE001 - what an override might do
            stack.node.add_metadata("caught", str(error))


def needs_the_one_beside(stack: cdk.Stack) -> None:
    if stack.node.scope is None or stack.node.scope.node.try_find_child("Beside") is None:
        raise LookupError("no stack beside it")
    parameter(stack, "Found")


def test_lines_of_an_override_are_listed_as_often_as_they_run() -> None:
    one = overridden(in_a_loop)
    lines = [LINES[number - 1].strip() for number in rebuild.lines_of(one, [one])]
    assert lines.count('parameter(stack, "One")') == 0
    assert lines.count("parameter(stack, name)") == 2
    assert lines.count('for name in ("One", "Two"):') == 3
    assert not any("CfnParameter" in line or "caught" in line for line in lines)


def test_up_to_line_runs_the_lines_before_it_alone() -> None:
    one = overridden(in_a_loop)
    lines = [LINES[number - 1].strip() for number in rebuild.lines_of(one, [one])]
    first, second = (index for index, line in enumerate(lines) if line == "parameter(stack, name)")
    done = [made(rebuild.up_to_line(one, count, [one])) for count in (0, first, first + 1, second, second + 1)]
    assert done == [[], [], ["One"], ["One"], ["One", "Two"]]
    assert made(rebuild.up_to_line(one, len(lines), [one])) == ["One", "Two"]


def test_an_override_that_is_not_in_python_has_no_lines() -> None:
    one = overridden(operator.attrgetter("stack_name"))
    assert rebuild.lines_of(one, [one]) == []
    assert rebuild.locate([], lambda _: {("rule", "path")}, [("rule", "path")]) == {}


def test_the_tracer_before_is_there_again_after_an_override_that_ends_early() -> None:
    before = sys.gettrace()

    def tracer(*_: object) -> None:
        return None

    one = overridden(in_a_loop)
    try:
        sys.settrace(tracer)
        rebuild.up_to_line(one, 1, [one])
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)


def test_an_override_that_needs_another_stack_is_run_beside_it() -> None:
    one = overridden(needs_the_one_beside)
    every = [beside(one), one]
    assert made(rebuild.up_to_line(one, 99, every)) == ["Found"]
    assert [LINES[number - 1].strip() for number in rebuild.lines_of(one, every)][-1] == 'parameter(stack, "Found")'


def test_an_override_that_fails_without_others_beside_it_fails_once() -> None:
    runs = []

    def fails(stack: cdk.Stack) -> None:
        runs.append(stack)
        raise LookupError("whatever is beside it")

    one = overridden(fails)
    with pytest.raises(LookupError):
        rebuild.up_to_line(one, 99, [one])
    assert len(runs) == 1
