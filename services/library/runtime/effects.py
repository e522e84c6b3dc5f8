"""Effects that happen once, by their id, and versions that count them for each key.

A table with the string key `id` holds two kinds of items: `effect#<id>` for each effect, and `key#<key>` with the key's
newest state. Both are written in one transaction or not at all. The key's item says which record it stands for, and
never goes back to an earlier one: a record that comes late (by re-drive) becomes a version of its own, and the key's
item goes on naming the newer one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ATTEMPTS = 5
"""To win against others that write to the same key. (The records of one key come one after the other, but for a
re-drive at the same time.)"""

LOST = frozenset({"None", "ConditionalCheckFailed", "TransactionConflict"})
"""Reasons to look again at what is stored."""


class ContentionError(Exception):
    """Others wrote to the same key each time; the record is to be tried again."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What one event does to one key."""

    id: str
    """Of the event, however often and by whatever way it arrives."""
    key: str
    sequence: str
    """Of the stream record that brought it."""
    attributes: Mapping[str, Any]
    """What is stored, in DynamoDB's notation."""


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What became of an effect."""

    version: int
    """How many effects the key had with it."""
    first_time: bool
    announced: bool
    """Whether whoever must hear of it has been told."""
    came_at: str
    """The `position` of the record that brought it first: a second one with the same id changes nothing of it."""


class Effects:
    """Applies effects to a DynamoDB table."""

    def __init__(self, table_name: str, *, client: Any) -> None:
        self.table_name = table_name
        self.client = client

    def apply(self, effect: Effect) -> Applied:
        """Apply it, unless that was done before."""
        for _ in range(ATTEMPTS):
            done, state = self._read(effect)
            if done:
                return Applied(
                    version=int(done["version"]["N"]),
                    first_time=False,
                    announced="announced" in done,
                    came_at=done["came_at"]["S"],
                )
            version = int(state["version"]["N"]) if state else 0
            if self._write(effect, version, late=bool(state) and state["came_at"]["S"] > position(effect.sequence)):
                return Applied(version=version + 1, first_time=True, announced=False, came_at=position(effect.sequence))
        raise ContentionError

    def announced(self, effect: Effect) -> None:
        """Remember that whoever must hear of it has been told."""
        self.client.update_item(
            TableName=self.table_name,
            Key={"id": {"S": f"effect#{effect.id}"}},
            UpdateExpression="SET announced = :yes",
            ExpressionAttributeValues={":yes": {"BOOL": True}},
        )

    def _read(self, effect: Effect) -> tuple[dict[str, Any], dict[str, Any]]:
        answer = self.client.transact_get_items(
            TransactItems=[
                {"Get": {"TableName": self.table_name, "Key": {"id": {"S": id_}}}}
                for id_ in (f"effect#{effect.id}", f"key#{effect.key}")
            ]
        )
        done, state = (response.get("Item", {}) for response in answer["Responses"])
        return done, state

    def _write(self, effect: Effect, version: int, *, late: bool) -> bool:
        # An unchanged version means an unchanged item, so what was read of it still holds when it is written.
        condition = "version = :version" if version else "attribute_not_exists(id)"
        update, values = "SET version = :next", {":next": {"N": str(version + 1)}}
        if version:
            values[":version"] = {"N": str(version)}
        if not late:
            update += ", came_at = :came_at, newest = :newest"
            values |= {":came_at": {"S": position(effect.sequence)}, ":newest": {"S": effect.id}}
        put = {
            **effect.attributes,
            "id": {"S": f"effect#{effect.id}"},
            "subject": {"S": effect.key},
            "came_at": {"S": position(effect.sequence)},
            "version": {"N": str(version + 1)},
        }
        try:
            self.client.transact_write_items(
                TransactItems=[
                    {
                        "Put": {
                            "TableName": self.table_name,
                            "Item": put,
                            "ConditionExpression": "attribute_not_exists(id)",
                        }
                    },
                    {
                        "Update": {
                            "TableName": self.table_name,
                            "Key": {"id": {"S": f"key#{effect.key}"}},
                            "UpdateExpression": update,
                            "ConditionExpression": condition,
                            "ExpressionAttributeValues": values,
                        }
                    },
                ]
            )
        except self.client.exceptions.TransactionCanceledException as error:
            reasons = {reason["Code"] for reason in error.response["CancellationReasons"]}
            if reasons <= LOST:
                return False
            raise
        return True


def position(sequence: str) -> str:
    """A sequence number as text that sorts as the number does: they have more digits than DynamoDB's numbers hold."""
    return f"{len(sequence):03d}{sequence}"
