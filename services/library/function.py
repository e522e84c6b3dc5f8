"""A Python function with what every one of ours has: shared layer, own log group, tracing, alarms."""

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from services.library import defaults, packaging
from services.library.dependencies import Dependencies
from services.library.environment import Environment, Tier
from services.library.layer import Layer, code

ROOT = Path(__file__).resolve().parents[2]
PREPARED = Path(sys.prefix) / "functions"
"""Where setup left the functions' dependencies: in the environment that this runs in."""

LOG_LEVEL = {Tier.SANDBOX: "DEBUG", Tier.PRE_PRODUCTION: "INFO", Tier.PRODUCTION: "INFO"}

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
RESERVED_PREFIXES = ("AWS_", "LAMBDA_", "_", "POWERTOOLS_")
RESERVED = frozenset({"PYTHONPATH", "LD_LIBRARY_PATH", "PATH", "LANG", "TZ"})


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """What differs between two functions."""

    handler: str
    """The dotted path in the repository, e.g. `services.intake.runtime.handler.handle`; it is the same in Lambda."""
    description: str
    memory_mib: int = 256
    timeout: cdk.Duration = field(default_factory=lambda: cdk.Duration.seconds(10))
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables for `Configuration.from_environment`. No secrets: pass a secret's name."""

    def __post_init__(self) -> None:
        for name in self.variables:
            if name.startswith(RESERVED_PREFIXES) or name in RESERVED:
                raise ValueError(
                    f"{self.handler}: variables[{name!r}] is reserved by Lambda or the library; rename it."
                )
        if not 128 <= self.memory_mib <= 10_240:
            raise ValueError(f"{self.handler}: memory_mib={self.memory_mib} is not allowed; give 128 to 10240.")

    @property
    def service(self) -> str:
        """The service whose runtime folder the handler is in."""
        parts = self.handler.split(".")
        if len(parts) < 5 or parts[0] != "services" or parts[2] != "runtime":
            raise ValueError(
                f"handler={self.handler!r} is not allowed; give services.<service>.runtime.<module>.<name>."
            )
        return parts[1]


class Function(Construct):
    """Runs one handler of a service's runtime folder."""

    function: lambda_.Function
    log_group: logs.LogGroup
    alarms: tuple[cloudwatch.Alarm, ...]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        settings: FunctionSettings,
        alarm_topic: sns.ITopic | None = None,
        root: Path = ROOT,
        prepared: Path = PREPARED,
    ) -> None:
        super().__init__(scope, id_)
        dependencies = Dependencies.load(prepared, root / "uv.lock")
        package = packaging.function(root, settings.service, dependencies)
        packaging.refuse_unknown_handler(package, settings.handler)
        default = defaults.for_environment(environment)
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            retention=default.log_retention,
            removal_policy=default.removal_policy,
        )
        # Not the managed policy that CDK would attach: it may write to every log group of the account.
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.log_group.grant_write(role)
        with tempfile.TemporaryDirectory() as folder:
            self.function = lambda_.Function(
                self,
                "Function",
                code=code(package, Path(folder)),
                handler=settings.handler,
                runtime=defaults.FUNCTION_RUNTIME,
                architecture=defaults.FUNCTION_ARCHITECTURE,
                layers=list(Layer.of(self, root=root, dependencies=dependencies).versions),
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
            )
        self.alarms = (
            self._alarm("Errors", self.function.metric_errors(period=cdk.Duration.minutes(1)), alarm_topic),
            self._alarm("Throttles", self.function.metric_throttles(period=cdk.Duration.minutes(1)), alarm_topic),
        )

    def _alarm(self, id_: str, metric: cloudwatch.Metric, topic: sns.ITopic | None) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            id_,
            metric=metric,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        if topic is not None:
            alarm.add_alarm_action(actions.SnsAction(topic))
        return alarm
