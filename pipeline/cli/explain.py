"""`penstock explain`: what a team gets in a stage, and why."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import loading
from pipeline.cli.connection import Json

if TYPE_CHECKING:
    from pipeline.cli.explanation import Explanation


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

    Each setting with the line that it comes from; steps; of the release what holds, and whose wish that is; approval;
    what its override changes in the template, line by line; each acknowledgement with its owner, its end and what it
    accepts. It synthesizes this one service, and needs no credentials. Answers 1 if guardrails find what nobody has
    accepted.
    """
    root = ctx.ensure_object(Path)
    listed = loading.find_entry(root, service, stage)
    from pipeline.cli import explanation  # noqa: PLC0415 - seconds of imports, which `--help` need not wait for

    found = explanation.explain(root, *listed, released_with=loading.released_with(root, listed[0]))
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        for line in text(found):
            typer.echo(line)
    raise typer.Exit(1 if found["refused"] else 0)


def text(found: "Explanation") -> Iterator[str]:
    """Yield the explanation for people, line by line."""
    yield _bold("{service} in {stage}".format_map(found)) + "  {stack}, {account}, {region}, {tier}".format_map(found)
    yield "  owner {owner}, listed at {entry}".format_map(found)
    yield from _settings("Settings", found["settings"])
    yield from _settings("Defaults of the organisation", found["defaults"])
    yield from _title("Constructs of the library, as overrides find them on the stack")
    for part in found["parts"]:
        yield "  {attribute}: {construct}  ".format_map(part) + _dim(part["at"])
        yield from (f"    {line}" for line in _aligned(part["settings"]))
    yield from _title("Around its deployment")
    for step in found["steps"]:
        yield "  {when}  {kind} {name}  ".format_map(step) + _origin(step)
    yield from (f"  {line}" for line in _aligned([*found["release"], found["approval"]]))
    for what, verb in (("offers", "read"), ("needs", "offered")):
        for each in found[what]:
            by = f"  {verb} by {', '.join(each['services'])}" if each["services"] else ""
            yield f"  {what}  {each['name']}{_dim(by)}"
    if found["override"]:
        yield from _override(found["override"])
    yield from _findings(found)


def _findings(found: "Explanation") -> Iterator[str]:
    if found["accepted"]:
        yield from _title("Accepted findings")
    for each in found["accepted"]:
        yield "  {rule} on {path}\n    {reason}\n    {owner} until {expires}  ".format_map(each) + _dim(each["file"])
        yield from (f"    accepts {finding}" for finding in each["findings"])
    if found["decided"]:
        yield from _title("Decided by the library")
    for each in found["decided"]:
        yield "  {construct}: {reason}".format_map(each)
        yield from (f"    decides {finding}" for finding in each["findings"])
    if found["refused"]:
        yield from _title("What fails the synth, since nobody has accepted it")
    for each in found["refused"]:
        yield f"  {typer.style(each['rule'], fg='red')} on {each['path']}\n    {each['text']}"


def _override(override: "Explanation") -> Iterator[str]:
    yield from _title(f"Override {override['name']}")
    yield "  " + _dim("written at {at}, given at {entry}".format_map(override))
    yield from (f"  {line}" for line in override["why"].splitlines())
    here = ("", "")
    for change in override["changes"]:
        if here != (change["template"], change["logical_id"]):
            here = (change["template"], change["logical_id"])
            yield f"  {change['resource']}  " + _dim("{logical_id} in {template}".format_map(change))
        for line in change["diff"]:
            colour = {"-": "red", "+": "green", "@": "cyan"}.get(line[0])
            yield f"    {typer.style(line, fg=colour)}"


def _settings(title: str, settings: "list[Explanation]") -> Iterator[str]:
    if settings:
        yield from _title(title)
        yield from (f"  {line}" for line in _aligned(settings))


def _aligned(settings: "list[Explanation]") -> Iterator[str]:
    names = max((len(each["name"]) for each in settings), default=0)
    values = min(max((len(each["value"]) for each in settings), default=0), 40)
    for each in settings:
        yield f"{each['name']:<{names}}  {each['value']:<{values}}  {_origin(each)}"


def _title(words: str) -> Iterator[str]:
    yield ""
    yield _bold(words)


def _origin(each: "Explanation") -> str:
    return _dim("{why}, {at}".format_map(each["origin"]))


def _bold(words: str) -> str:
    return typer.style(words, bold=True)


def _dim(words: str) -> str:
    return typer.style(words, dim=True)
