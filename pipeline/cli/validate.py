"""`penstock validate`: what can be said of the stages without a synth, in the words of who wrote them."""

import json
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.connection import Json
from pipeline.settings import SETTINGS

if TYPE_CHECKING:
    from services.library.guardrails.acknowledgements import Acknowledgement
    from stages.model import Catalogue

WARNING_DAYS = 14


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing to change, and where."""

    file: str
    problem: str
    blocks: bool = True


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
    """Check the stages and their services, and that no acknowledgement has expired.

    Answers 1 if something must change. An acknowledgement that expires within 14 days is only a warning.
    """
    root = ctx.ensure_object(Path)
    day = (as_of or datetime.now(UTC)).date()
    catalogue, problems = load(root)
    if catalogue is not None:
        problems += problems_of(catalogue)
        if not no_expiry:
            problems += expiry(catalogue, day)
    blocked = any(problem.blocks for problem in problems)
    if as_json:
        typer.echo(json.dumps({"valid": not blocked, "problems": [asdict(problem) for problem in problems]}, indent=2))
    else:
        for problem in problems:
            label = typer.style("error", fg="red") if problem.blocks else typer.style("warning", fg="yellow")
            typer.echo(f"{label}  {problem.file}: {problem.problem}")
        if not blocked:
            typer.echo("The stages are valid.")
    raise typer.Exit(1 if blocked else 0)


def load(root: Path) -> tuple["Catalogue | None", list[Problem]]:
    """The catalogue, or why it cannot be read, at the line of ours that says so."""
    try:
        from stages.catalogue import STAGES  # noqa: PLC0415 - its failure is what this command explains
    except SyntaxError as error:
        where = f"{_relative(root, error.filename or '')}:{error.lineno}"
        return None, [Problem(file=where, problem=f"{error.msg}: {(error.text or '').strip()}")]
    except Exception as error:  # noqa: BLE001 - teams' code runs here, and whatever it raises has a line to point at
        return None, [Problem(file=_place(root, error), problem=_said(error))]
    return STAGES, []


def problems_of(catalogue: "Catalogue") -> list[Problem]:
    """What is wrong with the catalogue as a whole."""
    from stages import ledger  # noqa: PLC0415 - as above
    from stages.removed import REMOVED  # noqa: PLC0415 - as above
    from stages.validation import problems_of as found_in  # noqa: PLC0415 - as above

    found = found_in(catalogue, shipped=ledger.read(), removed=REMOVED)
    split = [problem.partition(": ") for problem in found]
    return [Problem(file=file, problem=problem) for file, _, problem in split]


def expiry(catalogue: "Catalogue", day: date) -> list[Problem]:
    """Acknowledgements that have expired, or soon will have."""
    from services.library.guardrails.expiry import expired, expiring  # noqa: PLC0415 - as above

    stands_in = {each: file for file, each in acknowledgements(catalogue)}
    over, soon = expired(stands_in, day), expiring(stands_in, day, within_days=WARNING_DAYS)
    return [
        Problem(
            file=stands_in[each],
            problem=f"the acknowledgement of {each.rule} at {each.path} (owner {each.owner})"
            f" {'expired' if each in over else 'expires'} on {each.expires}."
            " Remove what it accepts, or give it a new reason and date.",
            blocks=each in over,
        )
        for each in (*over, *soon)
    ]


def acknowledgements(catalogue: "Catalogue") -> Iterator[tuple[str, "Acknowledgement"]]:
    """Each acknowledgement once, and the file that it stands in."""
    from stages.acknowledged import accepted  # noqa: PLC0415 - as above
    from stages.model import stages_of  # noqa: PLC0415 - as above

    platforms = accepted(SETTINGS.source_account, reviews_pull_requests=SETTINGS.reviews_pull_requests)
    yield from (("stages/acknowledged.py", acknowledgement) for acknowledgement in platforms)
    services = {type(service) for stage in stages_of(catalogue) for service in stage.services}
    for service in sorted(services, key=lambda service: service.__module__):
        folder = service.__module__.rpartition(".")[0].replace(".", "/")
        entries = (each for stage in stages_of(catalogue) for each in stage.services if type(each) is service)
        given = dict.fromkeys((*service.acknowledgements, *(each for entry in entries for each in entry.accepts)))
        yield from ((f"{folder}/overrides.py", acknowledgement) for acknowledgement in given)


def _place(root: Path, error: BaseException) -> str:
    """The innermost line of stages or services; the library's own checks speak of the line that called them."""
    frames = [
        f"{path}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if (path := _relative(root, frame.filename)).startswith(("stages/", "services/"))
        and not path.startswith("services/library/")
    ]
    return frames[-1] if frames else "stages/catalogue.py"


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


def _relative(root: Path, file: str) -> str:
    path = Path(file)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else file
