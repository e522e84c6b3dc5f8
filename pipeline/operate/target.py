"""Where a command acts: on the local cloud, which no ambient credential can divert, or on AWS when asked for."""

import ipaddress
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.operate.errors import OperateError
from services.library.contract.names import ACCOUNT, bootstrap_role

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

Clients = Callable[[str, str, str], Any]


def _as_no_role(_service: str, role: str, _region: str) -> Any:
    raise OperateError(f"These credentials may not become {role}.")


@dataclass(frozen=True, kw_only=True)
class Target:
    """One cloud, and the account and region in it that hold the pipeline."""

    account: str
    region: str
    endpoint: str | None
    """Of every AWS API of the local cloud; None for AWS itself."""
    _clients: Clients = field(repr=False)
    _assumed: Clients = field(repr=False, default=_as_no_role)
    """API, ARN of a role and region -> a client that acts as the role."""
    _credentials: Callable[[str], Credentials] = field(repr=False)

    @property
    def is_local(self) -> bool:
        """Whether this is the local cloud, where nothing costs or breaks anything."""
        return self.endpoint is not None

    @property
    def poll_seconds(self) -> float:
        """How often to look for news: AWS throttles those who look too often."""
        return 0.5 if self.is_local else 3.0

    @property
    def title(self) -> str:
        """Account, region and endpoint, as a command announces where it acts."""
        return f"account {self.account}, region {self.region}, {self.endpoint or 'AWS'}"

    def client(self, service: str, *, account: str | None = None, region: str | None = None) -> Any:
        """A client for one AWS API, in the pipeline's account and region unless told otherwise.

        On AWS another account is only looked at, by the lookup role that `cdk bootstrap --trust` made there.
        """
        return self._clients(service, account or self.account, region or self.region)

    def assumed(self, service: str, *, role: str | None, account: str, region: str) -> Any:
        """A client that acts as a role, for what changes something there; None: as whoever runs this."""
        if role is None:
            return self.client(service, account=account, region=region)
        return self._assumed(service, role, region)

    def credentials(self, account: str) -> Credentials:
        """What signs a request to a service of ours in this account."""
        return self._credentials(account)


def local_target(endpoint: str, *, account: str, region: str) -> Target:
    """The local cloud. An account is its own access key there; the environment has no say in anything."""
    require_loopback(endpoint)
    session = hermetic_session()

    def client(service: str, account: str, region: str) -> Any:
        return session.create_client(
            service,
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=account,
            aws_secret_access_key="local",  # noqa: S106 - no secret: the local cloud takes any
            config=Config(proxies={}, retries={"mode": "standard", "total_max_attempts": 2}),
        )

    def assumed(service: str, role: str, region: str) -> Any:
        sts = client("sts", account, region)
        return session.create_client(
            service,
            region_name=region,
            endpoint_url=endpoint,
            config=Config(proxies={}, retries={"mode": "standard", "total_max_attempts": 2}),
            **_given(sts, role),
        )

    return Target(
        account=account,
        region=region,
        endpoint=endpoint,
        _clients=client,
        _assumed=assumed,
        _credentials=lambda account: Credentials(account, "local"),
    )


def aws_target(
    *,
    profile: str | None,
    account: str,
    region: str,
    holds: str = "the pipeline",
    named: str = "TOOLS in stages/accounts.py",
) -> Target:
    """AWS, by the standard chain of credentials or by a profile, which must lead to the account that holds this."""
    session = botocore.session.Session(profile=profile)
    try:
        sts: STSClient = session.create_client("sts", region_name=region)  # type: ignore[assignment]  # typed by service only in boto3's stubs
        caller = sts.get_caller_identity()
        found = session.get_credentials()
    except (BotoCoreError, ClientError) as error:
        raise OperateError(f"No AWS credentials that work: {error}") from error
    if found is None:
        raise OperateError("No AWS credentials were found. Give --profile NAME, or sign in first.")
    if caller["Account"] != account:
        raise OperateError(
            f"These credentials are for account {caller['Account']}, but {holds} is in {account} ({named})."
            " Give the --profile of that account."
        )
    credentials: Credentials = found

    def client(service: str, account: str, region: str) -> Any:
        if account == caller["Account"]:
            return session.create_client(service, region_name=region)
        role = f"arn:aws:iam::{account}:role/{bootstrap_role('lookup', account=account, region=region)}"
        try:
            given = sts.assume_role(RoleArn=role, RoleSessionName="penstock")["Credentials"]
        except ClientError as error:
            raise OperateError(
                f"{role} could not be assumed: {error.response['Error']['Message']} Bootstrap account {account} with"
                f" `cdk bootstrap --trust {caller['Account']}`, as docs/aws.md shows."
            ) from error
        return session.create_client(
            service,
            region_name=region,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )

    def assumed(service: str, role: str, region: str) -> Any:
        return session.create_client(service, region_name=region, **_given(sts, role))

    return Target(
        account=account,
        region=region,
        endpoint=None,
        _clients=client,
        _assumed=assumed,
        _credentials=lambda _account: credentials,
    )


def _given(sts: Any, role: str) -> dict[str, Any]:
    """The credentials of a role, as a client takes them."""
    try:
        given = sts.assume_role(RoleArn=role, RoleSessionName="penstock")["Credentials"]
    except ClientError as error:
        raise OperateError(f"{role} could not be assumed: {error.response['Error']['Message']}") from error
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


def hermetic_session() -> botocore.session.Session:
    """A session with botocore's own defaults: no variable, profile or configuration file changes what it does."""
    variables = {
        name: (None, None, os.devnull if name in ("config_file", "credentials_file") else default, conversion)
        for name, (_in_file, _variable, default, conversion) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    return botocore.session.Session(session_vars=variables)


def require_loopback(endpoint: str) -> None:
    """Refuse what could be anything but this machine; of all names only `localhost` is sure to be."""
    host = urlsplit(endpoint).hostname or ""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise OperateError(f"{endpoint} is not on this machine: the local cloud answers on 127.0.0.1 only.")


def account_of(arn: str) -> str | None:
    """The account in an ARN, if it has one."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 and ACCOUNT.holds(parts[4]) else None
