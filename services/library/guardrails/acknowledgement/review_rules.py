"""Who may accept what a review finds. It is told by two synths, so that no single one can say whether it is needed."""

from collections.abc import Mapping

from services.library.guardrails.finding import Accepter

PREFIX = "Review-"
ACCEPTED_BY: Mapping[str, Accepter] = {
    "Review-DataLoss": Accepter.PLATFORM,
    "Review-ApprovalRemoved": Accepter.PLATFORM,
    "Review-AdministratorAccess": Accepter.PLATFORM,
    "Review-StackMoved": Accepter.PLATFORM,
    "Review-StackOrphaned": Accepter.PLATFORM,
    "Review-StageRemoved": Accepter.PLATFORM,
    "Review-PossibleDataLoss": Accepter.PLATFORM,
    "Review-Replacement": Accepter.SERVICE,
    "Review-OpenToTheWorld": Accepter.PLATFORM,
    "Review-WildcardAccess": Accepter.SERVICE,
    "Review-GuardDropped": Accepter.PLATFORM,
    "Review-ExportInUse": Accepter.SERVICE,
    "Review-TerminationProtectionOff": Accepter.PLATFORM,
    "Review-CrossEnvironment": Accepter.PLATFORM,
    "Review-PrivilegedBuild": Accepter.PLATFORM,
    "Review-PossibleReplacement": Accepter.SERVICE,
    "Review-CustomResource": Accepter.SERVICE,
    "Review-UnknownProperty": Accepter.SERVICE,
    "Review-Snapshot": Accepter.SERVICE,
    "Review-LeftBehind": Accepter.SERVICE,
    "Review-StackRemoved": Accepter.PLATFORM,
    "Review-AccessBroadened": Accepter.SERVICE,
    "Review-AccessUnknown": Accepter.SERVICE,
    "Review-PipelineChanged": Accepter.PLATFORM,
    "Review-ExportRemoved": Accepter.SERVICE,
    "Review-Transform": Accepter.SERVICE,
}
"""The rules of pipeline/review/judge/rules.json that anybody may accept; a test keeps the two in step."""


def is_review_rule(rule: str) -> bool:
    """Whether a rule is judged by `penstock review`, and not by guardrails."""
    return rule.startswith(PREFIX)
