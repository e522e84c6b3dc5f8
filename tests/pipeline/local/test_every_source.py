"""Every kind of source, from the template that synth writes for it to a deployed stage."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.run import SUCCEEDED
from pipeline.source import CodeCommitSource, ConnectionSource, PathFilters, S3Source, Source
from tests.testbed.pipelines import until
from tests.testbed.platforms import HOME, Platform

pytestmark = pytest.mark.cloud


def connection(provider: str, paths: PathFilters | None = None) -> Callable[[Platform], Source]:
    def make(platform: Platform) -> Source:
        connections = platform.cloud.client("codeconnections", platform.tools, HOME)
        made = connections.create_connection(ConnectionName=platform.name, ProviderType=provider)
        return ConnectionSource(
            repository=f"example/{platform.name}", connection_arn=made["ConnectionArn"], paths=paths
        )

    return make


def repository(platform: Platform, account: str) -> Source:
    return CodeCommitSource(repository_arn=f"arn:aws:codecommit:{HOME}:{account}:{platform.name}")


SOURCES: dict[str, Callable[[Platform], Source]] = {
    "GitHub": connection("GitHub"),
    "GitLab": connection("GitLab", PathFilters(includes=("assembly/**",))),
    "Bitbucket": connection("Bitbucket", PathFilters(excludes=("docs/**",))),
    "CodeCommit": lambda platform: repository(platform, platform.tools),
    "CodeCommit in another account": lambda platform: repository(platform, platform.other),
    "S3": lambda platform: S3Source(bucket=f"{platform.name}-source", key="platform.zip"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_change_travels_from_its_source_to_a_deployed_stage(
    kind: str, equipped_cloud: LocalCloud, tmp_path: Path
) -> None:
    platform = Platform(tmp_path, equipped_cloud, number=1000 + list(SOURCES).index(kind))
    source = SOURCES[kind](platform)
    platform.deploy(source)
    before = platform.executions
    commit = platform.commit()
    platform.push("elsewhere")
    assert platform.executions == before, "another branch starts nothing"
    platform.push()
    until(lambda: platform.executions, lambda count: count > before)
    run = platform.run(lambda run: not run.is_live)
    assert run.status == SUCCEEDED, [action.error for action in run.actions if action.error]
    assert platform.deployed() == "first"
    assert commit in (run.commit, run.message.partition(" ")[0])
    assert platform.executions == before + 1, "a change starts one run"

    if isinstance(source, ConnectionSource) and source.paths:
        platform.commit({"docs/page.md": "outside of what the filter lets through"})
        platform.push()
        assert platform.executions == before + 1
