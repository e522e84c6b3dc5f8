"""Findings about resources, in sentences: what would happen, to which data, and what to do instead."""

from collections.abc import Iterator

from pipeline.review.diff import cosmetic_changes, stateful
from pipeline.review.diff.replacement import is_custom
from pipeline.review.judge.finding import Draft
from pipeline.review.model import PropertyChange, ResourceChange, ResourceOutcome

KEEP_FIRST = (
    "Keep it in the code, or first release it with removal_policy=RemovalPolicy.RETAIN (DeletionPolicy and"
    " UpdateReplacePolicy: Retain) and remove it in a later commit, which then leaves it behind with its data."
)
BESIDE = (
    "Add the new one beside the old one under another construct id, copy the data, switch over, and remove the old one"
    " in a later commit. With removal_policy=RemovalPolicy.RETAIN released first, the old one at least stays, with its"
    " data, and the new one starts empty."
)
SAME_ID = (
    "Keep the logical id, so that CloudFormation sees the same resource:"
    " resource.node.default_child.override_logical_id({old!r})."
)
REPLACES = frozenset({ResourceOutcome.REPLACE, ResourceOutcome.MAY_REPLACE})


def of_change(row: ResourceChange, full_path: str) -> Iterator[Draft]:
    """Yield the findings on one resource. `full_path`: its construct's from the App."""
    if row.noise:
        return
    for rule, evidence, advice in _said(row):
        yield Draft(
            stage=row.stage,
            service=row.service,
            stack=row.stack,
            rule=rule,
            logical_id=row.logical_id,
            path=row.path,
            full_path=full_path,
            evidence=evidence,
            advice=advice,
        )


def _said(row: ResourceChange) -> Iterator[tuple[str, str, str]]:
    if row.data_loss:
        yield _loss(row)
    elif row.outcome is ResourceOutcome.REPLACE and row.type not in cosmetic_changes.BY_REVISION:
        kept = ""
        if row.type in stateful.HOLDS:
            kept = f" The new one starts empty; the old one stays behind with {stateful.HOLDS[row.type]}."
        yield "Review-Replacement", f"{_named(row)} is replaced: {_why(row)}.{kept}", _beside(row)
    elif row.outcome is ResourceOutcome.MAY_REPLACE:
        yield _maybe(row)
    elif row.outcome is ResourceOutcome.SNAPSHOT:
        said = (
            f"{_named(row)} is deleted. CloudFormation first takes a snapshot of {stateful.HOLDS.get(row.type, 'it')}."
        )
        yield "Review-Snapshot", said, "Nothing reads the snapshot again by itself. Remove it only if nobody needs it."
    elif row.outcome is ResourceOutcome.ORPHAN:
        said = f"{_named(row)} leaves its stack and stays in the account, unmanaged and still paid for."
        yield "Review-LeftBehind", said, "Delete it by hand once nobody needs it, or keep it in the code."
    if row.guard_dropped and not row.data_loss:
        said = f"{_named(row)} loses a guard: {_why(row)}. Its next removal or replacement loses {_data(row)}."
        yield "Review-GuardDropped", said, "Keep the policy or the protection as it was."
    for stage in row.points_at:
        said = f"{_named(row)} now names the account of {stage}: {', '.join(each.path for each in row.properties)}."
        yield "Review-CrossEnvironment", said, "Take the account from the environment that the stack is built for."


def _loss(row: ResourceChange) -> tuple[str, str, str]:
    data = _data(row)
    if row.outcome is ResourceOutcome.DESTROY:
        if row.paired_with:
            said = (
                f"Data loss ({data}): {_named(row)} gets the logical id {row.paired_with} instead of {row.logical_id}."
                " To CloudFormation that is a deletion and a creation, and its DeletionPolicy is Delete."
            )
            return "Review-DataLoss", said, SAME_ID.format(old=row.logical_id)
        said = f"Data loss ({data}): {_named(row)} is removed, and its DeletionPolicy is Delete."
        return "Review-DataLoss", said, KEEP_FIRST
    if row.outcome is ResourceOutcome.REPLACE:
        said = (
            f"Data loss ({data}): {_named(row)} is replaced by a new, empty one, because {_why(row)}. The old one is"
            " deleted, for its UpdateReplacePolicy is Delete."
        )
        return "Review-DataLoss", said, BESIDE
    said = f"Possible data loss ({data}): {_named(row)} may be replaced or removed, because {_why(row)}."
    return "Review-PossibleDataLoss", said, BESIDE


def _maybe(row: ResourceChange) -> tuple[str, str, str]:
    said = f"{_named(row)} may be replaced: {_why(row)}."
    if is_custom(row.type):
        return (
            "Review-CustomResource",
            f"{_named(row)} changes: {_why(row)}. Its own function decides what happens.",
            "",
        )
    if all(each.sources[:1] and each.sources[0].startswith("neither source") for each in _causes(row)):
        return "Review-UnknownProperty", said, ""
    return "Review-PossibleReplacement", said, ""


def _why(row: ResourceChange) -> str:
    """The properties that cause it, each with who says so where that is not plain."""
    return "; ".join(f"{each.path} changes{_by(each.sources)}" for each in _causes(row)) or "it changes"


def _causes(row: ResourceChange) -> list[PropertyChange]:
    worst = [each for each in row.properties if each.impact is row.outcome]
    return worst or list(row.properties)


def _by(sources: tuple[str, ...]) -> str:
    told = [source for source in sources if not source.endswith(": create-only")]
    return f" ({', '.join(sources)})" if told else ""


def _named(row: ResourceChange) -> str:
    return f"{row.path.removesuffix('/Resource')} ({row.type})"


def _data(row: ResourceChange) -> str:
    """What the resource holds; of one whose type changes, what the old one holds."""
    types = [row.type, *(str(each.old) for each in row.properties if each.path == "Type")]
    return next((stateful.HOLDS[type_] for type_ in types if type_ in stateful.HOLDS), "what it holds")


def _beside(row: ResourceChange) -> str:
    return BESIDE if row.type in stateful.HOLDS else ""
