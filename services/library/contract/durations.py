"""Durations in the units that AWS counts in: a part of one is refused here, and not in the CDK's words."""

from typing import Literal

import aws_cdk as cdk

SYMBOLS = {"seconds": "s", "minutes": "min", "hours": "h", "days": "days"}


def whole(value: cdk.Duration, unit: Literal["seconds", "minutes", "hours", "days"], setting: str) -> int:
    """Return how many units a setting lasts. Raises ValueError for a part of one."""
    count: float = getattr(value, f"to_{unit}")(integral=False)
    if count % 1:
        raise ValueError(
            f"{setting}={count:g} {SYMBOLS[unit]} is not allowed; give whole {unit}: AWS counts in nothing smaller."
        )
    return int(count)
