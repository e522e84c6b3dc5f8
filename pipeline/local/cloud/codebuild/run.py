"""One build, from its source to its artifacts."""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.local.cloud.codebuild.artifacts import ArtifactError
from pipeline.local.cloud.codebuild.buildspec import Buildspec, BuildspecError, parse
from pipeline.local.cloud.codebuild.cache import Cache, CacheError
from pipeline.local.cloud.codebuild.clients import Clients, Credentials
from pipeline.local.cloud.codebuild.commands import CommandError, Commands
from pipeline.local.cloud.codebuild.environment import Resolved, VariableError, merge, passed_on, resolve, tool_folders
from pipeline.local.cloud.codebuild.log import BuildLog
from pipeline.local.cloud.codebuild.lookups import Lookups, buildspec_variables
from pipeline.local.cloud.codebuild.plan import Plan
from pipeline.local.cloud.codebuild.record import BuildRecord
from pipeline.local.cloud.codebuild.shell import Shell, ShellError
from pipeline.local.cloud.codebuild.source import Artifact, SourceError, download, fetch
from pipeline.local.cloud.codebuild.source_cache import SourceCache
from pipeline.local.cloud.codebuild.upload import Upload
from pipeline.local.cloud.codebuild.workspace import Workspace
from pipeline.local.cloud.emulator import AwsError

EXPECTED = (
    ArtifactError,
    BotoCoreError,
    BuildspecError,
    CacheError,
    ClientError,
    CommandError,
    OSError,
    ShellError,
    SourceError,
    VariableError,
)
"""What fails a phase; anything else is a fault of this emulation, and the build ends as FAULT."""


class EndedError(Exception):
    """Someone stopped the build, or its time is up."""

    def __init__(self, status: str, code: str = "", message: str = "") -> None:
        super().__init__(message or status)
        self.status = status
        self.code = code
        self.message = message


class PhaseFailedError(Exception):
    """A phase has failed and said so; the build goes to its end."""


@dataclass(frozen=True, kw_only=True)
class BuildCaches:
    """What builds leave for later ones."""

    projects: Path
    """The folder of projects' own caches."""
    sources: SourceCache


class Run:
    """Carries out a plan."""

    def __init__(
        self,
        plan: Plan,
        *,
        record: BuildRecord,
        workspace: Workspace,
        clients: Clients,
        log: BuildLog,
        caches: BuildCaches,
        host_environment: Mapping[str, str],
        stopped: threading.Event,
    ) -> None:
        self._plan = plan
        self._record = record
        self._workspace = workspace
        self._clients = clients
        self._log = log
        self._caches = caches
        self._host_environment = host_environment
        self._stopped = stopped
        self._tools = tool_folders(host_environment)
        self._ends_at = time.monotonic() + plan.minutes * 60
        self._shell: Shell | None = None

    def execute(self) -> None:
        """Run the build to its end, whatever happens; its processes end with it."""
        status = "FAULT"
        try:
            status = "SUCCEEDED" if self._build() else "FAILED"
        except PhaseFailedError:
            status = "FAILED"
        except EndedError as ended:
            status = ended.status
            self._log.say(f"Phase complete: {self._record.phase} State: {status}")
            self._record.leave(status, code=ended.code, message=ended.message)
        except Exception as error:
            self._log.say(f"A fault of the local cloud, which its own log says more about: {error!r}")
            raise
        finally:
            try:
                if self._shell is not None:
                    self._shell.close()
                self._log.close()
            finally:
                self._record.complete(status)

    def _build(self) -> bool:
        with self._phase("PROVISIONING"):
            self._workspace.prepare(self._tools)
            credentials = self._assume()
        try:
            return self._build_with(credentials)
        finally:
            self._clients.forget(credentials)

    def _build_with(self, credentials: Credentials) -> bool:
        s3 = self._clients.of("s3", credentials, self._plan.region)
        self._note_what_differs()
        with self._phase("DOWNLOAD_SOURCE"):
            folders = fetch(self._plan.sources, self._workspace, s3, self._caches.sources)
            buildspec = parse(self._buildspec_text(s3))
            for note in buildspec.notes:
                self._log.say(note)
            resolved = self._resolve(buildspec, credentials)
            self._shell = shell = Shell(
                program=buildspec.shell,
                folder=self._workspace.shell,
                directory=self._workspace.source,
                environment=self._environment(credentials, resolved, folders),
                output=self._log.output,
                tick=self._tick,
            )
            cache = self._restore_cache(buildspec)
        commands = Commands(buildspec, shell, say=self._log.say, enter=self._enter, leave=self._leave)
        commands.run()
        upload = Upload(
            buildspec=buildspec,
            workspace=self._workspace,
            s3=s3,
            build_arn=self._record.data["arn"],
            expand=lambda text: commands.expand(text, self._workspace.temporary),
            say=self._log.say,
        )
        uploaded = commands.aborted or self._upload(upload)
        succeeded = commands.succeeded and uploaded
        with self._phase("FINALIZING"):
            self._record.show(exportedEnvironmentVariables=self._exported(commands, buildspec, resolved))
            if cache is not None and succeeded:
                self._log.say(f"Kept {cache.keep(buildspec.cache_paths)} files in the project's cache")
        return succeeded

    def _assume(self) -> Credentials:
        role = self._plan.project["serviceRole"]
        session = f"AWSCodeBuild-{self._plan.log_stream.rpartition('/')[2]}"
        try:
            return self._clients.assume(self._plan.project, session=session)
        except AwsError as error:
            message = f"CodeBuild is not authorized to perform: sts:AssumeRole on service role {role}: {error}"
            raise VariableError("ACCESS_DENIED", message) from error

    def _note_what_differs(self) -> None:
        environment = self._plan.project["environment"]
        self._log.say(f"This build runs on this machine, not in {environment['image']} on {environment['computeType']}")
        if environment.get("privilegedMode"):
            self._log.say("Privileged mode is accepted, and gives nothing here")
        if self._plan.project.get("vpcConfig"):
            self._log.say("The project's VPC is accepted, and the build uses this machine's network")

    def _buildspec_text(self, s3: Any) -> str:
        where = self._plan.buildspec or "buildspec.yml"
        if where.startswith("arn:aws:s3:::"):
            bucket, _, key = where.removeprefix("arn:aws:s3:::").partition("/")
            file = self._workspace.temporary / "buildspec.yml"
            download(s3, Artifact(bucket=bucket, key=key), file)
            return file.read_text()
        if "\n" in where or ": " in where or where.lstrip().startswith("{"):
            return where
        path = self._workspace.source / where
        if not path.is_file():
            raise BuildspecError(f"stat {path}: no such file or directory")
        return path.read_text()

    def _resolve(self, buildspec: Buildspec, credentials: Credentials) -> Resolved:
        lookups = Lookups(self._clients, credentials, self._plan.region)
        declared = merge(buildspec_variables(buildspec), self._plan.project_variables, self._plan.environment)
        resolved = resolve(declared.values(), parameter=lookups.parameter, secret=lookups.secret)
        self._log.hide([*resolved.hidden.values(), credentials.secret, credentials.token or ""])
        return resolved

    def _environment(self, credentials: Credentials, resolved: Resolved, folders: Mapping[str, Path]) -> dict[str, str]:
        record, plan = self._record.data, self._plan
        reserved = {
            "CODEBUILD_BUILD_ARN": record["arn"],
            "CODEBUILD_BUILD_ID": record["id"],
            "CODEBUILD_BUILD_IMAGE": plan.project["environment"]["image"],
            "CODEBUILD_BUILD_NUMBER": str(record["buildNumber"]),
            "CODEBUILD_BUILD_SUCCEEDING": "1",
            "CODEBUILD_BUILD_URL": f"https://{plan.region}.console.aws.amazon.com/codebuild/home?region={plan.region}"
            f"#/builds/{record['id']}/view/new",
            "CODEBUILD_INITIATOR": plan.initiator,
            "CODEBUILD_KMS_KEY_ID": record["encryptionKey"],
            "CODEBUILD_LOG_PATH": plan.log_stream,
            "CODEBUILD_SOURCE_REPO_URL": plan.source_url,
            "CODEBUILD_SOURCE_VERSION": plan.source_version,
            "CODEBUILD_SRC_DIR": str(self._workspace.source),
            "CODEBUILD_START_TIME": str(int(record["startTime"] * 1000)),
        } | {f"CODEBUILD_SRC_DIR_{name}": str(folder) for name, folder in folders.items()}
        if plan.resolved_source_version:
            reserved["CODEBUILD_RESOLVED_SOURCE_VERSION"] = plan.resolved_source_version
        given = {
            "AWS_ACCESS_KEY_ID": credentials.key,
            "AWS_DEFAULT_REGION": plan.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self._clients.endpoint,
            "AWS_REGION": plan.region,
            "AWS_SECRET_ACCESS_KEY": credentials.secret,
            "AWS_SESSION_TOKEN": credentials.token or "",
            "CI": "true",
        }
        own = self._workspace.variables(self._tools)
        return {"LANG": "C.UTF-8"} | passed_on(self._host_environment) | own | given | dict(resolved.values) | reserved

    def _restore_cache(self, buildspec: Buildspec) -> Cache | None:
        kind = self._plan.cache.get("type", "NO_CACHE")
        custom = kind == "S3" or "LOCAL_CUSTOM_CACHE" in self._plan.cache.get("modes", [])
        if not buildspec.cache_paths or not custom:
            return None
        folder = self._caches.projects / self._plan.account / self._plan.region / self._plan.project["name"]
        cache = Cache(folder, source=self._workspace.source, home=self._workspace.home)
        self._log.say(f"Restored {cache.restore()} files from the project's cache on this machine")
        return cache

    def _exported(self, commands: Commands, buildspec: Buildspec, resolved: Resolved) -> list[dict[str, str]]:
        allowed = []
        for name in buildspec.exported:
            if name in resolved.hidden or name.startswith("AWS_"):
                self._log.say(f"env/exported-variables: {name} cannot be exported")
            else:
                allowed.append(name)
        values = commands.exported(allowed, self._workspace.temporary)
        return [{"name": name, "value": value} for name, value in values.items()]

    def _upload(self, upload: Upload) -> bool:
        """Upload every artifact, also after a failed BUILD; whether that went well."""
        try:
            with self._phase("UPLOAD_ARTIFACTS"):
                for destination in self._plan.destinations:
                    self._tick()
                    location = upload(destination)
                    if destination.identifier is None or destination.alone:
                        self._record.show(artifacts=location)
                    else:
                        before = self._record.data.get("secondaryArtifacts", [])
                        entry = {**location, "artifactIdentifier": destination.identifier}
                        self._record.show(secondaryArtifacts=[*before, entry])
        except PhaseFailedError:
            return False
        return True

    def _tick(self) -> None:
        self._log.tick()
        if self._stopped.is_set():
            raise EndedError("STOPPED")
        if time.monotonic() > self._ends_at:
            raise EndedError("TIMED_OUT", "BUILD_TIMED_OUT", "Build has timed out.")

    @contextlib.contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        """Run a phase without commands."""
        self._enter(name)
        try:
            yield
        except EXPECTED as error:
            self._leave(error)
            raise PhaseFailedError from error
        self._leave(None)

    def _enter(self, name: str) -> None:
        self._record.enter(name)
        self._log.say(f"Entering phase {name}")
        self._tick()

    def _leave(self, error: Exception | None) -> None:
        code, message = _context(error)
        status = "FAILED" if error else "SUCCEEDED"
        self._log.say(f"Phase complete: {self._record.phase} State: {status}")
        self._log.say(f"Phase context status code: {code} Message: {message}")
        self._record.leave(status, code=code, message=message)


def _context(error: Exception | None) -> tuple[str, str]:
    """Return a phase's status code and message, as AWS has them."""
    match error:
        case None:
            return "", ""
        case BuildspecError():
            return "YAML_FILE_ERROR", str(error)
        case VariableError():
            return error.code, str(error)
        case CommandError() | ShellError():
            return "COMMAND_EXECUTION_ERROR", str(error)
        case OSError():
            return "CLIENT_ERROR", f"{error.strerror or error}: {error.filename or 'on this machine'}"
        case _:
            return "CLIENT_ERROR", str(error)
