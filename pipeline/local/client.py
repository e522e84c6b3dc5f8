"""How this machine talks to its local cloud: two requests of our own, and AWS clients that can reach nothing else."""

import http.client
import os
from threading import Lock
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from pipeline.local.environment import require_loopback

HEALTH_SECONDS = 5
SAVE_SECONDS = 60


def is_healthy(port: int) -> bool:
    """Whether a local cloud answers there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HEALTH_SECONDS)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def failure_to_save(port: int) -> str | None:
    """Ask for a snapshot and wait for it; says what went wrong, if anything did."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SAVE_SECONDS)
    try:
        connection.request("POST", "/_penstock/snapshot")
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        return None if answer.status == http.HTTPStatus.OK else text
    except (OSError, http.client.HTTPException) as error:
        return f"it does not answer ({error})"
    finally:
        connection.close()


class Clients:
    """boto3 clients of one endpoint: no profile, configuration file, variable or proxy has a say in them."""

    def __init__(self, endpoint: str) -> None:
        require_loopback(endpoint)
        self._endpoint = endpoint
        self._made: dict[tuple[str, str, str], Any] = {}
        self._lock = Lock()
        nowhere = os.devnull
        self._session = boto3.Session(
            botocore_session=botocore.session.Session(
                session_vars={
                    "profile": (None, None, None, None),
                    "config_file": (None, None, nowhere, None),
                    "credentials_file": (None, None, nowhere, None),
                }
            )
        )

    def get(self, service: str, account: str, region: str) -> Any:
        """The client of one service in one account (a twelve-digit access key is the account)."""
        key = (service, account, region)
        with self._lock:  # clients may be shared by threads, but not made by several at once
            if key not in self._made:
                self._made[key] = self._session.client(
                    service,  # type: ignore[call-overload]  # a service by name
                    endpoint_url=self._endpoint,
                    region_name=region,
                    aws_access_key_id=account,
                    aws_secret_access_key="local",  # noqa: S106 - no secret: the local cloud takes any
                    config=Config(proxies={}, retries={"mode": "standard", "total_max_attempts": 1}),
                )
        return self._made[key]
