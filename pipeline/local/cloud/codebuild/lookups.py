"""Looks up the values that a build's variables only refer to, with the rights of its service role."""

import json
from typing import Any

from botocore.exceptions import ClientError

from pipeline.local.cloud.codebuild.buildspec import Buildspec
from pipeline.local.cloud.codebuild.clients import Clients, Credentials
from pipeline.local.cloud.codebuild.environment import SecretReference, Variable, VariableError

PARAMETER_ERROR = "Decrypted Variables Error"
SECRET_ERROR = "Secrets Manager Error Message"  # noqa: S105 - the name of a status


def buildspec_variables(buildspec: Buildspec) -> tuple[Variable, ...]:
    """Return the variables that a buildspec declares."""
    return (
        *(Variable(name=name, value=value) for name, value in buildspec.variables.items()),
        *(Variable(name=name, value=value, type="PARAMETER_STORE") for name, value in buildspec.parameters.items()),
        *(Variable(name=name, value=value, type="SECRETS_MANAGER") for name, value in buildspec.secrets.items()),
    )


class Lookups:
    """Reads parameters and secrets."""

    def __init__(self, clients: Clients, credentials: Credentials, region: str) -> None:
        self._clients = clients
        self._credentials = credentials
        self._region = region

    def parameter(self, name: str) -> str:
        """Return a parameter's value, decrypted."""
        ssm = self._clients.of("ssm", self._credentials, self._region)
        try:
            found = ssm.get_parameters(Names=[name], WithDecryption=True)["Parameters"]
        except ClientError as error:
            raise VariableError(PARAMETER_ERROR, str(error)) from error
        if not found:
            raise VariableError(PARAMETER_ERROR, f"parameter does not exist: {name}")
        return str(found[0]["Value"])

    def secret(self, reference: SecretReference) -> str:
        """Return a secret's value, or one key of it."""
        client = self._clients.of("secretsmanager", self._credentials, self._region)
        wanted: dict[str, Any] = {"SecretId": reference.secret}
        if reference.stage:
            wanted["VersionStage"] = reference.stage
        if reference.version:
            wanted["VersionId"] = reference.version
        try:
            text = str(client.get_secret_value(**wanted)["SecretString"])
        except ClientError as error:
            raise VariableError(SECRET_ERROR, f"{reference.secret}: {error}") from error
        if reference.json_key is None:
            return text
        try:
            value = json.loads(text)[reference.json_key]
        except (ValueError, KeyError, TypeError) as error:
            raise VariableError(SECRET_ERROR, f"{reference.secret} has no key {reference.json_key}") from error
        return value if isinstance(value, str) else json.dumps(value)
