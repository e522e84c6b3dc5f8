"""Records in quarantine: read from the bucket, saved for an operator to mend, and noted once they are sent."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from services.library.operations.consumer import RedriveError
from services.library.operations.records import (
    RedriveRecord,
    RedriveResult,
    RedriveVerdict,
    StreamPosition,
    parse_record,
    position_of,
)

QUARANTINED = "quarantined/"
SENT = "redriven/sent/"
SENDING = "redriven/sending/"
EXPIRED = "redriven/expired/"
GZIP = b"\x1f\x8b"
MALFORMED_ERRORS = (ValueError, KeyError, TypeError)
ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
"""S3's error codes for a conditional write whose condition does not hold.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""


@dataclass(frozen=True, kw_only=True)
class QuarantinedRecord:
    """A record in quarantine, as it came by the stream."""

    record: RedriveRecord
    reason: str

    @property
    def file_name(self) -> str:
        """Return the name of the payload's file in an operator's folder."""
        suffix = ".json.gz" if self.record.data.startswith(GZIP) else ".json"
        return f"{self.record.shard}_{self.record.sequence}{suffix}"


class QuarantineBucket:
    """The quarantine bucket. What was re-driven is noted in it too, so that any operator can go on."""

    def __init__(self, s3: Any, *, bucket: str) -> None:
        self.s3 = s3
        self.bucket = bucket

    def read(self) -> tuple[Mapping[StreamPosition, QuarantinedRecord], list[RedriveResult]]:
        """Return each quarantined record by its position in the stream, and a result for each unreadable object."""
        pills: dict[StreamPosition, QuarantinedRecord] = {}
        broken: list[RedriveResult] = []
        for key in self._list(QUARANTINED):
            source = f"s3://{self.bucket}/{key}"
            try:
                content = json.loads(self._get(key))
                pill = QuarantinedRecord(record=parse_record(content["record"], source), reason=str(content["reason"]))
            except MALFORMED_ERRORS:
                broken.append(RedriveResult(verdict=RedriveVerdict.UNREADABLE, source=source))
            else:
                if pill.record.position not in pills or not pill.record.is_mended:
                    pills[pill.record.position] = pill
        return dict(sorted(pills.items())), broken

    def sent(self) -> set[StreamPosition]:
        """Return the positions of the records that a re-drive has sent."""
        positions = (key.removeprefix(SENT).rpartition("/") for key in self._list(SENT))
        return {position_of(shard, sequence) for shard, _, sequence in positions}

    def reserve(self, record: RedriveRecord, *, seconds: int) -> RedriveResult | None:
        """Reserve sending a record for so long; return the verdict on it if another re-drive has sent or reserved it.

        S3 writes the reservation for one of those who ask at the same time, and its clock alone says how old one is.
        """
        key = f"{SENDING}{record.shard}/{record.sequence}"
        if self._put_if(key, IfNoneMatch="*"):
            return None
        if self._exists(f"{SENT}{record.shard}/{record.sequence}"):
            return record.line(RedriveVerdict.ALREADY)
        found = self.s3.get_object(Bucket=self.bucket, Key=key)
        until = found["LastModified"] + timedelta(seconds=seconds)
        if "released" not in json.loads(found["Body"].read()) and until > _time_of(found):
            return record.line(RedriveVerdict.SENDING, _until(until))
        if self._put_if(key, IfMatch=found["ETag"]):
            return None
        return record.line(RedriveVerdict.SENDING, _until(_time_of(found) + timedelta(seconds=seconds)))

    def release(self, record: RedriveRecord) -> None:
        """Let the next re-drive send a record that the consumer did not process."""
        self._put(f"{SENDING}{record.shard}/{record.sequence}", {"released": "yes"})

    def note_sent(self, record: RedriveRecord) -> None:
        """Remember that the consumer has processed a record."""
        self._put(f"{SENT}{record.shard}/{record.sequence}", {"source": record.source})

    def note_expired(self, lost: RedriveResult) -> None:
        """Remember what has expired; its message is deleted after this."""
        self._put(f"{EXPIRED}{lost.shard}/{lost.sequence}", lost.to_json())

    def mark(self, record: RedriveRecord) -> str | None:
        """Return the version of the record's object, which changes when the consumer quarantines it again."""
        try:
            version: str = self.s3.head_object(Bucket=self.bucket, Key=record.quarantine_key)["VersionId"]
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ABSENT:
                return None
            raise
        return version

    def _put_if(self, key: str, **condition: str) -> bool:
        try:
            self._put(key, {}, **condition)
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in TAKEN:
                return False
            raise
        return True

    def _exists(self, key: str) -> bool:
        return key in self._list(key)

    def _get(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def _put(self, key: str, content: Mapping[str, str], **condition: str) -> None:
        body = json.dumps(content).encode()
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/json", **condition)

    def _list(self, prefix: str) -> Iterator[str]:
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            for listed in page.get("Contents", []):
                yield listed["Key"]


def _time_of(answer: Mapping[str, Any]) -> datetime:
    """Return when S3 answered, by its own clock."""
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])


def _until(moment: datetime) -> str:
    return f"another re-drive is sending it; if that was interrupted, repeat this after {moment:%H:%M:%S} UTC"


def save_payloads(payloads: Iterable[tuple[str, bytes]], folder: Path) -> list[Path]:
    """Write each payload to a file of its own that its owner alone can read; what is there already is left as it is."""
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, payload in payloads:
            file = folder / name
            if file.exists():
                continue
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:  # noqa: PTH123 - of a descriptor
                opened.write(payload)
            written.append(file)
    except OSError as error:
        raise RedriveError(f"--save {folder}: {error.strerror}.") from error
    return written


def read_mended(path: Path) -> dict[str, bytes]:
    """Return the mended payloads in a folder, or the one in a file, by file name."""
    try:
        files = sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
        return {file.name: file.read_bytes() for file in files}
    except OSError as error:
        raise RedriveError(f"--mended {path}: {error.strerror}.") from error
