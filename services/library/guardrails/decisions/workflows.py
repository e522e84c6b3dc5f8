"""What every `Workflow` of the library causes, and the queue of what it could not do."""

import json

from services.library.guardrails.decisions.decision import Cause, Decision
from services.library.guardrails.decisions.functions import XRAY
from services.library.guardrails.decisions.grants import Grant, granted, one_of

SERVICE = "states.amazonaws.com"
TRACE = XRAY | {"xray:GetSamplingRules", "xray:GetSamplingTargets"}
DELIVER_LOGS = frozenset(
    {
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
    }
)
"""https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html"""
LONGEST_RETENTION_SECONDS = 14 * 24 * 3600


def _versions_of_a_function_here(spelled: str, cause: Cause) -> bool:
    functions = cause.beside("AWS::Lambda::Function")
    return spelled in {f"<{each.path}.Arn>:*" for each in functions}


def _logs_errors_without_data(cause: Cause) -> bool:
    match cause.resource.properties.get("LoggingConfiguration"):
        case {"Level": "ERROR", "Destinations": [_, *_], **rest}:
            return rest.get("IncludeExecutionData", False) is False
    return False


def _keeps_what_a_workflow_gave_up(cause: Cause) -> bool:
    """Say whether a workflow writes to the queue, nothing consumes it, and an alarm tells of the first message."""
    arn = json.dumps([cause.resource.logical_id, "Arn"])
    written = [
        text
        for each in cause.beside("AWS::StepFunctions::StateMachine")
        if ":states:::sqs:sendMessage" in (text := json.dumps(each.properties.get("DefinitionString")))
    ]
    sources = cause.beside("AWS::Lambda::EventSourceMapping")
    return (
        cause.resource.properties.get("MessageRetentionPeriod") == LONGEST_RETENTION_SECONDS
        and any(arn in text for text in written)
        and not any(cause.names_it(each.properties.get("EventSourceArn")) for each in sources)
        and any(_watches(each.properties, cause) for each in cause.beside("AWS::CloudWatch::Alarm"))
    )


def _watches(alarm: object, cause: Cause) -> bool:
    match alarm:
        case {
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Dimensions": [{"Name": "QueueName", "Value": queue}],
            "AlarmActions": [_, *_],
        }:
            return cause.names_it(queue)
    return False


DECISIONS = (
    Decision(
        construct="Workflow",
        path=r".+/Role/Granted/Resource",
        rules=("AwsSolutions-IAM5[Resource::*]",),
        holds=granted(Grant(actions=DELIVER_LOGS | TRACE, resources=one_of("*")), to=SERVICE),
        reason="The delivery of a workflow's log and its traces are granted on no resource: these actions know none.",
    ),
    Decision(
        construct="Workflow",
        path=r".+/Role/Granted/Resource",
        rules=("AwsSolutions-IAM5[Resource::<*.Arn>:*]",),
        holds=granted(
            Grant(actions=frozenset({"lambda:InvokeFunction"}), resources=_versions_of_a_function_here), to=SERVICE
        ),
        reason="A workflow may call any version of its stack's own functions, so that a release can move between them.",
    ),
    Decision(
        construct="Workflow",
        path=r".+/StateMachine/Resource",
        rules=("AwsSolutions-SF1",),
        holds=_logs_errors_without_data,
        reason="Outside sandboxes errors alone are logged, without payloads: these would outlive their use in a log;"
        " a Standard workflow's history is in Step Functions for 90 days.",
    ),
    Decision(
        construct="DeadLetterQueue",
        path=r".+/Queue/Resource",
        rules=("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"),
        holds=_keeps_what_a_workflow_gave_up,
        reason="A workflow keeps here what it could not do, which no redrive policy shows: people read it, told by an"
        " alarm, and no consumer could fail and want a next queue.",
    ),
)
