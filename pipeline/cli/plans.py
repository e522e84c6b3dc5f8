"""What the commands that edit the repository would do: the catalogue as it is, and the files as they would be."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from pipeline.catalogue import ledger
from pipeline.catalogue.model import Catalogue, Shipped, Stage, Tombstone, Wave, stages_of
from pipeline.catalogue.validation import problems_of
from pipeline.cli import loading
from pipeline.operate.errors import suggested
from pipeline.operate.next_step import penstock
from pipeline.scaffold import catalogue as catalogue_file
from pipeline.scaffold import names, owners, stage_file, tombstones
from pipeline.scaffold import service as new
from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.names import ServiceName, StageName
from pipeline.scaffold.stage_file import Entry, StageFile
from pipeline.scaffold.tombstones import TombstoneText
from services.library.contract.service import Service
from stages.removed import REMOVED

Services = tuple[Service[Any], ...]
LEDGER = Path("stages/deployed.json")


@dataclass(kw_only=True)
class Plan:
    """Files as they would be, in words, and what is to be done then."""

    draft: Draft
    said: list[str] = field(default_factory=list)
    next: list[str] = field(default_factory=list)
    left: int = 0
    """How much is left that somebody must answer before the repository is green."""


def new_service(root: Path, name: str, *, owner: str | None, personal_data: bool, with_worker: bool = False) -> Plan:
    """Add a service, its entry in the first stage, and what is generated of both."""
    service = ServiceName(name=name)
    catalogue = loading.whole(root)
    draft = Draft(root=root)
    first = next(stages_of(catalogue), None)
    if first is None:
        raise ScaffoldError("stages/catalogue.py lists no stage: `penstock new stage` adds one.")
    owner = owner or f"{owners.platform_owner(draft).partition('/')[0]}/{name}"
    new.add(draft, service, owner=owner, personal_data=personal_data, first_stage=first.name, with_worker=with_worker)
    file = StageFile(draft, first.name)
    file.add(Entry(module=service.module, class_name=service.class_name))
    record(draft, [*ledger.read(), ledger.shipped_by(first.environment, name)])
    owners.generate(draft)
    if not draft.changes():
        raise ScaffoldError(f"{service.folder} is there already, and {first.name} lists it: there is nothing to do.")
    said = [f"{name} keeps entries by their ids, behind a signed API: change it into what it is to be."]
    if with_worker:
        said += ["Its worker counts them whenever its schedule, `counted_at`, has it do so."]
    said += [f"Its owner is {owner}; {'it handles' if personal_data else 'it does not handle'} personal data."]
    then = [f"make check && git add --all && git commit -m 'Add {name}' && git push local main"]
    call = penstock("call", name, "--stage", first.name, """--body '{"id": "one", "text": "Hello"}'""")
    return Plan(draft=draft, said=said, next=[*then, call, penstock("promote", name)])


def new_stage(root: Path, name: str, *, after: str, account: str, region: str, tier: str) -> Plan:
    """Add a stage that deploys nothing yet, released after another one."""
    stage = StageName(name=name)
    catalogue = loading.whole(root)
    draft = Draft(root=root)
    if name in _names(catalogue):
        raise ScaffoldError(f"There is a stage or wave {name} already.")
    if after not in _names(catalogue):
        entries = _names(catalogue)
        raise ScaffoldError(
            f"--after {after!r} is no stage; give one of {', '.join(entries)}.{suggested(after, entries)}"
        )
    constants = {
        "account": catalogue_file.account_constant(draft, stage, account),
        "region": catalogue_file.region_constant(draft, stage, region),
    }
    draft.add(stage.file, stage_file.new_stage(stage, tier=tier, **constants))
    catalogue_file.add_stage(draft, stage, after=after)
    waves = [
        entry.label for entry in catalogue if entry.label != after and after in {each.name for each in entry.stages}
    ]
    said = [
        f"{name} is released after {f'wave {waves[0]}, which has {after}' if waves else after}. It deploys nothing yet."
    ]
    then = [
        penstock("promote SERVICE --to", name),
        "make check    # then commit and push; on AWS prepare its account first: docs/aws.md",
    ]
    return Plan(draft=draft, said=said, next=then)


def promote(root: Path, name: str, *, to: str | None) -> Plan:
    """List a service in the next stage, or in each that it has not got to yet on the way to another."""
    catalogue = loading.whole(root)
    draft = Draft(root=root)
    plan = Plan(draft=draft)
    targets = _targets(catalogue, name, to)
    if not targets:
        plan.said.append(f"{name} is in {to or 'every stage'} already: there is nothing to do.")
        return plan
    wanted, shipped = catalogue, list(ledger.read())
    for target in targets:
        source, value = _last_before(catalogue, target, name) or _first(catalogue, name)
        entry = StageFile(draft, source.name).entry(_module(value))
        if entry is None:
            entry = Entry(module=_module(value), class_name=type(value).__name__)
            plan.said.append(f"{target.name}: without settings, for {source.name} does not list {name} one by one.")
        StageFile(draft, target.name).add(entry)
        plan.said.append(f"{target.name}: `{entry.text}`, as in {source.name}.")
        plan.said += [f"  not taken along, for it is {source.name}'s: {each}" for each in entry.left_out]
        wanted = with_service(wanted, target, _made(value, entry))
        shipped.append(ledger.shipped_by(target.environment, name))
    refuse_new_problems(catalogue, wanted)
    record(draft, shipped)
    plan.next.append("make check    # then commit and push")
    if any(target.asks_approval for target in targets):
        plan.next.append(f"{penstock('approve')}    # once the run waits for it")
    last = targets[-1]
    if following := _targets(wanted, name, None):
        plan.next.append(
            f"{penstock('promote', name)}    # to {following[0].name}, once {last.name} has shown that it works"
        )
    return plan


def remove(root: Path, name: str, *, stages: Sequence[str], why: str, owner: str | None) -> Plan:
    """Take a service's entries out of stages, with a tombstone for each of its stacks.

    Where it has moved to another account, region or name within its stage, only the old stack goes, if that stage is
    named.
    """
    catalogue = loading.whole(root)
    draft = Draft(root=root)
    plan = Plan(draft=draft)
    listing = {stage.name: stage for stage in stages_of(catalogue) if _value(stage, name)}
    tombstoned = {each.stage for each in REMOVED if each.service == name}
    shipped = {*ledger.read(), *(each for each in ledger.ships(catalogue) if each.service == name)}
    orphaned = {each.stage for each in ledger.orphaned_stacks(catalogue, shipped) if each.service == name} - tombstoned
    leaving = [
        stage for stage in dict.fromkeys(stages or [*listing, *sorted(orphaned)]) if stage in {*listing, *orphaned}
    ]
    if not (listing or orphaned or tombstoned):
        raise unlisted(name, catalogue, shipped)
    _refuse_other_stages(name, stages, known=[*listing, *sorted(orphaned)], tombstoned=tombstoned)
    if not leaving:
        plan.said.append(f"{name} has its tombstones already: there is nothing to do.")
        plan.next.append(f"{penstock('remove', name, '--finish')}    # once the pipeline has deleted its stacks")
        return plan
    words = TombstoneText(
        stage="", service=name, why=" ".join(why.split()), owner=owner or _owner(draft, catalogue, name)
    )
    names.check_owner(words.owner)
    wanted, wanted_tombstones = catalogue, list(REMOVED)
    for stage in leaving:
        if stages and stage in orphaned and stage in listing:
            plan.said.append(f"{name} stays in {stage}, where it is now. Its stack goes from where it was.")
        else:
            plan.said.append(f"{name} leaves {stage}: {words.why} ({words.owner})")
            if value := stage in listing and _value(listing[stage], name):
                StageFile(draft, stage).remove(_module(value))
                wanted = _without(wanted, listing[stage], name)
        if stage not in tombstoned:
            tombstones.add(draft, replace(words, stage=stage))
            wanted_tombstones.append(Tombstone(stage=stage, service=name, why=words.why, owner=words.owner))
    record(draft, shipped)
    refuse_new_problems(catalogue, wanted, shipped=tuple(shipped), before_removed=REMOVED, removed=wanted_tombstones)
    plan.next += [
        "make check    # then commit and push: the pipeline deletes the stacks, each after a look at what is deployed",
        f"{penstock('remove', name, '--finish')}    # once the run has passed {leaving[-1]}",
    ]
    return plan


def keep_in_step(root: Path) -> Plan:
    """Generate what follows from the stages and services."""
    catalogue = loading.whole(root)
    plan = Plan(draft=Draft(root=root))
    before = ledger.read()
    after = {*before, *ledger.ships(catalogue)}
    record(plan.draft, after)
    owners.generate(plan.draft)
    plan.said += [f"added  {each.stack}  {each.account}  {each.region}" for each in sorted(after - set(before))]
    plan.said.append(f"{LEDGER} lists {len(after)} stacks.")
    return plan


def record(draft: Draft, shipped: Iterable[Shipped]) -> None:
    """Write the ledger."""
    draft.generate(LEDGER, ledger.text_of(shipped))


def _names(catalogue: Catalogue) -> list[str]:
    waves = [entry.name for entry in catalogue if isinstance(entry, Wave)]
    return [*(stage.name for stage in stages_of(catalogue)), *waves]


def _value(stage: Stage, name: str) -> Service[Any] | None:
    return next((service for service in stage.services if service.name == name), None)


def _targets(catalogue: Catalogue, name: str, to: str | None) -> list[Stage]:
    """Return the stages that are to have a service next.

    Those of the first entry of the catalogue that lacks it, or all up to the one that is named.
    """
    entries = [entry.stages for entry in catalogue]
    first = next((at for at, stages in enumerate(entries) if any(_value(stage, name) for stage in stages)), None)
    if first is None:
        raise ScaffoldError(
            f"No stage lists {name}: `penstock new service {name}` makes one, or list it in the first stage by hand."
            f"{suggested(name, _services(catalogue))}"
        )
    lacking = [[stage for stage in stages if not _value(stage, name)] for stages in entries]
    if to is None:
        return next((stages for stages in lacking[first:] if stages), [])
    for at, entry in enumerate(catalogue):
        if to == entry.name or to in {stage.name for stage in entries[at]}:
            if at < first:
                raise ScaffoldError(
                    f"--to {to!r} comes before {entries[first][0].name}, which is the first to list {name}."
                )
            last = lacking[at] if to == entry.name else [stage for stage in lacking[at] if stage.name == to]
            return [stage for stages in lacking[first:at] for stage in stages] + last
    known = _names(catalogue)
    raise ScaffoldError(f"--to {to!r} is no stage; give one of {', '.join(known)}.{suggested(to, known)}")


def _first(catalogue: Catalogue, name: str) -> tuple[Stage, Service[Any]]:
    return next((stage, value) for stage in stages_of(catalogue) if (value := _value(stage, name)))


def _last_before(catalogue: Catalogue, target: Stage, name: str) -> tuple[Stage, Service[Any]] | None:
    """Return the nearest stage before another one that has a service, and its entry."""
    before = takewhile(lambda stage: stage is not target, stages_of(catalogue))
    found = [(stage, value) for stage in before if (value := _value(stage, name))]
    return found[-1] if found else None


def _made(value: Service[Any], entry: Entry) -> Service[Any]:
    """Return the value of an entry that was read from another one's text."""
    settings = {each.name: getattr(value, each.name) for each in entry.settings}
    try:
        return type(value)(**settings)
    except (TypeError, ValueError) as error:
        raise ScaffoldError(f"`{entry.text}` cannot be made: {error}. Add the entry by hand.") from error


def with_service(catalogue: Catalogue, stage: Stage, service: Service[Any]) -> Catalogue:
    """Return a catalogue in which a stage lists one service more."""
    return _replaced(catalogue, stage.name, lambda listed: (*listed, service))


def _services(catalogue: Catalogue) -> list[str]:
    return [each.name for stage in stages_of(catalogue) for each in stage.services]


def _without(catalogue: Catalogue, stage: Stage, name: str) -> Catalogue:
    return _replaced(catalogue, stage.name, lambda listed: tuple(each for each in listed if each.name != name))


def _replaced(catalogue: Catalogue, name: str, change: Callable[[Services], Services]) -> Catalogue:
    def changed(stage: Stage) -> Stage:
        return replace(stage, services=change(stage.services)) if stage.name == name else stage

    return tuple(entry.with_stages(changed) for entry in catalogue)


def unlisted(name: str, catalogue: Catalogue, shipped: Iterable[Shipped]) -> ScaffoldError:
    """Return what is said of a service that is in no stage, and of which nothing is deployed."""
    known = {*_services(catalogue), *(each.service for each in shipped)}
    return ScaffoldError(f"No stage lists {name}, and no stack of it is in {LEDGER}.{suggested(name, known)}")


def _refuse_other_stages(
    name: str, stages: Sequence[str], *, known: Sequence[str], tombstoned: Collection[str]
) -> None:
    for stage in stages:
        if stage not in {*known, *tombstoned}:
            raise ScaffoldError(
                f"--stage {stage!r}: {name} is not there; give a stage that it is in: {', '.join(known) or 'none'}."
            )


def _module(service: Service[Any]) -> str:
    """Return the folder that a service's class is from."""
    return type(service).__module__.split(".")[1]


def _owner(draft: Draft, catalogue: Catalogue, name: str) -> str:
    """Return the owner that a service declares, or the platform team if the service is not there any more."""
    said = {service.name: service.owner for stage in stages_of(catalogue) for service in stage.services}
    said |= {folder.replace("_", "-"): owner for folder, owner in owners.read(draft).items()}
    return said.get(name) or owners.platform_owner(draft)


def refuse_new_problems(
    before: Catalogue,
    after: Catalogue,
    *,
    shipped: Sequence[Shipped] | None = None,
    before_removed: Sequence[Tombstone] = (),
    removed: Sequence[Tombstone] = (),
) -> None:
    """Raise with what `penstock validate` would say only afterwards."""
    known = {each.message for each in problems_of(before, shipped=shipped, removed=before_removed)}
    found = [each for each in problems_of(after, shipped=shipped, removed=removed) if each.message not in known]
    if found:
        raise ScaffoldError("The stages would not be valid, so nothing was changed.\n" + "\n".join(map(str, found)))
