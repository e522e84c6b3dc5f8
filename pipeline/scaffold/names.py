"""What a new service or stage may be called, and what follows from it: its folder, its class, its constant."""

import builtins
import keyword
from dataclasses import dataclass
from pathlib import Path

from pipeline.scaffold.errors import ScaffoldError
from services.library.contract import names

LONGEST_SERVICE = 24
"""A stack is called by its stage and its service, and what it holds by the stack: 64 characters in all for some."""

OURS = frozenset({"library", "pipeline", "runtime", "service", "stages", "tests"})
"""Rooms of the repository, and words that would read as one."""
GROUPS = frozenset({"check", "datadog", "emulator", "platform"})
"""Dependency groups in pyproject.toml that are no service's: a service would get that group in its package."""


@dataclass(frozen=True, kw_only=True)
class ServiceName:
    """A service's name, and the names that it goes by elsewhere."""

    name: str
    """As in stacks, commands and tags: payments-api."""

    def __post_init__(self) -> None:
        allowed = (
            f"give at most {LONGEST_SERVICE} of a-z, 0-9 and single hyphens, starting with a letter: payments-api."
        )
        if not names.SERVICE.allows(self.name) or len(self.name) > LONGEST_SERVICE:
            raise ScaffoldError(f"Service name {self.name!r} is not allowed; {allowed}")
        if self.module in OURS | GROUPS or keyword.iskeyword(self.module) or hasattr(builtins, self.class_name):
            raise ScaffoldError(
                f"Service name {self.name!r} is not allowed: it means something else here or in Python."
                f" Choose a noun of your own; {allowed}"
            )

    @property
    def module(self) -> str:
        """Its folder below services/."""
        return self.name.replace("-", "_")

    @property
    def class_name(self) -> str:
        """Its settings' class."""
        return "".join(part.capitalize() for part in self.name.split("-"))

    @property
    def folder(self) -> Path:
        """Where it is in the repository."""
        return Path("services") / self.module


@dataclass(frozen=True, kw_only=True)
class StageName:
    """A stage's name, and the names that it goes by elsewhere."""

    name: str

    def __post_init__(self) -> None:
        allowed = f"give {names.STAGE.allowed}: canary, prod-eu."
        if not names.STAGE.allows(self.name):
            raise ScaffoldError(f"Stage name {self.name!r} is not allowed; {allowed}")
        why = "it means something else in Python" if keyword.iskeyword(self.module) else names.reserved_stage(self.name)
        if why is not None:
            raise ScaffoldError(f"Stage name {self.name!r} is not allowed: {why}; {allowed}")

    @property
    def module(self) -> str:
        """Its module below stages/."""
        return self.name.replace("-", "_")

    @property
    def constant(self) -> str:
        """The constant that holds it, in its module and in the catalogue; and its account's."""
        return self.module.upper()

    @property
    def file(self) -> Path:
        """Where it is in the repository."""
        return Path("stages") / f"{self.module}.py"


def check_owner(owner: str) -> None:
    """Raise unless it is a team as CODEOWNERS writes it."""
    if not names.OWNER.allows(owner):
        raise ScaffoldError(f"--owner {owner!r} is not allowed; give {names.OWNER.allowed}, as CODEOWNERS writes it.")


def check_account(account: str) -> None:
    """Raise unless it is an account's id."""
    if not names.ACCOUNT.allows(account):
        raise ScaffoldError(
            f"--account {account!r} is not allowed; give 12 digits, or a constant of stages/accounts.py."
        )


def check_region(region: str) -> None:
    """Raise unless it looks like a region."""
    if not names.REGION.allows(region):
        raise ScaffoldError(f"--region {region!r} is not allowed; give {names.REGION.allowed}.")
