"""`penstock review`: what a change would do to every environment, from two synths and without credentials."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import review_deployed
from pipeline.cli.connection import Aws, Profile, connect
from pipeline.operate.pipeline import Pipeline
from pipeline.review.engine import review
from pipeline.review.judge import review_baseline
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Level, Review
from pipeline.review.read import assembly
from pipeline.review.read.assembly import UnreadableError
from pipeline.review.read.revisions import Repository, Revision
from pipeline.review.read.synthesis import Synthesis
from pipeline.review.render import data, markdown, page, terminal
from pipeline.toolset.environment import cache_folder

TEMPLATE = "template"
USAGE = "Give at most BASE and HEAD, `template OLD.json NEW.json`, or `--deployed STAGE` with at most HEAD."


class Format(StrEnum):
    """How a review is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


class Threshold(StrEnum):
    """The level from which on a finding blocks."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command(name="review")(review_)


def review_(  # noqa: PLR0913 - each is an option of the command line
    ctx: typer.Context,
    sides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[BASE] [HEAD] | template OLD.json NEW.json",
            help="Git revisions, or folders with a cloud assembly. Default: where this branch left main, and the"
            " working tree. With --deployed only HEAD, which may be the id of a run as well.",
        ),
    ] = None,
    *,
    form: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write to this file.", dir_okay=False)] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="github|gitlab|codecommit|N", help="Markdown: at most what a host takes, or N bytes; findings stay."
        ),
    ] = None,
    pointer: Annotated[str, typer.Option(help="Markdown: where the full review is.")] = "",
    fail_on: Annotated[Threshold, typer.Option(help="The lowest level that blocks.")] = Threshold.HIGH,
    deployed: Annotated[
        str | None, typer.Option(metavar="STAGE", help="Compare with what runs in this stage, by its lookup role.")
    ] = None,
    drift: Annotated[
        bool, typer.Option("--drift", help="With --deployed: ask CloudFormation what was changed by hand, in minutes.")
    ] = False,
    profile: Profile = None,
    aws: Aws = False,
) -> None:
    """Say what a change would do to data, access, stacks and the pipeline, in every environment.

    Needs no credentials, but for --deployed, which looks at the local cloud, or with --profile or --aws at AWS.

    Answers 0 if it may be merged, 1 if a finding blocks, 2 if it could not be reviewed, or not all of it.
    docs/review.md says how to read one.
    """
    if as_json and form not in (Format.TEXT, Format.JSON):
        raise UnreadableError(f"--json and --format {form.value} are two forms: leave one of them out.")
    given = sides or []
    root, level = ctx.ensure_object(Path), Level(fail_on.value)
    host = _host(budget)
    if deployed is not None:
        pipeline = connect(ctx, profile=profile, aws=aws).pipeline
        made = _of_stage(deployed, given, root, level, pipeline, asks_drift=drift)
    elif aws or drift or profile is not None:
        said = "--profile, --aws and --drift are for --deployed: a review of two synths asks no account."
        raise UnreadableError(f"{said} {USAGE}")
    elif given[:1] == [TEMPLATE]:
        made = _of_templates(given[1:], level)
    else:
        made = _of_assemblies(given, root, level)
    written = _written(made, Format.JSON if as_json else form, host, pointer)
    if out:
        try:
            out.write_text(written, encoding="utf-8")
        except OSError as error:
            raise UnreadableError(f"--out {out} cannot be written: {error.strerror}.") from error
        typer.echo(f"{made.verdict.value}: {out}", err=True)
    else:
        typer.echo(written, nl=False)
    raise typer.Exit(made.verdict.exit_code)


def _of_templates(files: list[str], fail_on: Level) -> Review:
    if len(files) != 2:
        raise UnreadableError(f"`penstock review template` compares two files, and {len(files)} are given. {USAGE}")
    old, new = (assembly.of_template(Path(file)) for file in files)
    return review(old, new, ReviewBaseline(fail_on=fail_on, today=datetime.now(UTC).date()))


def _of_stage(
    stage: str, given: list[str], root: Path, fail_on: Level, pipeline: Pipeline, *, asks_drift: bool
) -> Review:
    if len(given) > 1 or given == [TEMPLATE]:
        raise UnreadableError(f"--deployed compares what runs with one HEAD, and {' '.join(given)} is given. {USAGE}")
    cache = cache_folder() / "review"
    repository = Repository(root, cache / "objects")
    head = review_deployed.side(given[0], repository) if given else repository.working_tree()
    baseline = ReviewBaseline(fail_on=fail_on, today=datetime.now(UTC).date())
    return review_deployed.of_stage(
        stage, head, pipeline, Synthesis(repository, cache, _say), baseline, asks_drift=asks_drift
    )


def _of_assemblies(given: list[str], root: Path, fail_on: Level) -> Review:
    if len(given) > 2:
        raise UnreadableError(f"{len(given)} sides are given. {USAGE}")
    cache = cache_folder() / "review"
    repository = Repository(root, cache / "objects")
    base = _side(given[0], repository) if given else repository.default_base()
    head = _side(given[1], repository) if given[1:] else repository.working_tree()
    before, after = Synthesis(repository, cache, _say).both(base, head)
    today = datetime.now(UTC).date()
    if isinstance(base, Revision) and isinstance(head, Revision):
        judged = review_baseline.of_revisions(repository, base, head, fail_on=fail_on, today=today)
    else:
        judged = ReviewBaseline(fail_on=fail_on, today=today)
    return review(before, after, judged)


def _side(given: str, repository: Repository) -> Revision | Path:
    """Return a folder, if there is one of that name with an assembly in it; else a revision."""
    folder = Path(given)
    return folder if folder.is_dir() and (folder / "manifest.json").exists() else repository.revision(given)


def _written(made: Review, form: Format, host: markdown.Host | None, pointer: str) -> str:
    if form is Format.MARKDOWN:
        return markdown.render(made, host=host, pointer=pointer)
    return {Format.TEXT: terminal.render, Format.HTML: page.render, Format.JSON: data.write}[form](made)


def _host(budget: str | None) -> markdown.Host | None:
    if budget is None:
        return None
    if budget in markdown.HOSTS:
        return markdown.HOSTS[budget]
    if budget.isdecimal() and int(budget):
        return markdown.Host(int(budget))
    raise UnreadableError(f"--budget is {budget!r}; it takes {', '.join(markdown.HOSTS)} or a number of bytes.")


def _say(line: str) -> None:
    typer.echo(f"review: {line}", err=True)
