"""What a clone needs before its first deployment on AWS."""

import dataclasses
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pipeline.catalogue.model import stages_of
from pipeline.cli.loading import load
from pipeline.cli.process import output_of
from pipeline.cli.validate import acknowledgements
from pipeline.settings import SETTINGS
from stages import accounts

EXAMPLE_OWNER = "@example/"
EXAMPLE_SOURCES = ("example/", "00000000-0000-0000-0000-000000000000", *sorted(accounts.EXAMPLES))


@dataclass(frozen=True, kw_only=True)
class OpenItem:
    """One thing left to do."""

    file: str
    field: str
    problem: str
    remedy: str


def left_to_do(root: Path) -> list[OpenItem]:
    """Return everything that is left, in the order in which to do it."""
    return [*tools(root), *example_accounts(), *example_source(), *examples_in_services(root), *commit(root)]


def example_accounts() -> Iterator[OpenItem]:
    """Yield account ids that no company has."""
    for field, value in vars(accounts).items():
        if isinstance(value, str) and value in accounts.EXAMPLES:
            yield OpenItem(
                file="stages/accounts.py",
                field=field,
                problem=f"{value} is an example account",
                remedy="Give the id of an account of yours, bootstrapped as docs/aws.md shows.",
            )


def example_source() -> Iterator[OpenItem]:
    """Yield a repository or connection that does not exist."""
    for field in dataclasses.fields(SETTINGS.source):
        value = getattr(SETTINGS.source, field.name)
        if isinstance(value, str) and any(example in value for example in EXAMPLE_SOURCES):
            yield OpenItem(
                file="pipeline/settings.py",
                field=f"source.{field.name}",
                problem=f"{value} is an example",
                remedy="Name the repository that the pipeline shall follow, and a connection that somebody confirmed.",
            )


def examples_in_services(root: Path) -> Iterator[OpenItem]:
    """Yield example owners of services and acknowledgements; or why the catalogue cannot be read."""
    loaded = load(root)
    for problem in loaded.problems:
        yield OpenItem(
            file=problem.file, field="", problem=problem.message, remedy="`penstock validate` checks it again."
        )
    if not loaded.whole:
        return
    catalogue = loaded.catalogue
    services = {type(service) for stage in stages_of(catalogue) for service in stage.services}
    owners = [(f"{service.__module__.replace('.', '/')}.py", service.owner) for service in services]
    owners += [(file, acknowledgement.owner) for file, acknowledgement in acknowledgements(catalogue)]
    for file, owner in sorted(set(owners)):
        if owner.startswith(EXAMPLE_OWNER):
            yield OpenItem(
                file=file,
                field="owner",
                problem=f"{owner} is an example owner",
                remedy="Give @organisation/team, as CODEOWNERS writes it.",
            )


def tools(root: Path) -> Iterator[OpenItem]:
    """Yield tools that are missing, or whose versions do not agree with each other."""
    lock = tomllib.loads((root / "uv.lock").read_text(encoding="utf-8"))["package"]
    pinned = {package["name"]: package.get("version") for package in lock if package["name"] == "aws-cdk-lib"}
    if (installed := metadata.version("aws-cdk-lib")) != pinned["aws-cdk-lib"]:
        yield OpenItem(
            file="uv.lock",
            field="aws-cdk-lib",
            problem=f"pins {pinned['aws-cdk-lib']}, but {installed} is installed",
            remedy="Run `make setup`.",
        )
    remedies = {".venv/bin/node": "Run `make setup`.", ".venv/bin/cdk": "Run `make setup`.", "git": "Install git."}
    for command, remedy in remedies.items():
        if output_of(root, command, "--version") is None:
            yield OpenItem(file=command, field="", problem="is missing or does not run", remedy=remedy)


def commit(root: Path) -> Iterator[OpenItem]:
    """Yield why there is nothing to deploy, or something else than what is committed."""
    if output_of(root, "git", "rev-parse", "--verify", "HEAD") is None:
        yield OpenItem(
            file=".git",
            field="",
            problem="this clone has no commit",
            remedy="Commit, and push to the branch that the pipeline follows.",
        )
    elif output_of(root, "git", "status", "--porcelain"):
        yield OpenItem(
            file=".git",
            field="",
            problem="there are changes that no commit has",
            remedy="Commit them, or the pipeline deploys something else than you see.",
        )
