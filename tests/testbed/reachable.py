"""Services that are one URL each, which a probe calls: for tests of what the pipeline has for every service."""

from dataclasses import dataclass
from typing import Any, ClassVar

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from pipeline.catalogue.model import Stage
from services.library.contract.environment import Environment
from services.library.contract.service import Service, ServiceStack
from services.library.contract.steps import Probe, Step
from tests.testbed import tiny


class ReachableStack(ServiceStack):
    """A parameter that holds the URL."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_, environment=environment, description="reachable")
        url = ssm.StringParameter(self, "Value", string_value="https://reachable.example.com")
        cdk.CfnOutput(self, "Url", value=url.string_value)


@dataclass(frozen=True, kw_only=True)
class Reachable(Service[ReachableStack]):
    """Can be probed."""

    name: ClassVar[str] = "reachable"
    owner: ClassVar[str] = "@example/reachable"
    handles_personal_data: ClassVar[bool] = False
    after: tuple[Step, ...] = (
        Probe(name="Answers", output="Url"),
        Probe(name="Refuses", output="Url", path="/open", method="POST", expect_status=403),
    )

    def build(self, scope: Construct, environment: Environment) -> ReachableStack:
        return ReachableStack(scope, self.name, environment=environment)


def services(count: int, *after: Step, name_length: int = 0) -> tuple[Reachable, ...]:
    """So many services, each of a class of its own, as services are; each with one probe unless told otherwise.

    `name_length`: of a service's name, if it is to be longer than it need be.
    """
    probe = Probe(name="RefusesUnsigned", output="Url", path="/Patient/_search", method="POST", expect_status=403)
    return tuple(
        type(f"Service{number}", (Reachable,), {"name": f"service{number:03}".ljust(name_length, "s")})(
            after=after or (probe,)
        )
        for number in range(count)
    )


def stage(name: str, listed: tuple[Service[Any], ...], **place: Any) -> Stage:
    """A stage of these services."""
    return tiny.stage(name, *listed, **place)
