"""Whoever takes the reference services out has a green repository: which tests may know a service, and where they are.

And which folders have an `__init__.py`: the last rule of docs/architecture.md's "Where a test lives".
"""

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from pipeline.scaffold import ownership
from pipeline.scaffold.ownership import FileOwner

ROOT = Path(__file__).parents[2]
HOMES = re.compile(
    r"services/(?!library/)\w+/tests/"  # a service's own
    r"|tests/services/(?!library/)\w+/"  # its tests of more than one room, and those of several services
    r"|tests/end_to_end/|tests/bench/"  # whole platforms
)
GENERIC = re.compile(r"tests/services/test_\w+\.py")
"""Tests of whatever services the catalogue lists, none of which they know by name."""
SAMPLES = ownership.read(ROOT)[FileOwner.SAMPLES]
SERVICES = {path.split("/")[1] for path in SAMPLES if path.startswith("services/")}
"""The reference services. A company may have one of a name that a test made up."""
WITHOUT_SERVICES = ("stages.accounts", "stages.acknowledgements", "stages.removed")
"""The modules of `stages` that list no service."""
NAMED = re.compile(r"\bservices\.(\w+)\.\w+")
"""A module of a service in a text: a handler, or code that a test runs."""
OF_TESTS = re.compile(r"^\s*from (tests[.\w]*) import (\w+)", re.MULTILINE)
EXCEPTIONS: dict[str, tuple[set[str], str]] = {
    "tests/pipeline/accounts/test_branch_roles.py": (
        {"stages.branches.BRANCHES_LIKE"},
        "the branches' roles must reach what this checkout's services have, whatever they are",
    ),
    "tests/pipeline/definition/test_branch.py": (
        {"stages.branches.BRANCHES_LIKE"},
        "no name of two branches may be the same, whatever services this checkout has",
    ),
    "tests/pipeline/operate/test_branches.py": (
        {"stages.branches.BRANCHES_LIKE"},
        "the commands act in the place of this stage",
    ),
    "tests/pipeline/catalogue/test_ledger.py": ({"stages.catalogue.STAGES"}, "this checkout's ledger is complete"),
    "tests/pipeline/synthesis/recorded_synth.py": (
        {"stages.catalogue.STAGES"},
        "a program that runs in a checkout of small services",
    ),
    "tests/pipeline/catalogue/test_stages.py": ({"stages.catalogue.STAGES"}, "this checkout's stages are right"),
}
"""File -> what it knows all the same, and why."""


def known(text: str, *, services: Collection[str] = SERVICES) -> set[str]:
    """Return the names of services, and of stages that list them, that this code imports or has in a text."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                found |= {each.name for each in names}
            case ast.ImportFrom(module=str(module), names=names, level=0):
                found |= {f"{module}.{each.name}" for each in names}
            case ast.Constant(value=str(value)):
                found |= {match[0] for match in NAMED.finditer(value) if match[1] in services}
    return {each for each in found if is_service(each) or lists_services(each)}


def is_service(name: str) -> bool:
    """Tell whether it is of a service."""
    return name.startswith("services.") and not f"{name}.".startswith("services.library.")


def is_reference(name: str) -> bool:
    """Tell whether it is of a service that `penstock init` takes out."""
    return is_service(name) and name.split(".")[1] in SERVICES


def lists_services(name: str) -> bool:
    """Tell whether it is of a module of `stages` that imports services, itself or by way of another."""
    return name.startswith("stages.") and not any(f"{name}.".startswith(f"{each}.") for each in WITHOUT_SERVICES)


def allowed(path: str, name: str) -> bool:
    """Tell whether this file may know that name."""
    if GENERIC.fullmatch(path):
        return not is_service(name)
    return name in EXCEPTIONS.get(path, (set(), ""))[0]


def modules() -> Iterator[tuple[str, str]]:
    """Yield path and text of every module of tests that is not at home with a service."""
    for folder in ("tests", "services/library", "pipeline"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            if "tests" in path.split("/") and not HOMES.match(path):
                yield path, file.read_text()


def test_no_test_outside_the_home_of_a_service_knows_one() -> None:
    found = {path: {each for each in known(text) if not allowed(path, each)} for path, text in modules()}
    found.pop(Path(__file__).relative_to(ROOT).as_posix())
    assert len(found) > 100
    assert {path: sorted(names) for path, names in found.items() if names} == {}, (
        "build it from tests/testbed/tiny.py or small.py, or move it: docs/architecture.md, Where a test lives"
    )


def test_what_knows_a_reference_service_goes_with_it() -> None:
    said = ownership.read(ROOT)
    homes = [file for folder in ("tests", "services") for file in sorted((ROOT / folder).rglob("test_*.py"))]
    homes += sorted((ROOT / "tests/bench").glob("*.py"))
    others = [file for file in homes if file != Path(__file__)]  # which plants some
    knowing = [file.relative_to(ROOT) for file in others if any(map(is_reference, known(file.read_text())))]
    assert [file for file in knowing if ownership.owner_of(file, said) is not FileOwner.SAMPLES] == [], (
        f"list it among the samples in {ownership.FILE}, or build it from tests/testbed/tiny.py or small.py"
    )


def test_nothing_that_stays_imports_what_goes() -> None:
    """Else `make check` fails after `penstock init`."""
    said = ownership.read(ROOT)
    found = {
        file.relative_to(ROOT).as_posix(): module
        for file in sorted((ROOT / "tests").rglob("*.py"))
        if ownership.owner_of(file.relative_to(ROOT), said) is not FileOwner.SAMPLES
        for module in imported_of_tests(file.read_text())
        if ownership.owner_of(module, said) is FileOwner.SAMPLES
    }
    assert found == {}, f"list it among the samples in {ownership.FILE} too"


def imported_of_tests(text: str) -> list[Path]:
    """Return the files of tests that a text imports, or imports a name from."""
    named = (f"{module}.{name}" for module, name in OF_TESTS.findall(text))
    ways = (way for each in named for way in (each, each.rpartition(".")[0]))
    files = (Path(way.replace(".", "/")).with_suffix(".py") for way in ways)
    return [file for file in files if (ROOT / file).is_file()]


def test_every_exception_is_needed() -> None:
    needed = {path: known(text) for path, text in modules() if path in EXCEPTIONS}
    assert {path: names - needed[path] for path, (names, _) in EXCEPTIONS.items() if names - needed[path]} == {}


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("import services.intake.service", "services.intake.service"),
        ("from services.intake.service import Intake", "services.intake.service.Intake"),
        ("from services import intake", "services.intake"),
        ("def f() -> None:\n    from stages.catalogue import STAGES", "stages.catalogue.STAGES"),
        ("from stages import accounts, dev", "stages.dev"),
        ("HANDLER = 'services.intake.runtime.handler.handle'", "services.intake.runtime"),
        ("CODE = f'''\nfrom services.intake.service import {1}\n'''", "services.intake.service"),
    ],
)
def test_a_planted_service_is_found(planted: str, found: str) -> None:
    assert known(planted, services={"intake", "library"}) == {found}
    for path in ("tests/pipeline/review/test_review.py", "services/library/constructs/tests/test_api.py"):
        assert not HOMES.match(path)
        assert not allowed(path, found)


def test_what_every_checkout_has_is_no_service() -> None:
    text = "from stages import accounts\nfrom services.library.contract import defaults\nA = 'services.a.runtime.b.c'"
    assert known(text, services={"intake", "library"}) == set()


def packages(folder: str) -> set[Path]:
    """Return the folders below this one with Python files of their own, those of tests apart."""
    files = (file.relative_to(ROOT) for file in (ROOT / folder).rglob("*.py"))
    return {file.parent for file in files if "tests" not in file.parts}


def test_packages_have_an_init_file_and_namespaces_and_tests_have_none() -> None:
    library = Path("services/library")
    services = {folder for folder in packages("services") if not folder.is_relative_to(library)}
    found = {
        file.relative_to(ROOT).parent
        for folder in ("pipeline", "stages", "services", "tests")
        for file in (ROOT / folder).rglob("__init__.py")
    }
    assert found == packages("pipeline") | packages("stages") | services | {library / "runtime"}
