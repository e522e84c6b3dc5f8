"""Who may accept what a review finds. It is told by two synths, so that no single one can say whether it is needed."""

from collections.abc import Mapping

from services.library.guardrails.finding import AcceptedBy

PREFIX = "Review-"
ACCEPTED_BY: Mapping[str, AcceptedBy] = {
    "Review-DataLoss": AcceptedBy.PLATFORM,
    "Review-ApprovalRemoved": AcceptedBy.PLATFORM,
    "Review-AdministratorAccess": AcceptedBy.PLATFORM,
    "Review-StackMoved": AcceptedBy.PLATFORM,
    "Review-StackOrphaned": AcceptedBy.PLATFORM,
    "Review-StageRemoved": AcceptedBy.PLATFORM,
    "Review-PossibleDataLoss": AcceptedBy.PLATFORM,
    "Review-UnknownData": AcceptedBy.PLATFORM,
    "Review-SecretLost": AcceptedBy.SERVICE,
    "Review-AddressLost": AcceptedBy.SERVICE,
    "Review-InstanceLost": AcceptedBy.SERVICE,
    "Review-DataExpire": AcceptedBy.PLATFORM,
    "Review-RecoveryEnds": AcceptedBy.PLATFORM,
    "Review-SecretRegenerated": AcceptedBy.SERVICE,
    "Review-EncryptionWeakened": AcceptedBy.PLATFORM,
    "Review-CannotShift": AcceptedBy.SERVICE,
    "Review-WillFail": AcceptedBy.SERVICE,
    "Review-Replacement": AcceptedBy.SERVICE,
    "Review-OpenToTheWorld": AcceptedBy.PLATFORM,
    "Review-WildcardAccess": AcceptedBy.SERVICE,
    "Review-GuardDropped": AcceptedBy.PLATFORM,
    "Review-ExportInUse": AcceptedBy.SERVICE,
    "Review-TerminationProtectionOff": AcceptedBy.PLATFORM,
    "Review-CrossEnvironment": AcceptedBy.PLATFORM,
    "Review-PrivilegedBuild": AcceptedBy.PLATFORM,
    "Review-PipelineControl": AcceptedBy.PLATFORM,
    "Review-PossibleReplacement": AcceptedBy.SERVICE,
    "Review-MessagesLost": AcceptedBy.SERVICE,
    "Review-LogsLost": AcceptedBy.SERVICE,
    "Review-CacheLost": AcceptedBy.SERVICE,
    "Review-CustomResource": AcceptedBy.SERVICE,
    "Review-UnknownProperty": AcceptedBy.SERVICE,
    "Review-Snapshot": AcceptedBy.SERVICE,
    "Review-LeftBehind": AcceptedBy.SERVICE,
    "Review-StackRemoved": AcceptedBy.PLATFORM,
    "Review-AccessBroadened": AcceptedBy.SERVICE,
    "Review-AccessUnknown": AcceptedBy.SERVICE,
    "Review-PipelineChanged": AcceptedBy.PLATFORM,
    "Review-ExportRemoved": AcceptedBy.SERVICE,
    "Review-Transform": AcceptedBy.SERVICE,
    "Review-Adopted": AcceptedBy.SERVICE,
}
"""The rules of pipeline/review/judge/rules.json that anybody may accept; a test keeps the two in step."""


def is_review_rule(rule: str) -> bool:
    """Say whether a rule is judged by `penstock review`, and not by guardrails."""
    return rule.startswith(PREFIX)
