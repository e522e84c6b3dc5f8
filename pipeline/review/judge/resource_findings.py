"""Findings about resources, in sentences: what would happen, to which data, and what to do instead."""

from collections.abc import Iterator, Mapping

from pipeline.review.diff import cosmetic_changes
from pipeline.review.diff.data_classes import DataClass, contents, data_class, page
from pipeline.review.diff.replacement import is_custom
from pipeline.review.diff.stateful import SNAPSHOTS
from pipeline.review.judge.finding import Draft
from pipeline.review.model import EndingData, EndingKind, Json, PropertyChange, ResourceChange, ResourceOutcome

KEEP_FIRST = (
    "Keep it in the code, or first release it with removal_policy=RemovalPolicy.RETAIN (DeletionPolicy and"
    " UpdateReplacePolicy: Retain) and remove it in a later commit, which then leaves it behind with its data."
)
MOVE_OVER = (
    "Add the new one beside the old one under another construct id, copy the data, switch over, and remove the old one"
    " in a later commit."
)
BESIDE = (
    f"{MOVE_OVER} With removal_policy=RemovalPolicy.RETAIN released first, the old one at least stays, with its data,"
    " and the new one starts empty."
)
SAME_ID = (
    "Keep the logical id, so that CloudFormation sees the same resource:"
    " resource.node.default_child.override_logical_id({old!r})."
)
LOST: Mapping[DataClass, str] = {
    DataClass.SECRET: "Review-SecretLost",
    DataClass.MESSAGES: "Review-MessagesLost",
    DataClass.LOGS: "Review-LogsLost",
    DataClass.ADDRESS: "Review-AddressLost",
    DataClass.INSTANCE: "Review-InstanceLost",
    DataClass.CACHE: "Review-CacheLost",
    DataClass.PROTECTION: "Review-RecoveryEnds",
}
"""The rule for a deletion of what is no store, and still not nothing."""
NOT_HAD_BACK = frozenset({DataClass.SECRET, DataClass.ADDRESS})
"""Of these, to perhaps lose one is as much as to lose it: nobody can make the same again."""
AFTERWARDS: Mapping[str, str] = {
    "AWS::EC2::EIP": " Another one is given in its place, and nobody chooses which.",
    "AWS::SQS::Queue": " Let them be consumed first.",
    "AWS::SecretsManager::Secret": " It can be restored for as long as its recovery window lasts.",
}
"""What is to be known of a deletion of the type."""
KEYS = ("KeySchema", "AttributeDefinitions")
"""Begins the properties that are a table's key."""
ENDS: Mapping[EndingKind, tuple[str, str]] = {
    EndingKind.EXPIRY: ("Review-DataExpire", "Save what is still needed first, or keep the time as it was."),
    EndingKind.RECOVERY: ("Review-RecoveryEnds", "Keep it, or take a backup of your own first."),
    EndingKind.SECRET: ("Review-SecretRegenerated", "Leave it as it is, and let a rotation change the value."),
    EndingKind.ENCRYPTION: ("Review-EncryptionWeakened", "Keep the key, or give it a new one of its own."),
}
"""Rule and advice for data that end while their resource stays."""


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
        yield _loss(row) if _is_store(row) else _lesser_loss(row)
    elif row.unknown_data:
        yield _unknown(row)
    else:
        yield from _kept(row)
    if not row.data_loss or row.outcome is ResourceOutcome.MAY_REPLACE:
        yield from (_ends(row, each) for each in row.ending_data)
    if row.guard_dropped and not row.data_loss:
        said = f"{named(row)} loses a guard: {why(row)}. Its next removal or replacement loses {lost_data(row)}."
        yield "Review-GuardDropped", said, "Keep the policy or the protection as it was."
    for stage in row.points_at:
        said = f"{named(row)} now names the account of {stage}: {', '.join(each.path for each in row.properties)}."
        yield "Review-CrossEnvironment", said, "Take the account from the environment that the stack is built for."


def _kept(row: ResourceChange) -> Iterator[tuple[str, str, str]]:
    """What happens to a resource of which nothing is lost."""
    if row.outcome is ResourceOutcome.REPLACE and row.type not in cosmetic_changes.BY_REVISION:
        old = "the old one, or a snapshot of it," if row.type in SNAPSHOTS else "the old one"
        kept = f" The new one starts empty; {old} stays behind with {contents(row.type)}." if _holds(row) else ""
        yield "Review-Replacement", f"{named(row)} is replaced: {why(row)}.{kept}", _beside(row)
    elif row.outcome is ResourceOutcome.MAY_REPLACE:
        yield _maybe(row)
    elif row.outcome is ResourceOutcome.WILL_FAIL:
        said = f"The deployment will fail: {named(row)} cannot be changed like this: {why(row)}."
        yield "Review-WillFail", said, "Leave it as it is, or add a new one beside it under another construct id."
    else:
        yield from _removed(row)


def _removed(row: ResourceChange) -> Iterator[tuple[str, str, str]]:
    if row.outcome is ResourceOutcome.SNAPSHOT:
        said = (
            f"{named(row)} is deleted. CloudFormation first takes a snapshot of {contents(row.type) or 'it'}, which"
            " nothing reads again by itself."
        )
        yield "Review-Snapshot", said, ""
    elif row.outcome is ResourceOutcome.ORPHAN:
        said = (
            f"{named(row)} leaves its stack and stays in the account, unmanaged and still paid for, until somebody"
            " deletes it by hand."
        )
        yield "Review-LeftBehind", said, ""
    elif row.outcome is ResourceOutcome.DESTROY and row.is_protected:
        said = f"{named(row)} leaves its stack, and its service refuses to delete it: it stays, unmanaged."
        yield "Review-LeftBehind", said, "To have it deleted, take its protection away in a commit before."


def _loss(row: ResourceChange) -> tuple[str, str, str]:
    data = lost_data(row)
    if row.outcome is ResourceOutcome.DESTROY:
        if row.paired_with:
            said = (
                f"Data loss ({data}): {named(row)} gets the logical id {row.paired_with} instead of {row.logical_id}."
                " To CloudFormation that is a deletion and a creation, and its DeletionPolicy is Delete."
            )
            return "Review-DataLoss", said, SAME_ID.format(old=row.logical_id)
        said = f"Data loss ({data}): {named(row)} is removed, and its DeletionPolicy is Delete."
        return "Review-DataLoss", said, KEEP_FIRST
    if row.outcome is ResourceOutcome.REPLACE:
        said = (
            f"Data loss ({data}): {named(row)} is replaced by a new, empty one, because {why(row)}. The old one is"
            " deleted, for its UpdateReplacePolicy is Delete."
        )
        return "Review-DataLoss", said, BESIDE
    said = f"Possible data loss ({data}): {named(row)} may be replaced or removed, because {why(row)}."
    return "Review-PossibleDataLoss", said, BESIDE


def _lesser_loss(row: ResourceChange) -> tuple[str, str, str]:
    """A loss of what is no store. A replacement is never less than that."""
    class_, data = held(row), lost_data(row)
    if row.outcome is ResourceOutcome.DESTROY:
        said = f"{named(row)} is deleted, and with it {data}.{AFTERWARDS.get(row.type, '')}"
        return LOST[class_], said, KEEP_FIRST
    if row.outcome is ResourceOutcome.REPLACE:
        said = f"{named(row)} is replaced, and {data} are lost with the old one, because {why(row)}."
        return "Review-Replacement", said, BESIDE
    rule = LOST[class_] if class_ in NOT_HAD_BACK else "Review-PossibleReplacement"
    return rule, f"{named(row)} may be replaced or removed, and {data} lost, because {why(row)}.", BESIDE


def _unknown(row: ResourceChange) -> tuple[str, str, str]:
    happens = {ResourceOutcome.DESTROY: "is deleted", ResourceOutcome.REPLACE: f"is replaced, because {why(row)}"}
    said = f"{named(row)} {happens.get(row.outcome, f'may be replaced, because {why(row)}')}."
    if is_custom(row.type):
        return "Review-UnknownData", f"{said} Its own function decides what is deleted with it.", KEEP_FIRST
    where = f": look at {page(row.type)}" if row.type.startswith("AWS::") else ""
    return "Review-UnknownData", f"{said} Whether it holds data is not known here{where}.", KEEP_FIRST


def _ends(row: ResourceChange, each: EndingData) -> tuple[str, str, str]:
    rule, advice = ENDS[each.kind]
    return rule, f"{named(row)}: {each.what}, {each.when} ({each.path} changes).", advice


def _maybe(row: ResourceChange) -> tuple[str, str, str]:
    said = f"{named(row)} may be replaced: {why(row)}."
    if is_custom(row.type):
        return (
            "Review-CustomResource",
            f"{named(row)} changes: {why(row)}. Its own function decides what happens.",
            "",
        )
    if is_only_unknown(row):
        return "Review-UnknownProperty", said, ""
    return "Review-PossibleReplacement", said, ""


def is_only_unknown(row: ResourceChange) -> bool:
    """Return whether it may be replaced for no other reason than that the sources do not know what changes."""
    return all(each.sources[:1] and each.sources[0].startswith("neither source") for each in _causes(row))


def why(row: ResourceChange) -> str:
    """The properties that cause it, each with who says so where that is not plain."""
    return "; ".join(f"{_change(each)}{_by(each.sources)}" for each in _causes(row)) or "it changes"


def _change(each: PropertyChange) -> str:
    """What happens to a property; of a table's key also what it was and becomes, by which its owner knows it."""
    if not each.path.startswith(KEYS):
        return f"{each.path} changes"
    path = (each.keyed_path or each.path).removesuffix(".AttributeName")
    old, new = _key(each.old), _key(each.new)
    if old and new:
        return f"{path} changes from {old} to {new}"
    return f"{path} gets {new}" if new else f"{path} loses {old}"


def _key(value: Json) -> str:
    if isinstance(value, Mapping) and "AttributeName" in value:
        return f"{_key(value['AttributeName'])} ({_key(value.get('KeyType', value.get('AttributeType')))})"
    return value if isinstance(value, str) else "" if value is None else "what only the deployment knows"


def _causes(row: ResourceChange) -> list[PropertyChange]:
    worst = [each for each in row.properties if each.impact is row.outcome]
    return worst or list(row.properties)


def _by(sources: tuple[str, ...]) -> str:
    told = [source for source in sources if not source.endswith(": create-only")]
    return f" ({', '.join(sources)})" if told else ""


def named(row: ResourceChange) -> str:
    """Return a resource's path and type."""
    return f"{row.path.removesuffix('/Resource')} ({row.type})"


def lost_data(row: ResourceChange) -> str:
    """What the resource holds; of one whose type changes, what the old one holds."""
    return contents(_old_type(row)) or "what it holds"


def _old_type(row: ResourceChange) -> str:
    return next((str(each.old) for each in row.properties if each.path == "Type"), row.type)


def held(row: ResourceChange) -> DataClass:
    """Return the class of what the resource holds; of one whose type changes, of what the old one holds."""
    return data_class(_old_type(row))


def _is_store(row: ResourceChange) -> bool:
    return held(row) is DataClass.DATA


def _holds(row: ResourceChange) -> bool:
    """Whether something stays in the one that is replaced."""
    return data_class(row.type) not in {DataClass.NONE, DataClass.PROTECTION, DataClass.UNKNOWN}


def _beside(row: ResourceChange) -> str:
    """For what is replaced and stays: to keep it first would be no news, and one that follows is another's matter."""
    if row.cause:
        return f"Leave {row.cause} as it is: this follows from its replacement."
    return MOVE_OVER if _holds(row) else ""
