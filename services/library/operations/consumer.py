"""The resources of a deployed stream consumer or queue, as the construct writes them into a stack output."""

import json
from collections.abc import Mapping
from dataclasses import dataclass


class RedriveError(Exception):
    """Nothing can be sent again; the text says why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class DeployedConsumer:
    """One deployed stream consumer: its function, stream, buckets and queue."""

    function: str
    stream: str
    """The name of a stream, or the ARN of a table's."""
    quarantine: str
    """The bucket of records that can never be processed as they are; also keeps what was done about each."""
    failures: str | None
    """The bucket of batches that Lambda gave up, if the on-failure destination is one."""
    pointers: str | None
    """URL of the queue that says where such batches are in the stream, if it is that."""
    timeout_seconds: int | None = None
    """Of the function; None if it was deployed before it counted what waits in quarantine."""


@dataclass(frozen=True, kw_only=True)
class DeployedQueue:
    """One deployed queue with its dead-letter queue, by their URLs."""

    queue: str
    dead_letters: str


def parse_output(output: str) -> DeployedConsumer | DeployedQueue:
    """Return what the value of a stack output describes."""
    try:
        content = json.loads(output)
        if "dead_letters" in content:
            return DeployedQueue(queue=content["queue"], dead_letters=content["dead_letters"])
        return DeployedConsumer(
            function=content["function"],
            stream=content["stream"],
            quarantine=content["quarantine"],
            failures=content.get("failures"),
            pointers=content.get("pointers"),
            timeout_seconds=content.get("timeout_seconds"),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise RedriveError(
            f"The stack's output {output!r} describes neither a stream consumer nor a queue: deploy the service again."
        ) from error


def choose(outputs: Mapping[str, str], *, named: str | None, stack: str) -> DeployedConsumer | DeployedQueue:
    """Return what a stack's outputs describe: the only consumer or queue, or the one whose output is named."""
    found = {key: value for key, value in sorted(outputs.items()) if key.startswith("Redrive")}
    if named is None and len(found) == 1:
        (named,) = found
    if named is None or named not in found:
        raise RedriveError(
            f"Stack {stack} has these stream consumers and queues: {', '.join(found) or 'none'}."
            + (" Choose one with --consumer." if found else "")
        )
    return parse_output(found[named])
