"""Diagnostics, by the codes that the API documents."""

from dataclasses import dataclass

DUPLICATE_NAME = "DUPLICATE_STATE_NAME"
INVALID_JSON = "INVALID_JSON_DESCRIPTION"
INVALID_NAME = "INVALID_STATE_NAME"
NO_END = "MISSING_END_STATE"
NO_TARGET = "MISSING_TRANSITION_TARGET"
SCHEMA = "SCHEMA_VALIDATION_FAILED"


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """What is wrong, and where: `/States/Choose/Choices[0]/Next`."""

    code: str = SCHEMA
    message: str
    location: str | None

    def __str__(self) -> str:
        """Return it as CreateStateMachine writes it."""
        return f"{self.code}: {self.message} at {self.location or 'null'}"
