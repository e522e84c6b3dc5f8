"""Findings of cdk-nag that a template answers by itself, because the rule's own reason does not apply there.

Each is a fact that the template states, not an opinion: what needs one belongs in an acknowledgement.
"""

from collections.abc import Callable, Mapping

from services.library.cloudformation.template import Resource, Template
from services.library.guardrails.finding import Finding
from services.library.guardrails.rules import queues


def _source_is_a_queue(source: Resource, template: Template) -> bool:
    """Say so of a queue: only streams and Kafka have destinations, a queue has its own dead letters.

    https://docs.aws.amazon.com/lambda/latest/api/API_DestinationConfig.html
    """
    queue = template.named_by(source.properties.get("EventSourceArn"))
    return queue is not None and queue.type == queues.QUEUE


def _holds_access_logs(bucket: Resource, template: Template) -> bool:
    """Say so of a bucket for access logs: S3 delivers none where the default encryption is a KMS key.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html
    """
    return any(
        template.named_by(logging.get("DestinationBucketName")) == bucket
        for each in template.resources("AWS::S3::Bucket")
        if isinstance(logging := each.properties.get("LoggingConfiguration"), Mapping)
    )


ANSWERED: Mapping[str, Callable[[Resource, Template], bool]] = {
    # A dead-letter queue has none itself. The packs know redrive policies; rules, buses and functions name queues too.
    "AwsSolutions-SQS3": queues.keeps_dead_letters,
    "Serverless-SQSRedrivePolicy": queues.keeps_dead_letters,
    "Serverless-LambdaEventSourceMappingDestination": _source_is_a_queue,
    "HIPAA.Security-S3DefaultEncryptionKMS": _holds_access_logs,
}


def is_not_applicable(finding: Finding, resource: Resource, template: Template) -> bool:
    """Say whether the template itself answers the finding."""
    answered = ANSWERED.get(finding.base_rule)
    return answered is not None and answered(resource, template)
