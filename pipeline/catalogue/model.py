"""What a stage is: an environment and the services deployed to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from services.library.contract import deployment
from services.library.contract.environment import Environment, Tier
from services.library.contract.service import Service, ServiceStack


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One environment that the pipeline deploys to. Data alone; `ServiceStage` is built from it."""

    environment: Environment
    services: tuple[Service[Any], ...]
    approval: bool | None = None
    """Whether a person must agree before anything is deployed. None: as the tier asks."""

    @property
    def name(self) -> str:
        """The environment's name, which is the stage's."""
        return self.environment.name

    @property
    def asks_approval(self) -> bool:
        """Production waits for a person unless the stage says otherwise."""
        return self.environment.tier is Tier.PRODUCTION if self.approval is None else self.approval


@dataclass(frozen=True, kw_only=True, slots=True)
class Wave:
    """Stages that are released side by side, such as two production regions."""

    name: str
    stages: tuple[Stage, ...]


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


def file_of(stage: str) -> str:
    """Where a stage of this name is, from the checkout's root; a module's name has no -."""
    return f"stages/{stage.replace('-', '_')}.py"


def stages_of(catalogue: Catalogue) -> Iterator[Stage]:
    """Every stage, in promotion order."""
    for entry in catalogue:
        yield from entry.stages if isinstance(entry, Wave) else (entry,)


STACK = "aws:cdk:stack"
"""How the CDK calls a stack where it asks for resource types."""
NO_TAGS: Mapping[str, str] = MappingProxyType({})


class ServiceStage(cdk.Stage):
    """One stage's services as CloudFormation stacks. `only`: one of them alone, for who wants to look at it."""

    def __init__(
        self,
        scope: Construct,
        stage: Stage,
        *,
        only: str | None = None,
        tags: Mapping[str, str] = NO_TAGS,
        stack_tags: Mapping[str, str] = NO_TAGS,
    ) -> None:
        """`tags`: of everything in it; `stack_tags`: of its stacks alone. What comes later, an override has done."""
        environment = stage.environment
        super().__init__(
            scope,
            environment.label,
            env=environment.to_cdk(),
            permissions_boundary=cdk.PermissionsBoundary.from_name(deployment.permissions_boundary(environment)),
        )
        self.stage = stage
        for name, value in tags.items():
            cdk.Tags.of(self).add(name, value)
        for name, value in stack_tags.items():
            cdk.Tags.of(self).add(name, value, include_resource_types=[STACK])
        self.stacks: dict[str, ServiceStack] = {}
        """Service name -> its stack."""
        offered: dict[str, ServiceStack] = {}
        for service in stage.services:
            if only not in (None, service.name):
                continue
            stack = service.deploy(self, environment)
            self.stacks[service.name] = stack
            offered |= {published.name: stack for published in service.offers}
        for service in stage.services if only is None else ():
            for published in service.all_needs:
                self.stacks[service.name].add_stack_dependency(offered[published.name], f"it needs {published.name}")
