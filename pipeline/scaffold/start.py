"""The repository of a company that begins: its own names in the place of the example's, and no reference services."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

import libcst as cst

from pipeline.scaffold import assignments, owners, ownership
from pipeline.scaffold.catalogue import ACCOUNTS
from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.listing import PythonSource
from pipeline.scaffold.stage_file import FOLDER, StageFile, stage_name_of
from services.library.contract import names

README = Path("README.md")
README_TEMPLATE = Path(__file__).with_name("start") / "README.md.template"
EXAMPLE_TITLE = "# Penstock\n"
"""How the README begins that nobody has made their own yet."""
SETTINGS = Path("pipeline/settings.py")
PLATFORM_TEAM = "platform"


@dataclass(frozen=True, kw_only=True)
class Company:
    """What `penstock init` asks."""

    organisation: str
    """As the git host has it: acme, whose platform team is @acme/platform."""
    repository: str
    """owner/name, or the ARN of a CodeCommit repository."""
    branch: str
    connection: str | None
    """The ARN of the connection to the git host; None: the one that is there."""
    accounts: Mapping[str, str]
    """Constant of stages/accounts.py -> id."""
    regions: Mapping[str, str]
    """Constant of stages/accounts.py -> region."""

    def __post_init__(self) -> None:
        if not names.OWNER.allows(self.platform_team):
            raise ScaffoldError(
                f"--organisation {self.organisation!r} is not allowed; give the name that the git host has for it, such"
                " as acme."
            )
        for name, given in self.accounts.items():
            if not names.ACCOUNT.allows(given):
                raise _refusal(name, given, names.ACCOUNT.allowed)
        for name, given in self.regions.items():
            if not names.REGION.allows(given):
                raise _refusal(name, given, names.REGION.allowed)

    @property
    def platform_team(self) -> str:
        """Who owns what is no service's, as CODEOWNERS writes it."""
        return f"@{self.organisation}/{PLATFORM_TEAM}"

    @property
    def is_in_codecommit(self) -> bool:
        """Whether the repository is CodeCommit's."""
        return self.repository.startswith("arn:")


def take_samples_out(draft: Draft) -> set[str]:
    """Delete the reference services, and their entries in the stages; return their folders' names."""
    files = ownership.samples(draft.root)
    services = {file.parts[1] for file in files if file.parts[0] == "services"}
    for stage in _stages(draft):
        for service in sorted(services):
            if StageFile(draft, stage).lists(service):
                StageFile(draft, stage).remove(service)
    for file in files:
        draft.delete(file)
    return services


def name_company(draft: Draft, company: Company) -> None:
    """Set the organisation, the accounts, the regions and the source, and begin a README."""
    assignments.set_texts(draft, ACCOUNTS, {**company.accounts, **company.regions})
    assignments.set_texts(draft, owners.PLATFORM[0], {owners.PLATFORM[1]: company.platform_team})
    assignments.set_argument(draft, SETTINGS, "SETTINGS", "source", _source(draft, company))
    if draft.read(README).startswith(EXAMPLE_TITLE):
        words = {
            "title": f"Platform of {company.organisation}",
            "organisation": company.organisation,
            "branch": company.branch,
            "repository": company.repository,
        }
        draft.edit(README, Template(README_TEMPLATE.read_text(encoding="utf-8")).substitute(words))
    owners.generate(draft)


def _refusal(constant: str, given: str, allowed: str) -> ScaffoldError:
    option = constant.lower().replace("_", "-")
    return ScaffoldError(f"--{option} {given!r} is not allowed; give {allowed}.")


def _stages(draft: Draft) -> list[str]:
    """Return the names of the stages that have files of their own."""
    found = []
    for file in draft.files(FOLDER, ".py"):
        for _, value in PythonSource(file.as_posix(), draft.read(file)).assigned():
            if isinstance(value, cst.Call) and (name := stage_name_of(value)):
                found.append(name)
    return found


def _source(draft: Draft, company: Company) -> str:
    """Return where the pipeline's commits come from, as Python."""
    branch = f'branch="{company.branch}"'
    if company.is_in_codecommit:
        return f'CodeCommitSource(repository_arn="{company.repository}", {branch})'
    connection = f'"{company.connection}"' if company.connection else _connection(draft)
    return f'ConnectionSource(repository="{company.repository}", {branch}, connection_arn={connection})'


def _connection(draft: Draft) -> str:
    """Return the connection that the settings have already, as Python."""
    source = PythonSource("source", f"SOURCE = {assignments.argument(draft, SETTINGS, 'SETTINGS', 'source')}\n")
    made = dict(source.assigned())["SOURCE"]
    for each in made.args if isinstance(made, cst.Call) else ():
        if each.keyword and each.keyword.value == "connection_arn":
            return source.code(each.value)
    raise ScaffoldError(
        f"{SETTINGS} names no connection; give --connection"
        " arn:aws:codeconnections:REGION:ACCOUNT:connection/ID, or the ARN of a CodeCommit repository."
    )
