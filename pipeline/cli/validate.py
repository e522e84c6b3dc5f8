"""`penstock validate`: what can be said of the stages without a synth, in the words of who wrote them."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import second_reading
from pipeline.cli.connection import Json
from pipeline.cli.loading import Loaded, load
from pipeline.settings import SETTINGS

if TYPE_CHECKING:
    from pipeline.catalogue.model import Catalogue
    from pipeline.catalogue.problem import Problem
    from services.library.contract.acknowledgement import Acknowledgement

WARNING_DAYS = 14


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One thing to change, and whether it stops anything."""

    problem: "Problem"
    blocks: bool = True

    def to_json(self) -> dict[str, object]:
        """Return the problem as `--json` prints it."""
        return {**asdict(self.problem), "blocks": self.blocks}


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(validate)


def validate(
    ctx: typer.Context,
    *,
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Judge expiry as on this day.")] = None,
    no_expiry: Annotated[
        bool, typer.Option("--no-expiry", help="Leave expiry out, as the pipeline does: it releases what is on main.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the settings, the stages (which must be the same when read again), their services, and what has expired.

    Names everything that is wrong at once, each with file, line, field, what was given and what is allowed.

    Answers 1 if something must change. An acknowledgement that expires within 14 days is only a warning.
    """
    root = ctx.ensure_object(Path)
    day = (as_of or datetime.now(UTC)).date()
    loaded = load(root)
    found = (*problems_of_bootstrap(root), *loaded.problems, *problems_of(loaded))
    diagnostics = [Diagnostic(problem=problem) for problem in found]
    if not diagnostics:
        diagnostics += [Diagnostic(problem=problem) for problem in second_reading.problems_of(loaded.catalogue)]
    if not no_expiry and not diagnostics:
        diagnostics += expiry(loaded.catalogue, day)
    blocked = any(each.blocks for each in diagnostics)
    if as_json:
        typer.echo(json.dumps({"valid": not blocked, "problems": [each.to_json() for each in diagnostics]}, indent=2))
    else:
        for each in diagnostics:
            label = typer.style("error", fg="red") if each.blocks else typer.style("warning", fg="yellow")
            typer.echo(f"{label}  {each.problem}")
        errors = sum(each.blocks for each in diagnostics)
        typer.echo(f"{errors} to change." if errors else "The stages are valid.")
    raise typer.Exit(1 if blocked else 0)


def problems_of_bootstrap(root: Path) -> "tuple[Problem, ...]":
    """Return what cdk.json says otherwise than the settings."""
    from pipeline.catalogue import toolkit  # noqa: PLC0415 - other commands must not wait for the CDK

    told = json.loads((root / toolkit.FILE).read_text(encoding="utf-8"))
    return tuple(toolkit.problems_of(SETTINGS.bootstrap, told))


def problems_of(loaded: Loaded) -> "tuple[Problem, ...]":
    """Return what is wrong with the catalogue as a whole, or with what could be read of it."""
    from pipeline.catalogue import ledger  # noqa: PLC0415 - as above
    from pipeline.catalogue.validation import problems_of as found_in  # noqa: PLC0415 - as above
    from stages.removed import REMOVED  # noqa: PLC0415 - as above

    return tuple(
        found_in(loaded.catalogue, shipped=ledger.read(), removed=REMOVED if loaded.whole else (), whole=loaded.whole)
    )


def expiry(catalogue: "Catalogue", day: date) -> list[Diagnostic]:
    """Return acknowledgements that have expired, or soon will have."""
    from pipeline.catalogue.problem import Problem  # noqa: PLC0415 - as above
    from services.library.guardrails.acknowledgement.expiry import expired, expiring  # noqa: PLC0415 - as above

    stands_in = {each: file for file, each in acknowledgements(catalogue)}
    over, soon = expired(stands_in, day), expiring(stands_in, day, within_days=WARNING_DAYS)
    return [
        Diagnostic(
            problem=Problem(
                file=stands_in[each],
                field="expires",
                given=str(each.expires),
                allowed="a day to come",
                message=f"the acknowledgement of {each.rule} at {each.path} (owner {each.owner})"
                f" {'expired' if each in over else 'expires'} on {each.expires}."
                " Remove what it accepts, or give it a new reason and date.",
            ),
            blocks=each in over,
        )
        for each in (*over, *soon)
    ]


def acknowledgements(catalogue: "Catalogue") -> Iterator[tuple[str, "Acknowledgement"]]:
    """Yield each acknowledgement once, and the file that it stands in."""
    from pipeline.catalogue.model import stages_of  # noqa: PLC0415 - as above
    from stages.acknowledgements import ACKNOWLEDGEMENTS  # noqa: PLC0415 - as above

    yield from (("stages/acknowledgements.py", acknowledgement) for acknowledgement in ACKNOWLEDGEMENTS)
    services = {type(service) for stage in stages_of(catalogue) for service in stage.services}
    for service in sorted(services, key=lambda service: service.__module__):
        folder = service.__module__.rpartition(".")[0].replace(".", "/")
        entries = (each for stage in stages_of(catalogue) for each in stage.services if type(each) is service)
        for_one_stage = (each for entry in entries for each in entry.stage_acknowledgements)
        given = dict.fromkeys((*service.acknowledgements, *for_one_stage))
        yield from ((f"{folder}/acknowledgements.py", acknowledgement) for acknowledgement in given)
