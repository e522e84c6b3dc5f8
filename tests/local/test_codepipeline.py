"""CodePipeline in the local cloud: what a pipeline declares is what happens."""

import pytest

from pipeline.local.lifecycle import LocalCloud
from tests.local.pipelines import Tools, parameter_template, stage

pytestmark = pytest.mark.cloud


@pytest.fixture
def tools(cloud: LocalCloud) -> Tools:
    return Tools(cloud)


def test_a_pipeline_deploys_its_source_by_a_change_set(tools: Tools) -> None:
    version = tools.push({"template.json": parameter_template(tools.name, "first", Where="here")})
    execution = tools.create(
        stage(
            "Deploy",
            tools.deployment("Prepare", "CHANGE_SET_REPLACE"),
            tools.deployment("Execute", "CHANGE_SET_EXECUTE", 2, namespace="Deployed"),
        )
    )
    assert tools.ended(execution) == "Succeeded", tools.errors(execution)
    assert tools.parameter() == "first"
    actions = tools.actions(execution)
    assert actions["Fetch"]["output"]["outputVariables"]["VersionId"] == version
    assert actions["Execute"]["output"]["outputVariables"] == {"Where": "here"}
