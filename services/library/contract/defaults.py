"""The organisation's defaults, which every construct applies unless a setting or an override says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from services.library.contract.environment import Environment, Tier
from services.library.contract.names import PLATFORM_BOUNDARY
from services.library.contract.release import Bake, Release, ReleaseAlarms
from services.library.packaging.dependencies import PYTHON

FUNCTION_RUNTIME = lambda_.Runtime(f"python{PYTHON}", lambda_.RuntimeFamily.PYTHON)
FUNCTION_ARCHITECTURE = lambda_.Architecture.ARM_64
PERMISSIONS_BOUNDARY = PLATFORM_BOUNDARY
"""The permissions boundary without which CloudFormation may create no role, unless `Bootstrap` names another."""


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """A tier's defaults for data, logs, public APIs and releases."""

    removal_policy: cdk.RemovalPolicy
    """The removal policy of whatever holds data: tables, buckets, keys."""
    log_retention: logs.RetentionDays
    key_pending_window: cdk.Duration
    logs_execution_data: bool
    """Whether workflow logs may hold payloads. Never where real people's data flows."""
    web_firewall: bool
    """Whether public APIs get a web ACL."""
    release: Release
    """What holds for a stage unless it, or a service of it, says otherwise: of alarms, bake and roll_back alone."""

    @property
    def log_retention_days(self) -> int:
        """Return the log retention in days, as CloudFormation writes it."""
        return DAYS[self.log_retention]


DAYS: Mapping[logs.RetentionDays, int] = MappingProxyType(
    {
        logs.RetentionDays.ONE_WEEK: 7,
        logs.RetentionDays.ONE_MONTH: 30,
        logs.RetentionDays.ONE_YEAR: 365,
    }
)
"""Days of each retention; the CDK's enum does not give the number."""


BY_TIER: Mapping[Tier, Defaults] = MappingProxyType(
    {
        Tier.SANDBOX: Defaults(
            removal_policy=cdk.RemovalPolicy.DESTROY,
            log_retention=logs.RetentionDays.ONE_WEEK,
            key_pending_window=cdk.Duration.days(7),
            logs_execution_data=True,
            web_firewall=False,
            release=Release(),
        ),
        Tier.PRE_PRODUCTION: Defaults(
            removal_policy=cdk.RemovalPolicy.DESTROY,
            log_retention=logs.RetentionDays.ONE_MONTH,
            key_pending_window=cdk.Duration.days(7),
            logs_execution_data=False,
            # What it takes for an attack, a client must meet before production does.
            web_firewall=True,
            # What fails there is looked into and retried where it is; a gate would refuse the push that mends it.
            release=Release(),
        ),
        Tier.PRODUCTION: Defaults(
            removal_policy=cdk.RemovalPolicy.RETAIN,
            log_retention=logs.RetentionDays.ONE_YEAR,
            key_pending_window=cdk.Duration.days(30),
            logs_execution_data=False,
            web_firewall=True,
            # No requests: a new service has none. An hour is what Amazon bakes at least.
            release=Release(alarms=ReleaseAlarms(), bake=Bake(minutes=60, requests=0), roll_back=True),
        ),
    }
)


def for_environment(environment: Environment) -> Defaults:
    """Return the defaults of an environment's tier."""
    return BY_TIER[environment.tier]
