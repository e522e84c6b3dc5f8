"""Why a release cannot be taken back as it was: what it ends, and what the way back would delete or fail at.

Of the templates alone. What the new code writes, sends and calls is in none of them: docs/rollback.md.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipeline.review.diff.data_classes import DataClass
from pipeline.review.judge.resource_findings import held, is_only_unknown, lost_data, named, why
from pipeline.review.model import EndingKind, ResourceChange, ResourceOutcome, StackChange, StackLocation

FORMS: Mapping[str, str] = {
    "AWS::ApiGateway::Model": "Schema",
    "AWS::ApiGatewayV2::Model": "Schema",
    "AWS::AppSync::GraphQLSchema": "Definition",
    "AWS::EventSchemas::Schema": "Content",
    "AWS::Glue::Table": "TableInput.StorageDescriptor",
}
"""Type -> the property that says in which form others write: what came in the new one meets the old version."""
COMES_BACK = frozenset({DataClass.CACHE, DataClass.PROTECTION, DataClass.NONE})
"""Classes of which nothing is missing once the resource is there again."""
CANNOT_BE_MADE_AGAIN = frozenset({DataClass.DATA, DataClass.SECRET})
STAYS_BEHIND = frozenset({ResourceOutcome.REPLACE, ResourceOutcome.ORPHAN, ResourceOutcome.SNAPSHOT})
ENDS = frozenset({EndingKind.EXPIRY, EndingKind.RECOVERY, EndingKind.SECRET})
"""What a template does not bring back by saying again what it said; a key it does."""


def of_rows(there: Sequence[ResourceChange], back: Iterable[ResourceChange]) -> Iterator[tuple[StackLocation, str]]:
    """Yield each reason, and where it is. `there`: what the release changes; `back`: what its undoing would."""
    said = {(row.stack, row.logical_id) for row in there if row.outcome is ResourceOutcome.WILL_FAIL}
    for row in there:
        for reason in _of_release(row):
            said.add((row.stack, row.logical_id))
            yield row, reason
    for row in back:
        if (row.stack, row.logical_id) not in said:
            yield from ((row, reason) for reason in _of_way_back(row))


def of_stack(change: StackChange) -> Iterator[tuple[StackLocation, str]]:
    """Yield why a stack that goes or moves is not what it was when it is there again."""
    kept = ", ".join(each for each in change.stateful if each not in change.lost)
    if change.lost:
        yield change, f"the stack {change.stack} is deleted, and with it the data in {', '.join(change.lost)}"
    if kept and change.outcome is ResourceOutcome.DESTROY:
        yield change, f"the stack {change.stack} is deleted: made again, it has others beside {kept}, and empty ones"
    if kept and change.outcome is ResourceOutcome.REPLACE:
        yield change, f"the stack {change.stack} becomes another: what is written there is not in the one before"


def merged(reasons: Iterable[tuple[StackLocation, str]], order: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence for each reason, whichever stages it holds for. `order`: the stages, in promotion order."""
    stages: dict[tuple[str, str], set[str]] = {}
    for place, reason in reasons:
        stages.setdefault((place.service, reason), set()).add(place.stage)
    return tuple(
        f"{service or 'template'}{_in([each for each in order if each in where])}: {reason}"
        for (service, reason), where in stages.items()
    )


def _of_release(row: ResourceChange) -> Iterator[str]:
    class_ = held(row)
    may = "may go" if row.outcome is ResourceOutcome.MAY_REPLACE else "goes"
    if row.noise:
        return
    if row.data_loss and class_ not in COMES_BACK:
        yield f"{named(row)} {may}, and {lost_data(row)} with it"
    elif row.unknown_data:
        yield f"{named(row)} {may}, and whether it holds data is not known"
    elif class_ in CANNOT_BE_MADE_AGAIN and (stays := _stays_behind(row)):
        yield f"{named(row)} {stays}: the way back makes another one, without {lost_data(row)}"
    yield from (f"{named(row)}: {each.what}, {each.when}" for each in row.ending_data if each.kind in ENDS)
    form = FORMS.get(row.type, "")
    if form and row.outcome is ResourceOutcome.UPDATE and any(each.path.startswith(form) for each in row.properties):
        yield f"{named(row)} has another form: what comes in it meets the version before"


def _stays_behind(row: ResourceChange) -> str:
    """Say whether the resource is no longer the stack's; empty if it is, as far as anybody knows."""
    if row.outcome is ResourceOutcome.MAY_REPLACE and not is_only_unknown(row):
        return "may stay behind"
    return "stays behind" if row.outcome in STAYS_BEHIND else ""


def _of_way_back(row: ResourceChange) -> Iterator[str]:
    if row.noise:
        return
    may = "may delete" if row.outcome is ResourceOutcome.MAY_REPLACE else "deletes"
    if row.outcome is ResourceOutcome.WILL_FAIL:
        yield f"the way back fails at {named(row)}: {why(row)}"
    elif row.data_loss and held(row) in CANNOT_BE_MADE_AGAIN:
        yield f"the way back {may} {named(row)}, and {lost_data(row)} with it"
    elif row.unknown_data:
        yield f"the way back {may} {named(row)}, and whether it holds data is not known"


def _in(stages: Sequence[str]) -> str:
    given = [each for each in stages if each]
    return f" in {', '.join(given)}" if given else ""
