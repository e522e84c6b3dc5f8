"""The events that CodePipeline puts on the default bus of the pipeline's account.

https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
"""

import json
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.local.cloud.codepipeline.executions import Execution
from pipeline.local.cloud.codepipeline.executor import Changed
from pipeline.local.cloud.emulator import Emulator, Json

logger = logging.getLogger("penstock.codepipeline")


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event for one bus."""

    account: str
    region: str
    source: str
    detail_type: str
    detail: Json
    resources: tuple[str, ...] = ()


class Bus:
    """Delivers one thing after the other on a thread of its own, so that what it starts holds up nobody.

    Get it by `emulator.part(Bus)`.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, event: Event) -> None:
        """Deliver it soon; events arrive in the order in which they were put."""
        self.later(lambda: publish(self._emulator, event))

    def later(self, task: Callable[[], None]) -> None:
        """Do something soon, after everything that was put before."""
        self._waiting.put(task)
        with self._start:
            if self._thread is None:
                self._thread = threading.Thread(target=self._deliver, daemon=True, name="codepipeline-events")
                self._thread.start()

    def drain(self) -> None:
        """Wait until everything that was put before is done; not for use in such a task."""
        reached = threading.Event()
        self.later(reached.set)
        reached.wait()

    def _deliver(self) -> None:
        while True:
            task = self._waiting.get()
            try:
                task()
            except Exception:  # one bad event must not silence all later ones
                logger.exception("an event could not be delivered")


def publish(emulator: Emulator, event: Event) -> None:
    """Deliver an event of an AWS service now: its rules have been followed when this returns."""
    with emulator.within(event.account, event.region):
        emulator.put_aws_event(
            source=event.source, detail_type=event.detail_type, detail=event.detail, resources=event.resources
        )


def state_change(change: Changed, *, name: str, account: str, region: str) -> Event:
    """Return the event of a change of state of a pipeline, stage or action execution."""
    execution = change.execution
    detail: Json = {
        "pipeline": name,
        "execution-id": execution.id,
        "start-time": _millis(execution.started),
        "state": change.state,
        "version": float(execution.version),
        "pipeline-execution-attempt": 1.0 + sum(r["manual"] + r["automatic"] for r in execution.retries.values()),
    }
    if change.level == "Pipeline":
        detail["execution-trigger"] = {
            "trigger-type": execution.trigger_type,
            "trigger-detail": execution.trigger_detail,
        }
    else:
        detail["stage"] = change.stage
    if change.action is not None and change.run is not None:
        run = change.run
        detail |= {
            "action": change.action.name,
            "action-execution-id": run.id,
            "region": change.action.region or region,
            "type": {
                "owner": change.action.owner,
                "provider": change.action.provider,
                "category": change.action.category,
                "version": change.action.version,
            },
        }
        if change.state != "STARTED":
            detail["execution-result"] = _result(
                run.external_id, run.external_url, run.error_message or run.summary
            ) | ({"error-code": run.error_code} if run.error_code else {})
            detail["output-artifacts"] = [_artifact(n, place) for n, place in run.outputs.items()]
        detail["input-artifacts"] = [_artifact(n, place) for n, place in run.inputs.items()]
    elif change.state == "FAILED":
        detail["failed-actions"] = failed_actions(execution)
    return Event(
        account=account,
        region=region,
        source="aws.codepipeline",
        detail_type=f"CodePipeline {change.level} Execution State Change",
        detail=json.loads(json.dumps(detail)),
        resources=(f"arn:aws:codepipeline:{region}:{account}:{name}",),
    )


def api_call(operation: str, parameters: Json, *, account: str, region: str) -> Event:
    """Make the event that CloudTrail makes of a call that changes something.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
    """
    return Event(
        account=account,
        region=region,
        source="aws.codepipeline",
        detail_type="AWS API Call via CloudTrail",
        detail={
            "eventSource": "codepipeline.amazonaws.com",
            "eventName": operation,
            "awsRegion": region,
            "userIdentity": {"accountId": account, "arn": f"arn:aws:iam::{account}:root"},
            "requestParameters": json.loads(json.dumps(parameters)),
        },
    )


def failed_actions(execution: Execution) -> list[Json]:
    """Return what of the current stage failed, and why."""
    return [
        {"action": run.action, "additionalInformation": run.error_message}
        for run in execution.current_runs().values()
        if run.status == "Failed"
    ]


def _result(external_id: str, url: str, summary: str) -> Json:
    found = {
        "external-execution-id": external_id,
        "external-execution-url": url,
        "external-execution-summary": summary,
    }
    return {key: value for key, value in found.items() if value}


def _artifact(name: str, place: Json) -> Json:
    return {"name": name, "s3location": {"bucket": place["bucket"], "key": place["key"]}}


def _millis(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
