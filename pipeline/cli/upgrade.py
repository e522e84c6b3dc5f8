"""`penstock upgrade`: brings the platform's next version into a company's repository.

Nothing here imports the pipeline's settings or the stages: a new version may need an edit of them before they can be
imported, which a codemod makes. So `python -m pipeline.cli.upgrade` works where `penstock` cannot start.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.failures import ErrorReportingGroup
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.upgrade import merge
from pipeline.scaffold.upgrade.merge import Upgrade
from pipeline.scaffold.upgrade.repository import Repository

if TYPE_CHECKING:
    from pipeline.scaffold.upgrade.edits import Edit

AGAIN = ".venv/bin/python -m pipeline.cli.upgrade"
"""How this command is given while the settings cannot be imported."""
MARK = "<<<<<<< "
LONGEST_OUTPUT = 2_000
LEFT_TO_DO = 1
"""The exit code while a person has to decide something."""


def register(app: typer.Typer) -> None:
    """Add this command to `penstock`."""
    app.command()(upgrade)


def upgrade(
    ctx: typer.Context,
    revision: Annotated[
        str | None, typer.Argument(metavar="REVISION", help="Of the platform's history: a tag, branch or commit.")
    ] = None,
    *,
    go_on: Annotated[bool, typer.Option("--continue", help="Go on, once every conflict is decided.")] = False,
    abort: Annotated[bool, typer.Option("--abort", help="Put everything back as it was before.")] = False,
    finish: Annotated[bool, typer.Option("--finish", hidden=True)] = False,
    reviewed: Annotated[
        bool, typer.Option("--review/--no-review", help="End with the review of what changes in each stage.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines, and leave the review out.")] = False,
) -> None:
    """Take the platform's version REVISION: merge it, adapt the company's files, and review what changes.

    pipeline/scaffold/ownership.toml says whose each file is. The company's stay as they are, but for codemods where
    the platform has changed a public name. The platform's are merged: a file that both have changed in one place is a
    conflict, which names where both sides come from. What is generated is written anew. It begins from a clean tree,
    and ends with a commit and a review.

    Answers 1 while a conflict is left, or if the review blocks. docs/upgrade-penstock.md shows the whole way.
    """
    root = ctx.ensure_object(Path)
    if [revision is not None, go_on, abort, finish].count(True) != 1:
        raise ScaffoldError("Give the REVISION to upgrade to, or one of --continue and --abort.")
    if abort:
        given_up = merge.abort(root)
        _answer(as_json, {"upgraded": False, "aborted": given_up.revision}, f"Given up: {given_up.before[:12]} again.")
        return
    if revision is not None:
        begun = merge.begin(root, revision)
        _say(f"Merged {revision} ({begun.target[:12]}) into {begun.before[:12]}.")
    found = _under_way(root)
    if finish:
        raise typer.Exit(_finish(root, found, reviewed=reviewed, as_json=as_json))
    _stop_at_conflicts(root, found, as_json=as_json)
    raise typer.Exit(_go_on(root, found, reviewed=reviewed, as_json=as_json))


def _under_way(root: Path) -> Upgrade:
    found = merge.under_way(root)
    if found is None:
        raise ScaffoldError("No upgrade is under way: give the REVISION to upgrade to.")
    return found


def _stop_at_conflicts(root: Path, upgrade: Upgrade, *, as_json: bool) -> None:
    """Name what a person has to decide, if there is anything."""
    left = merge.conflicts(root, upgrade)
    if not left:
        return
    document = {"upgraded": False, "conflicts": [asdict(each) for each in left]}
    lines = [
        *(f"conflict  {each.text}" for each in left),
        "",
        "Decide each, `git add` it, then",
        f"  {AGAIN} --continue",
        "or put everything back as it was:",
        f"  {AGAIN} --abort",
    ]
    _answer(as_json, document, *lines)
    raise typer.Exit(LEFT_TO_DO)


def _go_on(root: Path, upgrade: Upgrade, *, reviewed: bool, as_json: bool) -> int:
    """Install the new version's tools, and have the new version's own code do the rest."""
    marked = [each for each in upgrade.both_changed if _is_marked(root / each)]
    if marked:
        raise ScaffoldError(f"{marked[0]} still has the marks of a conflict: decide what it says, and `git add` it.")
    for target in (["lock"] if merge.needs_locks(root, upgrade) else []) + ["setup"]:
        _run(root, ["make", target])
    options = [*(["--json"] if as_json else []), *([] if reviewed else ["--no-review"])]
    again = [".venv/bin/python", "-m", "pipeline.cli.upgrade", "--finish", *options]
    sys.stdout.flush()
    return subprocess.run(again, cwd=root, check=False).returncode


def _finish(root: Path, upgrade: Upgrade, *, reviewed: bool, as_json: bool) -> int:
    """Adapt the company's files, write anew what is generated, commit, and review."""
    from pipeline.scaffold.upgrade import edits  # noqa: PLC0415 - half a second of imports, which no other command pays

    changed = edits.apply(root, upgrade, edits.missing(root, upgrade))
    for command in ("ledger", "validate"):
        _run(root, [".venv/bin/penstock", command])
    repository = Repository(root)
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", _message(upgrade, changed))
    merge.finish(root)
    commit = repository.git("rev-parse", "HEAD").strip()
    document = {
        "upgraded": True,
        "commit": commit,
        "before": upgrade.before,
        "platform": upgrade.target,
        "codemods": [asdict(each) for each in changed],
        "both_changed": upgrade.both_changed,
        "new": upgrade.new,
    }
    _answer(as_json, document, *_summary(upgrade, changed, commit))
    if as_json or not reviewed:
        return 0
    sys.stdout.flush()
    return subprocess.run([".venv/bin/penstock", "review", upgrade.before], cwd=root, check=False).returncode


def _summary(upgrade: Upgrade, changed: Sequence["Edit"], commit: str) -> list[str]:
    return [
        *(f"edit    {file}: {each.why}" for each in changed for file in each.files),
        *(f"merged  {file}: you have changed it, and the platform too; look at it" for file in upgrade.both_changed),
        *(f"new     {file}: the platform's, in a folder of yours" for file in upgrade.new),
        f"Committed {commit[:12]}. To undo it: git reset --hard {upgrade.before[:12]}",
        "docs/upgrade.md says what a platform that is deployed already needs before the push.",
    ]


def _message(upgrade: Upgrade, changed: Sequence["Edit"]) -> str:
    body = [f"Platform: {upgrade.target}", *(f"Codemod {each.codemod}: {each.why}" for each in changed)]
    return f"Take the platform's {upgrade.revision[:40]}\n\n" + "\n".join(body)


def _is_marked(file: Path) -> bool:
    try:
        return any(line.startswith(MARK) for line in file.read_text(encoding="utf-8").splitlines())
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def _run(root: Path, command: list[str]) -> None:
    """Run a step that prints to stderr; a failure leaves the upgrade under way."""
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        said = done.stdout.strip()[-LONGEST_OUTPUT:]
        raise ScaffoldError(f"`{' '.join(command)}` failed. {said} Mend what it names, then `{AGAIN} --continue`.")


def _answer(as_json: bool, document: dict[str, Any], *lines: str) -> None:
    for line in (json.dumps(document, indent=2),) if as_json else lines:
        typer.echo(line)


def _say(line: str) -> None:
    typer.echo(line, err=True)


def main() -> None:
    """Run this command alone, for the checkout in the current folder."""
    alone = typer.Typer(cls=ErrorReportingGroup, rich_markup_mode=None, pretty_exceptions_enable=False)
    register(alone)
    alone.callback()(lambda: None)
    alone(["upgrade", *sys.argv[1:]], obj=Path.cwd())


if __name__ == "__main__":
    main()
