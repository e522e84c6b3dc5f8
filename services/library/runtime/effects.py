"""Effects that happen once, by their id, and versions that count them for each key.

A table with the string key `id` holds two kinds of items: `effect#<id>` for each effect, and `key#<key>` with the key's
newest state. Both are written in one transaction or not at all. The key's item says which record it stands for, and
never goes back to an earlier one: a record that comes late (by re-drive) becomes a version of its own, and the key's
item goes on naming the newer one.

An effect's item has the digest of what the event said: an id means one content. Items from before have none.

Who must do something else before an effect may be applied notes its arrival first: the effect's item then has its place
in the stream and nothing else, and no version until it is applied.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ATTEMPTS = 5
"""Tries of a write while others write to the same key. (The records of one key come one after the other, but for a
re-drive at the same time.)"""

CONFLICT_REASONS = frozenset({"None", "ConditionalCheckFailed", "TransactionConflict"})
"""Reasons for a cancelled transaction after which what is stored is read again."""


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
    digest: str
    """Of what the event says."""
    attributes: Mapping[str, Any]
    """What is stored, in DynamoDB's notation."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """What is known of an effect before it is applied."""

    came_at: str
    """The `position` of the record that brought it first: a second one with the same id changes nothing of it."""
    announced: bool
    recorded: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """The effect's item, if it was applied before; else empty."""


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What became of an effect."""

    version: int
    """How many effects the key had with it."""
    first_time: bool
    announced: bool
    """Whether whoever must hear of it has been told."""
    recorded: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """The effect's item, if it was applied before; else empty."""


class Effects:
    """Applies effects to a DynamoDB table."""

    def __init__(self, table_name: str, *, client: Any) -> None:
        self.table_name = table_name
        self.client = client

    def arrive(self, id_: str, *, key: str, sequence: str) -> Arrival:
        """Note the record that brought an effect first, before anything of it is stored."""
        answer = self.client.update_item(
            TableName=self.table_name,
            Key={"id": {"S": f"effect#{id_}"}},
            UpdateExpression="SET came_at = if_not_exists(came_at, :at), subject = if_not_exists(subject, :key)",
            ExpressionAttributeValues={":at": {"S": position(sequence)}, ":key": {"S": key}},
            ReturnValues="ALL_NEW",
        )
        item = answer["Attributes"]
        recorded = item if "version" in item else {}
        return Arrival(came_at=item["came_at"]["S"], announced="announced" in item, recorded=recorded)

    def apply(self, effect: Effect) -> Applied:
        """Apply an effect, unless that was done before."""
        for _ in range(ATTEMPTS):
            found, state = self._read(effect)
            if "version" in found:
                version = int(found["version"]["N"])
                return Applied(version=version, first_time=False, announced="announced" in found, recorded=found)
            came_at = found["came_at"]["S"] if found else position(effect.sequence)
            version = int(state["version"]["N"]) if state else 0
            if self._write(effect, came_at, version, late=bool(state) and state["came_at"]["S"] > came_at):
                return Applied(version=version + 1, first_time=True, announced=False)
        raise ContentionError

    def announced(self, effect: Effect) -> None:
        """Remember that an effect was announced."""
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
        found, state = (response.get("Item", {}) for response in answer["Responses"])
        return found, state

    def _write(self, effect: Effect, came_at: str, version: int, *, late: bool) -> bool:
        # An unchanged version means an unchanged item, so what was read of it still holds when it is written.
        condition = "version = :version" if version else "attribute_not_exists(id)"
        update, values = "SET version = :next", {":next": {"N": str(version + 1)}}
        if version:
            values[":version"] = {"N": str(version)}
        if not late:
            update += ", came_at = :came_at, newest = :newest"
            values |= {":came_at": {"S": came_at}, ":newest": {"S": effect.id}}
        put = {
            **effect.attributes,
            "id": {"S": f"effect#{effect.id}"},
            "subject": {"S": effect.key},
            "came_at": {"S": came_at},
            "digest": {"S": effect.digest},
            "version": {"N": str(version + 1)},
        }
        try:
            self.client.transact_write_items(
                TransactItems=[
                    {
                        "Put": {
                            "TableName": self.table_name,
                            "Item": put,
                            "ConditionExpression": "attribute_not_exists(version)",
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
            if reasons <= CONFLICT_REASONS:
                return False
            raise
        return True


def position(sequence: str) -> str:
    """Return a sequence number as a text that sorts like the number, which has too many digits for DynamoDB."""
    return f"{len(sequence):03d}{sequence}"
