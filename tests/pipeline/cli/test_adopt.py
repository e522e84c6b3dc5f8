"""`penstock adopt`: a deployed stack becomes a service, what it holds stays, and what is found in it is not hidden."""

import json
import runpy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from typer.testing import CliRunner

from pipeline.accounts import role_names
from pipeline.catalogue.model import Stage
from pipeline.cli import adopt_plan, loading, single_stack
from pipeline.cli.adopt_plan import Request
from pipeline.cli.main import app
from pipeline.local import bootstrap
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate import foreign_stack
from pipeline.operate.target import local_target
from pipeline.review.read import adopted as adopted_side
from pipeline.review.read import assembly
from pipeline.scaffold import owners
from pipeline.scaffold.draft import Draft
from pipeline.settings import SETTINGS
from services.library.constructs.adopted_stack import AdoptedService
from services.library.contract.environment import Environment, Tier
from services.library.contract.names import PLATFORM_BOOTSTRAP
from tests.conftest import ROOT
from tests.testbed import small, small_checkout
from tests.testbed.deployments import ended
from tests.testbed.small_services.first.service import First

DEPLOYED = ROOT / "tests/testbed/deployed_templates"
REPORT = DEPLOYED / "scheduled-report.yaml"
STACK, ACCOUNT, TOOLS, REGION = "nightly-report-dev", "444444440057", "999999990057", "us-east-1"
"""Accounts of this file's own."""
SMALL = (replace(small.DEV, services=(First(),)),)
PRODUCTION = Stage(
    environment=Environment(name="dev", tier=Tier.PRODUCTION, account=ACCOUNT, region=REGION), services=()
)


class Report(AdoptedService):
    name: ClassVar[str] = "report"
    owner: ClassVar[str] = "@example/report"
    handles_personal_data: ClassVar[bool] = False
    template: ClassVar[Path] = REPORT


@dataclass(frozen=True, kw_only=True)
class AdoptedCheckout:
    """A checkout in which a stack was adopted, and what the command said."""

    root: Path
    said: dict[str, Any]

    def text(self, file: str) -> str:
        return (self.root / file).read_text()


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> AdoptedCheckout:
    root = small_checkout.make(tmp_path_factory.mktemp("adopted") / "checkout")
    until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    options = ("--stack", STACK, "--no-personal-data", "--accept-until", until, "--parameter", "Schedule=rate(2 days)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "whole", lambda _root: SMALL)
        done = CliRunner().invoke(app, ["adopt", str(REPORT), *options, "--json"], obj=root)
    assert done.exit_code == 0, done.output
    return AdoptedCheckout(root=root, said=json.loads(done.stdout))


def test_adopted_service_is_its_template_and_an_entry_of_its_stage(adopted: AdoptedCheckout) -> None:
    assert adopted.text("services/nightly_report/template.yaml") == REPORT.read_text()
    entry = 'NightlyReport(deployed_stack="nightly-report-dev", parameters={"Schedule": "rate(2 days)"})'
    assert entry in adopted.text("stages/dev.py")
    assert '"stack": "nightly-report-dev"' in adopted.text("stages/deployed.json")
    assert "/services/nightly_report/ " in adopted.text(".github/CODEOWNERS")
    said = json.loads(adopted.text("services/nightly_report/deployed/dev.json"))
    assert said["parameters"] == {"Schedule": "rate(2 days)"}
    assert said["template"]["Resources"]["NightlyMayCall"]["Properties"]["SourceArn"] == {
        "Fn::GetAtt": ["Nightly", "Arn"]
    }


def test_adoption_loses_nothing_and_names_what_the_platform_changes(adopted: AdoptedCheckout) -> None:
    said = "\n".join(adopted.said["said"])
    assert "Of its 8 resources 0 are deleted, replaced or renamed" in said
    assert "ReportRole  AWS::IAM::Role  the platform's permissions boundary and tags" in said
    assert "not the platform's" not in said


def test_accepted_findings_end_and_leave_nothing_to_answer(
    adopted: AdoptedCheckout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = adopted.text("services/nightly_report/acknowledgements.py")
    owner = owners.platform_owner(Draft(root=adopted.root)).replace("/platform", "/nightly-report")
    assert text.count("expires=date(") == text.count(f'owner="{owner}"') > 3
    files = ("services/nightly_report/acknowledgements.py", "stages/acknowledgements.py")
    own, platforms = (runpy.run_path(str(adopted.root / each))["ACKNOWLEDGEMENTS"] for each in files)
    monkeypatch.setattr(single_stack, "ACKNOWLEDGEMENTS", platforms)
    kind = type("NightlyReport", (Report,), {"name": "nightly-report", "acknowledgements": own})
    value = kind(deployed_stack=STACK)
    app_, built = single_stack.build(
        str(tmp_path), single_stack.context(ROOT), replace(SMALL[0], services=(value,)), value
    )
    judgement = single_stack.judge(app_, Path(built.synth(skip_validation=True).directory), built)
    assert judgement.failed == ()
    assert {each.acknowledgement for each in judgement.accepted} == {*own, *platforms}


def test_synth_tells_the_review_what_the_stack_was_deployed_as(
    adopted: AdoptedCheckout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = replace(SETTINGS, bootstrap=replace(SETTINGS.bootstrap, permissions_boundary="theirs"))
    monkeypatch.setattr(single_stack, "SETTINGS", theirs)
    folder = adopted.root / "services/nightly_report"
    said = {"template": folder / "template.yaml"}
    value = type("Adopted", (Report,), said)(deployed_stack=STACK)
    stage = replace(SMALL[0], services=(value,))
    app_, built = single_stack.build(str(tmp_path), single_stack.context(ROOT), stage, value)
    built.synth(skip_validation=True)
    app_.synth()
    (stack,) = assembly.read(tmp_path).stacks
    before = adopted_side.deployed(stack, stack.adopted)
    assert (stack.place.name, stack.stage, stack.service) == (STACK, "dev", "report")
    assert before.body["Resources"].keys() == stack.body["Resources"].keys()
    assert before.body["Parameters"]["Schedule"]["Default"] == "rate(1 day)"
    assert before.parameters == {"Schedule": "rate(2 days)"}
    role = stack.body["Resources"]["ReportRole"]["Properties"]
    assert ":policy/theirs" in json.dumps(role["PermissionsBoundary"]), "the boundary that the settings name"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((REPORT, "--accept-until", "2020-01-01"), "--accept-until 2020-01-01 is not allowed"),
        ((REPORT, "--profile", "tools"), "TEMPLATE is a file"),
        (("--protected",), "--parameter and --protected go with TEMPLATE"),
        ((REPORT, "--parameter", "Schedule"), "--parameter 'Schedule' is not allowed; give NAME=VALUE"),
        ((REPORT, "--parameter", "Shedule=x"), "scheduled-report.yaml has no such parameter; it has Schedule, Prefix"),
        ((REPORT, "--stage", "none"), "stages/catalogue.py has no stage 'none'"),
        ((REPORT, "--name", "Report"), "Service name 'Report' is not allowed"),
        ((REPORT, "--name", "first"), "dev lists first, which is no adopted service"),
        ((ROOT / "cdk.json",), "cdk.json is no CloudFormation template"),
    ],
)
def test_what_cannot_be_adopted_is_one_sentence(
    arguments: tuple[str | Path, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "whole", lambda _root: SMALL)
    done = CliRunner().invoke(app, ["adopt", "--stack", STACK, *map(str, arguments)], obj=ROOT)
    assert (done.exit_code, said in done.output) == (2, True), done.output


@pytest.mark.parametrize(
    ("stack", "name"),
    [
        ("orders-dev", "orders"),
        ("DevOrdersStack", "orders-stack"),
        ("orders", "orders"),
        ("dev", "dev"),
        ("A1B2", "a1-b2"),
    ],
)
def test_service_is_called_as_its_stack_without_the_stage(stack: str, name: str) -> None:
    assert adopt_plan.name_of(stack, "dev") == name


def role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{PLATFORM_BOOTSTRAP.role(name, account=ACCOUNT, region=REGION)}"


def physical_ids(cloud: LocalCloud) -> dict[str, str]:
    client = cloud.client("cloudformation", ACCOUNT, REGION)
    resources = client.describe_stack_resources(StackName=STACK)["StackResources"]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}


@pytest.mark.cloud
def test_deployed_stack_is_read_and_goes_on_with_its_data_in_the_platforms_role(
    cloud: LocalCloud, adopted: AdoptedCheckout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    formation, s3 = (cloud.client(api, ACCOUNT, REGION) for api in ("cloudformation", "s3"))
    parameters = [{"ParameterKey": "Schedule", "ParameterValue": "rate(2 days)"}]
    given = {"StackName": STACK, "Capabilities": ["CAPABILITY_NAMED_IAM"]}
    formation.create_stack(**given, TemplateBody=REPORT.read_text(), Parameters=parameters)
    assert ended(cloud, STACK, account=ACCOUNT, region=REGION).status == "CREATE_COMPLETE"
    before = physical_ids(cloud)
    s3.put_object(Bucket=before["Reports"], Key="reports/first", Body=b"kept")

    target = local_target(cloud.endpoint, secret=cloud.root_secret, account=TOOLS, region=REGION)
    found = foreign_stack.read(target, STACK, account=ACCOUNT, region=REGION)
    monkeypatch.setattr(loading, "whole", lambda _root: (PRODUCTION,))
    request = Request(
        deployed=found, stage=PRODUCTION, name="report", owner=None, personal_data=False, accept_until=None
    )
    plan = adopt_plan.adopt(adopted.root, request)
    assert plan.left > 0, "nobody has accepted anything"
    assert any("(the platform team's to accept)" in line for line in plan.said)
    assert "  the stack  the platform's termination protection" in plan.said

    value = Report(deployed_stack=STACK, parameters={"Schedule": "rate(2 days)"})
    stage = replace(PRODUCTION, services=(value,))
    names = (role_names.of_stage(stage.label), *stage.role_names)
    bootstrap.bootstrap(
        cloud,
        [bootstrap.Target(account=ACCOUNT, region=REGION, role_names=names, keeps_data=True)],
        tools_account=TOOLS,
        foundation=bootstrap.checkout_foundation(),
        template=bootstrap.checkout_template(),
    )
    _, built = single_stack.build(str(tmp_path), single_stack.context(ROOT), stage, value)
    template = (Path(built.synth(skip_validation=True).directory) / built.stacks["report"].template_file).read_text()
    deploying = target.assumed("cloudformation", role=role("deploy"), account=ACCOUNT, region=REGION)
    deploying.update_stack(**given, TemplateBody=template, RoleARN=role("cfn-exec"))
    ending = ended(cloud, STACK, account=ACCOUNT, region=REGION)
    assert ending.status == "UPDATE_COMPLETE", ending.events
    assert physical_ids(cloud) == before
    assert s3.get_object(Bucket=before["Reports"], Key="reports/first")["Body"].read() == b"kept"
    made = cloud.client("iam", ACCOUNT, REGION).get_role(RoleName=before["ReportRole"])["Role"]
    assert made["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith(":policy/penstock-boundary")
