"""The findings that first's owner accepts."""

from datetime import date

from services.library.contract.acknowledgement import Acknowledgement

OWNER = "@example/first"
UNTIL = date(2027, 11, 1)

ACKNOWLEDGEMENTS: tuple[Acknowledgement, ...] = (
    Acknowledgement(
        rule="AwsSolutions-SQS3",
        path="Queue/Resource",
        reason="Whoever sends a message keeps it until it was handled, and sends it again.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="Serverless-SQSRedrivePolicy",
        path="Queue/Resource",
        reason="There is no consumer that could fail: people read the messages by hand.",
        owner=OWNER,
        expires=UNTIL,
    ),
)
