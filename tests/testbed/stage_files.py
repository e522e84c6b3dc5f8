"""Stage files with mistakes: made of the fields' own types and ranges, so that a new field joins them by itself."""

import dataclasses
import json
import os
import shutil
import subprocess
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Union

from pipeline.catalogue.model import Stage
from services.library.contract.constraints import Between, Items, Matches, OneOf, field_types
from services.library.contract.environment import Environment
from services.library.contract.release import Bake, Canary, Freeze, Linear, Release, ReleaseAlarms, Window
from services.library.contract.service import Service
from services.library.contract.steps import Approval, Command, Probe
from tests.conftest import ROOT

HERE = "# here"
"""Marks the line that a mistake must be found at."""

HEAD = """from services.library.contract.service import ServiceStack
from services.library.contract.environment import Environment, Tier
from services.library.contract.release import Bake, Canary, Freeze, Linear, Release, ReleaseAlarms, Window
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
RELEASE: Mapping[type, tuple[str, Mapping[str, str]]] = {
    Canary: ("traffic", {"percent": "10", "minutes": "15"}),
    Linear: ("traffic", {"percent": "10", "minutes": "15"}),
    ReleaseAlarms: ("alarms", {}),
    Bake: ("bake", {"minutes": "60"}),
    Window: ("window", {"hours": "'Mon-Fri 09:00-16:30'", "zone": "'Europe/Berlin'"}),
    Freeze: (
        "freeze",
        {
            "begins": "'2026-12-23 18:00'",
            "ends": "'2027-01-04 08:00'",
            "zone": "'Europe/Berlin'",
            "why": "'Nobody is there to mend it'",
        },
    ),
}
"""Part of a release -> the field that it is for, and what it needs."""


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


def platform(folder: Path, files: dict[str, str], *, catalogue: str | None = None) -> Path:
    """Make a checkout whose stages are these files, each with its STAGE."""
    stages = folder / "stages"
    stages.mkdir()
    for name in ("__init__", "accounts", "acknowledgements", "removed"):
        shutil.copyfile(ROOT / f"stages/{name}.py", stages / f"{name}.py")
    (stages / "deployed.json").write_text("[]\n")
    for linked in ("cdk.json", "services", "tests"):
        (folder / linked).symlink_to(ROOT / linked)
    (folder / "pipeline").mkdir()
    for room in (ROOT / "pipeline").iterdir():
        if room.name == "catalogue":  # it finds the checkout by where it lies
            shutil.copytree(room, folder / "pipeline" / room.name)
        else:
            (folder / "pipeline" / room.name).symlink_to(room)
    for name, text in files.items():
        (stages / f"{name}.py").write_text(text.replace("{name}", name))
    imports = "\n".join(f"from stages.{name} import STAGE as {name.upper()}" for name in files)
    listed = f"STAGES: Catalogue = ({''.join(f'{name.upper()}, ' for name in files)})"
    made = catalogue or f"from pipeline.catalogue.model import Catalogue\n{imports}\n{listed}\n"
    (stages / "catalogue.py").write_text(made)
    return folder


def validate(folder: Path) -> tuple[int, list[dict[str, Any]]]:
    """Run `penstock validate` there, and return its exit code and the problems that it says."""
    script = "from pathlib import Path; from pipeline.cli.main import main; main(Path('.').absolute())"
    done = subprocess.run(
        [ROOT / ".venv/bin/python", "-c", script, "validate", "--json", "--no-expiry"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)["problems"]


def said_of(made: Mistake, problems: list[dict[str, Any]]) -> bool:
    """Tell whether one problem has the place, the field, the value and what is allowed."""
    return any(
        each["line"] == made.line
        and each["field"] in (made.field, f"{made.field}[0]")
        and made.given.strip("'\"") in each["given"] + each["message"]
        and each["allowed"]
        and each["message"]
        for each in problems
    )


def shown(made: Mistake) -> Mistake:
    """Return a mistake with what was given as it is shown: long values are cut."""
    return Mistake(text=made.text, field=made.field, given=made.given.strip("'\"()[]{},")[:40].partition(": ")[0])


def of_parts() -> Iterator[Mistake]:
    """Yield a mistake for each wrong value of every field of an entry's parts, of stages, and of environments."""
    entry = "\n        Parcels({field}=({step}(\n{arguments}\n        ),)),\n    "
    imports = "from tests.testbed.small import Parcels\n"
    for step, needed in STEPS.items():
        for name, value in _wrong_values(step):
            arguments = _arguments(needed, name, value)
            services = entry.format(field="after", step=step.__name__, arguments=arguments)
            yield Mistake(text=stage_file(imports=imports, services=services), field=f"after[0].{name}", given=value)
    for name, value in _wrong_values(Release):
        services = f"\n        Parcels(release=Release(\n            {name}={value}, {HERE}\n        )),\n    "
        yield Mistake(text=stage_file(imports=imports, services=services), field=f"release.{name}", given=value)
    for part, (field, needed) in RELEASE.items():
        for name, value in _wrong_values(part):
            made, at = f"{part.__name__}(\n{_arguments(needed, name, value)}\n        )", field
            if part is Freeze:
                made, at = f"({made},)", f"{field}[0]"
            services = f"\n        Parcels(release=Release({field}={made})),\n    "
            yield Mistake(
                text=stage_file(imports=imports, services=services), field=f"release.{at}.{name}", given=value
            )
    for name, value in _wrong_values(Environment):
        yield Mistake(text=stage_file(environment={name: f"{value}, {HERE}"}), field=name, given=value)
    for name, value in _wrong_values(Stage):
        if name in ("approval", "release"):
            yield Mistake(text=stage_file(stage=f"\n    {name}={value}, {HERE}"), field=name, given=value)


def of_service(service: type[Service[Any]]) -> Iterator[Mistake]:
    """Yield a mistake for each wrong value of every field of a service's entry."""
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
        yield from ("5", "'parcels'", "int")
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
from services.library.contract.service import Service
from services.library.contract.published import Published
from stages import accounts
from tests.testbed.small import Orders, OrdersStack, Parcels, ParcelsStack

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

def for_orders(stack: OrdersStack, environment: Environment) -> None: ...
def for_one_argument(stack: ParcelsStack) -> None: ...
"""


def _kind(what: str, field: str, services: str, *, stage: str = "", given: str = "", **environment: str) -> Mistake:
    text = stage_file(imports=SERVICES, services=services, stage=stage, environment=environment)
    return Mistake(text=text, field=field, given=given, what=what)


KINDS: tuple[Mistake, ...] = (
    _kind("a setting that does not exist", "rate_limt", f"\n  Orders(), Parcels(\n    rate_limt=5, {HERE}\n  )"),
    _kind("a setting without its name", "", f"\n  Orders(), Parcels(\n    5, {HERE}\n  )", given="5"),
    _kind("a class instead of its value", "services", f"\n  Orders,{HERE}\n  ", given="Orders"),
    _kind("something that is no service", "services", f"\n  'parcels', {HERE}\n  ", given="'parcels'"),
    _kind("no tuple of services", "services", "", stage="").__class__(
        text=stage_file(imports=SERVICES).replace("services=(),", f"services=(One()), {HERE}"),
        field="services",
        given="One(",
        what="no tuple of services",
    ),
    _kind("a service twice", "services", f"One(),\n  One(), {HERE}\n  ", given="'one'"),
    _kind("a name that is not defined", "services", f"\n  Prcels(), {HERE}\n  ", given="Prcels"),
    _kind("an account that is not defined", "account", "", account=f"accounts.NOPE, {HERE}"),
    _kind("a region that AWS does not have", "region", "", given="eu-west-9", region=f"'eu-west-9', {HERE}"),
    _kind("an account of eleven digits", "account", "", given="'11111111111'", account=f"'11111111111', {HERE}"),
    _kind("a need that nobody offers", "needs", f"\n  Parcels(), {HERE}\n  ", given="'orders/event-bus-name'"),
    _kind("a name offered twice", "offers", f"{HERE}\n Giver(), Rival()", given="'giver/topic'"),
    _kind("services that need each other", "needs", f"{HERE}\n Ring(),", given="ring -> ring"),
    _kind("an override of another stack", "override", f"Orders(), Parcels(\n  override=for_orders, {HERE}\n )"),
    _kind("an override with one argument", "override", f"Orders(), Parcels(\n  override=for_one_argument, {HERE}\n )"),
    _kind("settings that contradict", "batch_size", f"Orders(retries=3,\n  batch_size=100, {HERE}\n ),", given="100"),
    _kind(
        "too few at once",
        "reserved_concurrency",
        f"Orders(shards=40,\n  reserved_concurrency=20, {HERE}\n ),",
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
    _kind(
        "a time zone that does not exist",
        "release.window.zone",
        f"One(release=Release(window=Window(hours='Mon-Fri 09:00-16:30',\n  zone='Europe/Berln', {HERE}\n ))),",
        given="'Europe/Berln'",
    ),
    _kind(
        "a date that does not exist",
        "release.freeze[0].ends",
        "One(release=Release(freeze=(Freeze(begins='2026-02-20 09:00', zone='UTC',"
        f" why='Nobody is there to mend it',\n  ends='2026-02-30 09:00', {HERE}\n ),))),",
        given="'2026-02-30 09:00'",
    ),
    _kind(
        "a freeze that ends before it begins",
        "release.freeze[0].ends",
        "One(release=Release(freeze=(Freeze(begins='2027-01-04 08:00', zone='UTC',"
        f" why='Nobody is there to mend it',\n  ends='2026-12-23 18:00', {HERE}\n ),))),",
        given="'2026-12-23 18:00'",
    ),
    _kind(
        "a shift that lasts longer than CodeDeploy does",
        "release.traffic.minutes",
        f"One(release=Release(traffic=Linear(percent=1,\n  minutes=60, {HERE}\n ))),",
        given="60",
    ),
    _kind(
        "a bake without an alarm to watch",
        "release.bake",
        f"One(release=Release(\n  bake=Bake(minutes=60), {HERE}\n )),",
        given="60",
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
