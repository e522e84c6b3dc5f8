"""Clients of the local cloud that nothing around them can divert. pipeline/local/ takes its own from here, too."""

import ipaddress
import os
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.loaders import Loader

from pipeline.operate.errors import OperateError

NO_FILE = {"config_file": os.devnull, "credentials_file": os.devnull}


class LocalClients:
    """Makes clients of one local cloud: no profile, configuration file, variable or proxy has a say in them."""

    def __init__(self, endpoint: str, *, attempts: int = 2) -> None:
        require_loopback(endpoint)
        self._endpoint = endpoint
        self._session = boto3.Session(botocore_session=hermetic_session())
        # By default the agent says where a process runs (AWS_EXECUTION_ENV).
        self._config = Config(
            proxies={}, retries={"mode": "standard", "total_max_attempts": attempts}, user_agent="penstock"
        )

    def create(self, service: str, region: str, credentials: Mapping[str, str]) -> Any:
        """Return a client of one AWS API; `credentials` by the names of `create_client`."""
        return self._session.client(
            service,  # type: ignore[call-overload]  # a service by name
            region_name=region,
            endpoint_url=self._endpoint,
            config=self._config,
            **credentials,
        )


def account_credentials(account: str, secret: str) -> dict[str, str]:
    """Return what makes a request one of this account's root: there an account is its own access key.

    `secret`: the cloud's, which all its accounts share.
    """
    return {"aws_access_key_id": account, "aws_secret_access_key": secret}


def hermetic_session() -> botocore.session.Session:
    """Return a session with botocore's own defaults, which no variable, profile or configuration file changes."""
    variables = {
        name: (None, None, NO_FILE.get(name, default), conversion)
        for name, (_in_file, _variable, default, conversion) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    session = botocore.session.Session(session_vars=variables)
    session.register_component("data_loader", _loader())
    return session


@cache
def _loader() -> Loader:
    """Return what reads botocore's models of services: one for all sessions, for it keeps what it has read.

    It looks where botocore's own data are, and nowhere a variable might say.
    """
    return Loader()


def require_loopback(endpoint: str) -> None:
    """Refuse what could be anything but this machine; of all names only `localhost` is sure to be."""
    host = urlsplit(endpoint).hostname or ""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise OperateError(f"{endpoint} is not on this machine: the local cloud answers on 127.0.0.1 only.")
