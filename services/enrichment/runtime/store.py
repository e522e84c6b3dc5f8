"""The table of enrichments. The one module here that knows AWS.

`change#<id>` says how far a change is and which execution holds it; `patient#<id>` has what is known of a patient. Both
are written in one transaction, on the condition that the change is where it is believed to be, so each step has its
effect once, whoever is killed in between and whoever comes late. A change remembers which executions were undone, since
others may have it afterwards.
"""

import time
from collections.abc import Callable
from typing import Any

from services.library.runtime import aws_client
from services.library.runtime.aws_errors import AWS_ERRORS, Busy, call, classify
from services.library.runtime.effects import ATTEMPTS, CONFLICT_REASONS

from .change import Work
from .saga import Compensated, Coverage, HoldResult, SagaOutcome, Seen

HELD, APPLIED, RELEASED = "HELD", "APPLIED", "RELEASED"

Item = dict[str, Any]


def table(name: str, *, hold_seconds: int) -> "EnrichmentTable":
    """Return the table with a client."""
    return EnrichmentTable(name, client=aws_client.client("dynamodb"), hold_seconds=hold_seconds)


class EnrichmentTable:
    """What is remembered of changes and patients."""

    def __init__(self, name: str, *, client: Any, hold_seconds: int, now: Callable[[], float] = time.time) -> None:
        """Make the table. `hold_seconds`: the time after which an execution that holds a change must have ended."""
        self.name = name
        self.client = client
        self.hold_seconds = hold_seconds
        self.now = now

    def hold(self, work: Work) -> HoldResult:
        """Take the change, unless it is done or another execution is at it."""
        now = int(self.now())
        for _ in range(ATTEMPTS):
            change = self._change(work)
            state, mine = _text(change, "saga"), _text(change, "held_by") == work.execution
            if _is_undone(change, work):
                raise Compensated
            if state == APPLIED:
                return HoldResult.APPLIED
            if state == HELD and not mine and int(change["held_until"]["N"]) > now:
                return HoldResult.ELSEWHERE
            until = {":until": {"N": str(now + self.hold_seconds)}, ":patient": {"S": work.patient}}
            if self._write(
                work,
                change,
                HELD,
                more=", held_until = :until, patient = :patient",
                values=until,
                patient="ADD pending :changes",
            ):
                return HoldResult.HELD
        raise Busy("contention")

    def look(self, work: Work) -> Seen:
        """Return what is stored of the patient now."""
        patient = self._patient(work)
        return Seen(answers=_number(patient, "answers"), pending=_texts(patient, "pending"))

    def apply(self, work: Work, coverage: Coverage | None, seen: Seen) -> SagaOutcome | None:
        """Keep what was fetched, or leave what others kept since."""
        for _ in range(ATTEMPTS):
            change, patient = self._change(work), self._patient(work)
            if _text(change, "held_by") != work.execution or _is_undone(change, work):
                raise Compensated
            if _text(change, "saga") == APPLIED:
                return SagaOutcome.APPLIED_BEFORE
            if _number(patient, "answers") == seen.answers:
                kept = self._write(work, change, APPLIED, **_keeping(work, coverage, seen))
            elif work.id in _texts(patient, "answered"):
                kept = self._write(work, change, APPLIED, **_answered(work))
            else:
                return None
            if kept:
                return SagaOutcome.APPLIED
        raise Busy("contention")

    def release(self, work: Work) -> bool:
        """Undo it, and bar the execution: a call of it that was given up may still be on its way."""
        for _ in range(ATTEMPTS):
            change = self._change(work)
            if _is_undone(change, work):
                return False
            if change and _text(change, "held_by") != work.execution:
                if self._bar(work, change):
                    return False
            elif self._write(
                work,
                change,
                RELEASED,
                more=" ADD undone :executions",
                values={":executions": {"SS": [work.execution]}},
                **self._undoing(work, _text(change, "saga")),
            ):
                return bool(change)
        raise Busy("contention")

    def _bar(self, work: Work, change: Item) -> bool:
        """Another execution has the change and keeps it; this one gets it no more."""
        values = {":executions": {"SS": [work.execution]}, ":was": change["saga"], ":holder": change["held_by"]}
        condition = "saga = :was AND held_by = :holder"
        return self._transact([self._update(f"change#{work.id}", "ADD undone :executions", values, condition)])

    def _undoing(self, work: Work, state: str | None) -> dict[str, Any]:
        """What it means for the patient. An answer goes with the last change that it was kept for, and no sooner; the
        next change fetches anew what is taken away here.
        """
        if state is None:
            return {}
        undone = "ADD released :one DELETE pending :changes"
        one: Item = {":one": {"N": "1"}}
        if state == HELD:
            return {"patient": undone, "patient_values": one}
        relying = _texts(self._patient(work), "relying")
        if work.id not in relying:
            patient, condition = undone, "attribute_not_exists(relying) OR NOT contains(relying, :change)"
        elif len(relying) > 1:
            patient = f"{undone}, relying :changes"
            condition = "contains(relying, :change) AND relying <> :changes"
        else:
            patient, condition = f"{undone} REMOVE coverage, answered, relying", "relying = :changes"
        return {
            "patient": patient,
            "patient_values": one if condition == "relying = :changes" else {**one, ":change": {"S": work.id}},
            "patient_condition": condition,
        }

    def _write(
        self,
        work: Work,
        before: Item,
        state: str,
        *,
        more: str = "",
        values: Item | None = None,
        patient: str | None = None,
        patient_values: Item | None = None,
        patient_condition: str | None = None,
    ) -> bool:
        """Move a change on, if it is still as it was read; False to look again."""
        as_it_was = "saga = :was AND held_by = :holder AND NOT contains(undone, :me)"
        condition = as_it_was if before else "attribute_not_exists(id)"
        was = {":was": before["saga"], ":holder": before["held_by"]} if before else {}
        updates = [
            self._update(
                f"change#{work.id}",
                f"SET saga = :state, held_by = :me{more}",
                {":state": {"S": state}, ":me": {"S": work.execution}, **was, **(values or {})},
                condition,
            )
        ]
        if patient is not None:
            about = {":changes": {"SS": [work.id]}, **(patient_values or {})}
            updates.append(self._update(f"patient#{work.patient}", patient, about, patient_condition))
        return self._transact(updates)

    def _transact(self, updates: list[Item]) -> bool:
        try:
            self.client.transact_write_items(TransactItems=updates)
        except self.client.exceptions.TransactionCanceledException as error:
            reasons = {reason["Code"] for reason in error.response["CancellationReasons"]}
            if reasons <= CONFLICT_REASONS:
                return False
            failure = classify(error)
        except AWS_ERRORS as error:
            failure = classify(error)
        else:
            return True
        raise failure

    def _update(self, id_: str, expression: str, values: Item, condition: str | None) -> Item:
        update = {
            "TableName": self.name,
            "Key": {"id": {"S": id_}},
            "UpdateExpression": expression,
            "ExpressionAttributeValues": values,
        }
        return {"Update": update if condition is None else {**update, "ConditionExpression": condition}}

    def _change(self, work: Work) -> Item:
        return self._get(f"change#{work.id}")

    def _patient(self, work: Work) -> Item:
        return self._get(f"patient#{work.patient}")

    def _get(self, id_: str) -> Item:
        answer = call(self.client.get_item, TableName=self.name, Key={"id": {"S": id_}}, ConsistentRead=True)
        found: Item = answer.get("Item", {})
        return found


def _keeping(work: Work, coverage: Coverage | None, seen: Seen) -> dict[str, Any]:
    """Return the update that stores an answer, unless another was stored since, and the changes it speaks for."""
    return {
        "patient": (
            "SET coverage = :coverage, answered = :answered, relying = :changes"
            " ADD applied :one, answers :one DELETE pending :changes"
        ),
        "patient_values": {
            ":coverage": {"NULL": True} if coverage is None else {"M": _attributes(coverage)},
            ":answered": {"SS": sorted(seen.pending | {work.id})},
            ":one": {"N": "1"},
            **({":answers": {"N": str(seen.answers)}} if seen.answers else {}),
        },
        "patient_condition": "answers = :answers" if seen.answers else "attribute_not_exists(answers)",
    }


def _answered(work: Work) -> dict[str, Any]:
    """Return the update that leaves another change's answer, which was asked for while this one was waiting."""
    return {
        "patient": "ADD applied :one, relying :changes DELETE pending :changes",
        "patient_values": {":one": {"N": "1"}, ":change": {"S": work.id}},
        "patient_condition": "contains(answered, :change)",
    }


def _attributes(coverage: Coverage) -> Item:
    return {
        "payer": {"S": coverage.payer},
        "member": {"S": coverage.member},
        "active": {"BOOL": coverage.active},
    }


def _text(item: Item, name: str) -> str | None:
    value = item.get(name, {}).get("S")
    return None if value is None else str(value)


def _is_undone(change: Item, work: Work) -> bool:
    barred = work.execution in _texts(change, "undone")
    return barred or (_text(change, "saga") == RELEASED and _text(change, "held_by") == work.execution)


def _number(item: Item, name: str) -> int:
    return int(item.get(name, {"N": "0"})["N"])


def _texts(item: Item, name: str) -> frozenset[str]:
    return frozenset(item.get(name, {"SS": ()})["SS"])
