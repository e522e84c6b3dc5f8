"""A file of an artifact is read without the rest of it."""

import io
import os
import zipfile
from typing import Any

from pipeline.local.cloud.codepipeline.artifact import CHUNK, open_artifact

TEMPLATE = b'{"Resources": {}}' * 10_000
PLACE = {"bucket": "artifacts", "key": "penstock/Synth_Outp/abc"}


class S3:
    """One object; counts the bytes that it hands out."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.sent = 0

    def head_object(self, **_asked: Any) -> dict[str, Any]:
        return {"ContentLength": len(self._body)}

    def get_object(self, **asked: Any) -> dict[str, Any]:
        begin, end = asked["Range"].removeprefix("bytes=").split("-")
        body = self._body[int(begin) : int(end) + 1]
        self.sent += len(body)
        return {"Body": io.BytesIO(body)}


def assembly() -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("asset.zip", os.urandom(40 * CHUNK))
        archive.writestr("dev.template.json", TEMPLATE, zipfile.ZIP_DEFLATED)
    return body.getvalue()


def test_open_artifact_reads_a_file_and_little_else() -> None:
    s3 = S3(assembly())
    with open_artifact(s3, PLACE) as archive:
        assert archive.read("dev.template.json") == TEMPLATE
    assert s3.sent < 2 * CHUNK


def test_open_artifact_reads_a_file_larger_than_a_request() -> None:
    s3 = S3(assembly())
    with open_artifact(s3, PLACE) as archive:
        assert len(archive.read("asset.zip")) == 40 * CHUNK
