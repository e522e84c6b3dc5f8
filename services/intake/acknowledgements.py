"""The findings that the owner of intake accepts; paths start below its stack."""

from datetime import date

from services.library.contract.acknowledgement import Acknowledgement

ACKNOWLEDGEMENTS: tuple[Acknowledgement, ...] = (
    Acknowledgement(
        rule="AwsSolutions-IAM5[Resource::arn:aws:s3:::<*>/claims/*]",
        path="Claims/Role/Granted/Resource",
        reason="A claim is named after its request, so what may be uploaded is everything below claims/ and no more.",
        owner="@example/intake",
        expires=date(2027, 11, 1),
    ),
)
