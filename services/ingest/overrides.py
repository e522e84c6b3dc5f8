"""Named exceptions of ingest, and the findings that its owner accepts."""

from datetime import date

from services.library.contract.acknowledgement import Acknowledgement

OWNER = "@example/ingest"
UNTIL = date(2027, 11, 1)
REPLICATION = "HIPAA.Security-S3BucketReplicationEnabled"
CONSUMER = "Consumer/Consumer/Role/Granted/Resource"


def _accept(rule: str, path: str, reason: str) -> Acknowledgement:
    return Acknowledgement(rule=rule, path=path, reason=reason, owner=OWNER, expires=UNTIL)


def _wildcard(resource: str, reason: str) -> Acknowledgement:
    return _accept(f"AwsSolutions-IAM5[Resource::{resource}]", CONSUMER, reason)


ACKNOWLEDGEMENTS: tuple[Acknowledgement, ...] = (
    _wildcard("*", "Traces are written with xray:PutTraceSegments and PutTelemetryRecords, which know no resources."),
    _wildcard("<*.Arn>/*", "Claims are objects under names that intake chooses; the consumer can read them, no more."),
    _wildcard(
        "<*.Arn>/kept/*", "Payloads too large for the table are named after their submission, below this prefix."
    ),
    _wildcard("<*.Arn>/quarantined/*", "Quarantine names each record after its place in the stream; writing alone."),
    _wildcard("<*.Arn>/aws/lambda/*", "Lambda itself names the copies of what it gives up, always below this prefix."),
    _accept(
        "AwsSolutions-KDS3",
        "Stream/Stream/Resource",
        "The rule wants AWS's own key to save requests; patients' data are kept under a key that we control.",
    ),
    _accept(
        "HIPAA.Security-DynamoDBInBackupPlan",
        "Changes/Table/Resource",
        "Production backs the changes up; in other tiers patients are invented, and go with the stack.",
    ),
    _accept(
        "HIPAA.Security-LambdaInsideVPC",
        "Consumer/Consumer/Function/Resource",
        "It calls AWS's own services alone, each by a grant of its own; a network around it would keep nobody out.",
    ),
    _accept(
        REPLICATION,
        "Claims",
        "Large payloads stay in the region that their patients' data are in; another copy is a decision of its own.",
    ),
    _accept(
        REPLICATION,
        "Consumer/Quarantine",
        "Quarantined records wait for days, and the stream has them for a week; versions undo what is overwritten.",
    ),
    _accept(
        REPLICATION,
        "Consumer/Failures",
        "Copies of given-up batches are copies already: the stream in the same region holds the records.",
    ),
)
