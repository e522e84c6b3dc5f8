"""What of the emulator's CloudWatch is replaced or needed, and where in other services metrics arise."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from ministack.services import apigateway_v1, cloudwatch, cloudwatch_logs, lambda_svc, stepfunctions

from pipeline.local.cloud.emulator import AwsError, HttpResponse, Json, replace


class Recorder(Protocol):
    """What hears of everything that is measured."""

    def record(
        self,
        namespace: str,
        metric_name: str,
        value: float,
        unit: str = "None",
        dimensions: Mapping[str, str] | None = None,
    ) -> None:
        """Keep one value of a metric."""

    def throttled(self, function_name: str) -> None:
        """Count a call of a function that was throttled."""

    def invoked(self, configuration: Json, result: Json, milliseconds: float) -> None:
        """Count a call of a function."""

    def execution_changed(self, execution: Json) -> None:
        """Count an execution that began or ended."""

    def requested(self, api: str, stage: str, status: int, milliseconds: float) -> None:
        """Count a request to an API."""


def record_with(recorder: Recorder) -> None:
    """Tell a recorder of what functions, executions and APIs do."""
    replace(cloudwatch, "record_metric", recorder.record)

    # Only the Invoke API counts there; what events, streams and workflows invoke counts as well.
    def throttled(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        del error
        if throttle and duration_ms == 0.0:  # otherwise the Invoke API tells of the same once more
            recorder.throttled(function_name)

    replace(lambda_svc, "_emit_lambda_metrics", throttled)

    def invoked(function: Json, configuration: Json, *rest: Any) -> Json:
        began = time.perf_counter()
        result: Json = run(function, configuration, *rest)
        recorder.invoked(configuration, result, (time.perf_counter() - began) * 1000)
        return result

    run = replace(lambda_svc, "_execute_function_dispatch", invoked)

    def changed(execution: Json) -> None:
        recorder.execution_changed(execution)
        change(execution)

    change = replace(stepfunctions, "_emit_execution_status_event", changed)

    async def requested(api_id: str, stage_name: str, *rest: Any) -> Any:
        began = time.perf_counter()
        found = await answer(api_id, stage_name, *rest)
        milliseconds = (time.perf_counter() - began) * 1000
        name = str((apigateway_v1._rest_apis.get(api_id) or {}).get("name", ""))  # noqa: SLF001 - the emulator offers no other way
        recorder.requested(name, stage_name, int(found[0]), milliseconds)
        return found

    answer = replace(apigateway_v1, "handle_execute", requested)


def stop_evaluation() -> None:
    """Stop the emulator's own evaluation of alarms, which looks only at what was put just now."""
    replace(cloudwatch, "_evaluate_alarm", lambda _alarm: None)


def metric_filters(group: str) -> list[Json]:
    """List the metric filters of a log group of `here`."""
    return [each for (of, _), each in cloudwatch_logs._metric_filters.items() if of == group]  # noqa: SLF001 - as above


def points(namespace: str, name: str, dimensions: Mapping[str, str]) -> Sequence[Json]:
    """List what was measured of a metric of `here`."""
    key = (namespace, name, cloudwatch._dims_key(dict(dimensions)))  # noqa: SLF001 - as above
    found: Sequence[Json] = cloudwatch._metrics.get(key) or ()  # noqa: SLF001 - as above
    return found


def put_value(namespace: str, name: str, value: float, unit: str, dimensions: dict[str, str]) -> None:
    """Put one value of a metric of `here`. Equal ones of a second become one with a count."""
    now = time.time()
    found = cloudwatch._metric_bucket((namespace, name, cloudwatch._dims_key(dimensions)))  # noqa: SLF001 - as above
    if found:
        last = found[-1]
        if last["Value"] == value and "_stat" not in last and int(last["Timestamp"]) == int(now):
            last["Count"] = last.get("Count", 1.0) + 1.0
            return
    found.append({"Timestamp": now, "Value": float(value), "Unit": unit, "Dimensions": dimensions})


def statistic(name: str, within: Sequence[Json]) -> float | None:
    """Compute a statistic of points; None without any."""
    statistics = cloudwatch._calc_stats(within)  # noqa: SLF001 - as above
    found: float | None = cloudwatch._stat_value(statistics, name, within) if statistics else None  # noqa: SLF001 - as above
    return found


def alarms_everywhere() -> Iterable[tuple[str, str, Json]]:
    """List the account, the region and the emulator's own record of each metric alarm."""
    for (account, region, _), alarm in list(cloudwatch._alarms.all_items()):  # noqa: SLF001 - as above
        yield account, region, alarm


def alarm(name: str) -> Json | None:
    """Return the emulator's own record of a metric alarm of `here`."""
    found: Json | None = cloudwatch._alarms.get(name)  # noqa: SLF001 - as above
    return found


def alarm_state(name: str) -> str | None:
    """Return the state of a metric or composite alarm of `here`; None if there is none."""
    found = cloudwatch._alarms.get(name) or cloudwatch._composite_alarms.get(name)  # noqa: SLF001 - as above
    return None if found is None else str(found["StateValue"])


def put_alarm(record: Json) -> None:
    """Put a metric alarm in the place of the one of its name."""
    cloudwatch.cloudformation_put_metric_alarm(record)


def put_composite_alarm(request: Json) -> str:
    """PutCompositeAlarm, whose answer is the ARN here. Its tags become the request's, and it is evaluated at once."""
    _answered(cloudwatch._put_composite_alarm({}, request, is_cbor=False, is_json=True))  # noqa: SLF001 - as above
    arn = str(cloudwatch._composite_alarms[request["AlarmName"]]["AlarmArn"])  # noqa: SLF001 - as above
    cloudwatch._resource_tags[arn] = {tag["Key"]: tag["Value"] for tag in request["Tags"]}  # noqa: SLF001 - as above
    return arn


def delete_alarm(name: str) -> None:
    """DeleteAlarms, of one alarm."""
    _answered(cloudwatch._delete_alarms({}, {"AlarmNames": [name]}, is_cbor=False, is_json=True))  # noqa: SLF001 - as above


def _answered(response: HttpResponse) -> None:
    status, _, body = response
    if status >= 400:
        answer = json.loads(body)
        raise AwsError(answer["__type"], answer["message"])


def note_change(alarm: Json, before: str) -> None:
    """Write an alarm's change of state into its history, take its actions, evaluate the composite alarms about it."""
    after, reason = alarm["StateValue"], alarm["StateReason"]
    cloudwatch._record_history(alarm["AlarmName"], before, after, reason)  # noqa: SLF001 - as above
    cloudwatch._dispatch_alarm_actions(alarm, before, after, reason)  # noqa: SLF001 - as above
    cloudwatch._evaluate_parent_alarms(alarm)  # noqa: SLF001 - as above
