from typing import Any

import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.finding import DeploymentLocation, Finding
from services.library.guardrails.rules.functions import ARCHITECTURE, LOGS, RUNTIME, SECRET, TRACING, check
from services.library.packaging.dependencies import PYTHON

FUNCTION = {
    "Runtime": f"python{PYTHON}",
    "Architectures": ["arm64"],
    "TracingConfig": {"Mode": "Active"},
    "LoggingConfig": {"LogGroup": {"Ref": "Logs"}},
}


def found(properties: dict[str, Any], logs: dict[str, Any] | None = None) -> list[Finding]:
    resources = {
        "Function": {"Type": "AWS::Lambda::Function", "Properties": {**FUNCTION, **properties}},
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7} if logs is None else logs},
    }
    return list(check(Template({"Resources": resources}, "prod/work", "t.json"), DeploymentLocation(keeps_data=False)))


def test_function_as_the_library_makes_it_passes() -> None:
    assert found({}) == []


@pytest.mark.parametrize(
    ("properties", "rule"),
    [
        ({"LoggingConfig": {"LogFormat": "JSON"}}, LOGS),
        ({"Architectures": ["x86_64"]}, ARCHITECTURE),
        ({"Architectures": {"Ref": "Which"}}, ARCHITECTURE),
        ({"LoggingConfig": {"LogGroup": {"Ref": "AWS::NoValue"}}}, LOGS),
        ({"LoggingConfig": {"Fn::If": ["C", FUNCTION["LoggingConfig"], {"Ref": "AWS::NoValue"}]}}, LOGS),
        ({"Runtime": {"Fn::If": ["C", "python3.9", f"python{PYTHON}"]}}, RUNTIME),
        ({"Runtime": {"Ref": "Which"}}, RUNTIME),
        ({"Runtime": "python3.9"}, RUNTIME),
        ({"Runtime": "python3.13"}, RUNTIME),
        ({"TracingConfig": {"Mode": "PassThrough"}}, TRACING),
        ({"TracingConfig": {"Ref": "AWS::NoValue"}}, TRACING),
    ],
)
def test_each_lack_of_a_function_is_found_alone(properties: dict[str, Any], rule: Any) -> None:
    assert [finding.rule for finding in found(properties)] == [rule.id]


def test_function_with_lambdas_own_defaults_is_found() -> None:
    bare = {"Function": {"Type": "AWS::Lambda::Function"}}
    findings = check(Template({"Resources": bare}), DeploymentLocation(keeps_data=False))
    assert [finding.rule for finding in findings] == [LOGS.id, ARCHITECTURE.id, TRACING.id]


@pytest.mark.parametrize("runtime", ["python3.15", "nodejs24.x", "provided.al2023"])
def test_function_of_a_newer_python_or_another_language_passes(runtime: str) -> None:
    assert found({"Runtime": runtime}) == []


def test_functions_log_group_needs_an_end_in_the_template_that_has_it() -> None:
    assert [finding.rule for finding in found({}, logs={})] == [LOGS.id]
    for never in ({"Ref": "AWS::NoValue"}, {"Fn::If": ["C", 7, {"Ref": "AWS::NoValue"}]}):
        assert [finding.rule for finding in found({}, logs={"RetentionInDays": never})] == [LOGS.id]
    assert found({"LoggingConfig": {"LogGroup": "/shared/with/others"}}, logs={}) == []


JOINED = {"Fn::Join": ["", ["{{resolve:secretsmanager:", {"Ref": "Secret"}, ":SecretString:::}}"]]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_PASSWORD", "hunter2"),
        ("api_key", "x"),
        ("APIKEY", {"Ref": "Parameter"}),
        ("GITHUB_TOKEN", "x"),
        ("SOMETHING", "AKIA" + "A" * 16),
        ("SOMETHING", "ghp_" + "a" * 36),
        ("SOMETHING", "-----BEGIN RSA " + "PRIVATE KEY-----\nMII"),
        ("DATABASE", "postgres://user:secret@database/name"),
        ("SOMETHING", JOINED),
    ],
)
def test_variable_that_looks_like_a_secret_is_found_by_name_and_never_quoted(name: str, value: Any) -> None:
    (finding,) = found({"Environment": {"Variables": {name: value}}})
    assert finding.rule == f"{SECRET.id}[{name}]"
    assert str(value) not in finding.text
    assert finding.locations == (f"Properties.Environment.Variables.{name}",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_SECRET_NAME", "database"),
        ("API_KEY_SECRET_ARN", {"Ref": "Secret"}),
        ("TOKEN_URL", "https://identity.example/token"),
        ("KEY_ID", {"Ref": "Key"}),
        ("PASSWORD", ""),
        ("TOKENIZER", "words"),
        ("ENDPOINT", "https://user@host/path"),
    ],
)
def test_variable_with_a_secrets_name_passes(name: str, value: Any) -> None:
    assert found({"Environment": {"Variables": {name: value}}}) == []


@pytest.mark.parametrize("where", ["Environment", "Variables", "API_KEY"])
def test_secret_that_only_a_condition_passes_is_found_wherever_the_condition_stands(where: str) -> None:
    value: Any = "x"
    for name in ("API_KEY", "Variables", "Environment"):
        value = {name: {"Fn::If": ["C", value, {"Ref": "AWS::NoValue"}]} if name == where else value}
    (finding,) = found(value)
    assert finding.rule == f"{SECRET.id}[API_KEY]"
