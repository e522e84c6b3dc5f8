"""What can be wrong with one stage entry: its settings one by one and together, its steps, its override, its names."""

import inspect
import typing
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

from pipeline.catalogue.problem import Problem
from pipeline.catalogue.source_location import SourceExpression, problem
from services.library.contract.constraints import InvalidSetting, field_types, validate_fields, validate_value
from services.library.contract.environment import Environment
from services.library.contract.release import validate_release
from services.library.contract.service import Service, ServiceStack
from services.library.contract.steps import Approval, Probe, Step

LONGEST_STACK_NAME = 128
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
LONGEST_ACTION_NAME = 100
"""https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionDeclaration.html"""
LONGEST_PARAMETER_NAME = 1_011
"""https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html, less what an ARN needs"""
OF_THE_CDK = len(".Deploy")
"""What CDK Pipelines adds to the name of a stack or step when it names an action."""
STATIC = ("name", "owner", "handles_personal_data", "offers", "needs", "acknowledgements")
"""What a service's class says of itself, the same in every stage."""


def problems_of_entry(service: Service[Any], environment: Environment, written: SourceExpression) -> Iterator[Problem]:
    """Yield what is wrong with a stage entry: settings, one by one and together, steps, override, names."""
    found = [each for each in validate_fields(service) if each.field != "override"]
    found += _invalid_steps(service)
    if service.override is not None:
        found += _invalid_override(service)
    if service.release is not None and not any(each.field.startswith("release") for each in found):
        found += validate_release(service.release)
    if not found:
        found += service.validate(environment)
    found += _names_too_long(service, environment)
    for each in found:
        message = f"{type(service).__name__} {each.sentence}"
        place = written.field(each.field)
        yield problem(place, message, field=each.field, given=each.given, allowed=each.allowed)


@cache
def is_sound(service: type[Service[Any]]) -> bool:
    """Return whether what a service's class says can be relied on; if not, its entries cannot be looked into."""
    return not any(problems_of_service(service))


def problems_of_service(service: type[Service[Any]]) -> Iterator[Problem]:
    """Yield what is wrong with what a service's class says of itself, which no stage can change."""
    file = service.__module__.replace(".", "/") + ".py"
    hints = field_types(Service)  # for a service says its name's type anew, without what the contract asks of it
    for name in STATIC:
        if not hasattr(service, name):
            message = f"{service.__name__} has no {name}; say it in the class: {name}: ClassVar[...] = ..."
            yield Problem(file=file, field=name, given="nothing", allowed="a value", message=message)
            continue
        for each in validate_value(getattr(service, name), hints[name], name):
            message = f"{service.__name__} {each.sentence}"
            yield Problem(file=file, field=each.field, given=each.given, allowed=each.allowed, message=message)
    folder = service.__module__.split(".")
    name = getattr(service, "name", "")
    if folder[0] == "services" and len(folder) > 2 and isinstance(name, str) and name.replace("-", "_") != folder[1]:
        message = (
            f"{service.__name__} name={name!r} is not its folder's; give {folder[1].replace('_', '-')!r}, for its"
            f" acknowledgements are looked for in services/{name.replace('-', '_')}/acknowledgements.py."
        )
        yield Problem(file=file, field="name", given=repr(name), allowed=folder[1].replace("_", "-"), message=message)


def _invalid_steps(service: Service[Any]) -> Iterator[InvalidSetting]:
    """Yield steps that share a name, and steps that read what is not deployed yet."""
    steps: list[tuple[str, Step]] = [
        (f"{field}[{position}]", step)
        for field, each in (("before", service.before), ("after", service.after))
        if isinstance(each, tuple)
        for position, step in enumerate(each)
        if isinstance(step, Step)
    ]
    names = Counter(step.name for _, step in steps)
    seen: set[str] = set()
    for field, step in steps:
        if names[step.name] > 1 and step.name in seen:
            yield InvalidSetting(field=f"{field}.name", given=repr(step.name), allowed="a name that no other step has")
        seen.add(step.name)
        reads = not isinstance(step, Approval) and bool(step.output if isinstance(step, Probe) else step.outputs)
        if field.startswith("before") and reads:
            at = f"{field}.{'output' if isinstance(step, Probe) else 'outputs'}"
            given = repr(step.output if isinstance(step, Probe) else dict(getattr(step, "outputs", {})))
            yield InvalidSetting(field=at, given=given, allowed="no output: the stack is not deployed yet; use `after`")


def _invalid_override(service: Service[Any]) -> Iterator[InvalidSetting]:
    """Yield why an override is no function of this service's stack and the environment."""
    override: Any = service.override
    stack = _stack_of(type(service))
    allowed = f"a function of ({stack.__name__}, Environment)"
    if not callable(override) or isinstance(override, type):
        yield InvalidSetting(field="override", given=f"{override!r:.80}", allowed=allowed)
        return
    given = f"{override.__module__}.{getattr(override, '__qualname__', type(override).__name__)}"
    try:
        signature = _signature(override)
    except (TypeError, ValueError):
        yield InvalidSetting(field="override", given=f"{given}, whose arguments Python does not say", allowed=allowed)
        return
    try:
        signature.bind(stack, None)
    except TypeError:
        yield InvalidSetting(field="override", given=f"{given}{signature}", allowed=allowed)
        return
    first = next(iter(signature.parameters.values()))
    wanted = first.annotation
    if not isinstance(wanted, type) or wanted is inspect.Parameter.empty or issubclass(stack, wanted):
        return
    if stack is not ServiceStack or not issubclass(wanted, ServiceStack):  # a stack that `build` does not tell
        yield InvalidSetting(field="override", given=f"{given}, which changes a {wanted.__name__}", allowed=allowed)


def _signature(override: Any) -> inspect.Signature:
    """Return a function's signature; annotations that only the type checker can read are left to it, as text."""
    try:
        return inspect.signature(override, eval_str=True)
    except (NameError, AttributeError, TypeError, ValueError, SyntaxError):
        return inspect.signature(override)


def _stack_of(service: type[Service[Any]]) -> type[ServiceStack]:
    """Return the stack that a service builds, from its own `build`."""
    try:
        found = typing.get_type_hints(service.build).get("return")
    except NameError:
        found = None
    return found if isinstance(found, type) else ServiceStack


def _names_too_long(service: Service[Any], environment: Environment) -> Iterator[InvalidSetting]:
    """Yield names that AWS would refuse, made of the stage's and the service's."""
    stack = service.stack_name(environment)
    longest = min(LONGEST_STACK_NAME, LONGEST_ACTION_NAME - OF_THE_CDK)
    if len(stack) > longest:
        allowed = f"at most {longest} characters, of which {len(environment.label) + 1} are the stage's"
        yield InvalidSetting(field="name", given=f"{stack!r} ({len(stack)})", allowed=allowed)
    for field, each in (("before", service.before), ("after", service.after)):
        for position, step in enumerate(each if isinstance(each, tuple) else ()):
            name = f"{service.name}.{step.name}" if isinstance(step, Step) else ""
            if len(name) > LONGEST_ACTION_NAME:
                allowed = f"a shorter one: {name!r} has {len(name)} characters, an action at most {LONGEST_ACTION_NAME}"
                yield InvalidSetting(field=f"{field}[{position}].name", given=repr(step.name), allowed=allowed)
    for published in service.offers:
        parameter = published.parameter_name(environment)
        if len(parameter) > LONGEST_PARAMETER_NAME:
            allowed = f"a shorter one: its parameter's name has {len(parameter)}, of {LONGEST_PARAMETER_NAME} at most"
            yield InvalidSetting(field="offers", given=repr(published.name), allowed=allowed)
