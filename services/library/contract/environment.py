"""Where a stage runs, and how much a failure there costs."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import aws_cdk as cdk

from services.library.contract import names
from services.library.contract.constraints import Matches, validate_fields
from services.library.contract.release import Traffic

PREFIX = Matches(r"([a-z][a-z0-9-]{0,19})?", "at most 20 of a-z, 0-9 and -, starting with a letter")


class Tier(StrEnum):
    """How much a failure in an environment costs; the organisation's defaults follow it."""

    SANDBOX = "sandbox"
    PRE_PRODUCTION = "pre-production"
    PRODUCTION = "production"


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """One account and region that a stage deploys to."""

    name: Annotated[str, names.STAGE]
    tier: Tier
    account: Annotated[str, names.ACCOUNT]
    region: Annotated[str, names.REGION]
    prefix: Annotated[str, PREFIX] = ""
    """Empty on main; a branch environment's own otherwise, so that its names meet nobody else's."""
    traffic: Traffic | None = None
    """How functions of the service that is being built move to a new version; None: they have no alias to move.
    `Service.deploy` takes it from the service's release, which is where a stage says it."""

    def __post_init__(self) -> None:
        for found in validate_fields(self):
            raise ValueError(f"Environment {self.name!r}: {found.sentence}")

    @property
    def label(self) -> str:
        """Return the name with the prefix, which is unique in an account and region."""
        return f"{self.prefix}-{self.name}" if self.prefix else self.name

    @property
    def keeps_data(self) -> bool:
        """Return whether stored data outlives the stack that made its store."""
        return self.tier is Tier.PRODUCTION

    def to_cdk(self) -> cdk.Environment:
        """Return the account and region as a CDK environment."""
        return cdk.Environment(account=self.account, region=self.region)
