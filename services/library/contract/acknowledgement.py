"""The one way to accept a finding: by rule and path, with a reason, an owner and an expiry date."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True)
class Acknowledgement:
    """Accepts one finding of one rule on the smallest construct that it concerns.

    `path` is the construct's path: below the service's stack in a service's acknowledgements.py (so that it holds in
    every stage), from the App in stages/acknowledgements.py. It covers that construct, what is below, and no sibling.
    """

    rule: str
    path: str
    reason: str
    owner: str
    expires: date
