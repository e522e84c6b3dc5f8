"""Every gap filler, in the order in which they are installed."""

from collections.abc import Callable

from pipeline.local.cloud.apigateway import filler as apigateway
from pipeline.local.cloud.awslambda import filler as awslambda
from pipeline.local.cloud.cloudformation import filler as cloudformation
from pipeline.local.cloud.cloudwatch import filler as cloudwatch
from pipeline.local.cloud.codebuild import filler as codebuild
from pipeline.local.cloud.codecommit import filler as codecommit
from pipeline.local.cloud.codeconnections import filler as codeconnections
from pipeline.local.cloud.codepipeline import filler as codepipeline
from pipeline.local.cloud.datadog import filler as datadog
from pipeline.local.cloud.emulator import Emulator
from pipeline.local.cloud.eventbridge import filler as eventbridge
from pipeline.local.cloud.eventsources import filler as eventsources
from pipeline.local.cloud.healthlake import filler as healthlake
from pipeline.local.cloud.kinesis import filler as kinesis
from pipeline.local.cloud.partner import filler as partner
from pipeline.local.cloud.s3 import filler as s3
from pipeline.local.cloud.stepfunctions import filler as stepfunctions
from pipeline.local.cloud.xray import filler as xray

FILLERS: dict[str, Callable[[Emulator], None]] = {
    "cloudformation": cloudformation.install,
    "s3": s3.install,
    "partner": partner.install,
    "xray": xray.install,
    "datadog": datadog.install,
    "lambda": awslambda.install,
    "codebuild": codebuild.install,
    "codecommit": codecommit.install,
    "codeconnections": codeconnections.install,
    "codepipeline": codepipeline.install,
    "apigateway": apigateway.install,
    "stepfunctions": stepfunctions.install,
    "kinesis": kinesis.install,
    "eventsources": eventsources.install,
    "eventbridge": eventbridge.install,
    "cloudwatch": cloudwatch.install,
    "healthlake": healthlake.install,
}
"""One filler an AWS service, by the service's name, and the systems beside AWS that functions know; event source
mappings are Lambda's, between it and others."""


def install_all(emulator: Emulator, *, without: frozenset[str] = frozenset()) -> None:
    """Complete the emulator; `without` leaves fillers out, to show that their contract tests notice."""
    for name, install in FILLERS.items():
        if name not in without:
            install(emulator)
