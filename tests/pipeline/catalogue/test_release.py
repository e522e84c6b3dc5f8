"""Of each field of a release the strictest wish decides, and it is said whose."""

from dataclasses import replace

import aws_cdk as cdk
import pytest
from constructs import Construct

from pipeline.catalogue.model import Stage, Wave
from pipeline.catalogue.release import (
    has_gate,
    release_of,
    requests_of,
    tier_release,
    watched_alone,
    watched_services,
    with_own_release,
)
from pipeline.catalogue.validation import problems_of, problems_of_stage
from services.library.contract.environment import Environment, Tier
from services.library.contract.release import (
    ALL_AT_ONCE,
    OFF,
    Bake,
    Canary,
    Freeze,
    Release,
    ReleaseAlarms,
    Traffic,
    Window,
)
from services.library.contract.steps import Approval
from tests.testbed import tiny

OFFICE = Window(hours="Mon-Fri 09:00-16:30", zone="Europe/Berlin")
EARLY = Window(hours="Mon-Thu 06:00-12:00", zone="UTC")
CHRISTMAS = Freeze(
    begins="2026-12-23 18:00", ends="2027-01-04 08:00", zone="UTC", why="Nobody is there to mend a release"
)


def service(name: str, release: Release | None) -> tiny.Tiny:
    made: tiny.Tiny = type(name, (tiny.Tiny,), {"name": name})()
    return replace(made, release=release)


def stage(*services: tiny.Tiny, release: Release | None = None, name: str = "prod", tier: Tier = Tier.SANDBOX) -> Stage:
    return replace(tiny.stage(name, *services, tier=tier), release=release)


def production(*services: tiny.Tiny, release: Release | None = None, name: str = "prod") -> Stage:
    return stage(*services, release=release, name=name, tier=Tier.PRODUCTION)


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


def test_production_has_alarms_a_bake_without_requests_and_a_way_back_unless_somebody_says_otherwise() -> None:
    found = release_of(production(service("one", None)))
    assert found.bake == Bake(minutes=60, requests=0)
    assert found.roll_back is not None
    assert (found.roll_back.value, found.roll_back.who, found.roll_back.is_default) == (True, "tier production", True)
    (watched,) = watched_services(production(service("one", None)))
    assert watched.release == Release(alarms=ReleaseAlarms())
    assert (*found.windows, *found.freezes, *found.blockers) == ()


@pytest.mark.parametrize("tier", list(Tier))
def test_tiers_before_production_wish_nothing_and_none_shifts_traffic(tier: Tier) -> None:
    found = stage(service("one", None), tier=tier)
    assert tier_release(found).traffic is None
    assert bool(list(release_of(found).wishes)) == (tier is Tier.PRODUCTION)
    if tier is not Tier.PRODUCTION:
        assert with_own_release(found, found.services[0]) is found.services[0]
        assert not has_gate(found)


def test_an_explicit_wish_wins_over_the_tiers_though_it_is_weaker() -> None:
    weaker = Release(bake=Bake(minutes=5, requests=1), roll_back=False, alarms=ReleaseAlarms(error_percent=50))
    by_service = production(service("one", weaker), service("two", None))
    found = release_of(by_service)
    assert (found.bake, found.roll_back) == (Bake(minutes=5, requests=1), None)
    watched = [each.release.alarms for each in watched_services(by_service) if each.release]
    assert watched == [ReleaseAlarms(error_percent=50), ReleaseAlarms()]
    assert release_of(production(service("one", None), release=weaker)).bake == Bake(minutes=5, requests=1)


def test_off_switches_a_tiers_default_off_and_is_weaker_than_what_another_wishes() -> None:
    off = Release(alarms=OFF, bake=OFF, traffic=OFF, roll_back=False)
    assert watched_services(production(service("one", off))) == []
    assert list(release_of(production(service("one", None), release=off)).wishes) == []
    wished = release_of(production(service("one", off), service("two", Release(bake=Bake(minutes=5), roll_back=True))))
    assert wished.bake == Bake(minutes=5)
    assert wished.roll_back is not None
    shifting = production(service("one", off), release=Release(traffic=ALL_AT_ONCE))
    assert with_own_release(shifting, shifting.services[0]).release == off


def test_a_default_refuses_nothing_where_it_cannot_hold() -> None:
    asking = replace(service("one", None), after=(Approval(name="Ask", note="May it?"),))
    assert release_of(production(asking)).roll_back is None
    unwatched = watched_alone(production(service("one", None)), watched=())
    assert watched_services(unwatched) == []
    assert release_of(unwatched).bake is None
    assert list(problems_of((production(asking, release=Release(alarms=OFF)),))) == []


def test_requests_that_one_service_asks_for_are_not_asked_of_one_that_the_tier_alone_has_watched() -> None:
    asking = service("one", Release(bake=Bake(minutes=60, requests=9), alarms=ReleaseAlarms()))
    watched = service("two", Release(alarms=ReleaseAlarms()))
    unasked, own = service("three", None), service("four", Release(bake=Bake(minutes=5, requests=2)))
    found = production(asking, watched, unasked, own)
    assert requests_of(found, found) == {asking.name: 9, watched.name: 9, unasked.name: 0, own.name: 2}
    by_stage = production(unasked, release=Release(bake=Bake(minutes=60, requests=7)))
    assert requests_of(by_stage, by_stage) == {unasked.name: 7}
    assert requests_of(production(unasked), production(unasked)) == {unasked.name: 0}


def test_those_that_have_something_to_watch_stay_watched() -> None:
    both = production(service("one", None), service("two", Release(roll_back=True)))
    found = watched_alone(both, watched=("two",))
    assert [each.name for each in watched_services(found)] == ["two"]
    assert found.services[1] is both.services[1]


def test_a_branch_of_production_has_no_defaults() -> None:
    main = production(service("one", None))
    branch = replace(main, environment=replace(main.environment, prefix="branch-a"))
    assert list(release_of(branch).wishes) == []
    assert watched_services(branch) == []


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
        (Release(traffic=OFF), "", None),
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
