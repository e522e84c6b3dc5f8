"""`penstock explain`: what a team gets in a stage, and why."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import loading
from pipeline.cli.connection import Json
from pipeline.operate.errors import OperateError

if TYPE_CHECKING:
    from pipeline.catalogue.model import Catalogue, Stage
    from pipeline.cli.explanation import Explanation, Setting
    from services.library.contract.service import Service


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(explain)


def explain(
    ctx: typer.Context,
    service: Annotated[str, typer.Argument(help="Such as intake.")],
    stage: Annotated[str, typer.Argument(help="Such as prod.")],
    *,
    as_json: Json = False,
) -> None:
    """Say what a service gets in a stage, and why.

    Each setting with the line that it comes from; steps, release and approval; what its override changes in the
    template, line by line; each acknowledgement with its owner, its end and what it accepts. It synthesizes this one
    service, and needs no credentials. Answers 1 if guardrails find what nobody has accepted.
    """
    root = ctx.ensure_object(Path)
    catalogue = loading.whole(root)
    from pipeline.cli import explanation  # noqa: PLC0415 - seconds of imports, which `--help` need not wait for

    found = explanation.explain(root, *_choose(catalogue, service, stage))
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
    else:
        for line in text(found):
            typer.echo(line)
    raise typer.Exit(1 if found.refused else 0)


def _choose(catalogue: "Catalogue", service: str, stage: str) -> tuple["Stage", "Service[Any]"]:
    from pipeline.catalogue.model import stages_of  # noqa: PLC0415 - as above

    stages = {each.name: each for each in stages_of(catalogue)}
    if stage not in stages:
        raise OperateError(f"stages/catalogue.py has no stage {stage!r}; it has {_listed(stages)}.")
    services = {each.name: each for each in stages[stage].services}
    if service not in services:
        others = [name for name, each in stages.items() if any(other.name == service for other in each.services)]
        elsewhere = f" {service} is in {_listed(others)}." if others else ""
        raise OperateError(f"Stage {stage!r} has no service {service!r}; it has {_listed(services)}.{elsewhere}")
    return stages[stage], services[service]


def _listed(names: Sequence[str] | dict[str, Any]) -> str:
    return ", ".join(names) or "none"


def text(found: "Explanation") -> Iterator[str]:
    """The explanation for people."""
    yield _bold(f"{found.service} in {found.stage}") + f"  {found.stack}, {found.account}, {found.region}, {found.tier}"
    yield f"  owner {found.owner}, listed at {found.entry}"
    yield from _settings("Settings", found.settings)
    yield from _settings("Defaults of the organisation", found.defaults)
    yield from _title("Constructs of the library, as overrides find them on the stack")
    for part in found.parts:
        yield f"  {part.attribute}: {part.construct}  {_dim(part.at)}"
        yield from (f"    {line}" for line in _aligned(part.settings))
    yield from _title("Around its deployment")
    for step in found.steps:
        yield f"  {step.when}  {step.kind} {step.name}  {_dim(f'{step.origin.why}, {step.origin.at}')}"
    yield from (f"  {line}" for line in _aligned((*found.release, found.approval)))
    for what, names in (("offers", found.offers), ("needs", found.needs)):
        for each in names:
            by = f"  {'read' if what == 'offers' else 'offered'} by {', '.join(each.services)}" if each.services else ""
            yield f"  {what}  {each.name}{_dim(by)}"
    yield from _override(found)
    yield from _accepted(found)
    yield from _decided(found)
    if found.refused:
        yield from _title("What fails the synth, since nobody has accepted it")
        for finding in found.refused:
            yield f"  {typer.style(finding.rule, fg='red')} on {finding.path}"
            yield f"    {finding.text}"


def _override(found: "Explanation") -> Iterator[str]:
    if (override := found.override) is None:
        return
    yield from _title(f"Override {override.name}")
    yield f"  {_dim(f'written at {override.at}, given at {override.entry}')}"
    yield from (f"  {line}" for line in override.why.splitlines())
    here = ("", "")
    for change in override.changes:
        if here != (change.template, change.logical_id):
            here = (change.template, change.logical_id)
            yield f"  {change.resource}  {_dim(f'{change.logical_id} in {change.template}')}"
        for line in change.diff:
            colour = {"-": "red", "+": "green", "@": "cyan"}.get(line[0])
            yield f"    {typer.style(line, fg=colour)}"


def _accepted(found: "Explanation") -> Iterator[str]:
    if found.accepted:
        yield from _title("Accepted findings")
    for each in found.accepted:
        yield f"  {each.rule} on {each.path}"
        yield f"    {each.reason}"
        yield f"    {each.owner} until {each.expires}  {_dim(each.file)}"
        yield from (f"    accepts {finding}" for finding in each.findings)


def _decided(found: "Explanation") -> Iterator[str]:
    if found.decided:
        yield from _title("Decided by the library")
    for each in found.decided:
        yield f"  {each.construct}: {each.reason}"
        yield from (f"    decides {finding}" for finding in each.findings)


def _settings(title: str, settings: Sequence["Setting"]) -> Iterator[str]:
    if settings:
        yield from _title(title)
        yield from (f"  {line}" for line in _aligned(settings))


def _aligned(settings: Sequence["Setting"]) -> Iterator[str]:
    names = max((len(each.name) for each in settings), default=0)
    values = min(max((len(each.value) for each in settings), default=0), 40)
    for each in settings:
        yield f"{each.name:<{names}}  {each.value:<{values}}  {_dim(f'{each.origin.why}, {each.origin.at}')}"


def _title(words: str) -> Iterator[str]:
    yield ""
    yield _bold(words)


def _bold(words: str) -> str:
    return typer.style(words, bold=True)


def _dim(words: str) -> str:
    return typer.style(words, dim=True)
