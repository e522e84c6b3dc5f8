"""What a provider gets to do its action with."""

import secrets
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pipeline.local.cloud.codepipeline.artifact import open_artifact
from pipeline.local.cloud.codepipeline.declaration import Action, Declaration, Json
from pipeline.local.cloud.codepipeline.sessions import SESSION, Caller, Sessions
from pipeline.local.cloud.emulator import Emulator
from pipeline.local.cloud.iam.permissions import Permissions


class ActionFailedError(Exception):
    """Ends an action as failed; the code and message are what ListActionExecutions shows."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a successful action leaves."""

    variables: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    revision: Json | None = None


@dataclass(frozen=True, kw_only=True)
class Work:
    """One action to do, in the region and under the role that its declaration says."""

    emulator: Emulator
    sessions: Sessions
    declaration: Declaration
    account: str
    pipeline: str
    """Its ARN."""
    home_region: str
    """Where the pipeline is."""
    execution_id: str
    stage: str
    action: Action
    run_id: str
    token: str
    configuration: dict[str, str]
    """With its variables resolved."""
    inputs: dict[str, Json]
    outputs: dict[str, Json]
    source_version: str
    """The commit, or the object's version, that this execution is about."""
    override: Json | None
    """The revision that a source action must take, instead of the latest."""
    abandoned: threading.Event
    report: Callable[[str, str, str], None]
    """Tell, while it runs: external execution id, URL, summary."""

    @property
    def region(self) -> str:
        """Where the action acts."""
        return self.action.region or self.home_region

    @property
    def caller(self) -> Caller:
        """The action's own role if it has one, assumed by the pipeline's."""
        own = (self.action.role_arn,) if self.action.role_arn else ()
        return Caller(pipeline=self.pipeline, roles=(self.declaration.role_arn, *own))

    @property
    def encryption_key(self) -> str | None:
        """The key of the artifact store."""
        return self.declaration.store(self.region).encryption_key

    def client(self, service: str) -> Any:
        """Return a client under the action's role, in its region."""
        return self.sessions.client(service, self.caller, self.region)

    def require(self, resource: str, *actions: str) -> None:
        """Fail the action unless its role may do these, for what happens here without a request.

        Raises:
            ActionFailedError: if one of them is denied.
        """
        calls = self.emulator.part(Permissions).call_as_session(self.caller.roles[-1], SESSION)
        for message in filter(None, (calls.refusal(each, resource) for each in actions)):
            raise ActionFailedError("PermissionError", message)

    def read(self, artifact: str) -> zipfile.ZipFile:
        """Read an input artifact."""
        return open_artifact(self.client("s3"), self.inputs[artifact])

    def read_file(self, place: str) -> str:
        """Read one file of an input artifact, `artifact::path` as configurations write it."""
        artifact, _, path = place.partition("::")
        with self.read(artifact) as archive:
            try:
                return archive.read(path).decode()
            except KeyError:
                raise ActionFailedError(
                    "InvalidConfiguration", f"File {path} does not exist in artifact {artifact}"
                ) from None

    def write(self, artifact: str, body: bytes) -> None:
        """Upload an output artifact, encrypted as the artifact store says."""
        place = self.outputs[artifact]
        put_encrypted(self.client("s3"), place, body, self.encryption_key)

    @property
    def console(self) -> str:
        """The start of links to AWS's console, which is where real executions would link to."""
        return f"https://{self.region}.console.aws.amazon.com"


def put_encrypted(s3: Any, place: Json, body: bytes, key: str | None) -> None:
    """Put an artifact as CodePipeline does: encrypted with the store's key, or as the bucket is by default."""
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
    s3.put_object(Bucket=place["bucket"], Key=place["key"], Body=body, **encryption)


def new_place(declaration: Declaration, region: str, artifact: str) -> Json:
    """Return where a new artifact goes; like AWS, `pipeline/artifact/random` with the names cut short."""
    return {
        "bucket": declaration.store(region).bucket,
        "key": f"{declaration.name[:20]}/{artifact[:10]}/{secrets.token_urlsafe(5)[:7]}",
        "region": region,
    }
