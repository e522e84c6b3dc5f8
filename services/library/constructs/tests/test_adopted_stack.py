"""An adopted stack has its template's resources as they are, and what every stack of the platform has."""

import json
from pathlib import Path
from typing import Any, ClassVar

import aws_cdk as cdk
import pytest

from services.library.constructs.adopted_stack import RETAINED, AdoptedService
from services.library.contract.environment import Environment, Tier
from services.library.guardrails.rules import retained
from tests.testbed.checkout import ROOT

DEPLOYED = ROOT / "tests/testbed/deployed_templates"


class Report(AdoptedService):
    name: ClassVar[str] = "report"
    owner: ClassVar[str] = "@example/report"
    handles_personal_data: ClassVar[bool] = False
    template: ClassVar[Path] = DEPLOYED / "scheduled-report.yaml"


def environment(tier: Tier, *, prefix: str = "") -> Environment:
    return Environment(name="here", tier=tier, account="111111111111", region="eu-west-1", prefix=prefix)


def template(service: AdoptedService, tier: Tier, folder: Path) -> dict[str, Any]:
    here = environment(tier)
    app = cdk.App(outdir=str(folder))
    boundary = cdk.PermissionsBoundary.from_name("penstock-boundary")
    stage = cdk.Stage(app, "here", env=here.to_cdk(), permissions_boundary=boundary)
    stack = service.deploy(stage, here)
    made: dict[str, Any] = json.loads((Path(stage.synth().directory) / stack.template_file).read_text())
    return made


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    service = Report(deployed_stack="nightly-report", parameters={"Schedule": "rate(2 days)"})
    return template(service, Tier.PRODUCTION, tmp_path_factory.mktemp("production"))


def test_adopted_resources_have_their_logical_ids_and_the_platforms_tags(production: dict[str, Any]) -> None:
    resources = production["Resources"]
    assert {"Reports", "Failed", "Logs", "ReportRole", "Report", "Nightly", "NightlyMayCall"} <= set(resources)
    assert {"Key": "penstock:service", "Value": "report"} in resources["Reports"]["Properties"]["Tags"]
    assert resources["Report"]["Metadata"]["aws:cdk:path"] == "here/report/Template/Report"


def test_adopted_parameters_have_the_stages_values_as_defaults(production: dict[str, Any]) -> None:
    assert production["Parameters"]["Schedule"]["Default"] == "rate(2 days)"
    assert production["Resources"]["Nightly"]["Properties"]["ScheduleExpression"] == {"Ref": "Schedule"}
    assert production["Description"] == "Writes a report each night"


def test_adopted_roles_are_within_the_boundary(production: dict[str, Any]) -> None:
    role = production["Resources"]["ReportRole"]["Properties"]
    assert "policy/penstock-boundary" in json.dumps(role["PermissionsBoundary"])


def test_what_production_may_not_delete_is_retained_there_and_left_alone_elsewhere(
    production: dict[str, Any], tmp_path: Path
) -> None:
    sandbox = template(Report(), Tier.SANDBOX, tmp_path)["Resources"]
    for name in ("Reports", "Failed", "Logs"):
        assert production["Resources"][name]["DeletionPolicy"] == "Retain"
        assert production["Resources"][name]["UpdateReplacePolicy"] == "Retain"
    assert "DeletionPolicy" not in sandbox["Failed"]
    assert sandbox["Reports"]["DeletionPolicy"] == "Retain"
    assert retained.STATEFUL <= RETAINED


def test_stack_keeps_its_name_in_its_stage_and_has_another_in_a_branchs_environment() -> None:
    service = Report(deployed_stack="a-report-with-a-long-name-of-its-own", deployed_role_names=("report-writer",))
    here, branch = environment(Tier.SANDBOX), environment(Tier.SANDBOX, prefix="branch-x-aaaaaa")
    assert service.stack_name(here) == "a-report-with-a-long-name-of-its-own"
    assert service.role_names(here) == ("a-report-with-a-long-nam*", "report-writer")
    assert (service.stack_name(branch), service.role_names(branch)) == ("branch-x-aaaaaa-here-report", ())
    assert Report().stack_name(here) == "here-report"
