"""The contract between a service and the stages that deploy it.

A service is plain frozen data with one method that builds its stack. The value itself is the stage entry, so that
mypy finds a wrong setting, a wrong hook or a misspelled name at the line where the team wrote it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

import aws_cdk as cdk
from constructs import Construct

from services.library.environment import Environment
from services.library.guardrails.acknowledgements import Acknowledgement
from services.library.published import Published
from services.library.release import Release
from services.library.steps import Step


class ServiceStack(cdk.Stack):
    """Base of every service's stack."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, description: str) -> None:
        super().__init__(scope, id_, description=description, termination_protection=environment.keeps_data)
        self.environment_ = environment


StackT = TypeVar("StackT", bound=ServiceStack)
StackT_contra = TypeVar("StackT_contra", bound=ServiceStack, contravariant=True)


class Override(Protocol[StackT_contra]):
    """Changes a finished stack in a way that its settings do not offer."""

    def __call__(self, stack: StackT_contra, environment: Environment, /) -> None:
        """Change the stack in place."""


@dataclass(frozen=True, kw_only=True)
class Service(ABC, Generic[StackT]):
    """A service as one stage deploys it."""

    name: ClassVar[str]
    owner: ClassVar[str]
    """Who answers for it, as CODEOWNERS writes it: @organisation/team."""
    handles_personal_data: ClassVar[bool]
    offers: ClassVar[tuple[Published, ...]] = ()
    needs: ClassVar[tuple[Published, ...]] = ()
    """What other services must offer in the same stage; their stacks are deployed first."""
    acknowledgements: ClassVar[tuple[Acknowledgement, ...]] = ()
    """The findings that this service's owner accepts, from its overrides.py; paths start below its stack."""

    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    release: Release | None = None
    override: Override[StackT] | None = None

    @abstractmethod
    def build(self, scope: Construct, environment: Environment) -> StackT:
        """Build the stack with these settings."""

    def deploy(self, scope: Construct, environment: Environment) -> StackT:
        """Build the stack, then let the override change it. Guardrails see the result of both."""
        stack = self.build(scope, environment)
        if self.override is not None:
            self.override(stack, environment)
            stack.add_metadata("Override", describe(self.override))
        return stack


def describe(override: object) -> str:
    """Name an override as a reviewer would look it up."""
    return f"{override.__module__}.{getattr(override, '__qualname__', type(override).__name__)}"
