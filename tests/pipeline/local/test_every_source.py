"""Every kind of source, from the template that synth writes for it to a deployed stage."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.build_settings import BuildSettings, NpmRegistry, Proxy, SecretValue
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.run import SUCCEEDED
from pipeline.source import CodeCommitSource, ConnectionSource, PathFilters, S3Source, Source
from tests.testbed.package_index import package_index
from tests.testbed.pipelines import until
from tests.testbed.platforms import HOME, MAKEFILE, Platform

pytestmark = pytest.mark.cloud

PASSWORD = "of-the-index"
INSTALL = (
    '@echo "the index is $$PIP_INDEX_URL" && .venv/bin/uv pip install --quiet --no-cache --target fetched'
    ' --default-index "$$PIP_INDEX_URL" example-tool==1.0 && test -f fetched/example_tool.py'
)
"""What stands for `make setup`, in a Makefile."""


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

ALWAYS = ("GitLab", "CodeCommit in another account")
"""A connection with a filter, and another account's role; the test after it takes a bucket. `make soak` takes all."""


@pytest.mark.parametrize(
    "kind", [pytest.param(each, marks=() if each in ALWAYS else pytest.mark.soak) for each in SOURCES]
)
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


def test_builds_reach_the_companys_index_through_its_proxy_with_a_secret_that_no_log_shows(
    equipped_cloud: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All builds of a pipeline, in their own roles: synth installs a package, self-mutation and assets their tools.

    One secret is there, and the other is made with what this machine has for it.
    """
    platform = Platform(tmp_path, equipped_cloud, number=1100)
    monkeypatch.setenv("NPM_TOKEN", "npm-token")
    secret = {"url": f"http://builder:{PASSWORD}@packages.example.invalid/simple"}
    secrets = equipped_cloud.client("secretsmanager", platform.tools, HOME)
    secrets.create_secret(Name="builds/index", SecretString=json.dumps(secret))
    with package_index(user="builder", password=PASSWORD) as index:
        builds = BuildSettings(
            proxy=Proxy(url=index.url),
            package_index=SecretValue(name="builds/index", key="url"),
            npm_registry=NpmRegistry(
                url="http://packages.example.invalid/npm/", token=SecretValue(name="builds/npm", key="token")
            ),
        )
        platform.deploy(S3Source(bucket=f"{platform.name}-source", key="platform.zip"), builds)
        platform.commit({"Makefile": MAKEFILE.replace("synth:", f"\t{INSTALL}\nsynth:")})
        platform.push()
        run = platform.run(lambda run: not run.is_live and bool(run.actions))
    assert run.status == SUCCEEDED, [action.error for action in run.actions if action.error]
    assert {"/simple/example-tool/", "/files/example_tool-1.0-py3-none-any.whl"} <= set(index.answered)
    assert index.refused == []
    assert json.loads(secrets.get_secret_value(SecretId="builds/npm")["SecretString"]) == {"token": "npm-token"}
    logs = equipped_cloud.client("logs", platform.tools, HOME)
    groups = [each["logGroupName"] for each in logs.describe_log_groups()["logGroups"]]
    text = "".join(
        event["message"] for group in groups for event in logs.filter_log_events(logGroupName=group)["events"]
    )
    assert "the index is ***" in text
    assert not [word for word in (PASSWORD, "npm-token") if word in text]
