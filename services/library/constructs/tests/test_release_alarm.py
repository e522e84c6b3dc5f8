"""One alarm of a fixed name over the rates of failure of all that a stack has."""

from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

from services.library.constructs.release_alarm import watch_release
from services.library.constructs.tests.conftest import StackScope
from services.library.contract.environment import Environment, Tier
from services.library.contract.release import ReleaseAlarms
from tests.testbed.small import Parcels

ENVIRONMENT = Environment(name="prod", tier=Tier.PRODUCTION, account="111111111111", region="eu-west-1")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    app = cdk.App(outdir=str(tmp_path_factory.mktemp("assembly")))
    stage = cdk.Stage(app, "prod", env=ENVIRONMENT.to_cdk())
    stack = Parcels().deploy(stage, ENVIRONMENT)
    watch_release(stack, ReleaseAlarms(error_percent=7), name="prod-parcels-release")
    return Template.from_stack(stack)


def test_release_alarm_has_a_fixed_name_and_watches_functions_apis_and_workflows(template: Template) -> None:
    (composite,) = template.find_resources("AWS::CloudWatch::CompositeAlarm").values()
    assert composite["Properties"]["AlarmName"] == "prod-parcels-release"
    rates = template.find_resources(
        "AWS::CloudWatch::Alarm", {"Properties": {"Metrics": Match.any_value(), "Threshold": 7}}
    )
    rule = str(composite["Properties"]["AlarmRule"])
    assert rates
    assert all(f"'{name}', 'Arn'" in rule for name in rates)
    watched = {
        metric["MetricStat"]["Metric"]["Namespace"]
        for each in rates.values()
        for metric in each["Properties"]["Metrics"]
        if "MetricStat" in metric
    }
    assert watched == {"AWS/ApiGateway", "AWS/Lambda", "AWS/States"}


def test_release_alarm_fires_after_two_bad_minutes_of_three_and_stays_silent_without_requests(
    template: Template,
) -> None:
    rates = template.find_resources("AWS::CloudWatch::Alarm", {"Properties": {"Threshold": 7}})
    for each in rates.values():
        properties = each["Properties"]
        assert (properties["EvaluationPeriods"], properties["DatapointsToAlarm"]) == (3, 2)
        assert properties["ComparisonOperator"] == "GreaterThanThreshold"
        assert properties["TreatMissingData"] == "notBreaching"
        assert properties["AlarmActions"]
        (requests,) = (metric for metric in properties["Metrics"] if metric["Id"] == "requests")
        assert (requests["MetricStat"]["Period"], requests["MetricStat"]["Stat"]) == (60, "Sum")


def test_release_alarm_sees_a_workflow_fail_in_a_minute_in_which_none_began(template: Template) -> None:
    rates = template.find_resources("AWS::CloudWatch::Alarm", {"Properties": {"Threshold": 7}})
    of_workflows = [each["Properties"]["Metrics"] for each in rates.values() if "AWS/States" in str(each)]
    assert of_workflows
    for metrics in of_workflows:
        counted = {each["Id"]: each["MetricStat"]["Metric"]["MetricName"] for each in metrics if "MetricStat" in each}
        assert counted == {
            "requests": "ExecutionsSucceeded",
            "failures0": "ExecutionsFailed",
            "failures1": "ExecutionsTimedOut",
        }
        (rate,) = (each["Expression"] for each in metrics if "Expression" in each)
        failures = "FILL(failures0, 0) + FILL(failures1, 0)"
        assert rate == f"100 * ({failures}) / ({failures} + FILL(requests, 0))"


def test_release_alarm_of_a_stack_without_requests_is_refused(production: StackScope, tmp_path: Path) -> None:
    del tmp_path
    with pytest.raises(ValueError, match=r"release\.alarms is not allowed for a stack without a function, an API or a"):
        watch_release(production.stack, ReleaseAlarms(), name="prod-empty-release")
