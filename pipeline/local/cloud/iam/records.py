"""What was denied, and which actions each role used: kept in every snapshot."""

import datetime as dt
import hashlib
from collections.abc import Mapping

from pipeline.local.cloud.emulator import Emulator, Json
from pipeline.local.cloud.iam.decision import Decision, Principal, Reason, Request

MOST_DENIALS = 500
"""In one account and region; the oldest go."""


class Records:
    """The decisions of this cloud; get it by `emulator.part(Records)`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._denied = emulator.store("iam-denied")
        self._used = emulator.store("iam-used")

    def note(self, principal: Principal, request: Request, decision: Decision, *, via: str, enforced: bool) -> None:
        """Keep a decision: an Allow as one use more of its action."""
        if decision.allowed:
            used = self._used.setdefault(_subject(principal), {})
            used[request.action] = used.get(request.action, 0) + 1
            return
        text = "|".join((principal.arn, via, request.action, request.resource, decision.because))
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        before = self._denied.get(key) or {"first": now, "times": 0}
        self._denied[key] = {
            "first": before["first"],
            "last": now,
            "times": before["times"] + 1,
            "who": principal.arn,
            "for": via,
            "action": request.action,
            "resource": request.resource,
            "because": decision.because,
            "reason": str(decision.reason),
            "policy": request.resource_policy.kind if request.resource_policy else "",
            "statement": statement_to_allow(principal, request, decision),
            "enforced": enforced,
        }
        while len(self._denied) > MOST_DENIALS:
            oldest, _ = min(self._denied.items(), key=lambda entry: str(entry[1]["last"]))
            self._denied.pop(oldest, None)  # unless another thread did

    def denied(self) -> list[Json]:
        """List what was denied, in every account and region, the newest last."""
        found = [
            {"account": account, "region": region, **denial}
            for account, region, _, denial in self._emulator.entries("iam-denied")
        ]
        return sorted(found, key=lambda denial: str(denial["last"]))

    def used(self) -> Mapping[str, Mapping[str, int]]:
        """Return how often each role used each action, in all regions; the role as `account/name`."""
        counts: dict[str, dict[str, int]] = {}
        for account, _, subject, actions in self._emulator.entries("iam-used"):
            of_role = counts.setdefault(f"{account}/{subject}", {})
            for action, times in list(actions.items()):
                of_role[action] = of_role.get(action, 0) + times
        return counts


def statement_to_allow(principal: Principal, request: Request, decision: Decision) -> Json | None:
    """Return the smallest statement that would allow a request; None if none would."""
    if decision.reason in (Reason.EXPLICIT_DENY, Reason.UNKNOWN) or not request.action:
        return None
    if decision.reason is not Reason.NO_RESOURCE_POLICY:
        return {"Effect": "Allow", "Action": request.action, "Resource": request.resource}
    name = "*" if principal.is_anonymous else principal.role_arn or principal.arn
    who = {"Service" if principal.is_service else "AWS": name}
    statement = {"Effect": "Allow", "Principal": who, "Action": request.action}
    kind = request.resource_policy.kind if request.resource_policy else ""
    return statement if kind == "trust policy" else {**statement, "Resource": request.resource}


def _subject(principal: Principal) -> str:
    return f"role/{principal.role}" if principal.role else principal.arn.rpartition(":")[2]
