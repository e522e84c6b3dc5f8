"""A change of a table's item is a record like any other: its keys order it, and its data say what happened."""

import json
from typing import Any

from services.library.runtime.stream import StreamRecord

ARN = "arn:aws:dynamodb:eu-west-1:111111111111:table/orders/stream/2026-11-30T03:00:00.000"
KEYS = {"id": {"S": "7"}, "at": {"S": "now"}}


def change(event: str, **images: Any) -> StreamRecord:
    found = {"Keys": KEYS, "SequenceNumber": "100", "StreamViewType": "NEW_AND_OLD_IMAGES", **images}
    return StreamRecord.of({"eventID": "1", "eventName": event, "eventSourceARN": ARN, "dynamodb": found})


def test_a_change_says_what_happened_to_which_item() -> None:
    new, old = {**KEYS, "state": {"S": "paid"}}, {**KEYS, "state": {"S": "new"}}
    record = change("MODIFY", NewImage=new, OldImage=old)
    assert json.loads(record.data) == {"event": "MODIFY", "keys": KEYS, "new": new, "old": old}
    assert (record.shard, record.sequence) == ("2026-11-30T03:00:00.000", "100")


def test_changes_of_one_item_have_one_key() -> None:
    inserted, removed = change("INSERT", NewImage=KEYS), change("REMOVE", OldImage=KEYS)
    assert inserted.key == removed.key
    assert json.loads(removed.data) == {"event": "REMOVE", "keys": KEYS, "old": KEYS}
