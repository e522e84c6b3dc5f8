"""The smallest scope of a construct: a production stack with a key and a topic."""

from collections.abc import Iterator
from dataclasses import dataclass

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.contract.environment import Environment, Tier
from services.library.contract.service import ServiceStack
from tests.testbed import runtime_code


@dataclass(frozen=True, kw_only=True)
class StackScope:
    """The stack in which a test builds its construct."""

    stack: ServiceStack
    environment: Environment
    key: Key
    alarms: NotificationTopic

    def template(self) -> Template:
        return Template.from_stack(self.stack)


@pytest.fixture(scope="module", autouse=True)
def _sample_service() -> Iterator[None]:
    with runtime_code.packaged():
        yield


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> StackScope:
    return stack_scope(tmp_path_factory)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> StackScope:
    """Like `production`, for what a test makes or fails to make: in no order may another test's template hold it."""
    return stack_scope(tmp_path_factory)


def stack_scope(tmp_path_factory: pytest.TempPathFactory) -> StackScope:
    """Return one of its own."""
    environment = Environment(name="prod", tier=Tier.PRODUCTION, account="111111111111", region="eu-west-1")
    app = cdk.App(outdir=str(tmp_path_factory.mktemp("assembly")))
    stage = cdk.Stage(app, "prod", env=environment.to_cdk())
    stack = ServiceStack(stage, "Some", environment=environment, description="A construct alone")
    return StackScope(
        stack=stack,
        environment=environment,
        key=Key(stack, "Key", environment=environment, description="Data"),
        alarms=NotificationTopic(stack, "Alarms", environment=environment),
    )
