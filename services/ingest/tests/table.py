"""As much of DynamoDB as the turns use: consistent reads, and items put on the condition that nobody else did."""

from dataclasses import dataclass, field
from typing import Any


class ConditionalCheckFailedError(Exception):
    pass


class Exceptions:
    ConditionalCheckFailedException = ConditionalCheckFailedError


@dataclass
class Table:
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    exceptions: type[Exceptions] = Exceptions

    def get_item(self, *, Key: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's names
        item = self.items.get(Key["id"]["S"])
        return {"Item": dict(item)} if item else {}

    def put_item(self, *, Item: dict[str, Any], ConditionExpression: str, **more: Any) -> None:  # noqa: N803 - as above
        edition = self.items.get(Item["id"]["S"], {}).get("edition")
        conditions = {
            "attribute_not_exists(edition)": None,
            "edition = :edition": more.get("ExpressionAttributeValues", {}).get(":edition"),
        }
        if edition != conditions[ConditionExpression]:
            raise ConditionalCheckFailedError
        self.items[Item["id"]["S"]] = Item
