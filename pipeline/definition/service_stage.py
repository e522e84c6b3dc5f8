"""A stage's services as CloudFormation stacks, and what guardrails must know of each."""

from collections.abc import Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from constructs import Construct

from pipeline.catalogue.model import Stage
from pipeline.catalogue.release import has_default_alarms, with_own_release
from services.library.constructs.release_alarm import lacking, watch_release
from services.library.constructs.tracing import trace
from services.library.contract import deployment
from services.library.contract.defaults import PERMISSIONS_BOUNDARY
from services.library.contract.names import release_alarm
from services.library.guardrails.checked_stack import CheckedStack

if TYPE_CHECKING:
    from services.library.contract.release import ReleaseAlarms
    from services.library.contract.service import Service, ServiceStack

STACK = "aws:cdk:stack"
"""How the CDK calls a stack where it asks for resource types."""
NO_TAGS: Mapping[str, str] = MappingProxyType({})


class BuiltStage(cdk.Stage):
    """A stage as a pipeline deploys it."""

    stage: Stage
    stacks: Mapping[str, cdk.Stack]
    """Service name -> its stack."""
    watched: Collection[str]
    """The services whose stacks have a release alarm."""


class ServiceStage(BuiltStage):
    """One stage's services as CloudFormation stacks. `only`: one of them alone, for who wants to look at it."""

    def __init__(
        self,
        scope: Construct,
        stage: Stage,
        *,
        only: str | None = None,
        tags: Mapping[str, str] = NO_TAGS,
        stack_tags: Mapping[str, str] = NO_TAGS,
        boundary: str = PERMISSIONS_BOUNDARY,
    ) -> None:
        """`tags`: of everything in it; `stack_tags`: of its stacks alone. What comes later, an override has done.

        `boundary`: the name of the permissions boundary that roles of stages have.
        """
        environment = stage.environment
        super().__init__(
            scope,
            environment.label,
            env=environment.to_cdk(),
            permissions_boundary=cdk.PermissionsBoundary.from_name(
                deployment.permissions_boundary(environment, boundary)
            ),
        )
        self.stage = stage
        for name, value in tags.items():
            cdk.Tags.of(self).add(name, value)
        for name, value in stack_tags.items():
            cdk.Tags.of(self).add(name, value, include_resource_types=[STACK])
        self.stacks: dict[str, ServiceStack] = {}
        self.watched: set[str] = set()
        offered: dict[str, ServiceStack] = {}
        for service in stage.services:
            if only not in (None, service.name):
                continue
            stack = with_own_release(stage, service).deploy(
                self,
                environment,
                instrument=partial(trace, service=service.name, environment=environment),
                watch=partial(self._watch, service),
            )
            self.stacks[service.name] = stack
            offered |= {published.name: stack for published in service.offers}
        for service in stage.services if only is None else ():
            for published in service.all_needs:
                self.stacks[service.name].add_stack_dependency(offered[published.name], f"it needs {published.name}")

    def _watch(self, service: "Service[Any]", stack: cdk.Stack, alarms: "ReleaseAlarms") -> None:
        """Add the release alarm; where the tier alone wishes it, to a stack that has something to watch."""
        if has_default_alarms(self.stage, service) and lacking(stack) is not None:
            return
        watch_release(stack, alarms, name=release_alarm(self.stage.label, service.name))
        self.watched.add(service.name)


def checked_stacks(built: ServiceStage) -> list[CheckedStack]:
    """Each service's stack, with whose it is; of a stage that was built in part, those of that part."""
    return [
        CheckedStack(
            stack=built.stacks[service.name],
            environment=built.stage.environment,
            service=service.name,
            owner=service.owner,
            handles_personal_data=service.handles_personal_data,
            acknowledgements=service.acknowledgements,
            stage_acknowledgements=service.stage_acknowledgements,
        )
        for service in built.stage.services
        if service.name in built.stacks
    ]
