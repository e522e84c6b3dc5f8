"""An override changes its own service's stack, and no other one."""

import inspect
import json
from collections.abc import Callable, Sequence
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
from services.library.guardrails import assembly
from services.library.guardrails.plugin import CheckedStack, Guardrails, Synthesised

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


@dataclass(frozen=True, kw_only=True)
class First(Service[Small]):
    """Deployed before the second."""

    name: ClassVar[str] = "first"
    owner: ClassVar[str] = "@example/first"
    handles_personal_data: ClassVar[bool] = False

    def build(self, scope: Construct, environment: Environment) -> Small:
        return Small(scope, self.name, environment=environment)


@dataclass(frozen=True, kw_only=True)
class Second(First):
    """Deployed after the first."""

    name: ClassVar[str] = "second"


def other(stack: Small) -> Any:
    """The first service's stack, as the second's override finds it."""
    scope = stack.node.scope
    assert scope is not None
    return scope.node.find_child("first")


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


def by_leaving_out(stack: Small, environment: Environment) -> None:
    other(stack).node.find_child("Value").add_property_deletion_override("Description")
    other(stack).node.find_child("Value").add_property_deletion_override("Value")  # here


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
    other(stack).termination_protection = False  # here


def by_another_stack(stack: Small, environment: Environment) -> None:
    more = cdk.Stack(cdk.Stage.of(stack), "more")  # here
    ssm.CfnParameter(more, "Value", type="String", value="new")


WAYS = (
    by_an_escape_hatch,
    by_leaving_out,
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


def looks_for_it(stack: Small, environment: Environment) -> None:
    """Another branch without its siblings."""
    assert stack.node.scope is not None
    stack.value.value = "beside" if stack.node.scope.node.try_find_child("first") else "alone"


def refers(stack: Small, environment: Environment) -> None:
    stack.value.value = other(stack).node.find_child("Value").ref


def of_its_own(stack: Small, environment: Environment) -> None:
    stack.value.value = "second"


def judge(services: Sequence[Service[Any]], folder: Path) -> dict[str, str]:
    """Path below the stage -> what the rule says, of a stage with tags of its own."""
    app = cdk.App(outdir=str(folder), context=CONTEXT)
    stage = cdk.Stage(cdk.Stack(app, "Pipeline", env=STAGE.to_cdk()), STAGE.label, env=STAGE.to_cdk())
    cdk.Tags.of(stage).add("cost", "shared")
    checked_stacks = [
        CheckedStack(
            stack=service.deploy(stage, STAGE),
            environment=STAGE,
            service=service.name,
            owner=service.owner,
            handles_personal_data=False,
            acknowledgements=(),
        )
        for service in services
    ]
    made = Path(stage.synth(skip_validation=True).directory)
    stacks = [Synthesised(path=path, file=file, account="1" * 12) for path, file in assembly.stacks(made)]
    failed = Guardrails(checked_stacks, accepted=()).judge(app, made, stacks).failed
    assert {each.rule for each in failed} <= {RULE, "Penstock-BaselineDeletionGuard[TerminationProtection=off]"}
    return {each.path.rpartition("/")[2]: each.text for each in failed if each.rule == RULE}


@pytest.mark.parametrize("override", WAYS, ids=[each.__name__ for each in WAYS])
def test_override_that_changes_another_stack_fails_with_its_line(
    override: Callable[[Small, Environment], None], tmp_path: Path
) -> None:
    said = judge((First(), Second(override=override)), tmp_path)
    lines, number = inspect.getsourcelines(override)
    (line,) = (number + index for index, each in enumerate(lines) if each.rstrip().endswith("# here"))
    assert set(said) == {"more" if override is by_another_stack else "first"}
    assert next(iter(said.values())).endswith(
        f"The override {__name__}.{override.__name__} does this at {FILE}:{line}."
    )


def test_override_that_changes_another_stack_is_named_among_several(tmp_path: Path) -> None:
    said = judge((First(override=of_its_own), Second(override=by_an_escape_hatch)), tmp_path)
    assert set(said) == {"first"}
    assert f"The override {__name__}.by_an_escape_hatch does this" in said["first"]
    assert "It changes Value." in said["first"]


def test_aspect_on_the_stage_is_found_beside_another_override(tmp_path: Path) -> None:
    said = judge((First(override=by_an_aspect_of_the_stage), Second(override=of_its_own)), tmp_path)
    assert set(said) == {"second"}
    assert f"The override {__name__}.by_an_aspect_of_the_stage does this" in said["second"]


def test_change_of_another_stack_beside_its_resources_is_named(tmp_path: Path) -> None:
    said = judge((First(), Second(override=refers)), tmp_path / "reference")["first"]
    assert "It changes the output ExportsOutputRefValue" in said
    assert ", by which another stack refers to its resource. The override" in said
    said = judge((First(), Second(override=by_what_stands_beside_the_template)), tmp_path / "protection")["first"]
    assert "It changes the termination protection. The override" in said


def test_override_that_reads_another_stack_passes(tmp_path: Path) -> None:
    assert judge((First(), Second(override=looks_for_it)), tmp_path / "one") == {}
    assert judge((First(override=of_its_own), Second(override=looks_for_it)), tmp_path / "two") == {}


def test_overrides_of_their_own_stacks_pass(tmp_path: Path) -> None:
    assert judge((First(override=of_its_own), Second(override=looks_only)), tmp_path) == {}
