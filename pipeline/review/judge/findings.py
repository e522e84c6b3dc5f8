"""Findings about everything but single resources: stacks, access, exports, the pipeline, guardrails, templates."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from pipeline.review.diff import redact
from pipeline.review.diff.exports import BrokenExport
from pipeline.review.diff.pipeline_settings import COMMANDS, commands_compared
from pipeline.review.diff.removals import RemovalStep
from pipeline.review.diff.shifts import UnshiftableChange
from pipeline.review.judge import decisive
from pipeline.review.judge.finding import Draft
from pipeline.review.model import (
    AccessChange,
    DeploymentLocation,
    Direction,
    GuardrailChange,
    Level,
    Pipeline,
    PipelineDifference,
    ResourceOutcome,
    StackChange,
    StackLocation,
)
from pipeline.review.read.assembly import Drifted

PLATFORM = "pipeline"
APPROVAL_REMOVED = "approval removed"
MANUAL = "Manual"
"""CodePipeline's provider of approvals."""
LOSES_DATA = frozenset({"Review-DataLoss", "Review-PossibleDataLoss", "Review-UnknownData"})
"""What no tombstone accepts where data are kept."""


def of_access(change: AccessChange, full_path: str) -> Iterator[Draft]:
    """Yield the worst that can be said of a change of access; nothing of one that only takes away."""
    rule = _access_rule(change)
    if rule:
        yield _draft(change, rule, change.logical_id, change.path, full_path, change.evidence)


def _access_rule(change: AccessChange) -> str:
    if change.direction is Direction.NARROWED:
        return ""
    if change.admin:
        return "Review-AdministratorAccess"
    if change.public or change.world:
        return "Review-OpenToTheWorld"
    if change.wildcard:
        return "Review-WildcardAccess"
    return "Review-AccessUnknown" if change.direction is Direction.UNKNOWN else "Review-AccessBroadened"


def of_stack(change: StackChange, step: RemovalStep | None = None) -> Iterator[Draft]:
    """Yield a stack that moves, is left behind or is deleted by a step. One that is added is its stage's matter."""
    if change.outcome is ResourceOutcome.CREATE:
        return
    data = f" It holds data: {', '.join(change.stateful)}." if change.stateful else ""
    if change.outcome is ResourceOutcome.ORPHAN and change.before:
        said = f"The stack {_at(change.before)} is left behind with {change.resources} resources.{data}"
        advice = "CDK Pipelines deletes no stack. Keep the service in the stage, or remove it as docs/remove.md shows."
        yield _draft(change, "Review-StackOrphaned", "", "", change.path, said, advice)
    elif change.outcome is ResourceOutcome.DESTROY and change.before:
        yield from with_tombstone(_removed(change, change.before, step), change, step)
    elif change.before and change.after:
        said = (
            f"The stack {_at(change.before)} becomes {_at(change.after)}: a new one is created with nothing in it, and"
            f" the old one is left behind.{data}"
        )
        advice = "Keep its name, account and region; to move it on purpose, add a second stack and migrate the data."
        yield _draft(change, "Review-StackMoved", "", "", change.path, said, advice)


def with_tombstone(drafts: Iterable[Draft], change: StackChange, step: RemovalStep | None) -> Iterator[Draft]:
    """Yield the findings of a stack that is removed, accepted by its tombstone as far as that reaches.

    Where data are kept, the step refuses to lose those of the types that it knows, and nobody wants to find out which.
    """
    for draft in drafts:
        is_accepted = change.tombstone and not (step and step.keeps_data and draft.rule in LOSES_DATA)
        follows = draft.rule != "Review-StackRemoved"
        accepted = replace(draft, tombstone=f"Tombstone: {change.tombstone}", follows_stack=follows)
        yield accepted if is_accepted else draft


def _removed(change: StackChange, place: DeploymentLocation, step: RemovalStep | None) -> Iterator[Draft]:
    kept = [each for each in change.stateful if each not in change.lost]
    stays = f" What stays, and is no longer anybody's: {', '.join(kept)}." if kept else ""
    said = f"The stack {_at(place)} has a tombstone: {_checked(step) if step else 'the pipeline deletes it'}.{stays}"
    yield _draft(change, "Review-StackRemoved", "", "", change.path, said)
    if change.lost:
        refuses = " The removal step refuses to do that." if step and step.keeps_data else ""
        said = f"The data in {', '.join(change.lost)} are deleted with the stack {_at(place)}.{refuses}"
        advice = "Have them retained (removal_policy=RETAIN) and deploy that first, or save what is needed."
        yield _draft(change, "Review-DataLoss", "", "", change.path, said, advice)


def _checked(step: RemovalStep) -> str:
    """What the step looks at before it deletes anything."""
    unless = "another one imports from it"
    if step.keeps_data:
        unless += ", or data would be lost with it"
    return f"the step {step.step} reads what is deployed, and deletes it unless {unless}"


def of_stages(before: Iterable[str], after: Iterable[str], stacks: Iterable[StackChange]) -> Iterator[Draft]:
    """Environments that come and go as a whole."""
    old, new, changed = set(before), set(after), list(stacks)
    for stage in sorted(old - new):
        left = [each for each in changed if each.stage == stage and each.outcome is ResourceOutcome.ORPHAN]
        if not left:  # each of its stacks has a tombstone
            continue
        said = f"The environment {stage} leaves the pipeline; its {_count(left)} are left behind in their account."
        advice = "CDK Pipelines deletes no stack: remove the services from the stage on purpose first."
        yield _draft(
            StackLocation(stage=stage, service=PLATFORM), "Review-StageRemoved", "", "", _parent(left), said, advice
        )
    for stage in sorted(new - old) if old else ():
        come = [each for each in changed if each.stage == stage]
        said = f"New environment {stage}: {_count(come)}."
        yield _draft(StackLocation(stage=stage, service=PLATFORM), "Review-StageAdded", "", "", _parent(come), said)


def of_export(broken: BrokenExport, full_path: str) -> Draft:
    """Return an export that goes or changes."""
    if not broken.importers:
        said = f"The export {broken.export} is removed. If another stack imports it, the deployment will fail."
        return _draft(broken.place, "Review-ExportRemoved", "", "", full_path, said)
    happens = "is removed" if broken.removed else "gets another value"
    who = ", ".join(broken.importers)
    how = "" if broken.still_wanted else " as it is deployed; it only stops doing so with this change"
    said = f"The deploy will fail: the export {broken.export} {happens} while {who} imports it{how}."
    advice = "Keep it for one more release: stack.export_value(...). Remove it once no deployed stack imports it."
    return _draft(broken.place, "Review-ExportInUse", "", "", full_path, said, advice)


def of_pipeline(
    pipeline: Pipeline, path: str, stacks: Collection[str] = (), removals: Collection[str] = ()
) -> Iterator[Draft]:
    """Differences in the pipeline's shape. An added stage or approval is no risk of its own.

    `stacks`: those that are new, or removed by their tombstones, and whose own actions come and go with them;
    `removals`: the steps that delete stacks as the pipeline's own do.
    """
    for each in pipeline.differences:
        rule = _pipeline_rule(each, pipeline, removals)
        if rule:
            place = StackLocation(stage="", service=PLATFORM)
            draft = _draft(place, rule, each.action, "", path, _difference(each))
            yield replace(draft, follows_stack=decisive.follows_a_stack(each, pipeline, stacks))


def _pipeline_rule(difference: PipelineDifference, pipeline: Pipeline, removals: Collection[str]) -> str:
    if difference.what == APPROVAL_REMOVED:
        return "Review-ApprovalRemoved"
    if difference.what == "privilege changed" and difference.new == "True":
        return "Review-PrivilegedBuild"
    if difference.what in {"approval added", "approval moved", "stage added"}:
        return ""
    return (
        "Review-PipelineControl" if decisive.is_decisive(difference, pipeline, removals) else "Review-PipelineChanged"
    )


def _difference(each: PipelineDifference) -> str:
    where = " / ".join(part for part in (each.stage, each.action) if part)
    if each.what == APPROVAL_REMOVED:
        let_go = f"{each.stage} is deployed" if each.old in ("", MANUAL) else f"these run: {each.old}"
        return f"Pipeline {where}: {each.what}. Nobody is asked any more before {let_go}."
    if each.what == COMMANDS:
        return f"Pipeline{f' {where}' if where else ''}: {each.what}.\n{commands_compared(each.old, each.new)}"
    values = f": {each.old or 'none'} → {each.new or 'none'}" if each.old or each.new else ""
    return f"Pipeline{f' {where}' if where else ''}: {each.what}{values}."


def of_guardrail(change: GuardrailChange) -> Iterator[Draft]:
    """Yield a new finding of a guardrail, and every change to what is accepted or excepted."""
    path = change.path.partition(f"/{change.stage}/{change.service}/")[2] or change.path
    if change.kind == "finding" and change.state == "new":
        yield _draft(change, "Review-Guardrail", "", path, change.path, change.text)
    elif change.kind == "acknowledgement":
        until = f" ({change.owner}, until {change.expires})" if change.owner else ""
        said = f"Acknowledgement {change.state}: {change.rule} on {path}{until}. {change.text}".strip()
        yield _draft(change, "Review-Acknowledgement", "", path, change.path, said)
    elif change.kind == "override":
        said = f"Override {change.state}: {change.rule}."
        yield _draft(change, "Review-Override", "", path, change.path, said)


def of_drift(drifted: Drifted) -> Draft:
    """Return what somebody changed by hand, which no comparison of templates shows."""
    name = f"{drifted.path.removesuffix('/Resource')} ({drifted.type})"
    if drifted.is_deleted:
        said = f"{name} was deleted by hand. An update of it fails, and the deployment with it."
    else:
        changed = "; ".join(
            f"{path} is {redact.value(actual, name=path.rpartition('.')[2])}, and its template says"
            f" {redact.value(expected, name=path.rpartition('.')[2])}"
            for path, expected, actual in drifted.properties
        )
        said = f"{name} was changed by hand: {changed}. A deployment leaves that so until the property changes."
    place = StackLocation(stage=drifted.stage, service=drifted.service, stack=drifted.stack)
    return _draft(place, "Review-Drifted", drifted.logical_id, drifted.path, drifted.full_path, said)


def of_protection(place: StackLocation, path: str) -> Draft:
    """Termination protection that is switched off."""
    said = f"Termination protection of {place.stack} is off: the stack can be deleted with everything in it."
    return _draft(place, "Review-TerminationProtectionOff", "", "", path, said, "Keep termination_protection=True.")


def of_adoption(place: StackLocation, path: str) -> Draft:
    """Return a stack that was there before the platform; what it was deployed as is what the change itself says."""
    said = (
        f"The stack {place.stack} was deployed before the platform, which updates it from now on. It is compared with"
        f" what services/{place.service.replace('-', '_')}/deployed/{place.stage}.json says that it was deployed as."
    )
    advice = (
        f"See that the file is what CloudFormation has: `penstock adopt --stack {place.stack} --stage {place.stage}"
        " --dry-run --profile NAME` reads it there. What the stack grants is listed as new."
    )
    return _draft(place, "Review-Adopted", "", "", path, said, advice)


def of_transforms(place: StackLocation, path: str, added: Iterable[str]) -> Iterator[Draft]:
    """Macros that the base side has not."""
    for name in added:
        said = f"The transform {name} rewrites the template at deployment; nobody can tell beforehand what comes out."
        yield _draft(place, "Review-Transform", "", "", path, said)


def of_shifts(place: StackLocation, path: str, changes: Iterable[UnshiftableChange]) -> Iterator[Draft]:
    """Functions whose new version CodeDeploy cannot shift traffic to."""
    for function, what in changes:
        named = function.path.removeprefix(f"{path}/").removesuffix("/Resource")
        said = (
            f"{named} ({function.type}): its {what} changes with the code: cannot be shifted. An alias routes to two"
            " versions of one role and dead-letter queue, so CodeDeploy fails and the stack goes back."
        )
        advice = "Release this commit with Release(traffic=ALL_AT_ONCE), and shift again from the next one on."
        yield _draft(place, "Review-CannotShift", function.logical_id, named, function.path, said, advice)


def of_rules(changed: Iterable[str], *, by_base: bool) -> Iterator[Draft]:
    """Changes to what a review judges by. `by_base`: whether the running code is the base side's own."""
    for what in changed:
        note = "" if by_base else " The code that made this review is the change's own: run the base side's as well."
        yield Draft(
            service=PLATFORM,
            rule="Review-RuleChanged",
            logical_id="",
            path="pipeline/review",
            full_path="",
            evidence=f"{what}{note}",
            level=Level.MEDIUM if by_base else None,
        )


def _draft(
    place: StackLocation, rule: str, logical_id: str, path: str, full_path: str, evidence: str, advice: str = ""
) -> Draft:
    return Draft(
        stage=place.stage,
        service=place.service,
        stack=place.stack,
        rule=rule,
        logical_id=logical_id,
        path=path,
        full_path=full_path,
        evidence=evidence,
        advice=advice,
    )


def _at(place: DeploymentLocation) -> str:
    return f"{place.name} ({place.account or 'any account'}, {place.region or 'any region'})"


def _parent(stacks: list[StackChange]) -> str:
    """The construct path of the stage that the stacks are in."""
    return stacks[0].path.rpartition("/")[0] if stacks else ""


def _count(stacks: list[StackChange]) -> str:
    resources = sum(each.resources for each in stacks)
    return f"{len(stacks)} stack{'s' * (len(stacks) != 1)} with {resources} resources"
