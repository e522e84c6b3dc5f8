"""The findings that the owner of ingest accepts; paths start below its stack."""

from datetime import date

from services.library.contract.acknowledgement import Acknowledgement

OWNER = "@example/ingest"
UNTIL = date(2027, 11, 1)
CONSUMER = "Consumer/Consumer/Role/Granted/Resource"

ACKNOWLEDGEMENTS: tuple[Acknowledgement, ...] = (
    Acknowledgement(
        rule="AwsSolutions-IAM5[Resource::<*.Arn>/*]",
        path=CONSUMER,
        reason="Claims are objects under names that intake chooses; the consumer can read them, no more.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="AwsSolutions-IAM5[Resource::<*.Arn>/kept/*]",
        path=CONSUMER,
        reason="Payloads too large for the table are named after their submission, below this prefix.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="HIPAA.Security-S3BucketReplicationEnabled",
        path="Claims/Bucket/Resource",
        reason="Large payloads stay in the region that their patients' data are in; another copy is a decision of its"
        " own.",
        owner=OWNER,
        expires=UNTIL,
    ),
)
