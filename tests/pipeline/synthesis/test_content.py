"""The digest of a part changes with whatever it is made of, and with nothing else."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from pipeline.accounts.execution_policies import DeploymentAccounts
from pipeline.catalogue.model import Stage
from pipeline.settings import SETTINGS
from pipeline.synthesis.content import Sources
from pipeline.synthesis.pipeline_part import Pipeline
from pipeline.synthesis.service_unit import ServiceUnit, Surroundings
from pipeline.synthesis.values import OpaqueValueError, plain
from services.library.contract.environment import Tier
from services.library.contract.release import Release, ReleaseAlarms
from tests.conftest import ROOT
from tests.testbed import tiny

FILES = {
    "services/one/service.py": "from services.library.contract.names import X\nfrom stages import accounts\n"
    "from .parts import y",
    "services/one/parts.py": "y = 1",
    "services/one/runtime/handler.py": "def handle(): ...",
    "services/one/runtime/tests/data.json": "{}",
    "services/one/tests/test_service.py": "",
    "services/two/service.py": "import services.one.service",
    "services/library/contract/names.py": "X = 1",
    "stages/accounts.py": "DEV = 1",
    "stages/dev.py": "from services.one.service import One",
    "pipeline/definition/stack.py": "",
    "uv.lock": "one",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def changes(root: Path, file: str, what: Callable[[Sources], str]) -> bool:
    before = what(Sources(root))
    (root / file).write_text("changed = 1")
    return before != what(Sources(root))


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("services/one/service.py", True),
        ("services/one/parts.py", True),
        ("services/one/runtime/handler.py", True),
        ("services/one/runtime/tests/data.json", True),  # a runtime's folder is packaged whole
        ("services/one/new.json", True),
        ("stages/accounts.py", True),
        ("services/one/tests/test_service.py", False),
        ("services/two/service.py", False),
        ("stages/dev.py", False),
    ],
)
def test_a_service_is_its_folder_and_what_it_imports(root: Path, file: str, counts: bool) -> None:
    assert changes(root, file, lambda sources: sources.module("services.one.service")) == counts


def test_a_linked_folder_counts_with_what_it_leads_to(root: Path) -> None:
    (root / "shared").mkdir()
    (root / "services/one/runtime/shared").symlink_to("../../../shared")
    (root / "services/one/runtime/round").symlink_to("..")
    (root / "services/one/runtime/outside").symlink_to("/")
    assert changes(root, "shared/new.json", lambda sources: sources.module("services.one.service"))


def test_who_may_execute_a_file_counts(root: Path) -> None:
    before = Sources(root).module("services.one.service")
    (root / "services/one/runtime/handler.py").chmod(0o755)
    assert Sources(root).module("services.one.service") != before


def test_a_service_that_imports_another_is_that_folder_too(root: Path) -> None:
    assert changes(root, "services/one/runtime/handler.py", lambda sources: sources.module("services.two.service"))


@pytest.mark.parametrize("file", ["services/library/contract/names.py", "pipeline/definition/stack.py"])
def test_the_library_is_what_makes_constructs(root: Path, file: str) -> None:
    assert changes(root, file, Sources.library)


@pytest.mark.parametrize("file", ["app.py", "stages/dev.py", "services/two/service.py", "pipeline/new.py"])
def test_everything_is_what_a_synth_can_read(root: Path, file: str) -> None:
    assert changes(root, file, Sources.everything)


def test_tools_are_locks_context_and_the_switches_of_the_cdk(root: Path) -> None:
    def tools(context: dict[str, Any], **environment: str) -> str:
        return Sources(root).tools(context, environment)

    plain_one = tools({"a": 1})
    assert tools({"a": 1}, CDK_OUTDIR="elsewhere", HOME="/somewhere", AWS_REGION="eu-west-1") == plain_one
    assert tools({"a": 2}) != plain_one
    assert tools({"a": 1}, CDK_DEBUG="1") != plain_one
    (root / "uv.lock").write_text("two")
    assert tools({"a": 1}) != plain_one


@dataclass(frozen=True)
class Entry:
    number: int
    hook: Any = None


@dataclass
class CallableState:
    state: Any

    def __call__(self) -> None: ...


def one() -> None: ...


def closing_over(value: object) -> Callable[[], object]:
    return lambda: value


VALUES: list[Any] = [
    Entry(1),
    Entry(2),
    Entry(1, one),
    Entry(1, functools.partial(one)),
    Entry(1, functools.partial(print, 1)),
    Entry(1, closing_over(1)),
    Entry(1, closing_over(2)),
    Entry(1, CallableState(1)),
    Entry(1, CallableState(2)),
    Entry(1, CallableState(1).__call__),
    True,
    1,
    1.0,
    "1",
    b"1",
    (1,),
    {1},
    {1: 2},
    {1: 3},
    cdk.Duration.minutes(1),
    cdk.Duration.minutes(2),
    None,
]


def test_values_that_differ_are_told_apart() -> None:
    found = [repr(plain(value, lambda _: "")) for value in VALUES]
    assert len(set(found)) == len(VALUES)


def test_lambdas_of_one_line_are_told_apart() -> None:
    hooks = [lambda: "one", lambda: "two"]
    first, second = (plain(each, lambda _: "the same module") for each in hooks)
    assert first != second


def test_a_function_is_its_module() -> None:
    here, there = plain(closing_over(1), lambda _: "here"), plain(closing_over(1), lambda _: "there")
    assert plain(one, str) != plain(test_a_function_is_its_module, str)
    assert here == there  # of a module that is none of the rooms', the locks say it


@pytest.mark.parametrize("value", [object(), Entry(1, object()), [iter(())], print.__class__])
def test_a_value_that_cannot_be_read_is_refused_and_never_taken_for_another(value: object) -> None:
    if value is print.__class__:
        assert plain(value, str)
        return
    with pytest.raises(OpaqueValueError):
        plain(value, str)


def test_alarms_of_the_tier_are_told_from_the_same_ones_that_somebody_wishes() -> None:
    """A part without anything to watch is kept of the former, and refused of the latter."""
    around = Surroundings(scope="Pipeline", context={}, accounts=DeploymentAccounts(tools="9" * 12))
    keys = set()
    for release in (None, Release(alarms=ReleaseAlarms())):
        service = tiny.Tiny(release=release)
        unit = ServiceUnit(stage=tiny.stage("prod", service, tier=Tier.PRODUCTION), service=service, around=around)
        keys.add(unit.key(Sources(ROOT), "tools"))
    assert len(keys) == 2


def test_the_pipeline_is_made_of_every_field_of_its_stages(tmp_path: Path) -> None:
    """What is changed of one must be in the pipeline's stack, whatever an earlier synth has kept."""
    stage = tiny.stage("prod", tier=Tier.PRODUCTION)
    others: Mapping[str, Any] = {
        "environment": tiny.stage("prod").environment,
        "services": (tiny.Tiny(release=Release(alarms=ReleaseAlarms())),),
        "approval": False,
        "approves_unchanged": True,
        "release": Release(roll_back=False),
    }
    assert others.keys() == {each.name for each in fields(Stage)}
    changed = [stage, *(replace(stage, **{name: value}) for name, value in others.items())]
    assert len({_key_of_pipeline(each, tmp_path) for each in changed}) == len(changed)


def _key_of_pipeline(stage: Stage, root: Path) -> str:
    pipeline = Pipeline(settings=SETTINGS, catalogue=(stage,), removals=(), branches=None, context={})
    return pipeline.key(Sources(root), "tools", (), root)
