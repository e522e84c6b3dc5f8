"""Every service of the local cloud, in the order in which they are installed."""

from collections.abc import Callable

from pipeline.local.cloud import (
    apigateway,
    awslambda,
    cloudformation,
    cloudwatch,
    codebuild,
    codecommit,
    codeconnections,
    codedeploy,
    codepipeline,
    cognito,
    datadog,
    eventbridge,
    eventsources,
    healthlake,
    iam,
    kinesis,
    kms,
    partner,
    policies,
    s3,
    secretsmanager,
    stepfunctions,
    xray,
)
from pipeline.local.cloud.emulator import Emulator

SERVICES: dict[str, Callable[[Emulator], None]] = {
    "cloudformation": cloudformation.install,
    "iam": iam.install,
    "s3": s3.install,
    "policies": policies.install,
    "partner": partner.install,
    "xray": xray.install,
    "datadog": datadog.install,
    "lambda": awslambda.install,
    "secretsmanager": secretsmanager.install,
    "codebuild": codebuild.install,
    "codecommit": codecommit.install,
    "codeconnections": codeconnections.install,
    "codedeploy": codedeploy.install,
    "codepipeline": codepipeline.install,
    "apigateway": apigateway.install,
    "cognito": cognito.install,
    "stepfunctions": stepfunctions.install,
    "kinesis": kinesis.install,
    "kms": kms.install,
    "eventsources": eventsources.install,
    "eventbridge": eventbridge.install,
    "cloudwatch": cloudwatch.install,
    "healthlake": healthlake.install,
}
"""One AWS service each, by its name, and the systems beside AWS that functions know. (Event source mappings are
Lambda's, between it and others; policies are taken by IAM and several others.)"""


def install_all(emulator: Emulator, *, without: frozenset[str] = frozenset()) -> None:
    """Complete the emulator; `without` leaves services out, to show that their contract tests notice."""
    for name, install in SERVICES.items():
        if name not in without:
            install(emulator)
