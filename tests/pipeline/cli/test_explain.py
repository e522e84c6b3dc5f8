"""`penstock explain`: each value with the line that it comes from, and each line that an override changes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ssm as ssm

from pipeline.catalogue.model import Stage
from pipeline.cli import explain, explanation
from pipeline.cli.explanation import Explanation
from pipeline.definition.service_stage import ServiceStage
from services.library.contract.acknowledgement import Acknowledgement
from services.library.contract.environment import Environment, Tier
from services.library.contract.release import OFF, Release
from services.library.contract.steps import Approval
from tests.conftest import clean_environment
from tests.testbed import small_checkout, tiny
from tests.testbed.small import Orders, OrdersStack

ENVIRONMENT = Environment(name="here", tier=Tier.PRODUCTION, account="111111111111", region="eu-west-1")
STAGE_FILE = """
HERE = Stage(
    environment=Environment(name="here", tier=Tier.PRODUCTION),
    services=(
        Orders(
            shards=3,
            override=shorter,
            before=(Approval(name="Agree", note="Ask them"),),
        ),
    ),
)
"""


def shorter(stack: OrdersStack, environment: Environment) -> None:
    """Until 2027-03, for the partner."""
    stack.orders.table.node.default_child.add_property_override("BillingMode", "PROVISIONED")  # type: ignore[union-attr]  # every L2 has one
    stack.node.try_remove_child("Redrive")
    stack.alarms.replace(stack.consumer.iterator_age, threshold=9, minutes=3)
    stack.consumer.consumer.log_group.node.default_child.add_property_override("RetentionInDays", 7)  # type: ignore[union-attr]  # as above


COPIES = Acknowledgement(
    rule="HIPAA.Security-S3BucketReplicationEnabled",
    path="Files/Bucket/Resource",
    reason="What is in these files can be asked for again, so that another copy is not needed.",
    owner="@example/orders",
    expires=date(2027, 11, 1),
)
SERVICE = Orders(
    shards=3,
    override=shorter,
    before=(Approval(name="Agree", note="Ask them"),),
    release=Release(roll_back=True),
)
STAGE = Stage(environment=ENVIRONMENT, services=(SERVICE,))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkout").resolve()
    (root / "stages").mkdir()
    (root / "stages/here.py").write_text(STAGE_FILE)
    shutil.copy(tiny.ROOT / "cdk.json", root)
    return root


@pytest.fixture(scope="module")
def found(checkout: Path) -> Iterator[Explanation]:
    module = ModuleType("stages.here")
    module.__file__ = str(checkout / "stages/here.py")
    vars(module)["HERE"] = STAGE
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "stages.here", module)
        patch.setattr(Orders, "handles_personal_data", True)
        patch.setattr(Orders, "acknowledgements", (COPIES,))
        yield explanation.explain(checkout, STAGE, SERVICE)


def line_of(file: Path, text: str) -> int:
    (number,) = (
        number for number, line in enumerate(file.read_text().splitlines(), 1) if line.strip().startswith(text)
    )
    return number


def test_explain_names_the_line_of_each_setting(found: Explanation, checkout: Path) -> None:
    assert found["entry"] == f"{checkout}/stages/here.py:5"
    settings = {each["name"]: each for each in found["settings"]}
    assert (settings["shards"]["value"], settings["shards"]["origin"]["at"]) == ("3", f"{checkout}/stages/here.py:6")
    service = "tests/testbed/small.py"
    default = settings["retries"]
    assert (default["value"], default["origin"]["why"]) == ("10", "default")
    assert default["origin"]["at"] == f"{service}:{line_of(tiny.ROOT / service, 'retries: ')}"
    library = {each["name"]: each for each in found["defaults"]}
    assert (library["log_retention"]["value"], library["removal_policy"]["value"]) == ("ONE_YEAR", "RETAIN")
    lines = (tiny.ROOT / "services/library/contract/defaults.py").read_text().splitlines()
    assert "ONE_YEAR" in lines[int(library["log_retention"]["origin"]["at"].rpartition(":")[2]) - 1]
    (consumer,) = (part for part in found["parts"] if part["attribute"] == "consumer")
    given = {each["name"]: each["origin"] for each in consumer["settings"]}
    file = "services/library/constructs/stream_consumer.py"
    assert given["retries"]["at"] == f"{service}:{line_of(tiny.ROOT / service, 'retries=settings.retries')}"
    assert given["record_age"]["at"] == f"{file}:{line_of(tiny.ROOT / file, 'record_age:')}"


def test_explain_lists_steps_release_approval_and_published_names(found: Explanation, checkout: Path) -> None:
    (step,) = found["steps"]
    (release,) = (each for each in found["release"] if each["name"] == "roll_back")
    assert (step["when"], step["kind"], step["name"], step["origin"]["at"]) == (
        "before",
        "Approval",
        "Agree",
        f"{checkout}/stages/here.py:8",
    )
    assert (release["name"], release["value"]) == ("roll_back", "True")
    assert release["origin"]["why"] == "strictest wish, of orders"
    assert found["approval"]["value"] == "a person must agree"
    assert "orders/event-bus-name" in {each["name"] for each in found["offers"]}


def test_explain_says_which_of_a_release_is_the_tiers_default_and_where_that_is(found: Explanation) -> None:
    (release,) = (each for each in found["defaults"] if each["name"] == "release")
    assert {
        each["name"]: (each["value"], each["origin"]["why"], each["origin"]["at"])
        for each in found["release"]
        if each["name"] != "roll_back"
    } == {
        name: (value, "the tier's default", release["origin"]["at"])
        for name, value in {
            "alarms": "ReleaseAlarms(error_percent=5)",
            "bake_minutes": "60",
            "bake_requests": "0",
        }.items()
    }


def test_explain_says_why_a_tiers_default_does_not_hold_and_who_switched_one_off(checkout: Path) -> None:
    asking = tiny.Tiny(after=(Approval(name="Ask", note="May it?"),))
    stage = tiny.stage("one", asking, tier=Tier.PRODUCTION)
    said = {each["name"]: each for each in explanation.explain(checkout, stage, asking)["release"]}
    why = "the tier's default does not hold here: "
    assert {name: (each["value"], each["origin"]["why"].removeprefix(why)) for name, each in said.items()} == {
        "alarms": ("none", "its stack is without a function, an API or a workflow"),
        "bake": (
            "none",
            "the only service has no release alarm, since its stack is without a function, an API or a workflow",
        ),
        "roll_back": ("none", "tiny has an Approval among its steps, to which a no would roll back"),
    }
    off = tiny.Tiny(release=Release(alarms=OFF, bake=OFF, roll_back=False))
    stage = tiny.stage("one", off, tier=Tier.PRODUCTION)
    switched = explanation.explain(checkout, stage, off)["release"]
    assert {(each["name"], each["value"], each["origin"]["why"]) for each in switched} == {
        ("alarms", "Off", "wish of tiny"),
        ("bake", "Off", "wish of tiny"),
        ("roll_back", "False", "wish of tiny"),
    }


def test_explain_shows_the_template_lines_that_an_override_changes(
    found: Explanation, checkout: Path, tmp_path: Path
) -> None:
    assert found["override"] is not None
    assert (found["override"]["why"], found["override"]["entry"]) == (
        "Until 2027-03, for the partner.",
        f"{checkout}/stages/here.py:7",
    )
    changed = {(each["resource"], each["property"]) for each in found["override"]["changes"]}
    assert changed == {
        ("Orders/Table/Resource", "Properties.BillingMode"),
        ("Consumer/Consumer/Logs/Resource", "Properties.RetentionInDays"),
        ("Consumer/Behind/Resource", "Properties.EvaluationPeriods"),
        ("Consumer/Behind/Resource", "Properties.Threshold"),
        ("Outputs", ""),
    }
    context = json.loads((tiny.ROOT / "cdk.json").read_text())["context"]
    context |= {"aws:cdk:enable-path-metadata": True, "aws:cdk:enable-asset-metadata": True}
    for side, service in (("-", replace(SERVICE, override=None)), ("+", SERVICE)):
        made = cdk.App(outdir=str(tmp_path / side), context=context)
        built = ServiceStage(cdk.Stack(made, "Pipeline"), replace(STAGE, services=(service,)))
        (file,) = Path(built.synth().directory).glob("*orders*.template.json")
        lines = file.read_text().splitlines()
        for change in found["override"]["changes"]:
            header, *texts = change["diff"]
            start, _, count = header.split(" ")[1 if side == "-" else 2][1:].partition(",")
            said = [text[1:] for text in texts if text[0] == side]
            assert len(said) == int(count)
            assert said == lines[int(start) - 1 : int(start) - 1 + int(count)]


def test_explain_lists_what_is_accepted_decided_and_neither(found: Explanation) -> None:
    (copies,) = (each for each in found["accepted"] if each["rule"] == "HIPAA.Security-S3BucketReplicationEnabled")
    assert (copies["owner"], copies["expires"], copies["file"]) == (
        "@example/orders",
        "2027-11-01",
        "services/orders/acknowledgements.py",
    )
    assert copies["findings"] == ["HIPAA.Security-S3BucketReplicationEnabled on Files/Bucket/Resource"]
    (stream,) = (each for each in found["decided"] if each["construct"] == "Stream")
    assert stream["findings"] == ["AwsSolutions-KDS3 on Stream/Stream/Resource"]
    refused = {each["rule"]: each for each in found["refused"]}
    assert set(refused) == {"Penstock-BaselineRetention[RetentionInDays=7]"}
    shown = "\n".join(explain.text(found))
    for said in (
        "Override ",
        "Until 2027-03",
        "Penstock-BaselineRetention",
        "@example/orders until 2027-11-01",
        stream["reason"],
    ):
        assert said in shown


@dataclass(frozen=True, kw_only=True)
class Other(tiny.Tiny):
    """Beside the tiny one."""

    name: ClassVar[str] = "other"


def with_one_beside(stack: tiny.TinyStack, environment: Environment) -> None:
    """Until the other one is heard."""
    more = cdk.Stack(cdk.Stage.of(stack), "more")
    ssm.CfnParameter(more, "Value", type="String", value="new")


def test_explain_names_an_override_that_makes_another_stack(checkout: Path) -> None:
    service = tiny.Tiny(override=with_one_beside)
    found = explanation.explain(checkout, tiny.stage("one", Other(), service), service)
    (refused,) = found["refused"]
    assert (refused["rule"], refused["path"]) == ("Penstock-OtherStack", "Pipeline/one/more")
    at = line_of(Path(__file__), "more = cdk.Stack(")
    assert f"with_one_beside does this at tests/pipeline/cli/test_explain.py:{at}." in refused["text"]


def looks_for_the_other(stack: tiny.TinyStack, environment: Environment) -> None:
    stage: Any = cdk.Stage.of(stack)
    value: Any = stack.node.find_child("Value")
    found = stage.node.try_find_child("other")
    value.node.default_child.add_property_override("Value", "beside" if found else "alone")


def test_explain_builds_an_override_without_the_stacks_of_other_services(checkout: Path) -> None:
    service = tiny.Tiny(override=looks_for_the_other)
    found = explanation.explain(checkout, tiny.stage("one", Other(), service), service)
    (change,) = (each for each in found["override"]["changes"] if each["property"] == "Properties.Value")
    assert any("alone" in line for line in change["diff"])


@pytest.fixture(scope="module")
def whole_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of two small services, with a setting for the second one in prod."""
    root = small_checkout.make(tmp_path_factory.mktemp("whole") / "checkout")
    prod = root / "stages/prod.py"
    prod.write_text(prod.read_text().replace("Second()", "Second(retention_days=9)"))
    return root


def run_explain(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a checkout, over its own catalogue."""
    command = [str(root / ".venv/bin/penstock"), "explain", *arguments]
    return subprocess.run(command, cwd=root, env=clean_environment(), capture_output=True, text=True, check=False)


def test_explain_prints_json_for_a_checkout(whole_checkout: Path) -> None:
    done = run_explain(whole_checkout, "second", "prod", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    (retention,) = (each for each in said["settings"] if each["name"] == "retention_days")
    assert retention["value"] == "9"
    assert retention["origin"]["at"].startswith("stages/prod.py:")
    assert {"name": "first/queue-name", "services": ["first"]} in said["needs"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["second", "production"], "has no stage 'production'; it has dev, "),
        (["nothing", "prod"], "Stage 'prod' has no service 'nothing'; it has first, second."),
    ],
)
def test_explain_names_the_known_services_and_stages_for_an_unknown_one(
    arguments: list[str], said: str, whole_checkout: Path
) -> None:
    done = run_explain(whole_checkout, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
