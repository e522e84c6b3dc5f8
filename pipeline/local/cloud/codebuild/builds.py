"""What starts, stops and remembers builds: the CodeBuild API and the pipeline both go through it."""

import functools
import os
import shutil
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pipeline.local.cloud.codebuild import plan as plans
from pipeline.local.cloud.codebuild.clients import BESIDE_BUILDS, Clients
from pipeline.local.cloud.codebuild.environment import Variable
from pipeline.local.cloud.codebuild.log import BuildLog
from pipeline.local.cloud.codebuild.plan import Destination, Plan, PlanError
from pipeline.local.cloud.codebuild.record import STEPS_BEFORE_THE_BUILD, BuildRecord, interrupted
from pipeline.local.cloud.codebuild.run import BuildCaches, Run
from pipeline.local.cloud.codebuild.source import Artifact, BuildSource
from pipeline.local.cloud.codebuild.source_cache import SourceCache
from pipeline.local.cloud.codebuild.stream import LogStream
from pipeline.local.cloud.codebuild.workspace import Workspace
from pipeline.local.cloud.containers import containers, make_container
from pipeline.local.cloud.emulator import AwsError, Emulator, Json
from pipeline.local.cloud.iam.permissions import Calls, Permissions

__all__ = ["Artifact", "Builds", "PipelineBuild", "Variable"]

KILLED = "The local cloud was stopped during this build."


@dataclass(frozen=True, kw_only=True)
class PipelineBuild:
    """A build as a pipeline action asks for it; the account and region are those of the project."""

    project: str
    account: str
    region: str
    inputs: Mapping[str, Artifact]
    """By artifact name; downloaded with the credentials of the project's service role."""
    primary: str
    """The input that becomes CODEBUILD_SRC_DIR; the others are CODEBUILD_SRC_DIR_<name>."""
    outputs: Mapping[str, Artifact]
    """By artifact name. A single one takes the buildspec's own `artifacts`, several take `secondary-artifacts`."""
    encryption_key: str | None = None
    """The KMS key that outputs are encrypted with."""
    environment: Sequence[Variable] = ()
    """They go before the project's own variables."""
    source_version: str = ""
    """The commit, for CODEBUILD_RESOLVED_SOURCE_VERSION."""
    initiator: str
    """As AWS has it: `codepipeline/<pipeline name>`."""


class Builds:
    """Every build of this cloud; get it by `emulator.part(Builds)`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._projects = emulator.store("codebuild.projects")
        self._builds = emulator.store("codebuild.builds")
        self._numbers = emulator.store("codebuild.numbers")
        self._clients = emulator.part(Clients)
        self._changed = threading.Condition()
        self._stops: dict[str, threading.Event] = {}
        self._logs = emulator.folder / "build-logs"
        self._containers = containers(emulator.folder)
        self._kept = emulator.folder / "build-caches"
        self._caches = BuildCaches(
            projects=self._kept / "projects", sources=SourceCache(emulator.folder / "build-sources")
        )

    def start(self, asked: PipelineBuild) -> str:
        """Begin a build on a thread of its own and return its id; AwsError where StartBuild would answer one."""
        project = self._project(asked.project, asked.account, asked.region)
        primary = asked.inputs[asked.primary]
        sources = {
            None if name == asked.primary else name: BuildSource(identifier=name, artifact=artifact)
            for name, artifact in asked.inputs.items()
        }
        destinations = [
            Destination(
                identifier=name, artifact=artifact, encryption_key=asked.encryption_key, alone=len(asked.outputs) == 1
            )
            for name, artifact in asked.outputs.items()
        ]
        record = self._begin(
            project,
            account=asked.account,
            region=asked.region,
            sources=sources,
            destinations=destinations,
            environment=tuple(asked.environment),
            source_version=f"arn:aws:s3:::{primary.bucket}/{primary.key}",
            resolved_source_version=asked.source_version,
            initiator=asked.initiator,
        )
        return str(record["id"])

    def start_directly(self, asked: Json, *, account: str, region: str) -> Json:
        """StartBuild: a build of the project's own source, with what the caller overrides."""
        project = plans.overridden(self._project(asked["projectName"], account, region), asked)
        identifier = str(uuid.uuid4())
        version = project.get("sourceVersion") or ""
        try:
            sources = plans.project_sources(project)
            destinations = plans.project_destinations(project, identifier)
        except PlanError as error:
            raise AwsError("InvalidInputException", str(error)) from error
        return self._begin(
            project,
            identifier=identifier,
            account=account,
            region=region,
            sources=sources,
            destinations=destinations,
            environment=plans.variables(asked.get("environmentVariablesOverride", [])),
            source_version=version,
            resolved_source_version="",
            source_url=f"s3://{project['source']['location']}" if project["source"]["type"] == "S3" else "",
            initiator=asked.get("initiator", "local"),
        )

    def wait(self, build_id: str, *, account: str, region: str, seconds: float | None = None) -> Json:
        """Return a build's record, as BatchGetBuilds does, once it has ended or after so many seconds.

        It carries `buildStatus`, `phases[].contexts[].message`, `exportedEnvironmentVariables` and `logs`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.get(build_id, account=account, region=region)["buildComplete"], seconds)
            return self.get(build_id, account=account, region=region)

    def stop(self, build_id: str, *, account: str, region: str) -> Json:
        """Ask a running build to end with all its processes, and return its record."""
        record = self.get(build_id, account=account, region=region)
        stop = self._stops.get(build_id)
        if stop is not None:
            stop.set()
        return record

    def get(self, build_id: str, *, account: str, region: str) -> Json:
        """Return a build's record."""
        with self._emulator.within(account, region):
            found: Json | None = self._builds.get(build_id)
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Build {build_id} does not exist")
        return found

    def calls_of_role(self, project: str, *, account: str, region: str) -> Calls:
        """Return the calls that CodeBuild makes in the role of a project, beside its builds."""
        role = str(self._project(project, account, region)["serviceRole"])
        return self._emulator.part(Permissions).call_as_session(role, BESIDE_BUILDS)

    def forget_cache(self, project: str, *, account: str, region: str) -> None:
        """Let the project's next build begin with an empty cache."""
        name = self._project(project, account, region)["name"]
        shutil.rmtree(self._caches.projects / account / region / name, ignore_errors=True)

    def end_interrupted(self) -> None:
        """Fail every build that the saved state calls running: nobody carries it on."""
        for account, region, build_id, record in self._emulator.entries("codebuild.builds"):
            if not record["buildComplete"]:
                with self._emulator.within(account, region):
                    self._builds[build_id] = interrupted(record, KILLED)
                self._workspace(build_id.rpartition(":")[2]).remove()

    def _workspace(self, identifier: str) -> Workspace:
        return Workspace(
            self._containers / identifier, downloads=self._kept / "downloads", log=self._logs / f"{identifier}.txt"
        )

    def _project(self, name: str, account: str, region: str) -> Json:
        with self._emulator.within(account, region):
            found: Json | None = self._projects.get(name.rpartition("project/")[2])
        if found is None:
            raise AwsError(
                "ResourceNotFoundException", f"Project cannot be found: arn:{region}:{account}:project/{name}"
            )
        return found

    def _begin(
        self, project: Json, *, account: str, region: str, identifier: str | None = None, **details: Any
    ) -> Json:
        identifier = identifier or str(uuid.uuid4())
        build_id = f"{project['name']}:{identifier}"
        logs = project.get("logsConfig", {}).get("cloudWatchLogs", {})
        stream = "/".join(filter(None, (logs.get("streamName"), identifier)))
        group = None
        if logs.get("status", "ENABLED") == "ENABLED":
            group = logs.get("groupName") or f"/aws/codebuild/{project['name']}"
        plan = Plan(
            project=project,
            account=account,
            region=region,
            log_group=group,
            log_stream=stream,
            minutes=float(project["timeoutInMinutes"]),
            buildspec=project["source"].get("buildspec", ""),
            cache=project.get("cache", {}),
            **details,
        )
        workspace = self._workspace(identifier)
        stop = threading.Event()
        with self._changed:
            self._check_limit(project, account, region)
            data = _first_record(plan, build_id, self._next_number(plan), workspace.log.as_uri())
            self._stops[build_id] = stop
            record = BuildRecord(data, lambda changed: self._publish(plan, changed))
        threading.Thread(
            target=self._carry_out, args=(plan, record, workspace, stop), name=build_id, daemon=True
        ).start()
        return record.data

    def _carry_out(self, plan: Plan, record: BuildRecord, workspace: Workspace, stop: threading.Event) -> None:
        build_id = record.data["id"]
        self._put_state_change(plan, record.data)
        try:
            make_container(workspace.folder)
            workspace.log.parent.mkdir(parents=True, exist_ok=True)
            send = self._stream(plan).put if plan.log_group else None
            run = Run(
                plan,
                record=record,
                workspace=workspace,
                clients=self._clients,
                log=BuildLog(workspace.log, send=send),
                caches=self._caches,
                host_environment=os.environ,
                stopped=stop,
            )
            for step in STEPS_BEFORE_THE_BUILD:
                record.enter(step)
                record.leave()
            run.execute()
        except OSError as error:  # not even the folder or the log could be made
            record.enter("PROVISIONING")
            record.leave("FAILED", code="CLIENT_ERROR", message=f"{error.strerror}: {error.filename}")
            record.complete("FAILED")
        finally:
            self._stops.pop(build_id, None)
            workspace.remove()
            self._put_state_change(plan, record.data)

    def _stream(self, plan: Plan) -> LogStream:
        """Return where a build's lines go, which its service role must be allowed to write."""
        logs = functools.partial(self._clients.of_project, "logs", plan.project, plan.region)
        return LogStream(logs, str(plan.log_group), plan.log_stream)

    def _put_state_change(self, plan: Plan, data: Json) -> None:
        """Put the event of a build that begins or has ended on the default bus of its account.

        https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications.html
        """
        detail = {
            "build-status": data["buildStatus"],
            "project-name": data["projectName"],
            "build-id": data["arn"],
            "current-phase": data["currentPhase"],
            "version": "1",
        }
        with self._emulator.within(plan.account, plan.region):
            self._emulator.put_aws_event(
                source="aws.codebuild",
                detail_type="CodeBuild Build State Change",
                detail=detail,
                resources=(data["arn"],),
            )

    def _publish(self, plan: Plan, data: Json) -> None:
        with self._changed:
            with self._emulator.within(plan.account, plan.region):
                self._builds[data["id"]] = data
            self._changed.notify_all()

    def _next_number(self, plan: Plan) -> int:
        with self._emulator.within(plan.account, plan.region):
            number = int(self._numbers.get(plan.project["name"], 0)) + 1
            self._numbers[plan.project["name"]] = number
        return number

    def _check_limit(self, project: Json, account: str, region: str) -> None:
        limit = int(project.get("concurrentBuildLimit") or -1)
        with self._emulator.within(account, region):
            running = [each for each in self._builds.values() if not each["buildComplete"]]
        if 0 < limit <= sum(each["projectName"] == project["name"] for each in running):
            raise AwsError(
                "AccountLimitExceededException", f"Cannot have more than {limit} builds in queue for the project"
            )


def _first_record(plan: Plan, build_id: str, number: int, log: str) -> Json:
    """Return a build's record before its first phase."""
    project = plan.project
    prefix = f"arn:aws:codebuild:{plan.region}:{plan.account}"
    arn = f"arn:aws:logs:{plan.region}:{plan.account}:log-group:{plan.log_group}:log-stream:{plan.log_stream}"
    status = "ENABLED" if plan.log_group else "DISABLED"
    logs: Json = {"deepLink": log, "cloudWatchLogs": {"status": status}}
    if plan.log_group:
        logs |= {"groupName": plan.log_group, "streamName": plan.log_stream, "cloudWatchLogsArn": quote(arn, safe=":/")}
    carried = (
        "cache",
        "environment",
        "queuedTimeoutInMinutes",
        "secondarySources",
        "serviceRole",
        "source",
        "vpcConfig",
    )
    return {name: project[name] for name in carried if name in project} | {
        "id": build_id,
        "arn": f"{prefix}:build/{build_id}",
        "buildNumber": number,
        "startTime": time.time(),
        "currentPhase": "SUBMITTED",
        "buildStatus": "IN_PROGRESS",
        "buildComplete": False,
        "projectName": project["name"],
        "phases": [],
        "artifacts": {"location": ""},
        "sourceVersion": plan.source_version,
        "resolvedSourceVersion": plan.resolved_source_version,
        "environment": _with_declared(plan),
        "logs": logs,
        "timeoutInMinutes": project["timeoutInMinutes"],
        "initiator": plan.initiator,
        "encryptionKey": project.get("encryptionKey") or f"arn:aws:kms:{plan.region}:{plan.account}:alias/aws/s3",
    }


def _with_declared(plan: Plan) -> Json:
    """Return the environment with the variables that the start of the build adds or changes."""
    merged = plans.merged_variables(plan)
    return {**plan.project["environment"], "environmentVariables": merged}
