"""What pipeline/settings.py says of builds reaches each CodeBuild project of the pipeline's stack, and its role."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.build_settings import BuildImage, BuildSettings, NpmRegistry, Proxy, SecretValue, Vpc
from pipeline.definition import asset_publishing
from pipeline.settings import SETTINGS
from pipeline.source import CodeCommitSource
from services.library.contract.environment import Tier
from stages import accounts
from tests.conftest import Assembly
from tests.testbed import tiny

STAGE = tiny.stage("prod", tier=Tier.PRODUCTION, account=accounts.PROD, region=accounts.SECOND_REGION)
SOURCE = CodeCommitSource(repository_arn=f"arn:aws:codecommit:{SETTINGS.region}:{SETTINGS.account}:platform")
VPC = Vpc(
    vpc_id="vpc-0123456789", subnet_ids=("subnet-0a1b2c3d", "subnet-1a2b3c4d"), security_group_ids=("sg-0a1b2c3d",)
)
INDEX = SecretValue(name="builds/index", key="url", kms_key_arn=f"arn:aws:kms:eu-west-1:{accounts.TOOLS}:key/1")
TOKEN = SecretValue(name="builds/npm", key="token")
IMAGE = f"{accounts.TOOLS}.dkr.ecr.eu-west-1.amazonaws.com/builds:1"
COMPANY = BuildSettings(
    image=BuildImage(name=IMAGE),
    vpc=VPC,
    proxy=Proxy(url="http://proxy.example.com:3128", no_proxy=(".example.com",), reaches_aws=True),
    package_index=INDEX,
    npm_registry=NpmRegistry(url="https://packages.example.com/npm/", token=TOKEN),
    variables={"SSL_CERT_FILE": "/etc/ssl/company.pem"},
)


def synthesise(folder: Path, builds: BuildSettings) -> Assembly:
    settings = replace(SETTINGS, source=SOURCE, builds=builds)
    app, _ = tiny.app(folder, settings=settings, catalogue=(STAGE,), branches=STAGE.environment)
    app.synth()
    asset_publishing.write_commands(folder, builds)
    return Assembly(folder=folder)


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    return synthesise(tmp_path_factory.mktemp("assembly"), COMPANY)


@pytest.fixture(scope="module")
def projects(assembly: Assembly) -> list[dict[str, Any]]:
    found = [each["Properties"] for each in assembly.resources("Pipeline", "AWS::CodeBuild::Project").values()]
    assert len(found) >= 10, "synth, self-mutation, assets, probes, gates, protection, two schedules, review, comment"
    return found


def test_every_build_runs_in_the_companys_network_and_image(projects: list[dict[str, Any]]) -> None:
    for project in projects:
        assert project["VpcConfig"] == {
            "VpcId": VPC.vpc_id,
            "Subnets": list(VPC.subnet_ids),
            "SecurityGroupIds": list(VPC.security_group_ids),
        }
        environment = project["Environment"]
        assert (environment["Image"], environment["ImagePullCredentialsType"]) == (IMAGE, "SERVICE_ROLE")


def test_every_build_has_the_companys_variables_beside_its_own(projects: list[dict[str, Any]]) -> None:
    wanted = [
        *(
            {"Name": name, "Type": "PLAINTEXT", "Value": "http://proxy.example.com:3128"}
            for name in ("HTTP_PROXY", "https_proxy")
        ),
        {"Name": "PIP_INDEX_URL", "Type": "SECRETS_MANAGER", "Value": "builds/index:url"},
        {"Name": "NPM_CONFIG_REGISTRY", "Type": "PLAINTEXT", "Value": "https://packages.example.com/npm/"},
        {"Name": "NPM_TOKEN", "Type": "SECRETS_MANAGER", "Value": "builds/npm:token"},
        {"Name": "SSL_CERT_FILE", "Type": "PLAINTEXT", "Value": "/etc/ssl/company.pem"},
    ]
    for project in projects:
        found = variables(project)
        assert [each for each in wanted if each not in found] == []
        (without,) = (each["Value"] for each in found if each["Name"] == "NO_PROXY")
        assert without == "127.0.0.1,localhost,169.254.169.254,169.254.170.2,.example.com"
    assert any({"PROBE_METHOD", "PIP_INDEX_URL"} <= {each["Name"] for each in variables(one)} for one in projects)


def variables(project: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = project["Environment"]["EnvironmentVariables"]
    return found


def test_every_buildspec_sends_codebuild_through_the_proxy_and_asks_the_image_for_no_version(
    assembly: Assembly, projects: list[dict[str, Any]]
) -> None:
    (job,) = assembly.folder.glob("buildspec-*.yaml")
    specs = [job.read_text(), *(spec for each in projects if (spec := each["Source"]["BuildSpec"]).startswith("{"))]
    assert len(specs) == len(projects)
    for spec in map(json.loads, specs):
        assert spec["proxy"] == {"upload-artifacts": "yes", "logs": "yes"}
        assert "runtime-versions" not in json.dumps(spec)
    signing_in = 'env "npm_config_//packages.example.com/npm/:_authToken=$NPM_TOKEN" npm ci --prefix tools'
    assert [json.dumps(signing_in)[1:-1] in json.dumps(json.loads(spec)) for spec in specs].count(True) == 2


def test_every_role_of_a_build_may_join_the_network_and_read_the_secrets(
    assembly: Assembly, projects: list[dict[str, Any]]
) -> None:
    ((logical_id, policy),) = assembly.resources("Pipeline", "AWS::IAM::ManagedPolicy").items()
    roles = assembly.resources("Pipeline", "AWS::IAM::Role")
    for project in projects:
        role = roles[project["ServiceRole"]["Fn::GetAtt"][0]]["Properties"]
        assert role["ManagedPolicyArns"] == [{"Ref": logical_id}]
    allowed = {
        json.dumps(each["Action"]): each["Resource"] for each in policy["Properties"]["PolicyDocument"]["Statement"]
    }
    secrets = f"arn:aws:secretsmanager:{SETTINGS.region}:{SETTINGS.account}:secret:builds"
    assert allowed['"secretsmanager:GetSecretValue"'] == [f"{secrets}/index-??????", f"{secrets}/npm-??????"]
    assert allowed['"kms:Decrypt"'] == INDEX.kms_key_arn
    assert f"arn:aws:ecr:eu-west-1:{accounts.TOOLS}:repository/builds" in allowed.values()
    (joining,) = (each for each in policy["Properties"]["PolicyDocument"]["Statement"] if "Condition" in each)
    assert len(joining["Condition"]["StringEquals"]["ec2:Subnet"]) == len(VPC.subnet_ids)


def test_a_variable_that_a_build_has_already_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"BuildSettings: variables\['PIPELINE'\] is not allowed; give another name"):
        synthesise(tmp_path, BuildSettings(variables={"PIPELINE": "x"}))


def with_variables(**variables: str) -> Callable[[], object]:
    return lambda: BuildSettings(proxy=COMPANY.proxy, variables=variables)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: BuildSettings(package_index="https://me:secret@example.com"), r"package_index='https://me:secret@"),
        (
            lambda: Vpc(vpc_id="main", subnet_ids=("subnet-0a1b2c3d",), security_group_ids=("sg-0a1b2c3d",)),
            r"vpc_id='main'",
        ),
        (lambda: Vpc(vpc_id="vpc-0a1b2c3d", subnet_ids=(), security_group_ids=("sg-0a1b2c3d",)), r"subnet_ids=\(\)"),
        (lambda: Proxy(url="proxy:3128"), r"url='proxy:3128'"),
        (lambda: SecretValue(name="a:b", key="x"), r"name='a:b'"),
        (lambda: BuildImage(name="Builds Image"), r"name='Builds Image'"),
        (with_variables(HTTPS_PROXY="x"), r"variables\['HTTPS_PROXY'\]='x'"),
        (with_variables(AWS_PROFILE="x"), r"variables=\{'AWS_PROFILE': ...\}"),
    ],
)
def test_a_setting_of_builds_that_cannot_be_is_refused_in_a_sentence(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=rf"\w+: {sentence}.* is not allowed; give .+"):
        make()
