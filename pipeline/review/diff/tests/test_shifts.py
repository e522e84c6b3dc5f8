"""Changes over which CodeDeploy cannot shift a function's traffic."""

from typing import Any

import pytest

from pipeline.review.diff.shifts import unshiftable
from services.library.cloudformation.resolved_template import ResolvedTemplate, resolve
from services.library.cloudformation.template import Template

CANARY = "CodeDeployDefault.LambdaCanary10Percent5Minutes"


def side(*, shifts: bool = True, configuration: str = CANARY, **function: Any) -> ResolvedTemplate:
    """One side of a function behind an alias."""
    policy = {"ApplicationName": "app", "DeploymentGroupName": {"Ref": "Group"}}
    resources: dict[str, Any] = {
        "Code": {"Type": "AWS::Lambda::Function", "Properties": {"Role": {"Fn::GetAtt": ["Role", "Arn"]}, **function}},
        "Group": {"Type": "AWS::CodeDeploy::DeploymentGroup", "Properties": {"DeploymentConfigName": configuration}},
        "Live": {
            "Type": "AWS::Lambda::Alias",
            "Properties": {"FunctionName": {"Ref": "Code"}, "Name": "live", "FunctionVersion": "1"},
            **({"UpdatePolicy": {"CodeDeployLambdaAliasUpdate": policy}} if shifts else {}),
        },
    }
    return resolve(Template({"Resources": resources}))


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"Role": {"Fn::GetAtt": ["Other", "Arn"]}}, "execution role"),
        ({"DeadLetterConfig": {"TargetArn": "queue"}}, "dead-letter queue"),
        ({"Role": "other", "DeadLetterConfig": {"TargetArn": "queue"}}, "execution role and dead-letter queue"),
    ],
)
def test_another_role_or_dead_letter_queue_cannot_be_shifted(changed: dict[str, Any], what: str) -> None:
    assert [(each.function.logical_id, each.what) for each in unshiftable(side(), side(**changed))] == [("Code", what)]


def test_other_code_can_be_shifted() -> None:
    assert [*unshiftable(side(Timeout=3), side(Timeout=4))] == []


@pytest.mark.parametrize("settings", [{"shifts": False}, {"configuration": "CodeDeployDefault.LambdaAllAtOnce"}])
def test_a_role_may_change_where_nothing_is_shifted(settings: dict[str, Any]) -> None:
    assert [*unshiftable(side(), side(Role="other", **settings))] == []


def test_an_alias_that_is_new_shifts_nothing_yet() -> None:
    new = side(Role="other")
    without = resolve(Template({"Resources": {"Code": {"Type": "AWS::Lambda::Function", "Properties": {}}}}))
    assert [*unshiftable(without, new)] == []
