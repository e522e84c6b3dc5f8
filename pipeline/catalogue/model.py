"""What a stage is: an environment and the services deployed to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from services.library.contract.environment import Environment, Tier
from services.library.contract.release import Release
from services.library.contract.service import Service


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One environment that the pipeline deploys to. Data alone; pipeline/definition/ builds from it."""

    environment: Environment
    services: tuple[Service[Any], ...]
    approval: bool | None = None
    """Whether a person must agree before anything is deployed. None: as the tier asks."""
    approves_unchanged: bool = False
    """Whether the pipeline agrees by itself to a run that would change nothing here; in a wave each must say so."""
    release: Release | None = None
    """What the stage itself wishes of its releases, beside the wishes of its services."""

    @property
    def name(self) -> str:
        """The environment's name, which is the stage's."""
        return self.environment.name

    @property
    def label(self) -> str:
        """What the pipeline calls its own stage for this one: a branch's prefix and the name."""
        return self.environment.label

    @property
    def stages(self) -> tuple["Stage", ...]:
        """The stage alone: a stage is a wave of one."""
        return (self,)

    def with_stages(self, change: Callable[["Stage"], "Stage"]) -> "Stage":
        """Return the stage changed."""
        return change(self)

    @property
    def role_names(self) -> tuple[str, ...]:
        """Patterns of what the roles of its services are called, beside those that begin with its label."""
        return tuple(name for service in self.services for name in service.role_names(self.environment))

    @property
    def asks_approval(self) -> bool:
        """Production waits for a person unless the stage says otherwise."""
        return self.environment.tier is Tier.PRODUCTION if self.approval is None else self.approval


@dataclass(frozen=True, kw_only=True, slots=True)
class Wave:
    """Stages that are released side by side, such as two production regions."""

    name: str
    stages: tuple[Stage, ...]

    @property
    def label(self) -> str:
        """What the pipeline calls its own stage for all of them."""
        return self.name

    def with_stages(self, change: Callable[[Stage], Stage]) -> "Wave":
        """Return the wave with each of its stages changed."""
        return replace(self, stages=tuple(change(stage) for stage in self.stages))


Catalogue = tuple[Stage | Wave, ...]


@dataclass(frozen=True, kw_only=True, order=True, slots=True)
class Shipped:
    """One stack that the pipeline has deployed, or will, as CloudFormation knows it."""

    stage: str
    service: str
    stack: str
    account: str
    region: str

    @property
    def removal_record(self) -> str:
        """The parameter of the tools account that says what the removal of the stack did."""
        return f"/penstock/removed/{self.account}/{self.region}/{self.stack}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tombstone:
    """Says that a service leaves a stage on purpose: the pipeline then deletes its stack there."""

    stage: str
    service: str
    why: str
    owner: str
    """The team that owns the removal, as CODEOWNERS writes it: @organisation/team."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """A stack that the pipeline is to delete, and what its tombstone says."""

    shipped: Shipped
    why: str
    owner: str


def file_of(stage: str) -> str:
    """Return where a stage of this name is, from the checkout's root; a module's name has no -."""
    return f"stages/{stage.replace('-', '_')}.py"


def stages_of(catalogue: Catalogue) -> Iterator[Stage]:
    """Yield every stage, in promotion order."""
    for entry in catalogue:
        yield from entry.stages
