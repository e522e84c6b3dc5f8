"""Mistakes in stage files: each is said with its line, its field, what was given and what is allowed, all at once."""

from pathlib import Path
from typing import Any

import pytest

from tests.testbed.small import Orders, Parcels
from tests.testbed.stage_files import (
    HEAD,
    KINDS,
    SERVICES,
    of_parts,
    of_service,
    platform,
    said_of,
    shown,
    stage_file,
    validate,
)

OF_THE_WHOLE = {"production that nobody approves"}
"""Kinds that only a catalogue which is whole and in its order can tell."""
GENERATED = (*of_service(Orders), *of_service(Parcels), *of_parts())
MADE = (*GENERATED, *KINDS)


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """File -> its problems, of one run over all the mistakes."""
    files = {f"b{number}": made.text for number, made in enumerate(MADE)}
    code, found = validate(platform(tmp_path_factory.mktemp("platform"), files))
    assert code == 1
    by_file: dict[str, list[dict[str, Any]]] = {}
    for each in found:
        by_file.setdefault(each["file"], []).append(each)
    return by_file


def test_validate_reports_each_wrong_value_with_line_field_given_and_allowed(
    problems: dict[str, list[dict[str, Any]]],
) -> None:
    assert len(GENERATED) >= 200
    unsaid = [
        (made.field, made.given, problems.get(f"stages/b{number}.py"))
        for number, made in enumerate(GENERATED)
        if not said_of(shown(made), problems.get(f"stages/b{number}.py", []))
    ]
    assert unsaid == []


def of_field(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what a new catalogue ships and its ledger does not have yet."""
    return [each for each in found if not each["message"].endswith("run `penstock ledger` and commit what it writes.")]


@pytest.mark.parametrize(
    "number",
    [number for number, made in enumerate(KINDS) if made.what not in OF_THE_WHOLE],
    ids=lambda n: KINDS[n].what,
)
def test_validate_reports_each_kind_of_mistake_at_its_line(
    number: int, problems: dict[str, list[dict[str, Any]]]
) -> None:
    made = KINDS[number]
    found = problems.get(f"stages/b{len(GENERATED) + number}.py", [])
    assert said_of(made, found), (made.line, made.text, found)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The problems of a catalogue whose files can all be imported, so that everything else is looked at as well."""
    files = {f"k{number}": made.text for number, made in enumerate(KINDS) if made.what in IMPORTED}
    code, found = validate(platform(tmp_path_factory.mktemp("alone"), files))
    assert code == 1
    return found


IMPORTED = {
    "a class instead of its value",
    "something that is no service",
    "no tuple of services",
    "a service twice",
    "a region that AWS does not have",
    "a need that nobody offers",
    "services that need each other",
    "an override of another stack",
    "production that nobody approves",
}
"""Kinds that Python has nothing against."""


@pytest.mark.parametrize("what", sorted(IMPORTED))
def test_validate_reports_a_mistake_that_imports_in_a_whole_catalogue(what: str, alone: list[dict[str, Any]]) -> None:
    number, made = next((number, made) for number, made in enumerate(KINDS) if made.what == what)
    found = [each for each in alone if each["file"] == f"stages/k{number}.py"]
    assert said_of(made, found), found


def test_validate_skips_approval_checks_while_a_stage_file_is_broken(tmp_path: Path) -> None:
    """The second production stage need not ask; with the first one's file broken it must not be taken for the first."""
    first = stage_file(environment={"tier": "Tier.PRODUCTION"})
    second = stage_file(environment={"tier": "Tier.PRODUCTION"}, stage=" approval=False,")
    _, found = validate(platform(tmp_path, {"one": first + "\nsyntax error here\n", "two": second}))
    assert [each["file"] for each in found] == ["stages/one.py"]


def test_mistakes_cover_twenty_kinds() -> None:
    assert len({made.what for made in KINDS}) >= 20


def test_validate_checks_what_a_services_class_declares(tmp_path: Path) -> None:
    wrong = {
        "Nobodys": "owner",
        "Unsaid": "handles_personal_data",
        "Bad_Name": "name",
        "Nameless": "name",
        "Commaless": "offers",
    }
    files = {service.lower(): stage_file(imports=SERVICES, services=f"{service}(),") for service in wrong}
    code, found = validate(platform(tmp_path, files))
    assert code == 1
    assert {(each["file"], each["field"]) for each in of_field(found)} == {
        (f"stages/{service.lower()}.py", field) for service, field in wrong.items()
    }


def test_validate_reports_stages_whose_names_or_stacks_clash(tmp_path: Path) -> None:
    """`b` in stage `a-c` and `c-b` in stage `a` make one stack; so do two stages of one name."""
    inner = SERVICES + '\n\nclass Inner(One):\n    name: ClassVar[str] = "c-one"\n'
    files = {
        "one": stage_file(imports=SERVICES, services="One(),", environment={"name": "'a-c'"}),
        "two": stage_file(imports=inner, services="Inner(),", environment={"name": "'a'"}),
        "three": stage_file(environment={"name": "'a'"}),
    }
    _, found = validate(platform(tmp_path, files))
    assert [(each["file"], each["given"]) for each in of_field(found)] == [
        ("stages/catalogue.py", "'a'"),
        ("stages/two.py", "a-c-one"),
    ]


BROKEN = (
    (HEAD + "\nSTAGE = Stage(\n", 7, "was never closed"),
    (HEAD + "import nothing_of_this_name\n", 6, "nothing_of_this_name"),
    (HEAD + "from tests.testbed.small import Prcels\n", 6, "Prcels"),
    (HEAD + "\nraise RuntimeError('why')\n", 7, "RuntimeError: why"),
    (HEAD + "\nraise SystemExit('why')\n", 7, "SystemExit: why"),
    (HEAD + "\nSTAGE = {}['nothing']\n", 7, "KeyError"),
)


def test_validate_reports_every_broken_stage_file_and_the_problems_of_the_others(tmp_path: Path) -> None:
    files = {f"broken{number}": text for number, (text, _, _) in enumerate(BROKEN)}
    files |= {"other": stage_file(environment={"region": "'nowhere'"}), "right": stage_file()}
    code, found = validate(platform(tmp_path, files))
    assert code == 1
    *broken, other = found
    for number, ((_, line, said), each) in enumerate(zip(BROKEN, broken, strict=True)):
        assert (each["file"], each["line"]) == (f"stages/broken{number}.py", line)
        assert said in each["message"]
    assert (other["file"], other["field"], other["given"]) == ("stages/other.py", "region", "'nowhere'")


def test_validate_reports_what_is_no_stage_in_the_catalogue(tmp_path: Path) -> None:
    made = (
        "from pipeline.catalogue.model import Wave\nfrom stages.one import STAGE\n"
        "STAGES = ('dev', Wave(name='Eu!', stages=(STAGE,)), Wave(name='none', stages=()))\n"
    )
    _, found = validate(platform(tmp_path, {"one": stage_file()}, catalogue=made))
    assert [(each["file"], each["field"], each["given"]) for each in found] == [
        ("stages/catalogue.py", "STAGES", "'dev'"),
        ("stages/catalogue.py", "name", "'Eu!'"),
        ("stages/catalogue.py", "stages", "()"),
    ]


def test_validate_accepts_right_stages(tmp_path: Path) -> None:
    services = """
        Orders(shards=40, retries=5, batch_size=32, reserved_concurrency=40),
        Parcels(rate_limit=10_000, after=(Probe(name="Up", output="Url", path="/x", attempts=60),)),
        One(before=(Command(name="Migrate", commands=("true",)), Approval(name="Ask", note="Now?"))),
    """
    places = {
        "gov": ("us-gov-west-1", "SANDBOX"),
        "china": ("cn-north-1", "PRE_PRODUCTION"),
        "prod": ("eu-west-1", "PRODUCTION"),
    }
    files = {
        name: stage_file(
            imports=SERVICES, services=services, environment={"region": repr(region), "tier": f"Tier.{tier}"}
        )
        for name, (region, tier) in places.items()
    }
    _, found = validate(platform(tmp_path, files))
    assert of_field(found) == []
