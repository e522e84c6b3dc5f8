"""Brings a build its source: from a pipeline's artifacts, from S3, or none.

https://docs.aws.amazon.com/codebuild/latest/APIReference/API_ProjectSource.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipeline.local.cloud.codebuild.artifacts import ArtifactError
from pipeline.local.cloud.codebuild.source_cache import SourceCache
from pipeline.local.cloud.codebuild.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A zip in S3 that a pipeline hands to a build, or expects of it."""

    bucket: str
    key: str
    version: str | None = None


class SourceError(Exception):
    """The source cannot be had."""


@dataclass(frozen=True, kw_only=True)
class BuildSource:
    """One input of a build; without an artifact it is an empty folder."""

    identifier: str | None
    """None for the primary one."""
    artifact: Artifact | None


def fetch(
    sources: Mapping[str | None, BuildSource], workspace: Workspace, s3: Any, cache: SourceCache
) -> dict[str, Path]:
    """Download every source; the folders by identifier, the secondary ones alone."""
    folders: dict[str, Path] = {}
    for identifier, source in sources.items():
        folder = workspace.source if identifier is None else workspace.inputs / identifier
        folder.mkdir(parents=True, exist_ok=True)
        if identifier is not None:
            folders[identifier] = folder
        if source.artifact is not None:
            _fetch(source.artifact, folder, workspace.temporary / "source.zip", s3, cache)
    return folders


def _fetch(artifact: Artifact, folder: Path, archive: Path, s3: Any, cache: SourceCache) -> None:
    """A key that ends with a slash is a folder; everything else is a zip file."""
    if artifact.key.endswith("/"):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=artifact.bucket, Prefix=artifact.key):
            for entry in page.get("Contents", []):
                name = entry["Key"].removeprefix(artifact.key)
                if name and not name.endswith("/"):
                    download(s3, Artifact(bucket=artifact.bucket, key=entry["Key"]), _inside(folder, name))
        return
    place = f"{artifact.bucket}/{artifact.key}?{artifact.version}"
    known = cache.tag(place)
    if known and _is_still(s3, artifact, known) and cache.copy(place, known, folder):
        return
    tag = download(s3, artifact, archive)
    try:
        cache.unpack(archive, folder, place=place, tag=tag)
    except ArtifactError as error:
        raise SourceError(f"{error} for primary source and source version {artifact.bucket}/{artifact.key}") from error
    archive.unlink()


def download(s3: Any, artifact: Artifact, target: Path) -> str:
    """Write one object to a file, and return its ETag."""
    try:
        found = _get(s3, artifact)
    except ClientError as error:
        raise SourceError(f"{error} for primary source and source version {artifact.bucket}/{artifact.key}") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as written:
        for chunk in found["Body"].iter_chunks(1 << 20):
            written.write(chunk)
    return str(found["ETag"])


def _is_still(s3: Any, artifact: Artifact, tag: str) -> bool:
    """Ask for an object unless it has this ETag, which takes the permissions of a download: tell whether it has."""
    try:
        _get(s3, artifact, IfNoneMatch=tag)["Body"].close()
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_MODIFIED
    return False


def _get(s3: Any, artifact: Artifact, **conditions: str) -> Any:
    version = {"VersionId": artifact.version} if artifact.version else {}
    return s3.get_object(Bucket=artifact.bucket, Key=artifact.key, **version, **conditions)


def _inside(folder: Path, name: str) -> Path:
    path = folder / name
    if folder.resolve() not in path.resolve().parents:
        raise SourceError(f"the source has an object outside its folder: {name}")
    return path
