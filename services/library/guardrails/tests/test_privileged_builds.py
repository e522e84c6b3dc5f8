from typing import Any

import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.finding import DeploymentLocation
from services.library.guardrails.rules.privileged_builds import RULE, check

SANDBOX = DeploymentLocation(keeps_data=False)


def found(environment: Any) -> list[tuple[str, str]]:
    project = {
        "Type": "AWS::CodeBuild::Project",
        "Metadata": {"aws:cdk:path": "dev/web/Build/Resource"},
        "Properties": {"Environment": environment},
    }
    template = Template({"Resources": {"Build45": project}}, "dev/web")
    return [(finding.rule, finding.path) for finding in check(template, SANDBOX)]


@pytest.mark.parametrize(
    "mode", [True, "true", "TRUE", 1, {"Ref": "Privileged"}, {"Fn::If": ["Prod", False, True]}, None]
)
def test_privileged_build_is_found(mode: Any) -> None:
    assert found({"PrivilegedMode": mode, "Image": "aws/codebuild/standard:7.0"}) == [
        (RULE.id, "dev/web/Build/Resource")
    ]


@pytest.mark.parametrize("environment", [{}, {"PrivilegedMode": False}, {"PrivilegedMode": "false"}])
def test_unprivileged_build_passes(environment: Any) -> None:
    assert found(environment) == []


def test_build_environment_known_only_at_deployment_is_found() -> None:
    assert found({"Fn::If": ["Prod", {"PrivilegedMode": True}, {}]}) == [(RULE.id, "dev/web/Build/Resource")]
