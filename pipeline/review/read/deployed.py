"""What runs in a stage as the base side of a review. Somebody else fetched it: a review needs no credentials."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.review.model import DeploymentLocation
from pipeline.review.read.assembly import Assembly, Drifted, Stack


@dataclass(frozen=True, kw_only=True)
class RunningStack:
    """One stack of the stage."""

    stage: str
    service: str
    place: DeploymentLocation
    template: str
    nested: Mapping[str, str] = field(default_factory=dict)
    """File -> template of a nested stack, by the name under which the assembly has it."""
    protected: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    """Why it is not known what runs, a sentence each."""
    drifted: Mapping[str, tuple[bool, tuple[tuple[str, str, str], ...]]] = field(default_factory=dict)
    """Logical id -> whether it was deleted by hand; path, the template's value and the actual one of properties."""


def sides(
    stage: str, running: Sequence[RunningStack], head: Assembly, folder: Path, *, is_merged: bool
) -> tuple[Assembly, Assembly]:
    """Return what runs in a stage, and what the head side would make of it. Templates are written to the folder.

    `is_merged`: whether the head side was agreed to already, so that its acknowledgements count. Guardrails say
    nothing of what runs, and the pipeline is taken as the head side has it.
    """
    stages = tuple(each for each in head.stages if each in {stage, *(one.stage for one in running)}) or (stage,)
    ours = [each for each in head.stacks if each.stage in stages]
    paths = {each.place: each.path for each in ours}
    platform = [each for each in head.stacks if not each.stage]
    stacks = [_stack(each, paths, folder / str(number)) for number, each in enumerate(running)]
    documents = head.folder if is_merged else None
    base = Assembly(
        label=f"what runs in {stage}",
        folder=documents,
        stacks=(*stacks, *platform),
        stages=stages,
        assets=None,
        metadata=head.metadata if is_merged else {},
        unread=tuple(sentence for each in running for sentence in each.unread),
        drifted=tuple(
            drifted for each, stack in zip(running, stacks, strict=True) for drifted in _drifted(each, stack)
        ),
    )
    return base, replace(head, folder=documents, stacks=(*ours, *platform), stages=stages)


def _drifted(running: RunningStack, stack: Stack) -> Iterator[Drifted]:
    resources = stack.resolve().resources if running.drifted else {}
    for logical_id, (is_deleted, properties) in running.drifted.items():
        if resource := resources.get(logical_id):
            yield Drifted(
                stage=running.stage,
                service=running.service,
                stack=running.place.name,
                path=resource.path,
                full_path=f"{stack.path}/{resource.path}",
                logical_id=logical_id,
                type=resource.type,
                is_deleted=is_deleted,
                properties=properties,
            )


def _stack(running: RunningStack, paths: Mapping[DeploymentLocation, str], folder: Path) -> Stack:
    folder.mkdir(parents=True)
    file = folder / f"{running.place.name}.template.json"
    file.write_text(running.template, encoding="utf-8")
    for name, template in running.nested.items():
        (folder / Path(name).name).write_text(template, encoding="utf-8")
    return Stack(
        path=paths.get(running.place, f"{running.stage}/{running.service}"),
        stage=running.stage,
        service=running.service,
        place=running.place,
        file=file,
        protected=running.protected,
        parameters=running.parameters,
    )
