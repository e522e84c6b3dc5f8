"""Outputs that are not as they were: people and steps read them."""

from collections.abc import Iterator

from pipeline.review.model import PropertyChange, ResourceChange, ResourceOutcome, StackLocation
from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.cloudformation.values import is_same

TYPE = "Output"
"""Stands where a resource's type does."""


def changes(place: StackLocation, before: ResolvedTemplate, after: ResolvedTemplate) -> Iterator[ResourceChange]:
    """Yield a row for each; the export's name counts as a part of it."""
    for key in {**before.outputs, **after.outputs}:
        old, new = before.outputs.get(key, {}), after.outputs.get(key, {})
        properties = tuple(
            PropertyChange(path=part, old=old.get(part), new=new.get(part), impact=ResourceOutcome.UPDATE)
            for part in ("Value", "Export")
            if not is_same(old.get(part), new.get(part))
        )
        if properties:
            yield ResourceChange(
                stage=place.stage,
                service=place.service,
                stack=place.stack,
                logical_id=key,
                path=f"Outputs/{key}",
                type=TYPE,
                outcome=ResourceOutcome.UPDATE,
                properties=properties,
            )
