"""A stream must outlast its consumer's failures, and no record may stop those behind it."""

from collections.abc import Iterator

from services.library.cloudformation.template import Json, Resource, Template, number
from services.library.guardrails.finding import AcceptedBy, DeploymentLocation, Finding, Rule

CONSUMER = Rule(
    id="Penstock-StreamConsumer",
    accepted_by=AcceptedBy.PLATFORM,
    text="One record that always fails would stop its shard, or take good records along.",
    fix="Use the library's StreamConsumer, or set what is named on the event source mapping.",
)
RETENTION = Rule(
    id="Penstock-StreamRetention",
    accepted_by=AcceptedBy.PLATFORM,
    text="Records that nobody could read in time are gone: retries, the destination and an operator need a week.",
    fix="Set RetentionPeriodHours to at least 168.",
)
ENCRYPTION = Rule(
    id="Penstock-StreamEncryption",
    accepted_by=AcceptedBy.PLATFORM,
    text="Kinesis keeps records in the clear unless it is told otherwise.",
    fix="Set StreamEncryption to KMS with a key of the service's own (in the CDK: encryption_key).",
)

SHORTEST_HOURS = 168
DEFAULT_HOURS = 24
"""https://docs.aws.amazon.com/kinesis/latest/APIReference/API_IncreaseStreamRetentionPeriod.html"""
FOR_EVER = -1
"""Lambda's own default for both: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""


def check(template: Template, place: DeploymentLocation) -> Iterator[Finding]:
    """Streams, and event source mappings on them: on Kinesis or DynamoDB, in this template or not."""
    del place  # what is lost in a sandbox was lost by the same settings as in production
    for stream in template.resources("AWS::Kinesis::Stream"):
        hours = number(stream.properties.get("RetentionPeriodHours", DEFAULT_HOURS))
        if hours is None or hours < SHORTEST_HOURS:
            what = "How long is known only at deployment." if hours is None else f"It keeps records for {hours} hours."
            yield RETENTION.broken_by(stream, template, what=what, locations=("Properties.RetentionPeriodHours",))
        if not stream.properties.get("StreamEncryption"):
            yield ENCRYPTION.broken_by(stream, template, locations=("Properties.StreamEncryption",))
    for source in template.resources("AWS::Lambda::EventSourceMapping"):
        if _reads_stream(source.properties):
            yield from _consumer(source, template)


def _reads_stream(properties: Json) -> bool:
    """Only streams have a position to start from; Kafka, which has one too, is told apart by its topics."""
    return "StartingPosition" in properties and "Topics" not in properties


def _consumer(source: Resource, template: Template) -> Iterator[Finding]:
    properties = source.properties
    answers = properties.get("FunctionResponseTypes")
    destination = properties.get("DestinationConfig")
    wrong = {
        "MaximumRetryAttempts": _without_end(properties.get("MaximumRetryAttempts", FOR_EVER)),
        "MaximumRecordAgeInSeconds": _without_end(properties.get("MaximumRecordAgeInSeconds", FOR_EVER)),
        "BisectBatchOnFunctionError": str(properties.get("BisectBatchOnFunctionError")).lower() != "true",
        "FunctionResponseTypes": not (isinstance(answers, list) and "ReportBatchItemFailures" in answers),
        "DestinationConfig": not (isinstance(destination, dict) and destination.get("OnFailure")),
    }
    for name in (name for name, broken in wrong.items() if broken):
        given = properties.get(name, "left out")
        yield CONSUMER.broken_by(
            source, template, detail=name, what=f"{name} is {given}.", locations=(f"Properties.{name}",)
        )


def _without_end(value: object) -> bool:
    return number(value) in (None, FOR_EVER)
