"""As much of DynamoDB as the table of enrichments uses: consistent reads, and transactions on conditions."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

HOLDS = "saga = :was AND held_by = :holder"
CLAUSES = frozenset({"SET", "ADD", "DELETE", "REMOVE"})


class Killed(BaseException):
    """The process is gone."""


class TransactionCanceled(Exception):  # noqa: N818 - as boto3 names it, nearly
    def __init__(self) -> None:
        self.response = {"CancellationReasons": [{"Code": "ConditionalCheckFailed"}]}


class Exceptions:
    TransactionCanceledException = TransactionCanceled


@dataclass
class Dynamo:
    """Dies when it is told to, once."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    dies_after_write: bool = False
    dies_before_write: bool = False
    exceptions: type[Exceptions] = Exceptions

    def get_item(self, *, Key: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's names
        item = self.items.get(Key["id"]["S"])
        return {"Item": dict(item)} if item else {}

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803 - as above
        if self.dies_before_write:
            self.dies_before_write = False
            raise Killed
        updates = [each["Update"] for each in TransactItems]
        if not all(self._holds(update) for update in updates):
            raise TransactionCanceled
        for update in updates:
            self._apply(update)
        if self.dies_after_write:
            self.dies_after_write = False
            raise Killed

    def _holds(self, update: dict[str, Any]) -> bool:
        item = self.items.get(update["Key"]["id"]["S"], {})
        return _is_met(update.get("ConditionExpression"), item, update["ExpressionAttributeValues"])

    def _apply(self, update: dict[str, Any]) -> None:
        id_ = update["Key"]["id"]["S"]
        item = self.items.setdefault(id_, {"id": {"S": id_}})
        for clause in _clauses(update["UpdateExpression"]):
            kind, _, rest = clause.partition(" ")
            for part in rest.split(", "):
                _change(item, kind, part, update["ExpressionAttributeValues"])


def _is_met(condition: str | None, item: dict[str, Any], values: dict[str, Any]) -> bool:
    by_condition: dict[str | None, Callable[[], bool]] = {
        None: lambda: True,
        "attribute_not_exists(id)": lambda: not item,
        HOLDS: lambda: bool(item.get("saga") == values[":was"] and item.get("held_by") == values[":holder"]),
        f"{HOLDS} AND NOT contains(undone, :me)": lambda: (
            _is_met(HOLDS, item, values) and values[":me"]["S"] not in item.get("undone", {"SS": []})["SS"]
        ),
        "attribute_not_exists(answers)": lambda: "answers" not in item,
        "answers = :answers": lambda: bool(item.get("answers") == values[":answers"]),
        "contains(answered, :change)": lambda: values[":change"]["S"] in item.get("answered", {"SS": []})["SS"],
        "relying = :changes": lambda: item.get("relying") == values[":changes"],
        "contains(relying, :change) AND relying <> :changes": lambda: (
            values[":change"]["S"] in item.get("relying", {"SS": []})["SS"] and item["relying"] != values[":changes"]
        ),
        "attribute_not_exists(relying) OR NOT contains(relying, :change)": lambda: (
            values[":change"]["S"] not in item.get("relying", {"SS": []})["SS"]
        ),
    }
    return by_condition[condition]()


def _change(item: dict[str, Any], kind: str, part: str, values: dict[str, Any]) -> None:
    if kind == "SET":
        name, value = part.split(" = ")
        item[name] = values[value]
    elif kind == "REMOVE":
        item.pop(part, None)
    else:
        name, value = part.split(" ")
        if "N" in values[value]:
            item[name] = {"N": str(int(item.get(name, {"N": "0"})["N"]) + int(values[value]["N"]))}
            return
        before, given = set(item.get(name, {"SS": []})["SS"]), set(values[value]["SS"])
        after = before | given if kind == "ADD" else before - given
        item[name] = {"SS": sorted(after)}
        if not after:  # "DynamoDB does not support empty sets"
            del item[name]


def _clauses(expression: str) -> list[str]:
    clauses: list[str] = []
    for word in expression.split(" "):
        if word in CLAUSES:
            clauses.append(word)
        else:
            clauses[-1] += f" {word}"
    return clauses
