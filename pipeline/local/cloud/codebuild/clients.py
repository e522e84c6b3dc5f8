"""Clients of the local cloud for builds: of an account, or of the service role that a build assumed."""

import threading
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from pipeline.local.cloud.emulator import LOCAL_SECRET, Emulator, Json


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What AssumeRole answered."""

    key: str
    secret: str
    token: str | None = None


class Clients:
    """One loaded session for all builds, since loading one costs more than most calls; `emulator.part(Clients)`."""

    def __init__(self, emulator: Emulator) -> None:
        self.endpoint = emulator.endpoint
        self._lock = threading.Lock()
        self._session = boto3.Session()
        self._made: dict[tuple[str, Credentials, str], Any] = {}

    def of_account(self, service: str, *, account: str, region: str) -> Any:
        """Return a client that acts as CodeBuild itself does in an account."""
        return self.of(service, Credentials(key=account, secret=LOCAL_SECRET), region)

    def of(self, service: str, credentials: Credentials, region: str) -> Any:
        """Return a client with these credentials."""
        wanted = (service, credentials, region)
        with self._lock:
            if wanted not in self._made:
                self._made[wanted] = self._session.client(  # type: ignore[call-overload]  # a service by name
                    service,
                    region_name=region,
                    endpoint_url=self.endpoint,
                    aws_access_key_id=credentials.key,
                    aws_secret_access_key=credentials.secret,
                    aws_session_token=credentials.token,
                    config=Config(proxies={}, retries={"max_attempts": 2}),
                )
            return self._made[wanted]

    def forget(self, credentials: Credentials) -> None:
        """Drop the clients of a build that has ended."""
        with self._lock:
            self._made = {key: client for key, client in self._made.items() if key[1] != credentials}

    def assume(self, role: str, *, session: str, account: str, region: str) -> Credentials:
        """Return the credentials of a service role."""
        answer: Json = self.of_account("sts", account=account, region=region).assume_role(
            RoleArn=role, RoleSessionName=session
        )
        given = answer["Credentials"]
        return Credentials(key=given["AccessKeyId"], secret=given["SecretAccessKey"], token=given["SessionToken"])
