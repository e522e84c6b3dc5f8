"""What waits in quarantine, how it gets to an operator's editor and back, and what was done about each record."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.library.operations.consumer import RedriveError
from services.library.operations.records import Found, Line, Place, Verdict, found

QUARANTINED = "quarantined/"
SENT = "redriven/sent/"
EXPIRED = "redriven/expired/"
BROKEN = (ValueError, KeyError, TypeError)
ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})


@dataclass(frozen=True, kw_only=True)
class Pill:
    """A record in quarantine, as it came by the stream."""

    record: Found
    reason: str

    @property
    def file_name(self) -> str:
        """What its payload is called in an operator's folder."""
        return f"{self.record.shard}_{self.record.sequence}.json"


class Quarantine:
    """The quarantine bucket. What was re-driven is noted in it too, so that any operator can go on."""

    def __init__(self, s3: Any, *, bucket: str) -> None:
        self.s3 = s3
        self.bucket = bucket

    def read(self) -> tuple[Mapping[Place, Pill], list[Line]]:
        """Each quarantined record by its place, as it came by the stream; and what cannot be read."""
        pills: dict[Place, Pill] = {}
        broken: list[Line] = []
        for key in self._list(QUARANTINED):
            source = f"s3://{self.bucket}/{key}"
            try:
                content = json.loads(self._get(key))
                pill = Pill(record=found(content["record"], source), reason=str(content["reason"]))
            except BROKEN:
                broken.append(Line(verdict=Verdict.UNREADABLE, source=source))
            else:
                if pill.record.place not in pills or not pill.record.is_mended:
                    pills[pill.record.place] = pill
        return dict(sorted(pills.items())), broken

    def sent(self) -> set[Place]:
        """The records that a re-drive has sent."""
        places = (key.removeprefix(SENT).rpartition("/") for key in self._list(SENT))
        return {(shard, int(sequence)) for shard, _, sequence in places}

    def note_sent(self, record: Found) -> None:
        """Remember that the consumer has processed a record."""
        self._put(f"{SENT}{record.shard}/{record.sequence}", {"source": record.source})

    def note_expired(self, lost: Line) -> None:
        """Remember what is gone, for its message is deleted after this."""
        self._put(f"{EXPIRED}{lost.shard}/{lost.sequence}", lost.to_json())

    def mark(self, record: Found) -> str | None:
        """Changes when the consumer puts this record with this payload into quarantine; the bucket keeps versions."""
        try:
            version: str = self.s3.head_object(Bucket=self.bucket, Key=record.quarantine_key)["VersionId"]
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ABSENT:
                return None
            raise
        return version

    def _get(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def _put(self, key: str, content: Mapping[str, str]) -> None:
        self.s3.put_object(
            Bucket=self.bucket, Key=key, Body=json.dumps(content).encode(), ContentType="application/json"
        )

    def _list(self, prefix: str) -> Iterator[str]:
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            for listed in page.get("Contents", []):
                yield listed["Key"]


def save(pills: Iterable[Pill], folder: Path) -> list[Path]:
    """Write each payload to a file of its own that its owner alone can read; what is there already is left as it is."""
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for pill in pills:
            file = folder / pill.file_name
            if file.exists():
                continue
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:  # noqa: PTH123 - of a descriptor
                opened.write(pill.record.data)
            written.append(file)
    except OSError as error:
        raise RedriveError(f"--save {folder}: {error.strerror}.") from error
    return written


def mended(path: Path) -> dict[str, bytes]:
    """The mended payloads in a folder, or the one in a file, by file name."""
    try:
        files = sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
        return {file.name: file.read_bytes() for file in files}
    except OSError as error:
        raise RedriveError(f"--mended {path}: {error.strerror}.") from error
