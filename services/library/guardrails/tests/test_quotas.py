from typing import Any

import botocore.session
import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation
from services.library.guardrails.rules.quotas import (
    CONFIGURATION,
    LONGEST_VALUE,
    PIPELINE,
    PIPELINE_QUOTAS,
    TEMPLATE,
    TEMPLATE_LIMITS,
    Usage,
    check,
    usage,
)

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


def test_action_with_a_longer_configuration_value_than_codepipeline_takes_is_found() -> None:
    long = pipeline(1)
    (stage,) = long["Resources"]["P"]["Properties"]["Stages"]
    configuration: dict[str, Any] = {"Variables": "x" * LONGEST_VALUE, "ProjectName": {"Ref": "Build"}}
    stage["Actions"][0]["Configuration"] = configuration
    assert found(long) == []
    configuration["Variables"] = "x" * (LONGEST_VALUE + 1)
    assert found(long) == [(f"{CONFIGURATION.id}[Variables]", "Pipeline/P")]
    configuration["Variables"] = {"Fn::Join": ["", ["x" * (LONGEST_VALUE - 12), {"Ref": "AWS::AccountId"}]]}
    assert found(long) == []
    configuration["Variables"]["Fn::Join"][1].append("x")
    assert found(long) == [(f"{CONFIGURATION.id}[Variables]", "Pipeline/P")]


def test_cloudformations_and_codepipelines_own_figures() -> None:
    """cfn-lint and botocore are the second opinion."""
    # An import of two seconds, which every process that collects tests would wait for.
    from cfnlint.helpers import LIMITS  # type: ignore[import-untyped]  # noqa: PLC0415 - cfn-lint has no types

    assert TEMPLATE_LIMITS["bytes"] == LIMITS["template"]["body"]
    model = botocore.session.get_session().get_service_model("codepipeline")
    assert model.shape_for("ActionConfigurationValue").metadata["max"] == LONGEST_VALUE


def test_finding_above_a_quota_of_pipelines_names_the_number_and_the_page() -> None:
    (finding,) = check(Template(pipeline(*[100] * 10, 1), "Pipeline"), ANYWHERE)
    assert "It has 1,001 actions; 1,000 are allowed." in finding.text
    assert "docs/scale.md" in finding.fix


def test_usage_counts_what_a_pipeline_takes_of_its_quotas() -> None:
    assert usage(Template(pipeline(2, 3), "Pipeline", size=700)) == [
        Usage(what="stages", count=2, limit=50),
        Usage(what="actions", count=5, limit=1_000),
        Usage(what="resources", count=1, limit=500),
        Usage(what="bytes", count=700, limit=1_000_000),
    ]
    assert usage(Template({"Resources": {}}, "dev/web")) == []


def test_quota_that_aws_raises_is_the_platforms_and_a_hard_limit_nobodys_to_accept() -> None:
    assert (PIPELINE.accepted_by, TEMPLATE.accepted_by) == (AcceptedBy.PLATFORM, AcceptedBy.NOBODY)
    assert set(PIPELINE_QUOTAS) == {"stages", "actions in a stage", "actions"}
