"""Which acknowledgements have come to their end. Synth never asks: it does not read the clock."""

from collections.abc import Iterable
from datetime import date, timedelta

from services.library.contract.acknowledgement import Acknowledgement


def expired(acknowledgements: Iterable[Acknowledgement], as_of: date) -> tuple[Acknowledgement, ...]:
    """List those whose last day is over, the oldest first."""
    return _sorted(each for each in acknowledgements if each.expires < as_of)


def expiring(
    acknowledgements: Iterable[Acknowledgement], as_of: date, *, within_days: int = 14
) -> tuple[Acknowledgement, ...]:
    """List those that still hold and will not for longer than this, the next to end first."""
    end = as_of + timedelta(days=within_days)
    return _sorted(each for each in acknowledgements if as_of <= each.expires <= end)


def _sorted(acknowledgements: Iterable[Acknowledgement]) -> tuple[Acknowledgement, ...]:
    return tuple(sorted(acknowledgements, key=lambda each: (each.expires, each.rule, each.path)))
