"""The typed contract: what a team writes in a stage is checked by mypy at the line where it was written."""

from pathlib import Path

from tests.conftest import ROOT
from tests.testbed.type_checking import mypy

PREAMBLE = """
from services.library.contract.service import ServiceStack
from services.library.contract.environment import Environment, Tier
from services.library.contract.release import ALL_AT_ONCE, Bake, Canary, Freeze, Release, ReleaseAlarms, Window
from services.library.contract.steps import Probe
from pipeline.catalogue.model import Stage
from tests.testbed.small import Parcels, ParcelsStack

HERE = Environment(name="here", tier=Tier.SANDBOX, account="111111111111", region="eu-west-1")

class OtherStack(ServiceStack):
    shards: int

def for_parcels(stack: ParcelsStack, environment: Environment) -> None: ...
def for_any(stack: ServiceStack, environment: Environment) -> None: ...
def for_other(stack: OtherStack, environment: Environment) -> None: ...
def too_short(stack: ParcelsStack) -> None: ...

"""
RIGHT = [
    "Stage(environment=HERE, services=(Parcels(),))",
    "Stage(environment=HERE, services=(Parcels(rate_limit=500, override=for_parcels),))",
    "Stage(environment=HERE, services=(Parcels(override=for_any),), approval=True)",
    "Parcels(after=(Probe(name='Up', output='Url'),), release=Release(roll_back=True))",
    "Parcels(release=Release(traffic=Canary(percent=10, minutes=15), alarms=ReleaseAlarms(), bake=Bake(minutes=60)))",
    "Parcels(release=Release(traffic=ALL_AT_ONCE, window=Window(hours='Mon-Fri 09:00-16:30', zone='UTC')))",
]
WRONG = [
    "Parcels(rate_limit='many')",
    "Parcels(rate_limt=5)",
    "Parcels(5)",
    "Parcels(override=for_other)",
    "Parcels(override=too_short)",
    "Parcels(override='services.parcels.overrides.keep_the_old_api_name')",
    "Parcels(after=Probe(name='Up', output='Url'))",
    "Parcels(after=('probe',))",
    "Parcels().rate_limit = 7",
    "Stage(environment=HERE, services=(Parcels,))",
    "Stage(environment=HERE, services=Parcels())",
    "Parcels(release=Release(bake=60))",
    "Parcels(release=Release(traffic=Canary(10, 15)))",
    "Parcels(release=Release(freeze=Freeze(begins='2026-12-23 18:00')))",
    "Stage(environment='dev', services=(Parcels(),))",
    "Stage(environment=HERE, services=(Parcels(),), approval='yes')",
    "Environment(name='here', tier='sandbox', account='111111111111', region='eu-west-1')",
    "Environment(name='here', tier=Tier.SANDBOX, account=111111111111, region='eu-west-1')",
]


def test_mypy_accepts_right_stage_entries_and_refuses_wrong_ones(tmp_path: Path) -> None:
    source = tmp_path / "entries.py"
    source.write_text(PREAMBLE + "\n".join(RIGHT + WRONG) + "\n")
    first = PREAMBLE.count("\n") + 1
    done = mypy(ROOT, source, work=tmp_path)
    assert done.returncode == 1, done.stderr
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    lines = {int(error.split(":")[1]) for error in errors}
    wrong = range(first + len(RIGHT), first + len(RIGHT) + len(WRONG))
    assert lines == set(wrong), "\n".join(errors)
