"""Datadog for a service's functions, as a setting of its stage entry; without it functions are traced with X-Ray.

Intake(tracing=Datadog(site="datadoghq.eu", api_key_secret_arn="arn:aws:secretsmanager:..."))
"""

from dataclasses import dataclass
from typing import Annotated

from services.library.contract.constraints import Between, Matches, OneOf

PYTHON_LAYER_VERSION = 130
"""The layer of datadog-lambda 8.130, the release that pyproject.toml locks for tests and the local cloud."""
EXTENSION_LAYER_VERSION = 101
"""The extension layer that datadog-cdk-constructs-v2 5.3 was released with."""


@dataclass(frozen=True, kw_only=True)
class Datadog:
    """The Datadog site that traces are sent to, and its key. Payloads are never captured; logs stay in CloudWatch."""

    site: Annotated[
        str,
        OneOf(
            (
                "datadoghq.com",
                "us3.datadoghq.com",
                "us5.datadoghq.com",
                "datadoghq.eu",
                "ap1.datadoghq.com",
                "ap2.datadoghq.com",
                "ddog-gov.com",
            )
        ),
    ]  # fmt: skip - one list
    api_key_secret_arn: Annotated[
        str,
        Matches(
            r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}",
            "the whole ARN of a secret in Secrets Manager, with its six last characters: never the key itself",
        ),
    ]
    """In the stage's own region and account. The extension reads it when a sandbox starts."""
    python_layer_version: Annotated[int, Between(1, 100_000)] = PYTHON_LAYER_VERSION
    extension_layer_version: Annotated[int, Between(1, 100_000)] = EXTENSION_LAYER_VERSION
