"""A Python Lambda function with the shared layers, a log group, tracing, a dead-letter queue and alarms."""

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from services.library.constructs.dead_letter_queue import DeadLetterQueue
from services.library.constructs.key import Key
from services.library.constructs.layer import Layer, code
from services.library.constructs.log_group import LogGroup
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.role import Role
from services.library.contract import defaults, secret
from services.library.contract.constraints import Between
from services.library.contract.environment import Environment, Tier
from services.library.packaging import package as packaging
from services.library.packaging.dependencies import Dependencies

ROOT = Path(__file__).resolve().parents[3]
PREPARED = Path(sys.prefix) / "functions"
"""Where setup left the functions' dependencies: in the environment that this runs in."""
ReservedConcurrency = Annotated[int, Between(1, 900, "an account has 1,000, and Lambda keeps 100 of them free")]
"""A service's setting for `FunctionSettings.reserved_concurrency`."""
LOG_LEVEL = {Tier.SANDBOX: "DEBUG", Tier.PRE_PRODUCTION: "INFO", Tier.PRODUCTION: "INFO"}

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
RESERVED_PREFIXES = ("AWS_", "LAMBDA_", "_", "POWERTOOLS_")
RESERVED = frozenset({"PYTHONPATH", "LD_LIBRARY_PATH", "PATH", "LANG", "TZ"})


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """Settings of a function."""

    handler: str
    """The dotted path in the repository, e.g. `services.intake.runtime.handler.handle`; it is the same in Lambda."""
    description: str
    memory_mib: int = 256
    timeout: cdk.Duration = field(default_factory=lambda: cdk.Duration.seconds(10))
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables for `Configuration.from_environment`. No secrets: pass a secret's name."""
    reserved_concurrency: int | None = None
    """Executions at the same time, at most, and always possible; None shares what the account has left."""

    def __post_init__(self) -> None:
        for name, value in self.variables.items():
            if name.startswith(RESERVED_PREFIXES) or name in RESERVED:
                raise ValueError(
                    f"{self.handler}: variables[{name!r}] is reserved by Lambda or the library; rename it."
                )
            if what := secret.suspected(name, value):
                raise ValueError(
                    f"{self.handler}: variables[{name!r}] looks like {what}, and is not allowed; give the name of a"
                    " secret in Secrets Manager, such as DATABASE_SECRET_NAME, and read it where it is needed:"
                    " whoever may look at the template or the function can read its variables."
                )
        if not 128 <= self.memory_mib <= 10_240:
            raise ValueError(f"{self.handler}: memory_mib={self.memory_mib} is not allowed; give 128 to 10240.")
        if not 1 <= self.timeout.to_seconds() <= 900:
            raise ValueError(
                f"{self.handler}: timeout={self.timeout.to_seconds():.0f} s is not allowed; give 1 s to 15 minutes:"
                " Lambda runs nothing for longer; a workflow does."
            )
        if self.reserved_concurrency is not None and self.reserved_concurrency < 1:
            raise ValueError(
                f"{self.handler}: reserved_concurrency={self.reserved_concurrency} is not allowed; give 1 or more,"
                " or None: with 0 the function would never run."
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


class Function(Construct):
    """Runs one handler of a service's runtime folder."""

    function: lambda_.Function
    log_group: LogGroup

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        settings: FunctionSettings,
        alarms_to: NotificationTopic,
    ) -> None:
        super().__init__(scope, id_)
        dependencies = Dependencies.load(PREPARED, ROOT / "uv.lock")
        package = packaging.function(ROOT, settings.service, dependencies)
        packaging.refuse_unknown_handler(package, settings.handler)
        self.log_group = LogGroup(self, "Logs", environment=environment)
        # Not the managed policy that CDK would attach: it may write to every log group of the account.
        role = Role(self, "Role", service="lambda.amazonaws.com")
        self.log_group.grant_write(role)
        undelivered = DeadLetterQueue.of(self, environment=environment, alarms_to=alarms_to)
        Key.for_operations(self, environment=environment).grant_through("sqs", role)
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
        self.errors = alarms_to.add_alarm(self, "Errors", metric=self.function.metric_errors())
        self.throttles = alarms_to.add_alarm(self, "Throttles", metric=self.function.metric_throttles())
