"""Outputs that are not as they were: people and steps read them."""

from collections.abc import Iterator

from pipeline.review.diff.compare import same
from pipeline.review.model import Change, Outcome, Place, PropertyChange
from pipeline.review.read.template import ResolvedTemplate

TYPE = "Output"
"""Stands where a resource's type does."""


def changes(place: Place, before: ResolvedTemplate, after: ResolvedTemplate) -> Iterator[Change]:
    """A row for each; the export's name counts as a part of it."""
    for key in {**before.outputs, **after.outputs}:
        old, new = before.outputs.get(key, {}), after.outputs.get(key, {})
        properties = tuple(
            PropertyChange(path=part, old=old.get(part), new=new.get(part), impact=Outcome.UPDATE)
            for part in ("Value", "Export")
            if not same(old.get(part), new.get(part))
        )
        if properties:
            yield Change(
                stage=place.stage,
                service=place.service,
                stack=place.stack,
                logical_id=key,
                path=f"Outputs/{key}",
                type=TYPE,
                outcome=Outcome.UPDATE,
                properties=properties,
            )
