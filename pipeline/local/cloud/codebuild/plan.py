"""What one build will do, decided before it begins: the project as it is now, with what its starter asked otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.local.cloud.codebuild.environment import Variable, merge
from pipeline.local.cloud.codebuild.source import Artifact, BuildSource

Json = dict[str, Any]


class PlanError(Exception):
    """A project that cannot be built here."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where one artifact goes."""

    identifier: str | None
    """The name of the `secondary-artifacts` entry, if it takes one."""
    alone: bool = False
    """The only output of a pipeline's action: it takes the buildspec's `artifacts` unless an entry bears its name."""
    artifact: Artifact
    encryption_key: str | None = None
    packaged: bool = True
    """As a zip file; else file by file under the key."""
    named_by_buildspec: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that a build needs to know; it does not look at the project again."""

    project: Json
    account: str
    region: str
    sources: Mapping[str | None, BuildSource]
    destinations: Sequence[Destination]
    environment: Sequence[Variable]
    """What the start of the build declares; the project's own variables are below these."""
    source_version: str
    resolved_source_version: str
    source_url: str = ""
    initiator: str
    log_group: str | None
    log_stream: str
    minutes: float
    buildspec: str
    """Itself, or where it is: a path in the source, or the ARN of an S3 object; empty for `buildspec.yml`."""
    cache: Json = field(default_factory=dict)

    @property
    def project_variables(self) -> tuple[Variable, ...]:
        """The project's own variables."""
        return variables(self.project["environment"].get("environmentVariables", []))


def variables(declared: Sequence[Json]) -> tuple[Variable, ...]:
    """Environment variables as the API spells them."""
    return tuple(
        Variable(name=each["name"], value=each["value"], type=each.get("type", "PLAINTEXT")) for each in declared
    )


OVERRIDES = {
    "artifactsOverride": "artifacts",
    "cacheOverride": "cache",
    "encryptionKeyOverride": "encryptionKey",
    "logsConfigOverride": "logsConfig",
    "queuedTimeoutInMinutesOverride": "queuedTimeoutInMinutes",
    "secondaryArtifactsOverride": "secondaryArtifacts",
    "secondarySourcesOverride": "secondarySources",
    "secondarySourcesVersionOverride": "secondarySourceVersions",
    "serviceRoleOverride": "serviceRole",
    "sourceVersion": "sourceVersion",
    "timeoutInMinutesOverride": "timeoutInMinutes",
}
NESTED_OVERRIDES = {
    "buildspecOverride": ("source", "buildspec"),
    "computeTypeOverride": ("environment", "computeType"),
    "environmentTypeOverride": ("environment", "type"),
    "imageOverride": ("environment", "image"),
    "privilegedModeOverride": ("environment", "privilegedMode"),
    "sourceLocationOverride": ("source", "location"),
    "sourceTypeOverride": ("source", "type"),
}


def overridden(project: Json, asked: Json) -> Json:
    """Return the project as StartBuild asks for it."""
    changed = dict(project)
    for parameter, field_name in OVERRIDES.items():
        if parameter in asked:
            changed[field_name] = asked[parameter]
    for parameter, (part, field_name) in NESTED_OVERRIDES.items():
        if parameter in asked:
            changed[part] = {**changed[part], field_name: asked[parameter]}
    return changed


def project_sources(project: Json) -> dict[str | None, BuildSource]:
    """Return the sources that the project itself names."""
    versions = {each["sourceIdentifier"]: each["sourceVersion"] for each in project.get("secondarySourceVersions", [])}
    found: dict[str | None, BuildSource] = {None: _source(project["source"], project.get("sourceVersion"))}
    for each in project.get("secondarySources", []):
        identifier = each["sourceIdentifier"]
        found[identifier] = _source(each, versions.get(identifier))
    return found


def _source(source: Json, version: str | None) -> BuildSource:
    identifier = source.get("sourceIdentifier")
    if source["type"] == "NO_SOURCE":
        return BuildSource(identifier=identifier, artifact=None)
    if source["type"] != "S3":
        raise PlanError(
            f"Only CodePipeline can start a build with a source of type {source['type']} here; "
            "S3 and NO_SOURCE can be started directly."
        )
    bucket, _, key = source.get("location", "").removeprefix("arn:aws:s3:::").partition("/")
    return BuildSource(identifier=identifier, artifact=Artifact(bucket=bucket, key=key, version=version or None))


def project_destinations(project: Json, build_uuid: str) -> list[Destination]:
    """Return where the project itself sends its artifacts."""
    found = []
    for artifacts in (project["artifacts"], *project.get("secondaryArtifacts", [])):
        if artifacts["type"] == "CODEPIPELINE":
            raise PlanError("Only CodePipeline can start a build with artifacts of type CODEPIPELINE.")
        if artifacts["type"] == "S3":
            unique = build_uuid if artifacts.get("namespaceType") == "BUILD_ID" else ""
            parts = (artifacts.get("path", "").strip("/"), unique, artifacts.get("name") or project["name"])
            found.append(
                Destination(
                    identifier=artifacts.get("artifactIdentifier"),
                    artifact=Artifact(bucket=artifacts["location"], key="/".join(filter(None, parts))),
                    encryption_key=None if artifacts.get("encryptionDisabled") else project.get("encryptionKey"),
                    packaged=artifacts.get("packaging", "NONE") == "ZIP",
                    named_by_buildspec=bool(artifacts.get("overrideArtifactName")),
                )
            )
    return found


def merged_variables(plan: Plan) -> list[Json]:
    """Return the variables of a build as its record shows them: references, not values."""
    return [
        {"name": each.name, "value": each.value, "type": each.type}
        for each in merge(plan.project_variables, plan.environment).values()
    ]
