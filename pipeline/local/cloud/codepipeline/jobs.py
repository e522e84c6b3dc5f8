"""Jobs that somebody else works on and reports: what PutJobSuccessResult and PutJobFailureResult are about."""

import threading
import uuid
from dataclasses import dataclass, field

from pipeline.local.cloud.emulator import AwsError, Emulator, Json


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """What was reported: variables of a success, or why it failed; a token means that the job goes on."""

    variables: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    failure: str = ""
    continuation: str = ""


class Jobs:
    """Get it by `emulator.part(Jobs)`. A job lives as long as its action waits, so a restart ends it."""

    def __init__(self, emulator: Emulator) -> None:
        del emulator
        self._reported = threading.Condition()
        self._results: dict[str, JobResult | None] = {}

    def open(self) -> str:
        """Make a job, and return its id."""
        job_id = str(uuid.uuid4())
        with self._reported:
            self._results[job_id] = None
        return job_id

    def wait(self, job_id: str, seconds: float) -> JobResult | None:
        """Return the result of a job, which is closed by that; nothing if it is not there in time."""
        with self._reported:
            self._reported.wait_for(lambda: self._results[job_id] is not None, seconds)
            result = self._results[job_id]
            if result is not None:
                del self._results[job_id]
            return result

    def close(self, job_id: str) -> None:
        """Nobody waits for it any more."""
        with self._reported:
            self._results.pop(job_id, None)

    def succeeded(self, parameters: Json) -> None:
        """PutJobSuccessResult."""
        self._report(
            parameters["jobId"],
            JobResult(
                variables=parameters.get("outputVariables", {}),
                summary=parameters.get("executionDetails", {}).get("summary", ""),
                continuation=parameters.get("continuationToken", ""),
            ),
        )

    def failed(self, parameters: Json) -> None:
        """PutJobFailureResult."""
        details = parameters["failureDetails"]
        self._report(parameters["jobId"], JobResult(failure=f"{details['message']} ({details['type']})"))

    def _report(self, job_id: str, result: JobResult) -> None:
        with self._reported:
            if job_id not in self._results:
                raise AwsError("JobNotFoundException", f"No action waits for job {job_id}")
            self._results[job_id] = result
            self._reported.notify_all()
