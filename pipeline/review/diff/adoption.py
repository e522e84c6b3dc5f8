"""What the platform changes of a stack that it adopts, told apart from what a template changes."""

from dataclasses import replace

from pipeline.review.model import PropertyChange, ResourceChange, ResourceOutcome

TAGS = "Tags"
OF_THE_PLATFORM = "penstock:"
"""How the keys of its tags begin."""
KEPT = ("Retain", "Snapshot")


def named(row: ResourceChange) -> ResourceChange:
    """Return a row with the platform as its reason, if nothing else changes the resource."""
    if row.outcome is not ResourceOutcome.UPDATE or row.ending_data or row.guard_dropped or row.points_at:
        return row
    kinds = [_kind(each) for each in row.properties]
    if not all(kinds):
        return row
    return replace(row, noise=f"the platform's {' and '.join(dict.fromkeys(kinds))}")


def _kind(change: PropertyChange) -> str:
    """Say which of the platform's a change is; empty if it is none. A boundary that takes another's place is none."""
    match change.path.split(".")[0]:
        case "PermissionsBoundary" if change.old is None:
            return "permissions boundary"
        case "Tags" if _are_added(change):
            return "tags"
        case "DeletionPolicy" | "UpdateReplacePolicy" if change.new in KEPT:
            return "protection"
    return ""


def _are_added(change: PropertyChange) -> bool:
    """Return whether tags of the platform come, and none goes or changes."""
    if change.old is not None:
        return False
    match change.new:
        case {"Key": str(key), "Value": _}:
            return key.startswith(OF_THE_PLATFORM)
        case list():
            keys = [each.get("Key", "") if isinstance(each, dict) else "" for each in change.new]
            return all(str(key).startswith(OF_THE_PLATFORM) for key in keys)
        case dict():  # some types have a mapping of tags
            return all(key.startswith(OF_THE_PLATFORM) for key in change.new)
    return change.path.removeprefix(f"{TAGS}.").startswith(OF_THE_PLATFORM)
