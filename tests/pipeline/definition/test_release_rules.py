"""What a gate judges by, in as many parameters as it needs: of a large stage no single one holds all alarms."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from pipeline.builds import release_rules as read_rules
from pipeline.builds.clock import Clock
from pipeline.catalogue.entry_validation import LONGEST_ACTION_NAME, OF_THE_CDK
from pipeline.catalogue.model import Stage
from pipeline.catalogue.problem import MistakeError
from pipeline.definition import release_rules, service_stage
from pipeline.settings import SETTINGS
from services.library.contract.environment import Tier
from services.library.contract.names import release_alarm
from services.library.contract.release import Bake, Freeze, Release
from tests.testbed import tiny

LABEL = "production"
LONGEST_NAME = LONGEST_ACTION_NAME - OF_THE_CDK - len(f"{LABEL}-")
FREEZE = Freeze(begins="2026-12-23 18:00", ends="2027-01-04 08:00", zone="UTC", why="Nobody is there to mend it")


def production(count: int, **release: Any) -> Stage:
    """A stage of services with the longest names; one wants requests of itself, so that none are asked of others."""
    names = [f"{number:03}".rjust(LONGEST_NAME, "a") for number in range(count)]
    services = [type(f"S{name}", (tiny.Tiny,), {"name": name})() for name in names]
    services[0] = replace(services[0], release=Release(bake=Bake(minutes=60, requests=5)))
    stage = tiny.stage(LABEL, *services, tier=Tier.PRODUCTION)
    return replace(stage, release=Release(**release) if release else None)


def parameters(stage: Stage) -> dict[str, str]:
    stack = cdk.Stack(env=cdk.Environment(account=SETTINGS.account, region=SETTINGS.region))
    return release_rules.parameters(stage, stack, pipeline="penstock", bootstrap=SETTINGS.bootstrap)


class Store:
    """Parameters as AWS gives them."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values

    def get_parameter(self, *, Name: str) -> dict[str, Any]:  # noqa: N803 - SSM's name
        return {"Parameter": {"Value": self.values[Name]}}


def test_alarms_of_a_hundred_services_with_long_names_are_read_from_parameters_that_have_room_for_them() -> None:
    stage = production(100)
    found = parameters(stage)
    name = "/penstock/release/penstock/production"
    assert list(found) == [name, *(f"{name}/{number}" for number in range(2, 6))]
    assert max(len(text.encode()) for text in found.values()) <= 8_192
    rules = read_rules.read(Store(found), name, Clock())
    (small,) = parameters(production(2)).values()
    assert {each: rules[each] for each in ("windows", "freezes", "bake")} == {
        each: json.loads(small)[each] for each in ("windows", "freezes", "bake")
    }
    alarms = [release_alarm(LABEL, each.name) for each in stage.services]
    assert [alarm for place in rules["alarms"] for alarm in place["release"]] == alarms
    requests = {alarm: count for place in rules["alarms"] for alarm, count in place.get("requests", {}).items()}
    assert requests == dict.fromkeys(alarms[1:], 0)
    (place,) = json.loads(small)["alarms"]
    where = {each: place[each] for each in ("account", "region", "role")}
    assert all(where.items() <= each.items() for each in rules["alarms"])


def test_blockers_of_a_large_stage_are_in_its_parameters_too() -> None:
    blockers = tuple(f"storage-{number:03}-{'is-full' * 20}" for number in range(70))
    found = parameters(production(1, blockers=blockers))
    rules = read_rules.read(Store(found), next(iter(found)), Clock())
    assert len(found) > 1
    assert [alarm for place in rules["alarms"] for alarm in place["blockers"]] == list(blockers)


def test_a_gate_and_its_bake_may_read_each_parameter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(release_rules, "LONGEST", 700)
    monkeypatch.setattr(service_stage, "watch_release", lambda *_, **__: None)
    monkeypatch.setattr(service_stage, "lacking", lambda _: None)
    _, stack = tiny.app(tmp_path, catalogue=(production(4),))
    template = assertions.Template.from_stack(stack)
    made = [each["Properties"] for each in template.find_resources("AWS::SSM::Parameter").values()]
    assert len(made) > 1
    # What has once been an advanced parameter cannot be a standard one when freezes and services go.
    assert {each["Tier"] for each in made} == {"Advanced"}
    (allowed,) = (
        statement["Resource"]
        for each in template.find_resources("AWS::IAM::Policy").values()
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "ssm:GetParameter" and "ReleaseRole" in str(each["Properties"]["Roles"])
    )
    assert sorted(each.partition(":parameter")[2] for each in allowed) == sorted(each["Name"] for each in made)


def test_too_many_freezes_are_refused_with_whose_they_are() -> None:
    freezes = tuple(replace(FREEZE, why=f"{number} times {FREEZE.why}") for number in range(70))
    stage = production(1, freeze=freezes)
    with pytest.raises(MistakeError, match=r"production has .* of windows and freezes.* from the release of stage"):
        parameters(stage)
