"""What the services of the local cloud measure of themselves, under the names and dimensions that AWS gives them.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
"""

import time
from collections.abc import Mapping
from typing import Any

from pipeline.local.cloud.cloudwatch.embedded import embedded
from pipeline.local.cloud.cloudwatch.filters import counted
from pipeline.local.cloud.emulator import Emulator

Json = dict[str, Any]
ENDED = {"SUCCEEDED": "ExecutionsSucceeded", "FAILED": "ExecutionsFailed", "ABORTED": "ExecutionsAborted"}
TIMED_OUT = "ExecutionsTimedOut"
TIMEOUT = "States.Timeout"


class Metrics:
    """Keeps values, and hears of them where they arise."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.cloudwatch: Any = emulator.module("cloudwatch")
        self.logs: Any = emulator.module("cloudwatch_logs")
        self.lambda_: Any = emulator.module("lambda_svc")
        self.gateway: Any = emulator.module("apigateway_v1")
        self.states: Any = emulator.module("stepfunctions")
        emulator.replace(self.cloudwatch, "record_metric", self.record)
        # Only the Invoke API counts there; what events, streams and workflows invoke counts as well.
        emulator.replace(self.lambda_, "_emit_lambda_metrics", self._throttled)
        self._run = emulator.replace(self.lambda_, "_execute_function_dispatch", self._invoked)
        self._change = emulator.replace(self.states, "_emit_execution_status_event", self._changed)
        self._answer = emulator.replace(self.gateway, "handle_execute", self._requested)

    def record(
        self,
        namespace: str,
        metric_name: str,
        value: float,
        unit: str = "None",
        dimensions: Mapping[str, str] | None = None,
    ) -> None:
        """Keep one value, in the account and region of `here`. Equal ones of a second become one with a count."""
        now, named = time.time(), dict(dimensions or {})
        points = self.cloudwatch._metric_bucket((namespace, metric_name, self.cloudwatch._dims_key(named)))  # noqa: SLF001 - no other seam
        if points:
            last = points[-1]
            if last["Value"] == value and "_stat" not in last and int(last["Timestamp"]) == int(now):
                last["Count"] = last.get("Count", 1.0) + 1.0
                return
        points.append({"Timestamp": now, "Value": float(value), "Unit": unit, "Dimensions": named})

    def _throttled(self, function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        del error
        if throttle and duration_ms == 0.0:  # otherwise the Invoke API tells of the same once more
            self.record("AWS/Lambda", "Throttles", 1, "Count", {"FunctionName": function_name})

    def _invoked(self, function: Json, configuration: Json, *rest: Any) -> Json:
        began = time.perf_counter()
        result: Json = self._run(function, configuration, *rest)
        milliseconds = (time.perf_counter() - began) * 1000
        about = {"FunctionName": str(configuration.get("FunctionName", ""))}
        self.record("AWS/Lambda", "Invocations", 1, "Count", about)
        self.record("AWS/Lambda", "Errors", float(bool(result.get("error"))), "Count", about)
        self.record("AWS/Lambda", "Throttles", 0, "Count", about)
        self.record("AWS/Lambda", "Duration", milliseconds, "Milliseconds", about)
        log = result.get("log") or ""
        for found in (*embedded(log), *counted(log, self._filters(configuration))):
            self.record(*found)
        return result

    def _filters(self, configuration: Json) -> list[Json]:
        """Those of the log group that a function writes into, in the account and region of `here`."""
        named = (configuration.get("LoggingConfig") or {}).get("LogGroup")
        group = named or f"/aws/lambda/{configuration.get('FunctionName', '')}"
        filters = self.logs._metric_filters  # noqa: SLF001 - as above
        return [each for (of, _), each in filters.items() if of == group]

    def _changed(self, execution: Json) -> None:
        status, about = execution["status"], {"StateMachineArn": execution["stateMachineArn"]}
        if status == "RUNNING":
            self.record("AWS/States", "ExecutionsStarted", 1, "Count", about)
        timed_out = status == "TIMED_OUT" or (status == "FAILED" and execution.get("error") == TIMEOUT)
        name = TIMED_OUT if timed_out else ENDED.get(status)
        if name is not None:
            self.record("AWS/States", name, 1, "Count", about)
        self._change(execution)

    async def _requested(self, api_id: str, stage_name: str, *rest: Any) -> Any:
        began = time.perf_counter()
        answer = await self._answer(api_id, stage_name, *rest)
        milliseconds = (time.perf_counter() - began) * 1000
        name = str((self.gateway._rest_apis.get(api_id) or {}).get("name", ""))  # noqa: SLF001 - as above
        status = int(answer[0])
        for about in ({"ApiName": name}, {"ApiName": name, "Stage": stage_name}):
            self.record("AWS/ApiGateway", "Count", 1, "Count", about)
            self.record("AWS/ApiGateway", "4XXError", float(400 <= status < 500), "Count", about)
            self.record("AWS/ApiGateway", "5XXError", float(status >= 500), "Count", about)
            self.record("AWS/ApiGateway", "Latency", milliseconds, "Milliseconds", about)
        return answer
