"""A Python Lambda function with the shared layers, a log group, tracing, a dead-letter queue and alarms."""

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from services.library.constructs.dead_letter_queue import DeadLetterQueue
from services.library.constructs.key import TO_SEND, Key
from services.library.constructs.layer import Layer, code
from services.library.constructs.live_alias import LiveAlias
from services.library.constructs.log_group import LogGroup
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.role import Role
from services.library.contract import defaults, secret
from services.library.contract.constraints import Between, Matches, require_valid
from services.library.contract.durations import whole
from services.library.contract.environment import Environment, Tier
from services.library.contract.network import Network
from services.library.packaging import package as packaging
from services.library.packaging.dependencies import Dependencies

ROOT = Path(__file__).resolve().parents[3]
PREPARED = Path(sys.prefix) / "functions"
"""Where setup left the functions' dependencies: in the environment that this runs in."""
ReservedConcurrency = Annotated[
    int, Between(1, 900, "an account has 1,000, and Lambda keeps 100 of them free; at 0 the function would never run")
]
"""A service's setting for `FunctionSettings.reserved_concurrency`."""
Variable = Annotated[str, Matches(r"[A-Za-z][A-Za-z0-9_]+", "a letter and then letters, digits and underscores")]
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
IN_A_NETWORK = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
"""What Lambda does as the function's role, on interfaces that have no name before.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions"""
DEPLOYED_VALUE = "${Token["
"""Begins what the CDK writes for a value that is known at the deployment."""
VARIABLES_LIMIT_BYTES = 3_072
"""Lambda takes 4 KB of names and values together; the library and Datadog add up to 1 KB of their own."""
LOG_LEVEL = {Tier.SANDBOX: "DEBUG", Tier.PRE_PRODUCTION: "INFO", Tier.PRODUCTION: "INFO"}

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
RESERVED_PREFIXES = ("AWS_", "LAMBDA_", "_", "POWERTOOLS_")
RESERVED = frozenset({"PYTHONPATH", "LD_LIBRARY_PATH", "PATH", "LANG", "TZ"})


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """Settings of a function."""

    handler: str
    """The dotted path in the repository, e.g. `services.intake.runtime.handler.handle`; it is the same in Lambda."""
    description: Annotated[str, Matches("(?s).{0,256}", "at most 256 characters")]
    memory_mib: Annotated[int, Between(128, 10_240)] = 256
    timeout: cdk.Duration = field(default_factory=lambda: cdk.Duration.seconds(10))
    variables: Mapping[Variable, str] = field(default_factory=dict)
    """Environment variables for `Configuration.from_environment`. No secrets: pass a secret's name."""
    network: Network | None = None
    """Puts it into a network's private subnets: it reaches what these do, and AWS by their NAT or endpoints alone."""
    reserved_concurrency: ReservedConcurrency | None = None
    """Executions at the same time, at most, and always possible; None shares what the account has left."""

    def __post_init__(self) -> None:
        who = self.handler
        for name in self.variables:
            if name.startswith(RESERVED_PREFIXES) or name in RESERVED:
                raise ValueError(
                    f"{who}: variables={{{name!r}: ...}} is not allowed; give it another name: Lambda or the library"
                    " has this one."
                )
        require_valid(self, who)
        for name, value in self.variables.items():
            if what := secret.suspected(name, value):
                raise ValueError(
                    f"{who}: variables={{{name!r}: ...}}, which looks like {what}, is not allowed; give the name of a"
                    " secret in Secrets Manager, such as DATABASE_SECRET_NAME, and read it where it is needed:"
                    " whoever may look at the template or the function can read its variables."
                )
        if self.network is not None and not self.network.security_group_ids:
            raise ValueError(
                f"{who}: network={self.network.vpc_id} is not allowed; give one with security_group_ids: Lambda puts no"
                " function into a network without."
            )
        if (size := _bytes(self.variables)) > VARIABLES_LIMIT_BYTES:
            raise ValueError(
                f"{who}: variables={{...}} of {size:,} bytes is not allowed; give {VARIABLES_LIMIT_BYTES:,} bytes or"
                " less, names and values together: Lambda takes 4 KB with those of the library. Keep more in a"
                " parameter or a bucket."
            )
        if not 1 <= (seconds := whole(self.timeout, "seconds", f"{who}: timeout")) <= 900:
            raise ValueError(
                f"{who}: timeout={seconds} s is not allowed; give 1 s to 15 minutes:"
                " Lambda runs nothing for longer; a workflow does."
            )

    @property
    def service(self) -> str:
        """Return the name of the folder of the service whose runtime folder has the handler."""
        parts = self.handler.split(".")
        if len(parts) < 5 or parts[0] != "services" or parts[2] != "runtime":
            raise ValueError(
                f"handler={self.handler!r} is not allowed; give services.<service>.runtime.<module>.<name>."
            )
        return parts[1]


def _bytes(variables: Mapping[str, str]) -> int:
    """Return what variables take of Lambda's limit, as far as their values are known before the deployment."""
    # Not the CDK's own question, which is a message to another process for each.
    known = {name: "" if DEPLOYED_VALUE in value else value for name, value in variables.items()}
    return sum(len(name.encode()) + len(value.encode()) for name, value in known.items())


class Function(Construct):
    """Runs one handler of a service's runtime folder."""

    function: lambda_.Function
    target: lambda_.IFunction
    """What callers name: the alias `live` where traffic is shifted, and the function itself elsewhere."""
    log_group: LogGroup

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        settings: FunctionSettings,
        alarms_to: NotificationTopic,
        shifts: bool = True,
    ) -> None:
        """Make the function. `shifts`: whether it has the alias `live` in an environment whose traffic is shifted."""
        super().__init__(scope, id_)
        dependencies = Dependencies.load(PREPARED, ROOT / "uv.lock")
        package = packaging.function(ROOT, settings.service, dependencies)
        packaging.refuse_unknown_handler(package, settings.handler)
        self.log_group = LogGroup(self, "Logs", environment=environment)
        # Not the managed policy that CDK would attach: it may write to every log group of the account.
        role = Role(self, "Role", service="lambda.amazonaws.com")
        self.log_group.grant_write(role)
        if settings.network is not None:
            role.add_to_principal_policy(iam.PolicyStatement(actions=list(IN_A_NETWORK), resources=["*"]))
        undelivered = DeadLetterQueue.of(self, environment=environment, alarms_to=alarms_to)
        Key.for_operations(self, environment=environment).grant_through("sqs", role, *TO_SEND)
        with tempfile.TemporaryDirectory() as folder:
            self.function = lambda_.Function(
                self,
                "Function",
                code=code(package, Path(folder)),
                handler=settings.handler,
                runtime=defaults.FUNCTION_RUNTIME,
                architecture=defaults.FUNCTION_ARCHITECTURE,
                layers=list(Layer.of(self, environment=environment, root=ROOT, dependencies=dependencies).versions),
                description=settings.description,
                memory_size=settings.memory_mib,
                timeout=settings.timeout,
                environment={
                    **settings.variables,
                    "POWERTOOLS_SERVICE_NAME": settings.service,
                    "POWERTOOLS_LOG_LEVEL": LOG_LEVEL[environment.tier],
                },
                role=role,
                log_group=self.log_group,
                tracing=lambda_.Tracing.ACTIVE,
                reserved_concurrent_executions=settings.reserved_concurrency,
                dead_letter_queue=undelivered.queue,
            )
        if settings.network is not None:
            self._join(settings.network)
        self.errors = alarms_to.add_alarm(self, "Errors", metric=self.function.metric_errors())
        self.throttles = alarms_to.add_alarm(self, "Throttles", metric=self.function.metric_throttles())
        self.target = self.function
        if environment.traffic is not None and shifts:
            live = LiveAlias(self, "Live", function=self.function, traffic=environment.traffic, alarms_to=alarms_to)
            self.target = live.alias

    def _join(self, network: Network) -> None:
        """Put the function into a network, by ids: the CDK's way would look the network up, or make security groups."""
        made = self.function.node.default_child
        assert isinstance(made, lambda_.CfnFunction)  # noqa: S101 - what every Function is made of
        made.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=list(network.private_subnet_ids), security_group_ids=list(network.security_group_ids)
        )
