"""What BatchGetBuilds answers about one build while it goes through its phases."""

import copy
import time
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

STEPS_BEFORE_THE_BUILD = ("SUBMITTED", "QUEUED")


class BuildRecord:
    """A build's JSON; each change is published whole, so that nobody reads one half done."""

    def __init__(self, data: Json, publish: Callable[[Json], None]) -> None:
        self._data = data
        self._publish = publish
        self.show()

    @property
    def data(self) -> Json:
        """A copy of the record as it is."""
        return copy.deepcopy(self._data)

    @property
    def phase(self) -> str:
        """The phase that the build is in."""
        return str(self._data["currentPhase"])

    def show(self, **changes: Any) -> None:
        """Change top-level fields."""
        self._data |= changes
        self._publish(self.data)

    def enter(self, phase: str) -> None:
        """Begin a phase."""
        self._data["phases"].append({"phaseType": phase, "startTime": time.time()})
        self.show(currentPhase=phase)

    def leave(self, status: str = "SUCCEEDED", *, code: str = "", message: str = "") -> None:
        """End the phase that the build is in."""
        phase = self._data["phases"][-1]
        now = time.time()
        phase |= {
            "phaseStatus": status,
            "endTime": now,
            "durationInSeconds": int(now - phase["startTime"]),
            "contexts": [{"statusCode": code, "message": message}],
        }
        self._publish(self.data)

    def complete(self, status: str) -> None:
        """End the build."""
        end = time.time()
        self._data["phases"].append({"phaseType": "COMPLETED", "startTime": end})
        self.show(currentPhase="COMPLETED", buildStatus=status, endTime=end, buildComplete=True)


def interrupted(data: Json, message: str) -> Json:
    """Return the record of a build whose cloud was killed under it."""
    ended = copy.deepcopy(data)
    record = BuildRecord(ended, lambda _: None)
    if ended["phases"] and "phaseStatus" not in ended["phases"][-1]:
        record.leave("FAILED", code="INTERNAL_SERVICE_ERROR", message=message)
    record.complete("FAILED")
    return record.data
