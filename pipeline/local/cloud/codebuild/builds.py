"""What starts, stops and remembers builds: the CodeBuild API and the pipeline both go through it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.local.cloud.emulator import Emulator, Json

VariableType = Literal["PLAINTEXT", "PARAMETER_STORE", "SECRETS_MANAGER"]


@dataclass(frozen=True, kw_only=True)
class Variable:
    """An environment variable as projects, StartBuild and pipeline actions declare it."""

    name: str
    value: str
    type: VariableType = "PLAINTEXT"


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A zip in S3 that a pipeline hands to a build, or expects of it."""

    bucket: str
    key: str


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

    def start(self, asked: PipelineBuild) -> str:
        """Begin a build on a thread of its own and return its id; AwsError where StartBuild would answer one."""
        raise NotImplementedError

    def wait(self, build_id: str, *, account: str, region: str, seconds: float | None = None) -> Json:
        """The build's record (as BatchGetBuilds answers it) once it has ended, or as it is after so many seconds.

        It carries `buildStatus`, `phases[].contexts[].message`, `exportedEnvironmentVariables` and `logs`.
        """
        raise NotImplementedError

    def stop(self, build_id: str, *, account: str, region: str) -> Json:
        """End a running build with all its processes, and return its record."""
        raise NotImplementedError
