"""What of the emulator's Lambda, Kinesis and SQS event source mappings replace or need."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ministack.core import concurrency
from ministack.services import dynamodb, kinesis, lambda_svc, sqs

from pipeline.local.cloud.emulator import HttpResponse, Json, json_response, replace

SHARD_OF_TABLES = "shardId-00000000000000000000-00000000"
"""A table of the emulator has one shard."""


def stop_pollers() -> None:
    """Stop the emulator's own pollers of streams and queues."""
    for poller in ("_poll_dynamodb_streams", "_poll_kinesis", "_poll_sqs"):
        replace(lambda_svc, poller, lambda: False)


def hear_of_work(wake: Callable[[], None]) -> None:
    """Call this too whenever a service of the emulator says that it has given a stream or a queue something."""
    theirs = concurrency.esm_wake.set

    def told() -> None:
        theirs()
        wake()

    concurrency.esm_wake.set = told


def replace_operation(name: str, by: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Replace an operation on mappings: `create`, `update` or `delete`."""
    return replace(lambda_svc, f"_{name}_esm", by)


def mappings_everywhere() -> Iterable[tuple[str, str, Json]]:
    """List the account, the region and the emulator's own record of each mapping."""
    found: Iterable[tuple[str, str, Json]] = lambda_svc._iter_all_esms()  # noqa: SLF001 - the emulator offers no other way
    return found


def mapping(uuid: str) -> Json | None:
    """Return the emulator's own record of a mapping of `here`."""
    found: Json | None = lambda_svc._esms.get(uuid)  # noqa: SLF001 - as above
    return found


def mapping_response(made: Json, status: int) -> HttpResponse:
    """Answer with a mapping as the API describes it."""
    return json_response(lambda_svc._esm_response(made), status)  # noqa: SLF001 - as above


def wanted(events: Sequence[Json], mapping: Json) -> list[Json]:
    """Keep the events that a mapping's filters let through."""
    found: list[Json] = lambda_svc._apply_filter_criteria(events, mapping)  # noqa: SLF001 - as above
    return found


def function(mapping: Mapping[str, Any]) -> tuple[Any, Json | None]:
    """Return the emulator's own record of a mapping's function or version, and its configuration; None without one."""
    name, qualifier = mapping["FunctionName"], mapping.get("Qualifier")
    found: tuple[Any, Json | None] = lambda_svc._get_func_record_for_qualifier(name, qualifier)  # noqa: SLF001 - as above
    return found


def invoke(record: Any, event: Json) -> Json:
    """Invoke a function at the one point that every invocation passes; blocks until it has answered."""
    result: Json = lambda_svc._execute_function(record, event)  # noqa: SLF001 - as above
    return result


def function_timeout(name_or_arn: str) -> int | None:
    """Return the timeout of the function that a request names; None if there is no such function."""
    configuration = _named_function(name_or_arn)
    return None if configuration is None else int(configuration.get("Timeout", 3))


def function_role(name_or_arn: str) -> str | None:
    """Return the execution role of the function that a request names; None if there is no such function."""
    configuration = _named_function(name_or_arn)
    return None if configuration is None else str(configuration["Role"])


def _named_function(name_or_arn: str) -> Json | None:
    name, _, failure = lambda_svc._resolve_existing_esm_function(name_or_arn)  # noqa: SLF001 - as above
    if failure is not None:
        return None
    configuration: Json = lambda_svc._functions[name]["config"]  # noqa: SLF001 - as above
    return configuration


def stream(arn: str) -> Any:
    """Return the emulator's own record of a stream, wherever it is, or what is like it of a table; None without one."""
    _, _, service, region, account, resource = arn.split(":", 5)
    if service == "dynamodb":
        return _stream_of_table(arn, account, region, resource.split("/")[1])
    found = kinesis._streams.get_scoped(account, region, resource.partition("/")[2])  # noqa: SLF001 - as above
    return found if found and found["StreamARN"] == arn else None


def _stream_of_table(arn: str, account: str, region: str, name: str) -> Json | None:
    table = dynamodb._tables.get_scoped(account, region, name)  # noqa: SLF001 - as above
    if not table or table.get("LatestStreamArn") != arn:
        return None
    changes = dynamodb.stream_live_records(name, account_id=account, region=region)
    return {"RetentionPeriodHours": 24, "shards": {SHARD_OF_TABLES: {"records": _Changes(changes)}}}


class _Changes(Sequence[Json]):
    """A table's changes as the records of a stream; each is made when it is asked for."""

    def __init__(self, changes: Sequence[Json]) -> None:
        self._changes = changes

    def __len__(self) -> int:
        return len(self._changes)

    def __getitem__(self, index: Any) -> Any:
        found = self._changes[index]
        return [_record(each) for each in found] if isinstance(index, slice) else _record(found)


def _record(change: Json) -> Json:
    told = change["dynamodb"]
    return {
        "SequenceNumber": told["SequenceNumber"],
        "PartitionKey": json.dumps(told["Keys"], sort_keys=True),
        "ApproximateArrivalTimestamp": told["ApproximateCreationDateTime"],
        "Data": change,
    }


def receive(queue_arn: str, most: int) -> list[Json]:
    """Receive messages of a queue of `here`: they are hidden from others for its visibility timeout."""
    found: list[Json] = sqs._receive_messages_for_esm(_url(queue_arn), most)  # noqa: SLF001 - as above
    return found


def delete(queue_arn: str, receipt_handles: set[str]) -> None:
    """Delete received messages of a queue of `here`."""
    sqs._delete_messages_for_esm(_url(queue_arn), receipt_handles)  # noqa: SLF001 - as above


def _url(queue_arn: str) -> str:
    return str(sqs._queue_url(queue_arn.rpartition(":")[2]))  # noqa: SLF001 - as above
