"""`penstock partner`: the system that functions call in the local cloud, broken and mended on demand."""

import json
from typing import Annotated, Any

import typer

from pipeline.cli.connection import Json, local_cloud
from pipeline.local.partner import control


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(partner)


def partner(  # noqa: PLR0913 - each is an option of the command line
    ctx: typer.Context,
    *,
    fail: Annotated[
        str | None,
        typer.Option(help="Go wrong in this way: status, slow, silent, reset, ... docs/partner.md", metavar="KIND"),
    ] = None,
    times: Annotated[int, typer.Option(min=1, help="With --fail: for so many requests.")] = 1,
    status: Annotated[int, typer.Option(min=100, max=599, help="With --fail status: which one.")] = 503,
    seconds: Annotated[float, typer.Option(min=0, help="With --fail slow and others: for so long.")] = 1.0,
    retry_after: Annotated[
        int | None, typer.Option(min=0, help="With --fail status: seconds in a Retry-After header.")
    ] = None,
    path: Annotated[str, typer.Option(help="With --fail: for paths alone that have this in them.")] = "",
    clear: Annotated[bool, typer.Option("--clear", help="Be well again, and forget all requests.")] = False,
    as_json: Json = False,
) -> None:
    """Break or mend the system that functions call in the local cloud, and show what it was asked.

    On AWS functions call the real one, so this command knows the local cloud alone.
    """
    asked: dict[str, Any] = {"clear": True} if clear else {}
    if fail is not None:
        planned = {"kind": fail, "times": times, "status": status, "seconds": seconds, "path": path}
        asked["fault"] = planned | {"retry_after": retry_after}
    found = control(local_cloud(ctx), **asked)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for each in found["requests"]:
        typer.echo(f"{each['method']} {each['path']}  trace={trace_of(each['headers'])}")
    typer.echo(f"Asked {len(found['requests'])} times. {'It is broken' if found['waiting'] else 'It is well'}.")


def trace_of(headers: dict[str, str]) -> str:
    """Return the trace that a request belongs to, as X-Ray writes it; empty if it told of none."""
    _, trace, *_ = [*headers.get("traceparent", "").split("-"), ""]
    return f"1-{trace[:8]}-{trace[8:]}" if trace else ""
