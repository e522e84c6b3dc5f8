"""`penstock credentials`: what other programs need to act on the local cloud as one of its accounts."""

import json
import shlex
from typing import Annotated

import typer

from pipeline.cli.connection import Json, local_cloud
from pipeline.operate.errors import OperateError
from pipeline.settings import SETTINGS
from services.library.contract.names import ACCOUNT


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(credentials)


def credentials(
    ctx: typer.Context,
    *,
    account: Annotated[str, typer.Argument(help="Whose root to act as: an account of stages/.")] = SETTINGS.account,
    region: Annotated[str, typer.Option(help="Which region its variables name.")] = SETTINGS.region,
    as_json: Json = False,
) -> None:
    """Print variables by which the AWS CLI, curl or an SDK acts on the local cloud: eval "$(penstock credentials)".

    With --json: as a profile's `credential_process` wants it. They are good on this machine alone, and until
    `penstock down --erase`.
    """
    if not ACCOUNT.allows(account):
        raise OperateError(f"{account!r} is no account: give 12 digits, such as {SETTINGS.account}.")
    cloud = local_cloud(ctx)
    if as_json:
        typer.echo(json.dumps({"Version": 1, "AccessKeyId": account, "SecretAccessKey": cloud.root_secret}))
        return
    variables = {
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": cloud.root_secret,
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
    }
    typer.echo("unset AWS_PROFILE AWS_SESSION_TOKEN")
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")
