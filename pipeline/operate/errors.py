"""What can go wrong with a command on the deployed pipeline."""

from collections.abc import Iterable
from difflib import get_close_matches


class OperateError(Exception):
    """One clear sentence about what is the matter, and what to do now."""


def suggested(given: str, known: Iterable[str]) -> str:
    """Return a space and the question whether the nearest known name was meant; "" if none is near."""
    nearest = get_close_matches(given, list(known), n=1)
    return f" Did you mean {nearest[0]}?" if nearest else ""
