"""A stack built again with a part of its override: which of its lines run, and what an error in it leads to."""

import operator
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from services.library.contract.build_record import OverriddenStack
from services.library.guardrails.overrides import rebuild
from services.library.guardrails.overrides.rebuild import Templates

LINES = Path(__file__).read_text().splitlines()


def parameter(stack: cdk.Stack, name: str) -> None:
    ssm.CfnParameter(stack, name, type="String", value="any")


def build(scope: Construct) -> cdk.Stack:
    return cdk.Stack(scope, "Stack")


def overridden(override: Callable[[cdk.Stack], Any]) -> OverriddenStack:
    stack = build(cdk.App(analytics_reporting=False))
    return OverriddenStack(stack=stack, build=build, inherited=(), override=override, written=override)


def made(templates: Templates) -> list[str]:
    return [each.logical_id for its in templates.values() for template in its for each in template.resources()]


def in_a_loop(stack: cdk.Stack) -> None:
    for name in ("One", "Two"):
        try:
            parameter(stack, name)
        except Exception as error:  # noqa: BLE001 - what an override might do
            stack.node.add_metadata("caught", str(error))


def test_lines_of_an_override_are_listed_as_often_as_they_run() -> None:
    one = overridden(in_a_loop)
    lines = [LINES[number - 1].strip() for number in rebuild.lines_of(one)]
    assert lines.count('parameter(stack, "One")') == 0
    assert lines.count("parameter(stack, name)") == 2
    assert lines.count('for name in ("One", "Two"):') == 3
    assert not any("CfnParameter" in line or "caught" in line for line in lines)


def test_up_to_line_runs_the_lines_before_it_alone() -> None:
    one = overridden(in_a_loop)
    lines = [LINES[number - 1].strip() for number in rebuild.lines_of(one)]
    first, second = (index for index, line in enumerate(lines) if line == "parameter(stack, name)")
    done = [made(rebuild.up_to_line(one, count)) for count in (0, first, first + 1, second, second + 1)]
    assert done == [[], [], ["One"], ["One"], ["One", "Two"]]
    assert made(rebuild.up_to_line(one, len(lines))) == ["One", "Two"]


def test_an_override_that_is_not_in_python_has_no_lines() -> None:
    one = overridden(operator.attrgetter("stack_name"))
    assert rebuild.lines_of(one) == []
    assert rebuild.locate([], lambda _: {("rule", "path")}, [("rule", "path")]) == {}


def test_the_tracer_before_is_there_again_after_an_override_that_ends_early() -> None:
    before = sys.gettrace()

    def tracer(*_: object) -> None:
        return None

    one = overridden(in_a_loop)
    try:
        sys.settrace(tracer)
        rebuild.up_to_line(one, 1)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)
