"""One thing to change, and where: what `penstock validate` prints and app.py stops at."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A mistake in a stage, in the words of who made it."""

    message: str
    """A sentence that says what is wrong and what to do."""
    file: str = ""
    """From the checkout's root."""
    line: int | None = None
    column: int | None = None
    """Both from 1."""
    field: str = ""
    given: str = ""
    allowed: str = ""

    @property
    def place(self) -> str:
        """file:line:column, as far as they are known."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class MistakeError(Exception):
    """Something that was asked for cannot be built; the text says what, where and what is allowed."""
