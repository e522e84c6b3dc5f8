"""The findings that the platform team accepts. Paths start at the App."""

from services.library.guardrails.acknowledgements import Acknowledgement

ACKNOWLEDGED: tuple[Acknowledgement, ...] = ()
