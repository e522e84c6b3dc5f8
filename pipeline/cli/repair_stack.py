"""`penstock repair STAGE SERVICE`: a stack whose first creation failed where data is kept."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import loading
from pipeline.cli.connection import Aws, Json, Profile, connect_to_stack
from pipeline.local.cloud.cloudformation.support import ACCEPTED_ONLY
from pipeline.operate import failed_creation, repair
from pipeline.operate.contents import Contents
from pipeline.operate.errors import OperateError
from pipeline.operate.failed_creation import FailedCreation, Fate
from pipeline.operate.next_step import penstock

COLOURS = {Fate.ADOPTED: "green", Fate.LEFT: "bright_black", Fate.BY_HAND: "yellow", Fate.KEPT: "red"}
WIDTH = max(map(len, Fate))


def repair_stack(
    ctx: typer.Context,
    stage: Annotated[str, typer.Argument(help="Such as prod.")],
    service: Annotated[str, typer.Argument(help="Such as intake.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without it nothing is changed.")] = False,
    as_json: Json = False,
    profile: Profile = None,
    aws: Aws = False,
) -> None:
    """Show, or with --yes repair, a service's stack whose first creation failed.

    Names what stayed behind of it, and looks into each: what is empty is adopted by a new stack of the same name, which
    the next deployment updates. While there is data, or nobody can tell, nothing is changed.

    Answers 0 if nothing is left to do, else 1. On AWS the credentials must lead to the stage's own account, and may
    read what is stored there.
    """
    listed, value = loading.find_entry(ctx.ensure_object(Path), service, stage)
    environment = listed.environment
    stack = value.stack_name(environment)
    target = connect_to_stack(
        ctx, stack, account=environment.account, region=environment.region, profile=profile, aws=aws
    )
    found = failed_creation.find(target, stack, unmade=ACCEPTED_ONLY if target.is_local else ())
    acts = yes and found.is_needed
    if acts and (hinders := found.hinders):
        raise OperateError(
            f"Nothing was changed: {', '.join(each.path for each in hinders)} must be looked at first."
            f" `{penstock('repair', stage, service)}` says why."
        )
    if acts:
        repair.apply(target, found)
    if as_json:
        typer.echo(json.dumps(_document(found, acted=acts), indent=2))
    else:
        for line in _lines(found, acted=acts, profile=profile or "NAME"):
            typer.echo(line)
    raise typer.Exit(1 if found.is_needed and not acts else 0)


def _document(found: FailedCreation, *, acted: bool) -> dict[str, object]:
    return {
        "stack": found.stack,
        "account": found.account,
        "region": found.region,
        "status": found.status,
        "cause": found.cause,
        "needed": found.is_needed,
        "repaired": acted,
        "resources": [
            {
                "path": each.path,
                "type": each.type,
                "id": each.physical_id,
                "contents": each.contents.value,
                "seen": each.seen,
                "fate": each.fate.value,
            }
            for each in found.resources
        ],
        "commands": list(found.commands()),
    }


def _lines(found: FailedCreation, *, acted: bool, profile: str) -> Iterator[str]:
    if not found.is_needed:
        yield _nothing_to_repair(found)
        return
    yield f"{found.stack} in {found.account} {found.region} is {found.status}."
    if found.cause:
        yield f"  {found.cause}"
    for each in found.resources:
        fate = typer.style(each.fate.value.ljust(WIDTH), fg=COLOURS[each.fate])
        yield f"{fate}  {each.type} {each.path}: {each.contents.value}, {each.seen}  {each.physical_id}"
    commands = list(found.commands(profile))
    if commands:
        yield "What is not adopted stays: production's guard keeps it. An administrator of the account deletes it by"
        yield from (f"  {each}" for each in commands)
    if acted:
        yield f"{found.stack} is repaired. {_go_on()}"
    elif found.hinders:
        yield from _hindered(found)
    else:
        yield "Nothing was changed: --yes deletes the stack, and adopts what is marked so."


def _hindered(found: FailedCreation) -> Iterator[str]:
    if any(each.contents is Contents.DATA for each in found.resources):
        yield "Nothing is repaired while there is data: see whose it is, save it, and delete it by hand."
    if any(each.contents is Contents.UNDECIDED for each in found.resources):
        yield "What nobody can tell counts as data: credentials that may look into it, or an administrator, decide."
    if any(each.fate is Fate.BY_HAND for each in found.resources):
        yield "What is in the way has to be deleted by hand, and then the same again."


def _go_on() -> str:
    return f"Now `{penstock('retry')}`, or push."


def _nothing_to_repair(found: FailedCreation) -> str:
    if not found.status:
        return f"There is no stack {found.stack}, so nothing is to be repaired. {_go_on()}"
    if found.status == "UPDATE_ROLLBACK_FAILED":
        return f"{found.stack} is {found.status}: what it was is not lost. docs/repair.md says how to go on."
    return f"{found.stack} is {found.status}: nothing is to be repaired."
