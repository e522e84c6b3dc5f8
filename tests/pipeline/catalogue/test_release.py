"""Of each field of a release the strictest wish decides, and it is said whose."""

from dataclasses import replace

import aws_cdk as cdk
import pytest
from constructs import Construct

from pipeline.catalogue.model import Stage, Wave
from pipeline.catalogue.release import release_of, with_own_release
from pipeline.catalogue.validation import problems_of_stage
from services.library.contract.environment import Environment
from services.library.contract.release import (
    ALL_AT_ONCE,
    Bake,
    Canary,
    Freeze,
    Release,
    ReleaseAlarms,
    Traffic,
    Window,
)
from tests.testbed import tiny

OFFICE = Window(hours="Mon-Fri 09:00-16:30", zone="Europe/Berlin")
EARLY = Window(hours="Mon-Thu 06:00-12:00", zone="UTC")
CHRISTMAS = Freeze(
    begins="2026-12-23 18:00", ends="2027-01-04 08:00", zone="UTC", why="Nobody is there to mend a release"
)


def service(name: str, release: Release | None) -> tiny.Tiny:
    made: tiny.Tiny = type(name, (tiny.Tiny,), {"name": name})()
    return replace(made, release=release)


def stage(*services: tiny.Tiny, release: Release | None = None, name: str = "prod") -> Stage:
    return replace(tiny.stage(name, *services), release=release)


def test_the_longest_bake_and_the_most_requests_hold_whosever_they_are() -> None:
    found = release_of(
        stage(
            service("one", Release(bake=Bake(minutes=60, requests=5))),
            service("two", Release(bake=Bake(minutes=30, requests=500))),
            service("three", None),
        )
    )
    assert found.bake == Bake(minutes=60, requests=500)
    assert found.bake_minutes is not None
    assert found.bake_requests is not None
    assert (found.bake_minutes.who, found.bake_requests.who) == ("one", "two")


def test_every_window_freeze_and_blocker_holds_once() -> None:
    found = release_of(
        stage(
            service("one", Release(window=OFFICE, freeze=(CHRISTMAS,), blockers=("full",))),
            service("two", Release(window=OFFICE, freeze=(CHRISTMAS,), blockers=("full", "slow"))),
            release=Release(window=EARLY),
        )
    )
    assert [(each.value, each.who) for each in found.windows] == [(EARLY, "stage prod"), (OFFICE, "one")]
    assert [each.who for each in found.freezes] == ["one"]
    assert [(each.value, each.who) for each in found.blockers] == [("full", "one"), ("slow", "two")]


def test_one_service_that_wishes_it_rolls_a_wave_back_and_none_wishes_nothing() -> None:
    calm = stage(service("one", Release(roll_back=False)), name="a")
    strict = stage(service("two", Release(roll_back=True)), name="b")
    found = release_of(Wave(name="both", stages=(calm, strict)))
    assert found.roll_back is not None
    assert found.roll_back.who == "two"
    assert list(release_of(calm).wishes) == []


def test_a_service_has_its_stages_traffic_and_alarms_unless_it_says_otherwise() -> None:
    canary, alarms = Canary(percent=10, minutes=15), ReleaseAlarms(error_percent=2)
    silent, own = service("one", None), service("two", Release(traffic=ALL_AT_ONCE, roll_back=True))
    both = stage(silent, own, release=Release(traffic=canary, alarms=alarms, bake=Bake(minutes=5)))
    assert with_own_release(both, silent).release == Release(traffic=canary, alarms=alarms)
    assert with_own_release(both, own).release == Release(traffic=ALL_AT_ONCE, alarms=alarms, roll_back=True)
    assert with_own_release(stage(silent), silent) is silent


class Recording(tiny.Tiny):
    """Fails to build, with the traffic of the environment that it was to be built for."""

    def build(self, scope: Construct, environment: Environment) -> tiny.TinyStack:
        del scope
        raise ValueError(environment.traffic)


@pytest.mark.parametrize(
    ("release", "prefix", "traffic"),
    [
        (Release(traffic=Canary(percent=10, minutes=5)), "", Canary(percent=10, minutes=5)),
        (Release(traffic=ALL_AT_ONCE), "", ALL_AT_ONCE),
        (Release(), "", None),
        (None, "", None),
        (Release(traffic=ALL_AT_ONCE), "branch-a", None),
    ],
)
def test_a_service_is_built_for_its_traffic_but_not_in_a_branch(
    release: Release | None, prefix: str, traffic: Traffic | None
) -> None:
    environment = replace(stage().environment, prefix=prefix)
    with pytest.raises(ValueError, match=r".*") as raised:
        Recording(release=release).deploy(cdk.Stage(cdk.App(), "it"), environment)
    assert raised.value.args == (traffic,)


def test_traffic_of_an_environment_itself_is_refused() -> None:
    wrong = stage(service("one", None))
    wrong = replace(wrong, environment=replace(wrong.environment, traffic=ALL_AT_ONCE))
    (found,) = (each for each in problems_of_stage(wrong) if each.field == "traffic")
    assert "give it in release=Release(...)" in found.message
