"""What rewrites a template at deployment, so that nobody knows before what comes of it."""

from collections.abc import Iterator

from pipeline.review.diff import trees
from pipeline.review.model import StackLocation
from services.library.cloudformation.resolved_template import ResolvedTemplate


def unknown(before: trees.Tree, after: trees.Tree, place: StackLocation) -> Iterator[str]:
    """Yield a sentence for each macro of either side: what it made of the old template may go with it."""
    for where, old, new in trees.pairs(before, after, place):
        named = where.stack or "The template"
        for name in new.transforms:
            yield f"{named} is rewritten at deployment by {name}: what comes out is not known."
        for name in old.transforms:
            if name not in new.transforms:
                yield f"{named} was rewritten at deployment by {name}: what came out, and may go, is not known."
        yield from old.unread
        yield from new.unread


def added(old: ResolvedTemplate, new: ResolvedTemplate) -> list[str]:
    """Return the macros that the base side has not."""
    return [name for name in new.transforms if name not in old.transforms]
