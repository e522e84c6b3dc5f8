"""Every stack that was ever deployed, so that one that no stage lists any more is noticed.

CDK Pipelines never deletes a stack (aws-cdk 10759, 10190, 13676), and a source archive has no history: synth cannot
know what an earlier commit deployed unless a committed file says so. `penstock ledger` writes stages/deployed.json.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from pipeline.catalogue.model import Catalogue, Removal, Shipped, Tombstone, file_of, stages_of
from pipeline.catalogue.problem import Problem
from services.library.contract.environment import Environment
from services.library.contract.names import OWNER, SHORTEST_REASON, stack_of

LEDGER = "stages/deployed.json"
FILE = Path(__file__).absolute().parents[2] / LEDGER


def ships(catalogue: Catalogue) -> tuple[Shipped, ...]:
    """Return every stack that a catalogue deploys, sorted."""
    return tuple(
        sorted(
            shipped_by(stage.environment, service.name, stack=service.stack_name(stage.environment))
            for stage in stages_of(catalogue)
            for service in stage.services
        )
    )


def shipped_by(environment: Environment, service: str, *, stack: str | None = None) -> Shipped:
    """Return the stack of a service in the stage of an environment. `stack`: its name, if the CDK does not name it."""
    return Shipped(
        stage=environment.label,
        service=service,
        stack=stack or stack_of(environment.label, service),
        account=environment.account,
        region=environment.region,
    )


def read(file: Path = FILE) -> tuple[Shipped, ...]:
    """Return what was ever deployed; nothing if the file is not there yet."""
    if not file.exists():
        return ()
    return tuple(sorted(Shipped(**each) for each in json.loads(file.read_text(encoding="utf-8"))))


def text_of(stacks: Iterable[Shipped]) -> str:
    """Return the file that lists stacks, one a line, so that branches that deploy different services merge."""
    lines = ",\n".join(f"  {json.dumps(asdict(stack))}" for stack in sorted(set(stacks)))
    return f"[\n{lines}\n]\n" if lines else "[]\n"


def removals(catalogue: Catalogue, shipped: Iterable[Shipped], tombstones: Iterable[Tombstone]) -> tuple[Removal, ...]:
    """Return the stacks that the pipeline is to delete: deployed once, listed in no stage now, and with a tombstone."""
    tombstoned = {(each.stage, each.service): each for each in tombstones}
    return tuple(
        Removal(shipped=each, why=tombstone.why, owner=tombstone.owner)
        for each in orphaned_stacks(catalogue, shipped)
        if (tombstone := tombstoned.get((each.stage, each.service)))
    )


def orphaned_stacks(catalogue: Catalogue, shipped: Iterable[Shipped]) -> tuple[Shipped, ...]:
    """Return the stacks that were deployed and that no stage lists now: removed, moved or renamed ones."""
    now = {(each.stack, each.account, each.region) for each in ships(catalogue)}
    return tuple(each for each in sorted(shipped) if (each.stack, each.account, each.region) not in now)


def problems_of(catalogue: Catalogue, shipped: Iterable[Shipped], tombstones: Iterable[Tombstone]) -> Iterator[Problem]:
    """Yield each stack and tombstone that does not fit the catalogue, with what to do."""
    tombstones = tuple(tombstones)
    shipped = tuple(shipped)
    missing = orphaned_stacks(catalogue, shipped)
    tombstoned = {(each.stage, each.service) for each in tombstones}
    for each in missing:
        if (each.stage, each.service) not in tombstoned:
            yield Problem(
                file=LEDGER,
                given=each.stack,
                allowed="what a stage lists, or what stages/removed.py says goes",
                message=(
                    f"{each.stack} in {each.account}, {each.region}, is deployed but listed in no stage. The pipeline"
                    f" deletes no stack by itself, so it would stay: list {each.service} in"
                    f" {file_of(each.stage)} again, or say in stages/removed.py why it goes"
                    f" (`penstock remove {each.service} --stage {each.stage} --why ...`)."
                ),
            )
    for new in sorted(set(ships(catalogue)) - set(shipped)):
        yield Problem(
            file=file_of(new.stage),
            given=new.stack,
            allowed=f"what {LEDGER} lists",
            message=(
                f"{new.stack} in {new.account}, {new.region}, is not in {LEDGER}:"
                " run `penstock ledger` and commit what it writes."
            ),
        )
    leaving = {(each.stage, each.service) for each in missing}
    for tombstone in tombstones:
        yield from _wrong_tombstone(tombstone, leaves=(tombstone.stage, tombstone.service) in leaving)


def _wrong_tombstone(tombstone: Tombstone, *, leaves: bool) -> Iterator[Problem]:
    who = f"the tombstone of {tombstone.service} in {tombstone.stage}"

    def invalid(field: str, given: str, allowed: str, message: str) -> Problem:
        return Problem(file="stages/removed.py", field=field, given=given, allowed=allowed, message=f"{who} {message}")

    if not leaves:
        message = "has nothing to remove: it is still in its stage, or stages/deployed.json never had it."
        yield invalid("service", tombstone.service, "a service that has left its stage", message)
    if len(tombstone.why.strip()) < SHORTEST_REASON:
        allowed = f"{SHORTEST_REASON} characters or more that a stranger understands"
        yield invalid("why", repr(tombstone.why), allowed, f"says why={tombstone.why!r}; give {allowed}.")
    if not OWNER.allows(tombstone.owner):
        message = f"has owner={tombstone.owner!r}; give {OWNER.allowed}."
        yield invalid("owner", repr(tombstone.owner), OWNER.allowed, message)
