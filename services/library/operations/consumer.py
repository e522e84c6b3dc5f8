"""The resources of a deployed stream consumer, as the construct writes them into a stack output."""

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
    quarantine: str
    """The bucket of records that can never be processed as they are; also keeps what was done about each."""
    failures: str | None
    """The bucket of batches that Lambda gave up, if the on-failure destination is one."""
    pointers: str | None
    """URL of the queue that says where such batches are in the stream, if it is that."""

    @classmethod
    def of(cls, output: str) -> "DeployedConsumer":
        """Read the value of the stack output."""
        try:
            content = json.loads(output)
            return cls(
                function=content["function"],
                stream=content["stream"],
                quarantine=content["quarantine"],
                failures=content.get("failures"),
                pointers=content.get("pointers"),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise RedriveError(
                f"The stack's output {output!r} does not describe a stream consumer: deploy the service again."
            ) from error


def choose(outputs: Mapping[str, str], *, named: str | None, stack: str) -> DeployedConsumer:
    """Return the stream consumer that a stack's outputs describe: the only one, or the one whose output is named."""
    found = {key: value for key, value in sorted(outputs.items()) if key.startswith("Redrive")}
    if named is None and len(found) == 1:
        (named,) = found
    if named is None or named not in found:
        raise RedriveError(
            f"Stack {stack} has these stream consumers: {', '.join(found) or 'none'}."
            + (" Choose one with --consumer." if found else "")
        )
    return DeployedConsumer.of(found[named])
