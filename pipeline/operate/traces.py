"""The trace that an execution of a service's workflow belongs to, as X-Ray has it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from pipeline.operate.errors import OperateError
from pipeline.operate.outputs import DeployedStack, resources
from pipeline.operate.target import Target

MACHINE = "AWS::StepFunctions::StateMachine"
ROOT = re.compile(r"Root=(1-[0-9a-f]{8}-[0-9a-f]{24})")


@dataclass(frozen=True, kw_only=True)
class Span:
    """A segment or subsegment: something that took some time."""

    began: float
    """Seconds since 1970, as `ended`."""
    ended: float
    what: str
    """The call, if our own functions told of it, else a name: no URL of anybody else, which may say who it is about."""
    status: int | None = None


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What is known of one trace."""

    id: str
    execution: str
    spans: Sequence[Span]


def read(target: Target, deployed: DeployedStack, *, execution: str | None = None) -> Trace:
    """Return the trace of one execution by its name, or of the one that started last."""
    machines = [physical for _, physical in resources(target, deployed, MACHINE)]
    if len(machines) != 1:
        raise OperateError(
            f"{deployed.stack} has {len(machines)} workflows; give a service that has one, such as intake."
        )
    place = {"account": deployed.account, "region": deployed.region}
    states, xray = target.client("stepfunctions", **place), target.client("xray", **place)
    try:
        found = states.describe_execution(executionArn=_execution(states, machines[0], execution, deployed))
        root = ROOT.search(found.get("traceHeader", ""))
        if root is None:
            raise OperateError(f"Execution {found['name']} of {deployed.stack} belongs to no trace.")
        pages = xray.get_paginator("batch_get_traces").paginate(TraceIds=[root[1]])
        traces = [trace for page in pages for trace in page["Traces"]]
    except ClientError as error:
        raise OperateError(f"The trace of {deployed.stack}: {error.response['Error']['Message']}") from error
    documents = [json.loads(segment["Document"]) for trace in traces for segment in trace["Segments"]]
    spans = sorted((span for each in documents for span in _spans(each)), key=lambda span: span.began)
    return Trace(id=root[1], execution=found["name"], spans=spans)


def _execution(states: Any, machine: str, named: str | None, deployed: DeployedStack) -> str:
    if named is not None:
        return f"{machine.replace(':stateMachine:', ':execution:')}:{named}"
    newest = states.list_executions(stateMachineArn=machine, maxResults=1)["executions"]
    if not newest:
        raise OperateError(f"The workflow of {deployed.stack} has not run yet: `penstock call` starts it.")
    return str(newest[0]["executionArn"])


def _spans(document: Mapping[str, Any]) -> Iterator[Span]:
    """Yield the spans of a segment document and of what is below it.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
    """
    began = float(document["start_time"])
    yield Span(
        began=began,
        ended=float(document.get("end_time", began)),
        what=str(document.get("annotations", {}).get("resource", document["name"])),
        status=document.get("http", {}).get("response", {}).get("status"),
    )
    for each in document.get("subsegments", ()):
        yield from _spans(each)
