"""Stage files with mistakes: made of the fields' own types and ranges, so that a new field joins them by itself."""

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Union

from pipeline.catalogue.model import Stage, stages_of
from services.library.contract.constraints import Between, Items, Matches, OneOf, field_types
from services.library.contract.environment import Environment
from services.library.contract.release import Release
from services.library.contract.service import Service
from services.library.contract.steps import Approval, Command, Probe
from stages.catalogue import STAGES

HERE = "# here"
"""Marks the line that a mistake must be found at."""

HEAD = """from services.library.contract.service import ServiceStack
from services.library.contract.environment import Environment, Tier
from services.library.contract.release import Release
from services.library.contract.steps import Approval, Command, Probe
from pipeline.catalogue.model import Stage, Wave
"""
STAGE = """
STAGE = Stage(
    environment=Environment(
{environment}
    ),
    services=({services}),{stage}
)
"""
PLACE = {"name": "'{name}'", "tier": "Tier.SANDBOX", "account": "'111111111111'", "region": "'eu-west-1'"}
STEPS: Mapping[type, Mapping[str, str]] = {
    Probe: {"name": "'Up'", "output": "'Url'"},
    Command: {"name": "'Run'", "commands": "('true',)"},
    Approval: {"name": "'Ask'", "note": "'May it?'"},
}


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One file with one thing wrong in it."""

    text: str
    """Of the whole file, where `{name}` stands for the stage's name."""
    field: str
    given: str = ""
    """A part of what must be shown as given."""
    what: str = ""

    @property
    def line(self) -> int:
        """Where it must be found."""
        return next(number for number, line in enumerate(self.text.splitlines(), 1) if HERE in line)


def stage_file(
    *, imports: str = "", environment: Mapping[str, str] | None = None, services: str = "", stage: str = ""
) -> str:
    """Return a stage's file; each value of the environment is an expression."""
    place = {**PLACE, **(environment or {})}
    text = "\n".join(f"        {field}={value}" + ("" if HERE in value else ",") for field, value in place.items())
    return HEAD + imports + STAGE.format(environment=text, services=services, stage=stage)


def generated() -> Iterator[Mistake]:
    """Yield a mistake for each wrong value of every field of entries, of their parts, and of environments."""
    for service in dict.fromkeys(type(each) for stage in stages_of(STAGES) for each in stage.services):
        yield from _of_service(service)
    entry = "\n        Intake({field}=({step}(\n{arguments}\n        ),)),\n    "
    imports = "from services.intake.service import Intake\n"
    for step, needed in STEPS.items():
        for name, value in _wrong_values(step):
            arguments = _arguments(needed, name, value)
            services = entry.format(field="after", step=step.__name__, arguments=arguments)
            yield Mistake(text=stage_file(imports=imports, services=services), field=f"after[0].{name}", given=value)
    for name, value in _wrong_values(Release):
        services = f"\n        Intake(release=Release(\n            {name}={value}, {HERE}\n        )),\n    "
        yield Mistake(text=stage_file(imports=imports, services=services), field=f"release.{name}", given=value)
    for name, value in _wrong_values(Environment):
        yield Mistake(text=stage_file(environment={name: f"{value}, {HERE}"}), field=name, given=value)
    for name, value in _wrong_values(Stage):
        if name == "approval":
            yield Mistake(text=stage_file(stage=f"\n    approval={value}, {HERE}"), field=name, given=value)


def _of_service(service: type[Service[Any]]) -> Iterator[Mistake]:
    imports = f"from {service.__module__} import {service.__name__}\n"
    for name, value in _wrong_values(service):
        services = f"\n        {service.__name__}(\n            {name}={value}, {HERE}\n        ),\n    "
        yield Mistake(text=stage_file(imports=imports, services=services), field=name, given=value)


def _arguments(needed: Mapping[str, str], name: str, value: str) -> str:
    lines = [f"            {field}={each}," for field, each in needed.items() if field != name]
    return "\n".join([*lines, f"            {name}={value}, {HERE}"])


def _wrong_values(made: type) -> Iterator[tuple[str, str]]:
    hints = field_types(made)
    for field in dataclasses.fields(made):
        for value in dict.fromkeys(_wrong(hints[field.name])):
            yield field.name, value


def _wrong(hint: Any) -> Iterator[str]:
    """Yield expressions whose values an annotation does not allow."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        base, *constraints = arguments
        yield from _wrong(base)
        for each in constraints:
            yield from _outside(each)
    elif origin in (Union, types.UnionType):
        arms = [each for each in arguments if each is not types.NoneType]
        yield from (value for value in _wrong(arms[0]) if value != "None")
    elif origin is tuple:
        yield from ("5", "'text'", "[]", "(5,)")
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield from ("()", "{5: 5}")
    elif getattr(origin or hint, "_is_protocol", False):
        yield from ("5", "'intake'", "int")
    elif isinstance(hint, type) and issubclass(hint, Enum):
        yield from (repr(next(iter(hint)).value), "None", "1")
    else:
        yield from _PLAIN.get(hint, ("5", "'text'"))


_PLAIN: Mapping[Any, tuple[str, ...]] = {
    bool: ("'yes'", "1", "()"),
    int: ("'many'", "None", "1.5", "True"),
    str: ("5", "None", "('text',)"),
}


def _outside(constraint: Any) -> Iterator[str]:
    """Yield expressions of the right type that a constraint refuses."""
    if isinstance(constraint, Between):
        yield from (str(constraint.low - 1), str(constraint.high + 1))
    elif isinstance(constraint, Matches):
        tried = ("", " ", "not allowed!", "Ü", "x" * 2_000, "UPPER CASE")
        yield from (repr(each) for each in tried if not constraint.allows(each))
    elif isinstance(constraint, OneOf):
        yield from ("'NEVER'", "''")
    elif isinstance(constraint, Items) and constraint.least:
        yield "()"


SERVICES = """
from dataclasses import dataclass
from typing import ClassVar
from constructs import Construct
from services.intake.service import Intake, IntakeStack
from services.library.contract.service import Service
from services.library.contract.published import Published
from services.ingest.service import Ingest, IngestStack
from stages import accounts

class OneStack(ServiceStack):
    pass

@dataclass(frozen=True, kw_only=True)
class One(Service[OneStack]):
    name: ClassVar[str] = "one"
    owner: ClassVar[str] = "@example/one"
    handles_personal_data: ClassVar[bool] = False

    def build(self, scope: Construct, environment: Environment) -> OneStack:
        return OneStack(scope, self.name, environment=environment, description="one")

class Giver(One):
    name: ClassVar[str] = "giver"
    offers: ClassVar[tuple[Published, ...]] = (Published("giver/topic"),)

class Rival(One):
    name: ClassVar[str] = "rival"
    offers: ClassVar[tuple[Published, ...]] = (Published("giver/topic"),)

class Ring(One):
    name: ClassVar[str] = "ring"
    offers: ClassVar[tuple[Published, ...]] = (Published("ring/a"),)
    needs: ClassVar[tuple[Published, ...]] = (Published("ring/a"),)

class Long(One):
    name: ClassVar[str] = "a-very-long-name-for-a-service" * 4

class Nobodys(One):
    name: ClassVar[str] = "nobodys"
    owner: ClassVar[str] = "somebody"

class Unsaid(One):
    name: ClassVar[str] = "unsaid"
    handles_personal_data: ClassVar[bool] = None  # type: ignore[assignment]

class Bad_Name(One):
    name: ClassVar[str] = "Bad_Name"

class Commaless(One):
    name: ClassVar[str] = "commaless"
    offers: ClassVar[tuple[Published, ...]] = Published("commaless/topic")  # type: ignore[assignment]

@dataclass(frozen=True, kw_only=True)
class Nameless(Service[OneStack]):
    owner: ClassVar[str] = "@example/one"
    handles_personal_data: ClassVar[bool] = False

    def build(self, scope: Construct, environment: Environment) -> OneStack:
        return OneStack(scope, "nameless", environment=environment, description="one")

def for_ingest(stack: IngestStack, environment: Environment) -> None: ...
def for_one_argument(stack: IntakeStack) -> None: ...
"""


def _kind(what: str, field: str, services: str, *, stage: str = "", given: str = "", **environment: str) -> Mistake:
    text = stage_file(imports=SERVICES, services=services, stage=stage, environment=environment)
    return Mistake(text=text, field=field, given=given, what=what)


KINDS: tuple[Mistake, ...] = (
    _kind("a setting that does not exist", "rate_limt", f"\n  Ingest(), Intake(\n    rate_limt=5, {HERE}\n  )"),
    _kind("a setting without its name", "", f"\n  Ingest(), Intake(\n    5, {HERE}\n  )", given="5"),
    _kind("a class instead of its value", "services", f"\n  Ingest,{HERE}\n  ", given="Ingest"),
    _kind("something that is no service", "services", f"\n  'intake', {HERE}\n  ", given="'intake'"),
    _kind("no tuple of services", "services", "", stage="").__class__(
        text=stage_file(imports=SERVICES).replace("services=(),", f"services=(One()), {HERE}"),
        field="services",
        given="One(",
        what="no tuple of services",
    ),
    _kind("a service twice", "services", f"One(),\n  One(), {HERE}\n  ", given="'one'"),
    _kind("a name that is not defined", "services", f"\n  Recrods(), {HERE}\n  ", given="Recrods"),
    _kind("an account that is not defined", "account", "", account=f"accounts.NOPE, {HERE}"),
    _kind("a region that AWS does not have", "region", "", given="eu-west-9", region=f"'eu-west-9', {HERE}"),
    _kind("an account of eleven digits", "account", "", given="'11111111111'", account=f"'11111111111', {HERE}"),
    _kind("a need that nobody offers", "needs", f"\n  Intake(), {HERE}\n  ", given="'ingest/stream-name'"),
    _kind("a name offered twice", "offers", f"{HERE}\n Giver(), Rival()", given="'giver/topic'"),
    _kind("services that need each other", "needs", f"{HERE}\n Ring(),", given="ring -> ring"),
    _kind("an override of another stack", "override", f"Ingest(), Intake(\n  override=for_ingest, {HERE}\n )"),
    _kind("an override with one argument", "override", f"Ingest(), Intake(\n  override=for_one_argument, {HERE}\n )"),
    _kind("settings that contradict", "batch_size", f"Ingest(retries=3,\n  batch_size=100, {HERE}\n ),", given="100"),
    _kind(
        "too few at once",
        "reserved_concurrency",
        f"Ingest(shards=40,\n  reserved_concurrency=20, {HERE}\n ),",
        given="20",
    ),
    _kind(
        "two steps of one name",
        "after[1].name",
        f"One(after=(Probe(name='Up', output='Url'), Probe(output='Url',\n  name='Up', {HERE}\n )),),",
        given="'Up'",
    ),
    _kind(
        "a step that reads what is not deployed yet",
        "before[0].output",
        f"One(before=(Probe(name='Up',\n  output='Url', {HERE}\n ),),),",
        given="'Url'",
    ),
    _kind("a stack's name that is too long", "name", f"\n  Long(), {HERE}\n", given="characters"),
    _kind(
        "production that nobody approves",
        "approval",
        "",
        tier="Tier.PRODUCTION",
        stage=f"\n    approval=False, {HERE}",
        given="False",
    ),
)
"""One of each kind that no field's annotation can tell."""
