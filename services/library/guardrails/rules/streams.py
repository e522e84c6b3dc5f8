"""A stream must outlast its consumer's failures, and no record may stop those behind it."""

from collections.abc import Iterator, Mapping

from services.library.cloudformation.intrinsics import TOO_MANY, possible_forms
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
    """Streams, and event source mappings on them: on Kinesis or DynamoDB, in this template or not.

    Each as it is for each way in which the conditions turn out that it depends on.
    """
    del place  # what is lost in a sandbox was lost by the same settings as in production
    found: list[Finding] = []
    for stream in template.resources("AWS::Kinesis::Stream"):
        for form in possible_forms([stream], template):
            found += _stream(stream, form.get(stream.logical_id), template)
    for source in template.resources("AWS::Lambda::EventSourceMapping"):
        for form in possible_forms([source], template):
            if _reads_stream(properties := form.get(source.logical_id, {})):
                found += _consumer(source, properties, template)
    yield from dict.fromkeys(found)


def _stream(stream: Resource, properties: Json | None, template: Template) -> Iterator[Finding]:
    if properties is None:
        return
    hours = number(properties.get("RetentionPeriodHours", DEFAULT_HOURS))
    if hours is None or hours < SHORTEST_HOURS:
        what = "How long is known only at deployment." if hours is None else f"It keeps records for {hours} hours."
        yield RETENTION.broken_by(stream, template, what=what, locations=("Properties.RetentionPeriodHours",))
    if not properties.get("StreamEncryption"):
        yield ENCRYPTION.broken_by(stream, template, locations=("Properties.StreamEncryption",))


def _reads_stream(properties: Json) -> bool:
    """Only streams have a position to start from; Kafka, which has one too, is told apart by its topics."""
    return "StartingPosition" in properties and properties.get("Topics", TOO_MANY) is TOO_MANY


def _consumer(source: Resource, properties: Json, template: Template) -> Iterator[Finding]:
    answers = properties.get("FunctionResponseTypes")
    wrong = {
        "MaximumRetryAttempts": _without_end(properties.get("MaximumRetryAttempts", FOR_EVER)),
        "MaximumRecordAgeInSeconds": _without_end(properties.get("MaximumRecordAgeInSeconds", FOR_EVER)),
        "BisectBatchOnFunctionError": str(properties.get("BisectBatchOnFunctionError")).lower() != "true",
        "FunctionResponseTypes": not (isinstance(answers, list) and "ReportBatchItemFailures" in answers),
        "DestinationConfig": not _has_destination(properties.get("DestinationConfig")),
    }
    for name in (name for name, broken in wrong.items() if broken):
        given = properties.get(name, "left out")
        yield CONSUMER.broken_by(
            source, template, detail=name, what=f"{name} is {given}.", locations=(f"Properties.{name}",)
        )


def _has_destination(configuration: object) -> bool:
    failed = configuration.get("OnFailure") if isinstance(configuration, Mapping) else None
    return isinstance(failed, Mapping) and bool(failed.get("Destination"))


def _without_end(value: object) -> bool:
    return number(value) in (None, FOR_EVER)
