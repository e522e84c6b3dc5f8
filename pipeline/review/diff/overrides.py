"""A team's exceptions to its service, as each stack's template names them."""

from collections.abc import Iterator

from pipeline.review.model import GuardrailChange, StackLocation
from pipeline.review.read.assembly import Stack

METADATA = "Override"
"""What the service contract writes into a template's metadata."""


def changes(before: Stack | None, after: Stack | None, place: StackLocation, path: str) -> Iterator[GuardrailChange]:
    """Yield the override that is added, removed or another one."""
    old, new = _override(before), _override(after)
    if old != new:
        yield GuardrailChange(
            stage=place.stage,
            service=place.service,
            stack=place.stack,
            kind="override",
            state="changed" if old and new else "added" if new else "removed",
            rule=new or old,
            path=path,
            text=f"instead of {old}" if old and new else "",
        )


def _override(stack: Stack | None) -> str:
    metadata = stack.body.get("Metadata") if stack else None
    return str(metadata.get(METADATA, "")) if isinstance(metadata, dict) else ""
