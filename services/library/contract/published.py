"""Values that one service publishes for others: typed names, stored as SSM parameters of the environment.

A consumer reads it through a CloudFormation parameter of an SSM type, which is looked up at each deployment.
`{{resolve:ssm:...}}` is not: CloudFormation looks it up again only when the template changes.
"""

import re
from dataclasses import dataclass

from aws_cdk import aws_ssm as ssm
from constructs import Construct

from services.library.contract import names
from services.library.contract.environment import Environment

NAME = re.compile(r"[a-z][a-z0-9-]*/[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Published:
    """The name of one value, as `service/value`."""

    name: str

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(
                f"Published: name={self.name!r} is not allowed; give service/value in lower case, for example"
                " 'ingest/stream-arn'."
            )

    def parameter_name(self, environment: Environment) -> str:
        """Return the name of the SSM parameter that holds the value in one environment."""
        return names.parameter(environment.label, self.name)

    def offer(self, scope: Construct, environment: Environment, value: str) -> ssm.StringParameter:
        """Publish the value. The service must list this name in `offers`."""
        return ssm.StringParameter(
            scope,
            f"Offer-{self.name.replace('/', '-')}",
            parameter_name=self.parameter_name(environment),
            string_value=value,
        )

    def read(self, scope: Construct, environment: Environment) -> str:
        """Return the value as a token. The service must list this name in `needs`, which also orders the deployment."""
        return ssm.StringParameter.value_for_string_parameter(scope, self.parameter_name(environment))
