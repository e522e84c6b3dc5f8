"""Branch environments as templates: what is in them, and that two of them and main never meet."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.catalogue.branch import Branch, InvalidBranchError, asked_for, prefix_of
from pipeline.catalogue.model import Stage
from pipeline.catalogue.validation import problems_of
from services.library.contract.environment import PREFIX, Environment
from stages.branches import BRANCHES_LIKE
from tests.conftest import synth
from tests.testbed import small_checkout
from tests.testbed.branches import ENDS, FEATURE, FIX, NAME, StackLocation, build, physical_name, resources
from tests.testbed.small import DEV

Templates = dict[str, dict[str, Any]]
FIX_WHOLE = replace(FIX, services=())
HERE = StackLocation(account=DEV.environment.account, region=DEV.environment.region)
NAMES_SHARED = {"AWS::ApiGateway::RestApi": "Name", "AWS::ApiGateway::Stage": "StageName"}
"""Names that others may have, too: an API is known by its id, its stage by the API."""


@pytest.fixture(scope="module", params=[DEV, BRANCHES_LIKE], ids=["small services", "this checkout's services"])
def like(request: pytest.FixtureRequest) -> Stage:
    found: Stage = request.param
    return found


@pytest.fixture(scope="module")
def feature(like: Stage, tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return build(FEATURE, tmp_path_factory.mktemp("feature"), like=like)


@pytest.fixture(scope="module")
def fix(like: Stage, tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return build(FIX_WHOLE, tmp_path_factory.mktemp("fix"), like=like)


@pytest.fixture(scope="module")
def main(like: Stage, tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return build(None, tmp_path_factory.mktemp("main"), like=like)


@given(st.text(min_size=1).filter(str.strip), st.text(min_size=1).filter(str.strip))
def test_every_name_gives_a_prefix_that_an_environment_takes_and_that_begins_no_other(one: str, other: str) -> None:
    for name in (one, other):
        assert PREFIX.allows(prefix_of(name))
        assert re.fullmatch(r"branch-[a-z0-9][a-z0-9-]*-[a-z2-7]{6}", prefix_of(name))
        assert Environment(**{**environment(), "prefix": prefix_of(name)}).label.startswith("branch-")
    if one != other:
        assert not f"{prefix_of(one)}-".startswith(f"{prefix_of(other)}-")


def environment() -> dict[str, Any]:
    return {name: getattr(DEV.environment, name) for name in ("name", "tier", "account", "region")}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("feature/tax", "feature-tax"),
        ("feature/tax", "Feature/Tax"),
        ("feature/tax-a", "feature/tax-b"),
        ("日本", "中国"),
    ],
)
def test_branches_that_look_alike_have_different_prefixes(one: str, other: str) -> None:
    assert prefix_of(one) != prefix_of(other)


def test_a_branch_has_the_chosen_services_and_what_they_need() -> None:
    def chosen(*services: str) -> list[str]:
        return [service.name for service in replace(FEATURE, services=services).stage(DEV).services]

    assert chosen("parcels") == ["orders", "parcels"]
    assert chosen("orders") == ["orders"]
    assert chosen() == ["orders", "parcels"]
    with pytest.raises(InvalidBranchError, match=r"'parcel' is not allowed; stages/dev\.py has orders, parcels"):
        chosen("parcel")


def test_the_context_says_what_is_built() -> None:
    context = {"branch": "fix/rounding", "expires": "2026-12-01T12:00:00Z", "services": " parcels, "}
    assert asked_for(context) == FIX
    assert asked_for({"expires": "2026-12-01T12:00:00Z"}) is None


@pytest.mark.parametrize("expires", ["", "3d", "2026-12-01", "2026-13-01T12:00:00Z"])
def test_a_branch_without_the_moment_of_its_end_is_refused(expires: str) -> None:
    with pytest.raises(InvalidBranchError, match="give a moment such as"):
        asked_for({"branch": "fix", "expires": expires})


def test_no_name_of_two_branches_and_main_is_the_same(
    like: Stage, feature: Templates, fix: Templates, main: Templates
) -> None:
    def names(templates: Templates) -> set[tuple[str, str]]:
        return {
            (body["Type"], physical_name(stack, logical_id, body))
            for stack, template in templates.items()
            for logical_id, body in template["Resources"].items()
            if "API-Gateway-Execution-Logs_" not in physical_name(stack, logical_id, body)
        }

    assert not names(feature) & names(fix)
    assert not (names(feature) | names(fix)) & names(main)
    for templates, branch in ((feature, FEATURE), (fix, FIX_WHOLE)):
        label = branch.stage(like).environment.label
        assert all(stack.startswith(f"{label}-") for stack in templates)
        for _, name in names(templates):
            assert name.removeprefix("/penstock/").startswith(label)


def test_whatever_names_itself_is_known_here(feature: Templates) -> None:
    """A physical name that is not in the table above would escape the test that uses it."""
    for template in feature.values():
        for body in template["Resources"].values():
            kind = body["Type"].rpartition("::")[2]
            naming = {"Name", f"{kind}Name", "LayerName"} & set(body.get("Properties", {}))
            texts = {key for key in naming if not _is_reference(body["Properties"][key])}
            assert texts <= {(NAME | NAMES_SHARED).get(body["Type"])}, body["Type"]


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and bool({"Ref", "Fn::GetAtt"} & set(value))


def test_every_parameter_that_a_branch_reads_is_its_own(like: Stage, fix: Templates) -> None:
    read = {
        parameter["Default"]
        for template in fix.values()
        for parameter in template["Parameters"].values()
        if parameter["Type"].startswith("AWS::SSM::Parameter")
    } - {"/cdk-bootstrap/penstock/version"}
    stage = FIX_WHOLE.stage(like)
    needs = {need.parameter_name(stage.environment) for service in stage.services for need in service.all_needs}
    assert read == needs
    assert all(name.startswith(f"/penstock/{FIX.prefix}-dev/") for name in needs)


def test_nothing_of_a_branch_outlives_its_stacks(feature: Templates) -> None:
    for resource in resources(feature, HERE):
        assert resource.body.get("DeletionPolicy", "Delete") == "Delete", resource.logical_id
        assert resource.type_ != "AWS::ApiGateway::Account", "the account's own setting"


def test_every_role_of_a_branch_has_the_branches_boundary(like: Stage, feature: Templates) -> None:
    roles = [each for each in resources(feature, HERE) if each.type_ == "AWS::IAM::Role"]
    assert roles or not like.services
    for role in roles:
        assert ":policy/penstock-branch-boundary" in json.dumps(role.body["Properties"]["PermissionsBoundary"])


def test_the_same_commit_and_context_give_the_same_bytes(like: Stage, tmp_path: Path, fix: Templates) -> None:
    assert json.dumps(build(FIX_WHOLE, tmp_path, like=like)) == json.dumps(fix)
    later = replace(FIX_WHOLE, expires=ENDS.replace(year=2027))
    assert json.dumps(build(later, tmp_path / "later", like=like)) == json.dumps(fix)


@pytest.mark.slow
def test_a_branch_passes_guardrails_and_is_deployed_by_its_own_roles(tmp_path: Path) -> None:
    context = ("branch=fix/rounding", "expires=2026-12-01T12:00:00Z", "services=second")
    done = synth(tmp_path / "out", checkout=small_checkout.make(tmp_path / "checkout"), context=context)
    assert done.returncode == 0, done.stdout + done.stderr
    (manifest,) = tmp_path.glob("out/assembly-*/manifest.json")
    stacks = [
        artifact["properties"]
        for artifact in json.loads(manifest.read_text())["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    ]
    assert sorted(each["stackName"] for each in stacks) == [f"{FIX.prefix}-dev-first", f"{FIX.prefix}-dev-second"]
    for stack in stacks:
        assert stack["assumeRoleArn"].endswith(":role/penstock-branch-deploy")
        assert stack["cloudFormationExecutionRoleArn"].endswith(":role/penstock-branch-execution")
        assert "/branch/" in stack["stackTemplateAssetObjectUrl"]
        assert stack["tags"] == {
            "penstock:branch": FIX.prefix,
            "penstock:branch-name": "fix/rounding",
            "penstock:expires": "2026-12-01T12:00:00Z",
        }
    report = json.loads((tmp_path / "out/validation-report.json").read_text())
    # The CLI's own answer does not say: it counts the findings of stacks that are in no stage.
    assert report["pluginReports"] == []
    assert json.loads((tmp_path / "out/guardrails.json").read_text())["accepted"], "guardrails were there"


def test_no_stage_may_be_called_as_a_branch() -> None:
    stage = replace(DEV, environment=replace(DEV.environment, name="branch-one"))
    assert any("name='branch-one' is not allowed" in str(each) for each in problems_of((stage,)))


def test_a_tag_holds_any_branchs_name() -> None:
    tags = Branch(name="ärger/#1~" + "x" * 300, expires=ENDS).tags
    assert re.fullmatch(r"[A-Za-z0-9 +=._:/@-]{1,256}", tags["penstock:branch-name"])
