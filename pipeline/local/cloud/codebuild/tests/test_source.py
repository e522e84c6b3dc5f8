"""A build's source is downloaded once, and asked for each time."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from pipeline.local.cloud.codebuild.source import Artifact, BuildSource, SourceError, fetch
from pipeline.local.cloud.codebuild.source_cache import KEPT, SourceCache
from pipeline.local.cloud.codebuild.workspace import Workspace


class Bucket:
    """S3 with zips of one file each."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.denied = False
        self.asked: list[str] = []
        """The ETags that whoever asked had already."""
        self.sent = 0

    def put(self, key: str, text: str) -> None:
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as made:
            made.writestr("file", text)
        self.objects[key] = body.getvalue()

    def get_object(self, *, Bucket: str, Key: str, IfNoneMatch: str = "") -> Any:  # noqa: N803 - boto3's names
        del Bucket
        self.asked.append(IfNoneMatch)
        content = self.objects[Key]
        tag = hashlib.sha256(content).hexdigest()
        if self.denied or tag == IfNoneMatch:
            code, status = ("AccessDenied", 403) if self.denied else ("304", 304)
            raise ClientError(
                {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]  # as much as is read
                "GetObject",
            )
        self.sent += 1
        return {"Body": StreamingBody(io.BytesIO(content), len(content)), "ETag": tag}


@pytest.fixture
def bucket() -> Bucket:
    made = Bucket()
    made.put("source", "first")
    return made


@pytest.fixture
def cache(tmp_path: Path) -> SourceCache:
    return SourceCache(tmp_path / "sources")


def fetched(bucket: Bucket, cache: SourceCache, folder: Path, key: str = "source") -> str:
    """What a build finds in its source."""
    workspace = Workspace(folder, downloads=folder, log=folder / "log")
    workspace.temporary.mkdir(parents=True)
    source = BuildSource(identifier=None, artifact=Artifact(bucket="artifacts", key=key))
    fetch({None: source}, workspace, bucket, cache)
    return (workspace.source / "file").read_text()


def test_a_source_is_downloaded_once_for_all_builds(bucket: Bucket, cache: SourceCache, tmp_path: Path) -> None:
    assert [fetched(bucket, cache, tmp_path / str(number)) for number in range(3)] == ["first"] * 3
    assert bucket.sent == 1
    assert [bool(each) for each in bucket.asked] == [False, True, True]


def test_a_source_that_was_replaced_is_downloaded_anew(bucket: Bucket, cache: SourceCache, tmp_path: Path) -> None:
    fetched(bucket, cache, tmp_path / "one")
    bucket.put("source", "second")
    assert fetched(bucket, cache, tmp_path / "two") == "second"


def test_a_source_is_refused_to_who_may_not_have_it_after_another_had_it(
    bucket: Bucket, cache: SourceCache, tmp_path: Path
) -> None:
    fetched(bucket, cache, tmp_path / "one")
    bucket.denied = True
    with pytest.raises(SourceError, match="AccessDenied"):
        fetched(bucket, cache, tmp_path / "two")


def test_a_source_that_is_kept_no_more_is_downloaded_again(bucket: Bucket, cache: SourceCache, tmp_path: Path) -> None:
    for number in range(KEPT + 1):
        bucket.put(str(number), str(number))
        fetched(bucket, cache, tmp_path / str(number), str(number))
    assert fetched(bucket, cache, tmp_path / "again", "0") == "0"
    assert bucket.sent == KEPT + 2
