"""What `penstock init` would do to the files of this repository."""

import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

from pipeline.catalogue import ledger
from pipeline.cli.plans import LEDGER, Plan
from pipeline.operate.next_step import penstock
from pipeline.scaffold import ownership, start
from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.start import Company
from pipeline.settings import SETTINGS
from pipeline.source import CodeCommitSource, ConnectionSource
from stages import accounts, acknowledgements

ACCOUNTS = {"tools": "TOOLS", "dev": "DEV", "qa": "QA", "staging": "STAGING", "prod": "PROD"}
REGIONS = {"tools_region": "TOOLS_REGION", "first_region": "FIRST_REGION", "second_region": "SECOND_REGION"}
"""What is asked -> the constant of stages/accounts.py."""
EXAMPLE_CONNECTION = "arn:aws:codeconnections:eu-west-1:999999999999:connection/0"
LOCAL_STATE = Path(".penstock/origin.git")


def defaults() -> dict[str, str]:
    """Return what this repository says so far."""
    source = SETTINGS.source
    if not isinstance(source, ConnectionSource | CodeCommitSource):
        raise ScaffoldError(
            f"pipeline/settings.py has a {type(source).__name__}, which `penstock init` does not write: set it by hand."
        )
    return {
        "organisation": acknowledgements.OWNER.partition("/")[0].removeprefix("@"),
        "repository": source.repository_arn if isinstance(source, CodeCommitSource) else source.repository,
        "branch": source.branch,
        **{asked: getattr(accounts, constant) for asked, constant in (ACCOUNTS | REGIONS).items()},
    }


def company(answers: Mapping[str, str], *, connection: str | None) -> Company:
    """Return what was answered, once all of it is allowed."""
    made = Company(
        organisation=answers["organisation"],
        repository=answers["repository"],
        branch=answers["branch"],
        connection=connection,
        accounts={constant: answers[asked] for asked, constant in ACCOUNTS.items()},
        regions={constant: answers[asked] for asked, constant in REGIONS.items()},
    )
    _check_source(made)
    return made


def of(root: Path, wanted: Company, *, never_deployed: bool) -> Plan:
    """Take the reference services out, and set what the company answered."""
    draft = Draft(root=root)
    files = ownership.samples(root)
    _refuse_uncommitted(root, files)
    services = start.take_samples_out(draft)
    shipped = ledger.read(root / LEDGER)
    theirs = [each for each in shipped if each.service.replace("-", "_") in services]
    if not never_deployed and (real := [each for each in theirs if each.account not in accounts.EXAMPLES]):
        raise ScaffoldError(
            f"{LEDGER} has {', '.join(each.stack for each in real)} in accounts of yours. If they are deployed, take"
            " them out with `penstock remove` first; if they never were, give --never-deployed."
        )
    draft.generate(LEDGER, ledger.text_of(set(shipped) - set(theirs)))
    start.name_company(draft, wanted)
    plan = Plan(draft=draft)
    if files:
        plan.said.append(f"{len(files)} files of {_listed(services)} and of what is about them are deleted.")
    plan.said.append(f"The platform team is {wanted.platform_team}.")
    plan.next += ["make check", "git add --all && git commit -m 'Begin our platform'"]
    if (root / LOCAL_STATE).exists():
        plan.next.append(f"{penstock('down --erase')}    # the local cloud still has what was deployed there")
    plan.next += ["make up", penstock("new service payments")]
    return plan


def _check_source(wanted: Company) -> None:
    try:
        if wanted.is_in_codecommit:
            CodeCommitSource(repository_arn=wanted.repository, branch=wanted.branch)
        else:
            connection = EXAMPLE_CONNECTION if wanted.connection is None else wanted.connection
            ConnectionSource(repository=wanted.repository, branch=wanted.branch, connection_arn=connection)
    except ValueError as error:
        raise ScaffoldError(str(error)) from error


def _refuse_uncommitted(root: Path, files: Collection[Path]) -> None:
    """Raise if something would be lost that git does not have."""
    done = subprocess.run(
        ["git", "status", "--porcelain", "--", *(str(each) for each in files)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ScaffoldError(
            f"{root} is no git repository, so that what is deleted would be lost. Clone Penstock, or make this folder"
            " one: `git init -b main && git add --all && git commit -m 'Start'`."
        )
    if files and done.stdout:
        what = done.stdout.splitlines()[0].split()[-1]
        raise ScaffoldError(f"{what} is not committed, and would be lost: commit or delete it first.")


def _listed(services: Collection[str]) -> str:
    *others, last = sorted(services) or ["the reference services"]
    return f"{', '.join(others)} and {last}" if others else last
