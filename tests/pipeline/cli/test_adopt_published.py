"""Templates that others have published are adopted without a loss, or refused by the name of what stands in the way."""

import json
import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.cli import adopt_plan
from pipeline.cli.adopt_plan import Request
from pipeline.operate.foreign_stack import ForeignStack
from pipeline.scaffold.errors import ScaffoldError
from tests.conftest import ROOT
from tests.testbed import published

logger = logging.getLogger(__name__)
pytestmark = pytest.mark.soak
STACK, STAGE = "adopted-prod", "prod"
ADOPTED, NOT_ALLOWED_YET, REFUSED = "adopted", "its account must allow its types first", "refused"
TAGS = "(AWS::Batch::ComputeEnvironment): REPLACE by Tags"
MACRO = "has Fn::Transform, which writes what stands in no file"
ROWS: Mapping[str, str] = {
    # AWS Batch makes its resources anew for other tags.
    "aws-events-targets/batch/job-definition-events": TAGS,
    "aws-stepfunctions-tasks/batch/run-batch-job": TAGS,
    "aws-stepfunctions-tasks/batch/submit-job": TAGS,
    # A macro is left in what was made of them: the translation is AWS SAM's alone.
    "sam/parameters/not_used_parameters": MACRO,
    "sam/parameters/used_transforms": MACRO,
}
"""What is refused, with what is said of it."""


def test_adopt_takes_published_templates_or_says_by_name_why_not(tmp_path: Path) -> None:
    of_sam = tmp_path / "sam"
    of_sam.mkdir()
    found = [*published.templates(tmp_path), *published.translated(of_sam)]
    assert len(found) >= 70
    refused: dict[str, str] = {}
    outcomes = Counter(outcome(each, refused) for each in found)
    logger.info("%d templates: %s", len(found), dict(outcomes))
    assert {name: said for name, said in refused.items() if ROWS.get(name, f"{said}?") not in said} == {}
    assert refused.keys() == ROWS.keys()
    assert outcomes[ADOPTED] >= 20


def outcome(template: published.Template, refused: dict[str, str]) -> str:
    """Say what `penstock adopt` would do with a template that is deployed in production; nothing is written."""
    deployed = ForeignStack(
        name=STACK,
        source=template.name,
        text=json.dumps(template.body),
        parameters={name: "x" for name, each in template.body.get("Parameters", {}).items() if "Default" not in each},
    )
    request = Request(
        deployed=deployed,
        stage=adopt_plan.place_of(ROOT, STAGE),
        name=None,
        owner=None,
        personal_data=False,
        accept_until=None,
    )
    try:
        plan = adopt_plan.adopt(ROOT, request)
    except ScaffoldError as error:
        refused[template.name] = str(error)
        return REFUSED
    assert " 0 are deleted, replaced or renamed" in plan.said[1]
    assert not [each for each in plan.said if "not the platform's" in each], template.name
    return NOT_ALLOWED_YET if any("Penstock-DeploymentRefused" in each for each in plan.said) else ADOPTED
