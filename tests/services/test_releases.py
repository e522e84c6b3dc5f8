"""Production's releases as our own stages are synthesised: what the gate and the bake watch is what is deployed."""

import json
from typing import Any

import pytest

from pipeline.catalogue.model import stages_of
from pipeline.settings import SETTINGS
from services.library.contract.environment import Tier
from services.library.contract.names import bake_of, release_alarm, release_parameter
from stages.catalogue import STAGES
from tests.conftest import Assembly

PRODUCTION = [stage for stage in stages_of(STAGES) if stage.environment.tier is Tier.PRODUCTION and stage.services]


def resources(assembly: Assembly, stack: str, kind: str) -> list[dict[str, Any]]:
    return [each["Properties"] for each in assembly.resources(stack, kind).values()]


@pytest.mark.parametrize("stage", PRODUCTION, ids=lambda stage: stage.label)
def test_release_to_production_is_watched_by_the_alarms_that_its_stacks_have(stage: Any, assembly: Assembly) -> None:
    (rules,) = (
        json.loads(each["Value"])
        for each in resources(assembly, "Pipeline", "AWS::SSM::Parameter")
        if each["Name"] == release_parameter(SETTINGS.name, stage.label)
    )
    (place,) = rules["alarms"]
    deployed = [
        each["AlarmName"]
        for service in stage.services
        for each in resources(assembly, service.stack_name(stage.environment), "AWS::CloudWatch::CompositeAlarm")
    ]
    assert place["release"] == deployed == [release_alarm(stage.label, each.name) for each in stage.services]
    (pipeline,) = resources(assembly, "Pipeline", "AWS::CodePipeline::Pipeline")
    (released,) = (each for each in pipeline["Stages"] if each["Name"] == stage.label)
    assert released["OnFailure"] == {"Result": "ROLLBACK"}
    assert bake_of(stage.label) in {each["Name"] for each in released["Actions"]}
    assert rules["bake"]["minutes"] > 0
