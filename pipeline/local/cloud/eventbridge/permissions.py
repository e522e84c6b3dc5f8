"""Rules call their targets as the target's role or, without one, as EventBridge itself, by the target's own policy.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
"""

from collections.abc import Sequence

from pipeline.local.cloud.emulator import AwsError, Emulator, Json
from pipeline.local.cloud.iam.permissions import Permissions

SERVICE, SESSION = "events.amazonaws.com", "events"
ACTIONS = {
    "codebuild": "codebuild:StartBuild",
    "codepipeline": "codepipeline:StartPipelineExecution",
    "events": "events:PutEvents",
    "kinesis": "kinesis:PutRecord",
    "lambda": "lambda:InvokeFunction",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
    "states": "states:StartExecution",
}
"""What a target of each service needs, but log groups."""
LOG_GROUP = ("logs:CreateLogStream", "logs:PutLogEvents")
"""What writing into a log group needs.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions
"""
OF_BUS = ("kms:GenerateDataKey", "kms:Decrypt")
"""What EventBridge does with the key of a bus, for each event.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-key-policy.html
"""
LOOKED_FOR = ("lambda", "sns", "sqs", "states")
"""Targets that are looked for before anybody asks whether they may be called."""


class RulePermissions:
    """Says what the rules of this cloud may not do."""

    def __init__(self, emulator: Emulator) -> None:
        self._permissions = emulator.part(Permissions)

    def refusal(self, target: Json, rule: Json, event: Json) -> str | None:
        """Say why a rule may not call a target with an event; None if it may."""
        arn, role = str(target.get("Arn", "")), target.get("RoleArn") or rule.get("RoleArn")
        if service_of(arn) == "logs":
            stream = f"{arn.removesuffix(':*')}:log-stream:{name_of_stream(event)}"
            return self._first_refusal(LOG_GROUP, stream, rule)
        action = ACTIONS.get(service_of(arn))
        if action is None:
            return f"The local cloud delivers to no target such as {arn}"
        keys = {"events:source": str(event.get("Source", "")), "events:detail-type": str(event.get("DetailType", ""))}
        if not role and action == "events:PutEvents":
            # Another account's bus lets this account in, not EventBridge.
            account = self._permissions.call_as_account(str(rule.get("Arn", "")).split(":")[4])
            return account.refusal(action, arn, keys=keys)
        if not role:
            return self._refusal_of_service(action, arn, rule)
        try:
            source = str(rule.get("Arn", ""))
            calls = self._permissions.call_as_role(role, SESSION, service=SERVICE, source=source)
            return calls.refusal(action, arn, keys=keys if action == "events:PutEvents" else None)
        except AwsError as error:
            return error.message

    def may_send_to_dead_letter_queue(self, queue: str, rule: Json) -> bool:
        """Tell whether a queue's policy lets a rule, or a bus, keep there what it could not deliver."""
        return self._refusal_of_service("sqs:SendMessage", queue, rule) is None

    def refusal_of_bus_key(self, bus: Json, key: str) -> str | None:
        """Say why EventBridge may not use the key of a bus; None if it may."""
        context: dict[str, str | list[str]] = {
            "kms:EncryptionContextKeys": ["aws:events:event-bus:arn"],
            "kms:EncryptionContext:aws:events:event-bus:arn": str(bus["Arn"]),
        }
        return self._first_refusal(OF_BUS, key, bus, **context)

    def _first_refusal(self, actions: Sequence[str], arn: str, rule: Json, **keys: str | list[str]) -> str | None:
        refusals = (self._refusal_of_service(action, arn, rule, **keys) for action in actions)
        return next(filter(None, refusals), None)

    def _refusal_of_service(self, action: str, arn: str, rule: Json, **keys: str | list[str]) -> str | None:
        source = str(rule.get("Arn", ""))
        of_source = (
            {"aws:sourcearn": source, "aws:sourceaccount": source.split(":")[4]} if source.count(":") >= 5 else {}
        )
        return self._permissions.call_as_service(SERVICE).refusal(action, arn, keys={**of_source, **keys})


def name_of_stream(event: Json) -> str:
    """Return the log stream that an event is written into: one of its own."""
    return str(event.get("EventId") or "events")


def service_of(arn: str) -> str:
    """Return the service of a target."""
    return arn.split(":")[2] if arn.count(":") >= 5 else ""
