"""AWS clients for actions: under the pipeline's role, or the action's role assumed from it, as on AWS."""

import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.config import Config

from pipeline.local.cloud.emulator import AwsError, Emulator, Json
from pipeline.local.cloud.iam.permissions import Permissions

SERVICE, SESSION = "codepipeline.amazonaws.com", "codepipeline"
GOOD_FOR_SECONDS = 1800
STARTING_SECONDS = 60
CONFIG = Config(
    retries={"total_max_attempts": 2},
    read_timeout=300,
    s3={"addressing_style": "path"},
    max_pool_connections=20,
)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who calls AWS: a pipeline, by its ARN, and the roles assumed one from the other."""

    pipeline: str
    roles: tuple[str, ...]

    @property
    def assuming(self) -> "Caller | None":
        """Who assumes its last role: None for CodePipeline itself."""
        return Caller(pipeline=self.pipeline, roles=self.roles[:-1]) if len(self.roles) > 1 else None


class Sessions:
    """Keeps credentials and clients, because making one takes longer than most calls here."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._permissions = emulator.part(Permissions)
        self._session = botocore.session.Session()
        self._lock = threading.RLock()
        self._serving = False
        self._credentials: dict[Caller, tuple[float, dict[str, str]]] = {}
        self._clients: dict[tuple[Caller, str, str], tuple[float, Any]] = {}

    def client(self, service: str, caller: Caller, region: str) -> Any:
        """Return a client of this cloud. Any of botocore's: hence the type."""
        with self._lock:
            self._await_serving()
            self._require_trust(caller)
            key = (caller, service, region)
            made, client = self._clients.get(key, (0.0, None))
            if time.monotonic() - made > GOOD_FOR_SECONDS or client is None:
                client = self._make(service, self._credentials_of(caller), region)
                self._clients[key] = (time.monotonic(), client)
            return client

    def credentials(self, caller: Caller) -> dict[str, str]:
        """Of a caller, as APIs spell them: for those who act on a pipeline's artifacts in its place."""
        with self._lock:
            self._require_trust(caller)
            found = self._credentials_of(caller)
        return {
            "accessKeyId": found["aws_access_key_id"],
            "secretAccessKey": found["aws_secret_access_key"],
            "sessionToken": found.get("aws_session_token", ""),
        }

    def _await_serving(self) -> None:
        """What goes on after a restart begins before the cloud answers its first request."""
        end = time.monotonic() + STARTING_SECONDS
        while not self._serving:
            try:
                socket.create_connection(("127.0.0.1", self._emulator.port), timeout=1).close()
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
            else:
                self._serving = True

    def _credentials_of(self, caller: Caller) -> dict[str, str]:
        made, credentials = self._credentials.get(caller, (0.0, {}))
        if not credentials or time.monotonic() - made > GOOD_FOR_SECONDS:
            answer = self._assume(caller)
            credentials = {
                "aws_access_key_id": answer["AccessKeyId"],
                "aws_secret_access_key": answer["SecretAccessKey"],
                "aws_session_token": answer["SessionToken"],
            }
            self._credentials[caller] = (time.monotonic(), credentials)
        return credentials

    def _require_trust(self, caller: Caller) -> None:
        """Refuse roles that may no longer be assumed: CodePipeline assumes them anew for each action."""
        role, outer = caller.roles[-1], caller.assuming
        try:
            if outer is None:
                self._permissions.check_trust(role, SERVICE, caller.pipeline)
                return
            self._require_trust(outer)
            calls = self._permissions.call_as_session(outer.roles[-1], SESSION)
            refusal = calls.refusal("sts:AssumeRole", role, keys={"sts:RoleSessionName": SESSION})
        except AwsError as error:
            refusal = error.message
        if refusal:
            raise AwsError("PermissionError", f"The role {role} cannot be assumed: {refusal}")

    def _assume(self, caller: Caller) -> Json:
        """Assume the pipeline's role as CodePipeline itself, and an action's as the pipeline's."""
        role, outer = caller.roles[-1], caller.assuming
        if outer is None:
            return self._permissions.start_session(role, SESSION, service=SERVICE, source=caller.pipeline)
        sts = self._make("sts", self._credentials_of(outer), "us-east-1")
        assumed: Json = sts.assume_role(RoleArn=role, RoleSessionName=SESSION)["Credentials"]
        return assumed

    def _make(self, service: str, credentials: dict[str, str], region: str) -> Any:
        make: Any = self._session.create_client  # typed only for a service known by name
        return make(service, region_name=region, endpoint_url=self._emulator.endpoint, config=CONFIG, **credentials)
