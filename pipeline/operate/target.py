"""Where a command acts: on the local cloud, which no ambient credential can divert, or on AWS when asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import botocore.session
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.operate import sign_in
from pipeline.operate.errors import OperateError
from pipeline.operate.session import CONFIGS, LocalClients, account_credentials, hermetic_session
from services.library.contract.names import ACCOUNT, PLATFORM_BOOTSTRAP, Bootstrap

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
    bootstrap: Bootstrap = PLATFORM_BOOTSTRAP
    """What the platform's accounts have of `cdk bootstrap`."""
    _clients: Clients = field(repr=False)
    _assumed: Clients = field(repr=False, default=_as_no_role)
    """API, ARN of a role and region -> a client that acts as the role."""
    _credentials: Callable[[str], Credentials] = field(repr=False)

    @property
    def is_local(self) -> bool:
        """Whether this is the local cloud, where nothing costs or breaks anything."""
        return self.endpoint is not None

    @property
    def local_port(self) -> int | None:
        """The port of the local cloud; None for AWS."""
        return urlsplit(self.endpoint).port if self.endpoint else None

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

    def with_kept_clients(self) -> "Target":
        """Return the same target, which makes each client once: for what ends before a role's hour does."""
        return replace(self, _clients=cache(self._clients))

    def assumed(self, service: str, *, role: str | None, account: str, region: str) -> Any:
        """A client that acts as a role, for what changes something there; None: as whoever runs this."""
        if role is None:
            return self.client(service, account=account, region=region)
        return self._assumed(service, role, region)

    def credentials(self, account: str) -> Credentials:
        """What signs a request to a service of ours in this account."""
        return self._credentials(account)


def local_target(
    endpoint: str, *, secret: str, account: str, region: str, bootstrap: Bootstrap = PLATFORM_BOOTSTRAP
) -> Target:
    """The local cloud, as its accounts' roots, who share a secret; the environment has no say in anything."""
    clients = LocalClients(endpoint)

    def client(service: str, account: str, region: str) -> Any:
        return clients.create(service, region, account_credentials(account, secret))

    def assumed(service: str, role: str, region: str) -> Any:
        return clients.create(service, region, assume(client("sts", account, region), role))

    return Target(
        account=account,
        region=region,
        endpoint=endpoint,
        bootstrap=bootstrap,
        _clients=client,
        _assumed=assumed,
        _credentials=lambda account: Credentials(account, secret),
    )


def aws_target(
    *,
    profile: str | None,
    account: str,
    region: str,
    bootstrap: Bootstrap = PLATFORM_BOOTSTRAP,
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
        if sign_in.is_over(error):
            raise OperateError(sign_in.sentence(profile)) from error
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
            return session.create_client(service, region_name=region, config=CONFIGS.get(service))
        partition = hermetic_session().get_partition_for_region(region)
        role = f"arn:{partition}:iam::{account}:role/{bootstrap.role('lookup', account=account, region=region)}"
        advice = f"Bootstrap account {account} with `cdk bootstrap --trust {caller['Account']}`, as docs/aws.md shows."
        return session.create_client(service, region_name=region, **assume(sts, role, advice=advice))

    def assumed(service: str, role: str, region: str) -> Any:
        return session.create_client(service, region_name=region, **assume(sts, role))

    return Target(
        account=account,
        region=region,
        endpoint=None,
        bootstrap=bootstrap,
        _clients=client,
        _assumed=assumed,
        _credentials=lambda _account: credentials,
    )


def assume(sts: Any, role: str, *, session: str = "penstock", advice: str = "") -> dict[str, Any]:
    """Return the credentials of a role, as a client takes them. `advice`: what to do if it may not be assumed."""
    try:
        given = sts.assume_role(RoleArn=role, RoleSessionName=session)["Credentials"]
    except (BotoCoreError, ClientError) as error:
        if sign_in.is_over(error):
            raise OperateError(sign_in.sentence()) from error
        why = error.response["Error"]["Message"] if isinstance(error, ClientError) else str(error)
        raise OperateError(f"{role} could not be assumed: {why.rstrip('.')}. {advice}".rstrip()) from error
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


def account_of(arn: str) -> str | None:
    """The account in an ARN, if it has one."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 and ACCOUNT.allows(parts[4]) else None
