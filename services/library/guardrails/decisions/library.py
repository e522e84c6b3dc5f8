"""All that the library decides. A company that decides otherwise takes a decision out and answers the finding."""

from services.library.guardrails.decisions import apis, functions, stores, workflows
from services.library.guardrails.decisions.decision import Decision

DECISIONS: tuple[Decision, ...] = (
    *functions.DECISIONS,
    *workflows.DECISIONS,
    *apis.DECISIONS,
    *stores.DECISIONS,
)
