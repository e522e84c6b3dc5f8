"""Datadog's layers, which are in somebody else's account: their code comes from setup, their agent from who runs one.

`PENSTOCK_DATADOG_AGENT=http://127.0.0.1:8126` in the environment of the local cloud names an agent (`ddapm-test-agent`
is one); without it spans are lines in the function's log, as datadog-lambda writes them where there is no extension.

The extension reads the API key from Secrets Manager when a sandbox begins, and without one it sends nothing. So does
what stands for it here, though no agent on this machine asks for a key.
"""

import os
import re
from collections.abc import Mapping

from botocore.exceptions import ClientError

from pipeline.local.cloud.emulator import Emulator, LayerStub, SandboxInit

AGENT = "PENSTOCK_DATADOG_AGENT"
SECRET = "DD_API_KEY_SECRET_ARN"  # noqa: S105 - the name of a variable
CREDENTIALS = {
    "AccessKeyId": "AWS_ACCESS_KEY_ID",
    "SecretAccessKey": "AWS_SECRET_ACCESS_KEY",
    "SessionToken": "AWS_SESSION_TOKEN",
}
"""The variables of a sandbox that hold its session, by their names in AssumeRole's answer."""
LAYER = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:layer:Datadog-Python\d+(-ARM)?:\d+")
# Where there is no extension, datadog-lambda would read the API key and send its metrics over the internet.
TO_THE_LOG = {"DD_FLUSH_TO_LOG": "true"}


def stub(emulator: Emulator) -> LayerStub:
    """Stand for the layers: with an agent if there is one, and only if the API key can be read."""
    agent = os.environ.get(AGENT)

    def init(variables: Mapping[str, str]) -> SandboxInit:
        arn = variables.get(SECRET, "")
        if (problem := _unread(emulator, arn, variables)) is not None:
            said = f"DATADOG: the API key cannot be read, so no trace is sent: {SECRET}={arn} ({problem})"
            return SandboxInit(variables=TO_THE_LOG, log=said)
        return SandboxInit(variables=TO_THE_LOG | ({"DD_TRACE_AGENT_URL": agent} if agent else {}))

    return LayerStub(group="datadog", init=init)


def _unread(emulator: Emulator, arn: str, variables: Mapping[str, str]) -> str | None:
    """Say why the function's role cannot read the secret; None if it can."""
    parts = arn.split(":")
    if len(parts) < 7:
        return "no ARN"
    session = {member: variables[name] for member, name in CREDENTIALS.items()}
    secrets = emulator.client_of(session, "secretsmanager", region=parts[3])
    try:
        key = secrets.get_secret_value(SecretId=arn).get("SecretString")  # type: ignore[attr-defined]  # of this service's client
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None if key else "it is empty"
