"""What the services of the local cloud measure of themselves, under the names and dimensions that AWS gives them.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
"""

from collections.abc import Iterator, Mapping

from pipeline.local.cloud.cloudwatch import patches
from pipeline.local.cloud.cloudwatch.embedded import embedded
from pipeline.local.cloud.cloudwatch.filters import counted
from pipeline.local.cloud.emulator import Emulator, Json

OF_EXECUTIONS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "ABORTED": "ExecutionsAborted",
}
TIMED_OUT = "ExecutionsTimedOut"
TIMEOUT = "States.Timeout"


class Metrics:
    """Keeps values, and hears of them where they arise."""

    def __init__(self, _emulator: Emulator) -> None:
        patches.record_with(self)

    def record(
        self,
        namespace: str,
        metric_name: str,
        value: float,
        unit: str = "None",
        dimensions: Mapping[str, str] | None = None,
    ) -> None:
        """Keep one value, in the account and region of `here`. Equal ones of a second become one with a count."""
        patches.put_value(namespace, metric_name, value, unit, dict(dimensions or {}))

    def throttled(self, function_name: str) -> None:
        """Count a call of a function that was throttled."""
        self.record("AWS/Lambda", "Throttles", 1, "Count", {"FunctionName": function_name})

    def invoked(self, configuration: Json, result: Json, milliseconds: float) -> None:
        """Count a call of a function, and what it wrote into its log."""
        for about in _about_call(configuration):
            self.record("AWS/Lambda", "Invocations", 1, "Count", about)
            self.record("AWS/Lambda", "Errors", float(bool(result.get("error"))), "Count", about)
            self.record("AWS/Lambda", "Throttles", 0, "Count", about)
            self.record("AWS/Lambda", "Duration", milliseconds, "Milliseconds", about)
        log = result.get("log") or ""
        named = (configuration.get("LoggingConfig") or {}).get("LogGroup")
        filters = patches.metric_filters(named or f"/aws/lambda/{configuration.get('FunctionName', '')}")
        for found in (*embedded(log), *counted(log, filters)):
            self.record(*found)

    def execution_changed(self, execution: Json) -> None:
        """Count an execution that began or ended."""
        status = execution["status"]
        timed_out = status == "TIMED_OUT" or (status == "FAILED" and execution.get("error") == TIMEOUT)
        name = TIMED_OUT if timed_out else OF_EXECUTIONS.get(status)
        for about in _about_execution(execution) if name is not None else ():
            self.record("AWS/States", str(name), 1, "Count", about)

    def requested(self, api: str, stage: str, status: int, milliseconds: float) -> None:
        """Count a request to an API, and for its stage."""
        for about in ({"ApiName": api}, {"ApiName": api, "Stage": stage}):
            self.record("AWS/ApiGateway", "Count", 1, "Count", about)
            self.record("AWS/ApiGateway", "4XXError", float(400 <= status < 500), "Count", about)
            self.record("AWS/ApiGateway", "5XXError", float(status >= 500), "Count", about)
            self.record("AWS/ApiGateway", "Latency", milliseconds, "Milliseconds", about)


def _about_execution(execution: Json) -> Iterator[dict[str, str]]:
    """List the dimensions of an execution: "Version" and "Alias" for one that was "started by" a version or an alias.

    Whether one that was started by an alias counts for its version as well is not said.
    """
    machine = str(execution["stateMachineArn"])
    yield {"StateMachineArn": machine}
    if alias := str(execution.get("stateMachineAliasArn") or ""):
        yield {"StateMachineArn": machine, "Alias": alias.rpartition(":")[2]}
    elif version := str(execution.get("stateMachineVersionArn") or ""):
        yield {"StateMachineArn": machine, "Version": version.rpartition(":")[2]}


def _about_call(configuration: Json) -> Iterator[dict[str, str]]:
    """List the dimensions of a call: "Resource" for one of a version or an alias, "ExecutedVersion" for an alias's."""
    name = str(configuration.get("FunctionName", ""))
    yield {"FunctionName": name}
    qualifier = str(configuration.get("FunctionArn", "")).partition(f":function:{name}:")[2]
    if qualifier:
        of_resource = {"FunctionName": name, "Resource": f"{name}:{qualifier}"}
        yield of_resource
        if not qualifier.isdecimal():
            yield of_resource | {"ExecutedVersion": str(configuration.get("Version"))}
