"""The CDK and the platform are told the same of the bootstrap."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.catalogue import toolkit
from pipeline.cli import validate
from pipeline.settings import SETTINGS
from services.library.contract.names import SHARED_QUALIFIER, SHARED_TOOLKIT_STACK, Bootstrap
from tests.conftest import ROOT
from tests.testbed import tiny

THEIRS = "organisation-boundary"
SHARED = Bootstrap(qualifier=SHARED_QUALIFIER, toolkit_stack=SHARED_TOOLKIT_STACK, permissions_boundary=THEIRS)


def test_validate_says_what_cdk_json_says_otherwise_than_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert validate.problems_of_bootstrap(ROOT) == ()
    told = json.loads((ROOT / toolkit.FILE).read_text())
    del told[toolkit.TOOLKIT_STACK]
    (tmp_path / toolkit.FILE).write_text(json.dumps(told))
    monkeypatch.setattr(validate, "SETTINGS", replace(SETTINGS, bootstrap=SHARED))
    end = "as pipeline/settings.py has it."
    assert list(map(str, validate.problems_of_bootstrap(tmp_path))) == [
        f"cdk.json: @aws-cdk/core:bootstrapQualifier='penstock' is not allowed; give 'hnb659fds', {end}",
        f"cdk.json: toolkitStackName=None is not allowed; give 'CDKToolkit', {end}",
    ]


@pytest.mark.parametrize(("bootstrap", "other"), [(SETTINGS.bootstrap, SHARED), (SHARED, SETTINGS.bootstrap)])
def test_platform_deploys_by_the_bootstrap_of_its_settings_and_by_no_other(
    bootstrap: Bootstrap, other: Bootstrap, tmp_path: Path
) -> None:
    app, _ = tiny.app(
        tmp_path, settings=replace(SETTINGS, bootstrap=bootstrap), catalogue=(tiny.stage("dev"),), branches=None
    )
    app.synth()
    written = [file.read_text() for file in tmp_path.rglob("*.json")]
    assert any(f"cdk-{bootstrap.qualifier}-deploy-role-" in text for text in written)
    assert any(bootstrap.version_parameter in text for text in written)
    assert not any(f"cdk-{other.qualifier}-" in text or other.version_parameter in text for text in written)
    assert any(f":policy/{bootstrap.permissions_boundary}" in text for text in written)
    assert not any(f":policy/{other.permissions_boundary}" in text for text in written)
