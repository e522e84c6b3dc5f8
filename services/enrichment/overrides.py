"""Named exceptions of enrichment, and the findings that its owner accepts."""

from datetime import date

from services.library.contract.acknowledgement import Acknowledgement

OWNER = "@example/enrichment"
UNTIL = date(2027, 11, 1)


def _accept(rule: str, path: str, reason: str) -> Acknowledgement:
    return Acknowledgement(rule=rule, path=path, reason=reason, owner=OWNER, expires=UNTIL)


ACKNOWLEDGEMENTS: tuple[Acknowledgement, ...] = (
    _accept(
        "AwsSolutions-IAM5[Resource::*]",
        "Enrich/Role/Granted/Resource",
        "Tracing is granted on no resource: X-Ray's two actions know none. The table is named by its ARN.",
    ),
    _accept(
        "AwsSolutions-IAM5[Resource::*]",
        "Compensate/Role/Granted/Resource",
        "It may write trace segments, for which IAM knows no resources, and items of one table.",
    ),
    _accept(
        "AwsSolutions-IAM5[Resource::*]",
        "Workflow/Role/Granted/Resource",
        "Log delivery and trace segments of a workflow are granted on no resource, and only write.",
    ),
    _accept(
        "AwsSolutions-IAM5[Resource::<*.Arn>:*]",
        "Workflow/Role/Granted/Resource",
        "Its two functions in any version, so that a release can move from one version to the next.",
    ),
    _accept(
        "AwsSolutions-SF1",
        "Workflow/StateMachine/Resource",
        "Outside sandboxes errors alone are logged: an execution's history, with its patient, stays in Step Functions.",
    ),
    _accept(
        "AwsSolutions-SQS3",
        "DeadLetters/Queue/Resource",
        "The workflow itself writes here what it could not do, which no redrive policy shows.",
    ),
    _accept(
        "Serverless-SQSRedrivePolicy",
        "DeadLetters/Queue/Resource",
        "Nothing consumes this queue but people, who delete a message once its change is enriched.",
    ),
    _accept(
        "HIPAA.Security-DynamoDBInBackupPlan",
        "Enrichments/Table/Resource",
        "In production it is in a plan; before that patients are invented, and the partner can be asked again.",
    ),
    _accept(
        "HIPAA.Security-LambdaInsideVPC",
        "Enrich/Function/Resource",
        "It calls a partner on the internet over TLS; from a VPC it would do the same through one more gateway.",
    ),
    _accept(
        "HIPAA.Security-LambdaInsideVPC",
        "Compensate/Function/Resource",
        "DynamoDB and X-Ray are all that it can reach with its role, in a network of ours or not.",
    ),
)
