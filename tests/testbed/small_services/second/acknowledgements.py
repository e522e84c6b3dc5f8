"""The findings that second's owner accepts."""

from datetime import date

from services.library.contract.acknowledgement import Acknowledgement

OWNER = "@example/second"
UNTIL = date(2027, 11, 1)

ACKNOWLEDGEMENTS: tuple[Acknowledgement, ...] = (
    Acknowledgement(
        rule="AwsSolutions-SQS3",
        path="Queue/Resource",
        reason="A message that could not be handled is of no use an hour later, and is dropped.",
        owner=OWNER,
        expires=UNTIL,
    ),
    Acknowledgement(
        rule="Serverless-SQSRedrivePolicy",
        path="Queue/Resource",
        reason="Whatever fails is asked for again by its reader, so nothing has to be sent back here.",
        owner=OWNER,
        expires=UNTIL,
    ),
)
