"""An override changes its own service's stack, and no other one."""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk import aws_ssm as ssm
from constructs import Construct, IConstruct

from services.library.contract.environment import Environment, Tier
from services.library.contract.service import Service, ServiceStack
from services.library.guardrails.checked_stack import CheckedStack
from services.library.guardrails.judgement import Guardrails

ROOT = Path(__file__).parents[4]
FILE = Path(__file__).relative_to(ROOT).as_posix()
STAGE = Environment(name="prod", tier=Tier.PRODUCTION, account="1" * 12, region="eu-west-1")
CONTEXT = json.loads((ROOT / "cdk.json").read_text())["context"] | {"aws:cdk:enable-path-metadata": True}
RULE = "Penstock-OtherStack"


class Small(ServiceStack):
    """One parameter."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_, environment=environment, description="small")
        ssm.CfnParameter(self, "Another", type="String", value="any")
        self.value = ssm.CfnParameter(self, "Value", type="String", value="first")


class Beside(cdk.Stack):
    """What supports a service's stack, in the same stage."""

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        ssm.CfnParameter(self, "Another", type="String", value="any")
        self.value = ssm.CfnParameter(self, "Value", type="String", value="first")


@dataclass(frozen=True, kw_only=True)
class Two(Service[Small]):
    """A service with a stack that supports its own."""

    name: ClassVar[str] = "two"
    owner: ClassVar[str] = "@example/two"
    handles_personal_data: ClassVar[bool] = False

    def build(self, scope: Construct, environment: Environment) -> Small:
        Beside(scope, "beside")
        return Small(scope, self.name, environment=environment)


def other(stack: Small) -> Any:
    """The stack beside it, as the override finds it."""
    scope = stack.node.scope
    assert scope is not None
    return scope.node.find_child("beside")


@jsii.implements(cdk.IAspect)
class Louder:
    """Changes whatever parameter it comes by, and the one of the stack that it was given."""

    def __init__(self, stack: Any = None) -> None:
        self._stack = stack

    def visit(self, node: IConstruct) -> None:
        for each in (node, self._stack and self._stack.node.find_child("Value")):
            if isinstance(each, ssm.CfnParameter):
                each.add_property_override("Value", "louder")


def by_an_escape_hatch(stack: Small, environment: Environment) -> None:
    stack.value.value = "second"
    other(stack).node.find_child("Value").add_property_override("Value", "louder")  # here


def by_a_removed_child(stack: Small, environment: Environment) -> None:
    other(stack).node.try_remove_child("Value")  # here
    stack.value.value = "second"


def by_an_added_resource(stack: Small, environment: Environment) -> None:
    for name in ("One", "Two"):
        ssm.CfnParameter(other(stack), name, type="String", value="new")  # here


def by_an_aspect_of_the_stage(stack: Small, environment: Environment) -> None:
    assert stack.node.scope is not None
    cdk.Aspects.of(stack.node.scope).add(Louder())  # here


def by_an_aspect_of_its_own(stack: Small, environment: Environment) -> None:
    cdk.Aspects.of(stack).add(Louder(other(stack)))  # here


def by_what_stands_beside_the_template(stack: Small, environment: Environment) -> None:
    stack.value.value = "second"
    other(stack).termination_protection = True  # here


def by_another_stack(stack: Small, environment: Environment) -> None:
    more = cdk.Stack(cdk.Stage.of(stack), "more")  # here
    ssm.CfnParameter(more, "Value", type="String", value="new")


WAYS = (
    by_an_escape_hatch,
    by_a_removed_child,
    by_an_added_resource,
    by_an_aspect_of_the_stage,
    by_an_aspect_of_its_own,
    by_what_stands_beside_the_template,
    by_another_stack,
)


def looks_only(stack: Small, environment: Environment) -> None:
    stack.value.value = other(stack).node.find_child("Value").type
    ssm.CfnParameter(cdk.Stack(stack, "Inside"), "Value", type="String", value="new")


def refers(stack: Small, environment: Environment) -> None:
    stack.value.value = other(stack).node.find_child("Value").ref


def judge(service: Service[Any], folder: Path) -> dict[str, str]:
    """Path below the stage -> what the rule says, of a stage with tags of its own."""
    app = cdk.App(outdir=str(folder), context=CONTEXT)
    stage = cdk.Stage(cdk.Stack(app, "Pipeline", env=STAGE.to_cdk()), STAGE.label, env=STAGE.to_cdk())
    cdk.Tags.of(stage).add("cost", "shared")
    checked = CheckedStack(
        stack=service.deploy(stage, STAGE),
        environment=STAGE,
        service=service.name,
        owner=service.owner,
        handles_personal_data=False,
        acknowledgements=(),
    )
    made = Path(stage.synth(skip_validation=True).directory)
    failed = Guardrails([checked], accepted=()).judge(app, made).failed
    assert {each.rule for each in failed} <= {RULE, "Penstock-BaselineDeletionGuard[TerminationProtection=off]"}
    return {each.path.rpartition("/")[2]: each.text for each in failed if each.rule == RULE}


@pytest.mark.parametrize("override", WAYS, ids=[each.__name__ for each in WAYS])
def test_override_that_changes_another_stack_fails_with_its_line(
    override: Callable[[Small, Environment], None], tmp_path: Path
) -> None:
    said = judge(Two(override=override), tmp_path)
    lines, number = inspect.getsourcelines(override)
    (line,) = (number + index for index, each in enumerate(lines) if each.rstrip().endswith("# here"))
    assert set(said) == {"more" if override is by_another_stack else "beside"}
    assert next(iter(said.values())).endswith(
        f"The override {__name__}.{override.__name__} does this at {FILE}:{line}."
    )


def test_change_of_another_stack_beside_its_resources_is_named(tmp_path: Path) -> None:
    said = judge(Two(override=refers), tmp_path / "reference")["beside"]
    assert "It changes the output ExportsOutputRefValue" in said
    assert ", by which another stack refers to its resource. The override" in said
    said = judge(Two(override=by_what_stands_beside_the_template), tmp_path / "protection")["beside"]
    assert "It changes the termination protection. The override" in said


def test_override_that_reads_another_stack_passes(tmp_path: Path) -> None:
    assert judge(Two(override=looks_only), tmp_path) == {}
