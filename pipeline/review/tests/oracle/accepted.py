"""Where AWS's engine ranks a resource higher than ours, and why ours is right. None of it is about data or access.

A row names what must be true of our side and of the templates, so that it excuses nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.review.diff.conditional_updates import ROWS as ROWS_OF_PAGES
from pipeline.review.diff.replacement import MACRO
from pipeline.review.model import ResourceChange, ResourceOutcome
from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.cloudformation.values import is_same


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One resource in both engines' eyes."""

    logical_id: str
    theirs: str
    ours: ResourceChange | None
    old: ResolvedTemplate
    new: ResolvedTemplate


def snapshot(seen: Seen) -> bool:
    """CloudFormation takes a snapshot before it deletes, by policy or by default: the data are kept."""
    return seen.ours is not None and seen.ours.outcome is ResourceOutcome.SNAPSHOT


def retained_except_on_create(seen: Seen) -> bool:
    """RetainExceptOnCreate retains whatever was created successfully; their engine knows only Retain."""
    policy = seen.old.resources[seen.logical_id].deletion_policy if seen.logical_id in seen.old.resources else ""
    return policy == "RetainExceptOnCreate" and seen.ours is not None and seen.ours.outcome is ResourceOutcome.ORPHAN


def sources_disagree(seen: Seen) -> bool:
    """Their engine is AWS's specification alone. Where CloudFormation's schemas deny it, ours says may, with both.

    So it does of what refers to such a resource, by a property that only a new one can have another value of.
    """
    return _may_replace_because(seen, "cfn-lint: in place") or any(
        _may_replace_because(seen, f"refers to {logical_id}, which may be replaced")
        for logical_id in seen.old.resources
    )


def undecided(seen: Seen) -> bool:
    """The value depends on a condition that only the deployment decides, and may stay what it is."""
    return _may_replace_because(seen, "depends on an undecided condition")


def same_to_cloudformation(seen: Seen) -> bool:
    """Only spelling, metadata or dependencies differ: nothing is left once both are resolved."""
    old, new = seen.old.resources.get(seen.logical_id), seen.new.resources.get(seen.logical_id)
    return seen.ours is None and old is not None and new is not None and is_same(old.properties, new.properties)


def never_there(seen: Seen) -> bool:
    """A condition that is false on both sides: neither template has the resource."""
    return seen.logical_id not in seen.old.resources and seen.logical_id not in seen.new.resources


def revision(seen: Seen) -> bool:
    """A Lambda version or API deployment with another hash in its name, or the CDK's metadata: folded, not dropped."""
    return seen.ours is not None and seen.ours.outcome is ResourceOutcome.NONE and bool(seen.ours.noise)


def refused(seen: Seen) -> bool:
    """The service refuses the update, by AWS's page: nothing is replaced, and the deployment fails."""
    return seen.ours is not None and seen.ours.outcome is ResourceOutcome.WILL_FAIL


def in_place_by_its_page(seen: Seen) -> bool:
    """A condition that AWS's page states, such as an UpdatePolicy with an upgrade in place; theirs reads none."""
    says = (
        "EnableVersionUpgrade is on",
        *(row.source for row in ROWS_OF_PAGES if row.outcome is ResourceOutcome.UPDATE),
    )
    return seen.ours is not None and any(source in says for each in seen.ours.properties for source in each.sources)


def rewritten(seen: Seen) -> bool:
    """A type of AWS SAM's is no resource: its macro decides, and the review is incomplete. Theirs takes its word."""
    return _may_replace_because(seen, MACRO)


ROWS: tuple[Callable[[Seen], bool], ...] = (
    snapshot,
    retained_except_on_create,
    sources_disagree,
    undecided,
    same_to_cloudformation,
    never_there,
    revision,
    refused,
    in_place_by_its_page,
    rewritten,
)
RANKS: Mapping[str, int] = {
    "NO_CHANGE": ResourceOutcome.NONE.rank,
    "WILL_IMPORT": ResourceOutcome.NONE.rank,
    "WILL_CREATE": ResourceOutcome.CREATE.rank,
    "WILL_UPDATE": ResourceOutcome.UPDATE.rank,
    "MAY_REPLACE": ResourceOutcome.MAY_REPLACE.rank,
    "WILL_ORPHAN": ResourceOutcome.ORPHAN.rank,
    "WILL_REPLACE": ResourceOutcome.REPLACE.rank,
    "WILL_DESTROY": ResourceOutcome.DESTROY.rank,
}


def ranks_higher(seen: Seen) -> bool:
    """Whether their engine finds the resource worse off than ours does."""
    return RANKS[seen.theirs] > (seen.ours.outcome if seen.ours else ResourceOutcome.NONE).rank


def _may_replace_because(seen: Seen, source: str) -> bool:
    return (
        seen.ours is not None
        and seen.ours.outcome is ResourceOutcome.MAY_REPLACE
        and any(source in each.sources for each in seen.ours.properties)
    )
