"""Named exceptions of intake, and the findings that its owner accepts."""

from services.library.guardrails.acknowledgements import Acknowledgement

ACKNOWLEDGEMENTS: tuple[Acknowledgement, ...] = ()
