"""Reads single files of an artifact: an assembly has megabytes of code beside the template that an action wants."""

import io
import zipfile
from typing import Any

from pipeline.local.cloud.codepipeline.declaration import Json

CHUNK = 1 << 16


def open_artifact(s3: Any, place: Json) -> zipfile.ZipFile:
    """Open the zip of an artifact; what is read of it is asked of S3 as it is needed."""
    return zipfile.ZipFile(io.BufferedReader(_ObjectReader(s3, place), CHUNK))


class _ObjectReader(io.RawIOBase):
    """An object of S3 as a file. An artifact is never written twice, so its parts belong together."""

    def __init__(self, s3: Any, place: Json) -> None:
        self._s3 = s3
        self._object = {"Bucket": place["bucket"], "Key": place["key"]}
        self._size = int(s3.head_object(**self._object)["ContentLength"])
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        end = min(self._position + len(buffer), self._size)
        if end <= self._position:
            return 0
        answer = self._s3.get_object(**self._object, Range=f"bytes={self._position}-{end - 1}")
        found = answer["Body"].read()
        buffer[: len(found)] = found
        self._position += len(found)
        return len(found)
