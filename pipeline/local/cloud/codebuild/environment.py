"""The environment of a build: built from nothing, so that a build knows nothing of who runs it.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

VariableType = Literal["PLAINTEXT", "PARAMETER_STORE", "SECRETS_MANAGER"]

PROXIES = {name for lower in ("http_proxy", "https_proxy", "all_proxy", "no_proxy") for name in (lower, lower.upper())}
CERTIFICATES = {
    "AWS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "UV_NATIVE_TLS",
}
INDEXES = {
    "NPM_CONFIG_REGISTRY",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "PIP_TRUSTED_HOST",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INDEX",
    "UV_INDEX_URL",
    "npm_config_registry",
}
PASSED = {"COVERAGE_FILE", "COVERAGE_PROCESS_START", "LANG", "PENSTOCK_CACHE"} | PROXIES | CERTIFICATES | INDEXES
"""All that a build gets of the host's environment: how to reach the world, and nothing about who does."""

NO_PROXY = ("no_proxy", "NO_PROXY")
LOOPBACK = ["127.0.0.1", "localhost"]
SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")


@dataclass(frozen=True, kw_only=True)
class Variable:
    """An environment variable as projects, StartBuild and pipeline actions declare it."""

    name: str
    value: str
    type: VariableType = "PLAINTEXT"


class VariableError(Exception):
    """A referenced value cannot be had: AWS's status code for it, and what is wrong."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def passed_on(host_environment: Mapping[str, str]) -> dict[str, str]:
    """Keep what a build may see of the host's environment; the local cloud is reached without any proxy."""
    found = {name: value for name, value in host_environment.items() if name in PASSED}
    if found.keys() & PROXIES:
        past = [found.get(name, "").split(",") for name in NO_PROXY]
        hosts = ",".join(dict.fromkeys(host for hosts in (*past, LOOPBACK) for host in hosts if host))
        found |= dict.fromkeys(NO_PROXY, hosts)
    return found


def tool_folders(host_environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return where a build finds its tools: the shared environment's folders, then the system's."""
    own = [folder for folder in host_environment.get("PENSTOCK_TOOLS", "").split(os.pathsep) if folder]
    return (*own, *SYSTEM_PATH)


def merge(*layers: Iterable[Variable]) -> dict[str, Variable]:
    """Keep one variable for each name, of the highest layer: buildspec, project, start of the build."""
    return {variable.name: variable for layer in layers for variable in layer}


@dataclass(frozen=True, kw_only=True)
class SecretReference:
    """`secret-id:json-key:version-stage:version-id`, where the id may be an ARN."""

    secret: str
    json_key: str | None
    stage: str | None
    version: str | None


def secret_reference(text: str) -> SecretReference:
    """Read the reference to a secret as buildspecs and projects write it."""
    parts = text.split(":")
    id_parts = 7 if text.startswith("arn:") else 1
    json_key, stage, version = ([part or None for part in parts[id_parts:]] + [None] * 3)[:3]
    return SecretReference(secret=":".join(parts[:id_parts]), json_key=json_key, stage=stage, version=version)


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """The values of declared variables."""

    values: Mapping[str, str]
    hidden: Mapping[str, str]
    """Those that came from the Parameter Store and the Secrets Manager: masked in logs, and never exported."""


def resolve(
    variables: Iterable[Variable],
    *,
    parameter: Callable[[str], str],
    secret: Callable[[SecretReference], str],
) -> Resolved:
    """Look up what is only referred to."""
    values: dict[str, str] = {}
    hidden: dict[str, str] = {}
    for variable in variables:
        if variable.type == "PLAINTEXT":
            values[variable.name] = variable.value
        elif variable.type == "PARAMETER_STORE":
            hidden[variable.name] = parameter(variable.value)
        else:
            hidden[variable.name] = secret(secret_reference(variable.value))
    return Resolved(values=values | hidden, hidden=hidden)
