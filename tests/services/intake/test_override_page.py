"""The page on overrides tells the truth about its example, which is intake's."""

import re
from dataclasses import replace
from typing import Any

import aws_cdk as cdk
from aws_cdk import assertions

from services.intake.service import Intake
from services.library.contract.environment import Environment, Tier
from services.library.contract.release import Bake, Release
from services.library.contract.steps import Approval, Probe
from tests.conftest import ROOT

PAGE = (ROOT / "docs/override.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_pages_override_does_what_the_page_says() -> None:
    names: dict[str, Any] = {each.__name__: each for each in (Intake, Approval, Bake, Probe, Release)}
    exec(BLOCKS[0], names)  # noqa: S102 - the page's own example
    entry = eval(BLOCKS[1], names)  # noqa: S307 - as above
    assert (entry.release, len(entry.before), len(entry.after)) == (Release(bake=Bake(minutes=120, requests=1)), 1, 1)
    environment = Environment(name="prod", tier=Tier.PRODUCTION, account="111111111111", region="eu-west-1")
    made, plain = (
        assertions.Template.from_stack(
            service.deploy(cdk.Stage(cdk.App(), "prod", env=environment.to_cdk()), environment)
        )
        for service in (entry, replace(entry, override=None))
    )
    made.has_resource_properties("AWS::ApiGateway::RestApi", {"Name": "intake-prod-v1"})
    slow = {"Threshold": 8_000, "EvaluationPeriods": 10}
    made.has_resource_properties("AWS::CloudWatch::Alarm", slow)
    before, after = (set(each.find_resources("AWS::CloudWatch::Alarm")) for each in (plain, made))
    assert before < after
    assert {name.startswith("Backlog") for name in after - before} == {True}
