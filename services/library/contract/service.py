"""The contract between a service and the stages that deploy it.

A service is plain frozen data with one method that builds its stack. The value itself is the stage entry, so that
mypy finds a wrong setting, a wrong hook or a misspelled name at the line where the team wrote it.
"""

import dataclasses
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Generic, Protocol, TypeVar, cast

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from services.library.contract import deployment, names
from services.library.contract.acknowledgement import Acknowledgement
from services.library.contract.build_record import OverriddenStack, StackFactory, source_of
from services.library.contract.constraints import InvalidSetting
from services.library.contract.environment import Environment, Tier
from services.library.contract.published import Published
from services.library.contract.release import Off, Release, ReleaseAlarms
from services.library.contract.steps import Step
from services.library.contract.tracing import Datadog


class ServiceStack(cdk.Stack):
    """Base of every service's stack."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        description: str,
        stack_name: str | None = None,
    ) -> None:
        """`stack_name`: of a stack that was there before the platform; None: as the CDK names it."""
        super().__init__(
            scope,
            id_,
            description=description,
            stack_name=stack_name,
            termination_protection=environment.keeps_data,
            synthesizer=deployment.synthesizer(environment),
        )
        self.deployment_environment = environment
        self.build_record: StackFactory | None = None
        """How to build the stack again, for guardrails; None if it was not built by `Service.deploy`."""

    @property
    def overridden(self) -> OverriddenStack | None:
        """Return the build record if an override changed the stack, and None otherwise."""
        return self.build_record if isinstance(self.build_record, OverriddenStack) else None


Instrument = Callable[[ServiceStack, Datadog], None]
"""A function that adds what tracing needs to a finished stack."""
Watch = Callable[[ServiceStack, ReleaseAlarms], None]
"""A function that adds what watches releases to a finished stack."""
StackT = TypeVar("StackT", bound=ServiceStack)
StackT_contra = TypeVar("StackT_contra", bound=ServiceStack, contravariant=True)


class Override(Protocol[StackT_contra]):
    """Changes a finished stack in a way that its settings do not offer."""

    def __call__(self, stack: StackT_contra, environment: Environment, /) -> None:
        """Change the stack in place."""


@dataclass(frozen=True, kw_only=True)
class Service(ABC, Generic[StackT]):
    """A service as one stage deploys it."""

    name: ClassVar[Annotated[str, names.SERVICE]]
    owner: ClassVar[Annotated[str, names.OWNER]]
    """The team that owns the service, as CODEOWNERS writes it: @organisation/team."""
    handles_personal_data: ClassVar[bool]
    offers: ClassVar[tuple[Published, ...]] = ()
    needs: ClassVar[tuple[Published, ...]] = ()
    """Names that other services must offer in the same stage; their stacks are deployed first."""
    acknowledgements: ClassVar[tuple[Acknowledgement, ...]] = ()
    """The findings that this service's owner accepts, from its acknowledgements.py; paths start below its stack."""

    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    release: Release | None = None
    tracing: Datadog | None = None
    """Datadog for all functions of the service in this stage. None: X-Ray, which needs nothing."""
    override: Override[StackT] | None = None
    stage_acknowledgements: tuple[Acknowledgement, ...] = ()
    """What the service's owner accepts in this stage alone; from its acknowledgements.py, too."""

    def validate(self, environment: Environment) -> Iterable[InvalidSetting]:  # noqa: ARG002 - for those that override it
        """Yield settings that contradict each other, or that this environment does not allow."""
        return ()

    @property
    def all_needs(self) -> tuple[Published, ...]:
        """Return `needs`, and the names that these settings need besides."""
        return self.needs

    def stack_name(self, environment: Environment) -> str:
        """Return what CloudFormation calls the service's stack in an environment."""
        return names.stack_of(environment.label, self.name)

    def is_adopted(self, environment: Environment) -> bool:  # noqa: ARG002 - for those that override it
        """Return whether the stack was there before the platform."""
        return False

    def role_names(self, environment: Environment) -> tuple[str, ...]:  # noqa: ARG002 - as above
        """Return patterns of what its roles and policies are called, beside those that begin with the stage's label."""
        return ()

    @abstractmethod
    def build(self, scope: Construct, environment: Environment) -> StackT:
        """Build the stack with these settings."""

    def deploy(
        self,
        scope: Construct,
        environment: Environment,
        *,
        instrument: Instrument | None = None,
        watch: Watch | None = None,
    ) -> StackT:
        """Build the stack, then apply the override. Guardrails check the result.

        `instrument` and `watch` add the tracing and the release alarms that a service may ask for; they are passed in,
        because the contract knows no constructs. Raises ValueError if the service asks for what is not passed in.
        """
        inherited = tuple(cdk.Aspects.of(scope).applied)
        build = functools.partial(self._build, environment=environment, instrument=instrument, watch=watch)
        stack = build(scope)
        if (override := self.override) is None:
            stack.build_record = StackFactory(stack=stack, build=build, inherited=inherited)
        else:
            self._change(stack, environment, override)
            stack.build_record = OverriddenStack(
                stack=stack,
                build=build,
                inherited=inherited,
                # `build` above returned a StackT; the record knows it as any stack.
                override=lambda made: self._change(cast("StackT", made), environment, override),
                written=override,
            )
        return stack

    @staticmethod
    def _change(stack: StackT, environment: Environment, override: Override[StackT]) -> None:
        override(stack, environment)
        stack.add_metadata("Override", source_of(override).name)

    def _build(
        self, scope: Construct, environment: Environment, instrument: Instrument | None, watch: Watch | None
    ) -> StackT:
        # A branch has nobody's traffic, and its roles know no CodeDeploy.
        if self.release is not None and not environment.prefix:
            traffic = None if isinstance(self.release.traffic, Off) else self.release.traffic
            environment = dataclasses.replace(environment, traffic=traffic)
        stack = self.build(scope, environment)
        if self.tracing is not None:
            if instrument is None:
                raise ValueError(
                    f"{self.name} asks for tracing={self.tracing!r}, and deploy() was given no instrument."
                )
            instrument(stack, self.tracing)
        if self.release is not None and isinstance(self.release.alarms, ReleaseAlarms):
            if watch is None:
                raise ValueError(f"{self.name} asks for release.alarms, and deploy() was given no watch.")
            watch(stack, self.release.alarms)
        if environment.tier is Tier.SANDBOX and not self.handles_personal_data:
            _show_exception_text(stack)
        tags = cdk.Tags.of(stack)
        tags.add(names.SERVICE_TAG, self.name)
        tags.add(names.OWNER_TAG, self.owner)
        tags.add(names.ENVIRONMENT_TAG, environment.label)
        return stack


def _show_exception_text(stack: ServiceStack) -> None:
    """Let functions log what exceptions say (services/library/runtime/logging.py): it is about nobody there."""
    for each in stack.node.find_all():
        if isinstance(each, lambda_.Function):
            each.add_environment("SHOWS_EXCEPTION_TEXT", "true")
