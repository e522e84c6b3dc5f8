from pipeline.local.cloud.codebuild.environment import (
    SecretReference,
    Variable,
    merge,
    passed_on,
    resolve,
    secret_reference,
    tool_folders,
)

ARN = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:name-a1b2c3"


def test_a_build_learns_nothing_of_the_person_who_runs_it() -> None:
    host_environment = {
        "AWS_PROFILE": "production",
        "AWS_SECRET_ACCESS_KEY": "s",
        "GITHUB_TOKEN": "t",
        "HOME": "/home/me",
        "PATH": "/home/me/bin",
        "SSH_AUTH_SOCK": "/run/agent",
        "USER": "me",
        "LANG": "de_DE.UTF-8",
        "PENSTOCK_CACHE": "/cache",
        "PIP_INDEX_URL": "https://index.example",
        "SSL_CERT_FILE": "/ca.pem",
    }
    assert passed_on(host_environment).keys() == {"LANG", "PENSTOCK_CACHE", "PIP_INDEX_URL", "SSL_CERT_FILE"}


def test_a_proxy_is_never_between_a_build_and_the_local_cloud() -> None:
    found = passed_on({"https_proxy": "http://proxy.example", "NO_PROXY": "internal,localhost"})
    assert found["no_proxy"] == found["NO_PROXY"] == "internal,localhost,127.0.0.1"


def test_the_shared_tools_come_before_the_systems() -> None:
    assert tool_folders({"PENSTOCK_TOOLS": "/tools/bin:/tools/more"})[:3] == (
        "/tools/bin",
        "/tools/more",
        "/usr/local/bin",
    )
    assert tool_folders({}) == ("/usr/local/bin", "/usr/bin", "/bin")


def test_a_higher_layer_replaces_a_variable_with_its_type() -> None:
    low = [Variable(name="A", value="/a", type="PARAMETER_STORE"), Variable(name="B", value="b")]
    merged = merge(low, [Variable(name="A", value="plain")])
    assert merged == {"A": Variable(name="A", value="plain"), "B": Variable(name="B", value="b")}


def test_only_looked_up_values_are_hidden() -> None:
    resolved = resolve(
        [
            Variable(name="A", value="a"),
            Variable(name="B", value="/b", type="PARAMETER_STORE"),
            Variable(name="C", value="c:key", type="SECRETS_MANAGER"),
        ],
        parameter=lambda name: f"parameter {name}",
        secret=lambda reference: f"secret {reference.secret} {reference.json_key}",
    )
    assert resolved.values == {"A": "a", "B": "parameter /b", "C": "secret c key"}
    assert resolved.hidden.keys() == {"B", "C"}


def test_a_secret_may_be_named_or_be_an_arn() -> None:
    assert secret_reference("name") == SecretReference(secret="name", json_key=None, stage=None, version=None)
    assert secret_reference("name:key:AWSPREVIOUS") == SecretReference(
        secret="name", json_key="key", stage="AWSPREVIOUS", version=None
    )
    assert secret_reference(f"{ARN}:key::version") == SecretReference(
        secret=ARN, json_key="key", stage=None, version="version"
    )
