"""Where a stage runs, and how much a failure there costs."""

import re
from dataclasses import dataclass
from enum import StrEnum

import aws_cdk as cdk

NAME = re.compile(r"[a-z][a-z0-9-]{0,15}")
PREFIX = re.compile(r"[a-z][a-z0-9-]{0,19}")
ACCOUNT = re.compile(r"\d{12}")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


class Tier(StrEnum):
    """How much a failure in an environment costs; the organisation's defaults follow it."""

    SANDBOX = "sandbox"
    PRE_PRODUCTION = "pre-production"
    PRODUCTION = "production"


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """One account and region that a stage deploys to."""

    name: str
    tier: Tier
    account: str
    region: str
    prefix: str = ""
    """Empty on main; a branch environment's own otherwise, so that its names meet nobody else's."""

    def __post_init__(self) -> None:
        for field, value, pattern, allowed in (
            ("name", self.name, NAME, "1-16 of a-z, 0-9 and -, starting with a letter"),
            ("account", self.account, ACCOUNT, "12 digits, as a string"),
            ("region", self.region, REGION, "an AWS region such as eu-west-1"),
            ("prefix", self.prefix or "none", PREFIX, "at most 20 of a-z, 0-9 and -, starting with a letter"),
        ):
            if not pattern.fullmatch(value):
                raise ValueError(f"Environment {self.name!r}: {field}={value!r} is not allowed; give {allowed}.")

    @property
    def label(self) -> str:
        """The environment's name with its prefix: unique in an account and region."""
        return f"{self.prefix}-{self.name}" if self.prefix else self.name

    @property
    def keeps_data(self) -> bool:
        """Whether what is stored here outlives the stack that made it."""
        return self.tier is Tier.PRODUCTION

    def to_cdk(self) -> cdk.Environment:
        """The CDK's idea of the same place."""
        return cdk.Environment(account=self.account, region=self.region)
