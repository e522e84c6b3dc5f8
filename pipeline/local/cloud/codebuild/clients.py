"""Clients of the local cloud for builds: of the service role that a build assumed."""

import threading
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from pipeline.local.cloud.emulator import Emulator, Json
from pipeline.local.cloud.iam.permissions import Permissions

SERVICE = "codebuild.amazonaws.com"
BESIDE_BUILDS = "AWSCodeBuild"
"""The session in which CodeBuild writes the lines of builds."""


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
        self._permissions = emulator.part(Permissions)
        self._lock = threading.Lock()
        self._session = boto3.Session()
        self._of_roles: dict[str, Credentials] = {}
        self._made: dict[tuple[str, Credentials, str], Any] = {}

    def of_project(self, service: str, project: Json, region: str) -> Any:
        """Return a client with which CodeBuild acts as a project's service role beside its build.

        Raises:
            AwsError: AccessDenied, if the role does not exist, or does not trust CodeBuild.
        """
        role = project["serviceRole"]
        self._permissions.check_trust(role, SERVICE, project["arn"])
        if role not in self._of_roles:
            self._of_roles[role] = self.assume(project, session=BESIDE_BUILDS)
        return self.of(service, self._of_roles[role], region)

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

    def assume(self, project: Json, *, session: str) -> Credentials:
        """Return the credentials of a project's service role, which CodeBuild assumes.

        Raises:
            AwsError: AccessDenied, if the role does not exist, or does not trust CodeBuild.
        """
        role, source = project["serviceRole"], project["arn"]
        given = self._permissions.start_session(role, session, service=SERVICE, source=source)
        return Credentials(key=given["AccessKeyId"], secret=given["SecretAccessKey"], token=given["SessionToken"])
