"""Each kind of source is one value in pipeline/settings.py: nothing else needs a change for synth to accept it."""

import json
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from pipeline.accounts import role_names
from pipeline.accounts.execution_policies import DeploymentAccounts
from pipeline.settings import SETTINGS
from pipeline.source import CodeCommitSource, ConnectionSource, Host, PathFilters, S3Source, Source
from services.library.guardrails.judgement import Guardrails
from tests.testbed import tiny

REPOSITORY = "arn:aws:codecommit:eu-west-1:999999999999:platform"
CONNECTED = ConnectionSource(
    repository="example/platform",
    connection_arn="arn:aws:codeconnections:eu-west-1:999999999999:connection/00000000-0000-0000-0000-000000000000",
)
# https://git-scm.com/docs/git-check-ref-format
NO_BRANCHES = (
    *("", " ", "main ", " main", "a b", "a..b", "a~1", "a^", "a:b", "a?", "ma*n", "[ab]", "a\\b", "a@{1}", "@"),
    *("refs/heads/main", "/main", "main/", "a//b", "-main", ".main", "a/.b", "main.", "main.lock", "a\n", "a.lock/b"),
)
KINDS: dict[str, Source] = {
    "a connection with path filters": replace(CONNECTED, paths=PathFilters(includes=("src/**",))),
    "a connection whose pull requests a webhook reviews": replace(CONNECTED, review_webhook=Host.BITBUCKET),
    "a repository in the tools account": CodeCommitSource(repository_arn=REPOSITORY),
    "a repository in another account": CodeCommitSource(repository_arn=REPOSITORY.replace("9" * 12, "5" * 12)),
    "a bucket": S3Source(bucket="example-sources", key="platform.zip"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_guardrails_pass_whatever_the_source(kind: str, tmp_path: Path) -> None:
    settings = replace(SETTINGS, source=KINDS[kind])
    app, pipeline = tiny.app(tmp_path / "out", settings=settings, catalogue=(tiny.stage("dev"),))
    accounts = DeploymentAccounts(tools=settings.account)
    guardrails = Guardrails((), accepted=(), decided=pipeline.decided_findings, execution=accounts.policy)
    assert guardrails.synthesise(app).failed == ()
    roles = [
        resource
        for template in (tmp_path / "out").rglob("*.template.json")
        for resource in json.loads(template.read_text())["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role"
    ]
    assert roles
    assert all("PermissionsBoundary" in role["Properties"] for role in roles), "or no account lets them be made"
    named = [role["Properties"]["RoleName"] for role in roles if "RoleName" in role["Properties"]]
    assert all(any(fnmatchcase(name, each) for each in role_names.PIPELINE) for name in named), "nor lets these"


@pytest.mark.parametrize(("region", "partition"), [("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")])
@pytest.mark.parametrize("kind", [*list(KINDS)[2:], "a connection"])
def test_the_guardrails_pass_in_every_partition(kind: str, region: str, partition: str, tmp_path: Path) -> None:
    def moved(arn: str) -> str:
        return arn.replace("arn:aws:", f"arn:{partition}:").replace(f":{SETTINGS.region}:", f":{region}:")

    source = KINDS.get(kind, CONNECTED)
    if isinstance(source, CodeCommitSource):
        source = replace(source, repository_arn=moved(source.repository_arn))
    elif isinstance(source, ConnectionSource):
        source = replace(source, connection_arn=moved(source.connection_arn))
    settings = replace(SETTINGS, region=region, source=source)
    app, pipeline = tiny.app(tmp_path / "out", settings=settings, catalogue=(tiny.stage("dev", region=region),))
    accounts = DeploymentAccounts(tools=settings.account)
    guardrails = Guardrails((), accepted=(), decided=pipeline.decided_findings, execution=accounts.policy)
    assert guardrails.synthesise(app).failed == ()


@pytest.mark.parametrize("branch", ["main", "release/2.x", "fix/rounding-1.0", "users/a@b", "feature_#1", "größe"])
def test_a_branch_that_git_takes_is_allowed(branch: str) -> None:
    assert replace(CONNECTED, branch=branch).branch == branch


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (PathFilters, "neither includes nor excludes"),
        (lambda: PathFilters(excludes=tuple(f"{number}/**" for number in range(9))), "excludes has 9 patterns"),
        (
            lambda: ConnectionSource(repository="platform", connection_arn="arn:aws:codeconnections:..."),
            "repository='platform' is not allowed; give owner/name",
        ),
        (
            lambda: replace(CONNECTED, connection_arn="arn:aws:codeconnections:..."),
            "give arn:aws:codeconnections:REGION",
        ),
        (lambda: replace(CONNECTED, connection_arn=""), "give arn:aws:codeconnections:REGION"),
        *(
            (
                lambda branch=branch: replace(CONNECTED, branch=branch),
                f"branch={branch!r} is not allowed; give a branch",
            )
            for branch in NO_BRANCHES
        ),
        (lambda: CodeCommitSource(repository_arn=REPOSITORY, branch="main "), "CodeCommitSource: branch='main '"),
        (lambda: S3Source(bucket="Sources", key="platform.zip"), "bucket='Sources' is not allowed"),
        (lambda: S3Source(bucket="example-sources", key=""), "key='' is not allowed"),
        (lambda: S3Source(bucket="example-sources", key="/platform.zip"), "key='/platform.zip' is not allowed"),
        (lambda: CodeCommitSource(repository_arn="platform"), "give arn:aws:codecommit:REGION:ACCOUNT:NAME"),
        (
            lambda: replace(
                SETTINGS,
                source=CodeCommitSource(repository_arn="arn:aws:codecommit:us-east-1:999999999999:platform"),
            ),
            "the pipeline's own region, eu-west-1",
        ),
    ],
)
def test_a_source_that_cannot_be_meant_is_refused_where_it_stands(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=r"PathFilters|not allowed") as refused:
        make()
    assert said in str(refused.value)
