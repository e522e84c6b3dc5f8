from typing import Any

import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation
from services.library.guardrails.rules.quotas import PIPELINE, PIPELINE_QUOTAS, TEMPLATE, TEMPLATE_LIMITS, check

ANYWHERE = DeploymentLocation(keeps_data=False)


def found(body: dict[str, Any], size: int = 0) -> list[tuple[str, str]]:
    return [(each.rule, each.path) for each in check(Template(body, "Pipeline", size=size), ANYWHERE)]


def pipeline(*actions: int) -> dict[str, Any]:
    """A pipeline of stages with so many actions each."""
    stages = [{"Name": f"stage{number}", "Actions": [{}] * count} for number, count in enumerate(actions)]
    return {"Resources": {"P": {"Type": "AWS::CodePipeline::Pipeline", "Properties": {"Stages": stages}}}}


@pytest.mark.parametrize(
    ("actions", "exceeded"),
    [
        ([1] * 50, []),
        ([1] * 51, ["stages"]),
        ([1, 100], []),
        ([1, 101], ["actions in a stage"]),
        ([100] * 10, []),
        ([100] * 10 + [1], ["actions"]),
        ([100] * 9 + [101], ["actions", "actions in a stage"]),
    ],
)
def test_pipeline_above_codepipelines_quotas_is_found(actions: list[int], exceeded: list[str]) -> None:
    assert found(pipeline(*actions)) == [(f"{PIPELINE.id}[{what}]", "Pipeline/P") for what in exceeded]


@pytest.mark.parametrize("section", ["resources", "parameters", "outputs", "mappings"])
def test_template_above_cloudformations_counts_is_found(section: str) -> None:
    entries: dict[str, Any] = {f"E{number}": {} for number in range(TEMPLATE_LIMITS[section])}
    assert found({section.capitalize(): entries}) == []
    assert found({section.capitalize(): entries | {"More": {}}}) == [(f"{TEMPLATE.id}[{section}]", "Pipeline")]


def test_template_above_cloudformations_size_is_found() -> None:
    assert found({}, size=TEMPLATE_LIMITS["bytes"]) == []
    assert found({}, size=TEMPLATE_LIMITS["bytes"] + 1) == [(f"{TEMPLATE.id}[bytes]", "Pipeline")]


def test_quota_that_aws_raises_is_the_platforms_and_a_hard_limit_nobodys_to_accept() -> None:
    assert (PIPELINE.accepted_by, TEMPLATE.accepted_by) == (AcceptedBy.PLATFORM, AcceptedBy.NOBODY)
    assert set(PIPELINE_QUOTAS) == {"stages", "actions in a stage", "actions"}
