"""Fields of payloads and events, checked where they enter."""

import re
from collections.abc import Callable, Mapping
from typing import Any

FHIR_ID = re.compile(r"(?!\.+\Z)[A-Za-z0-9.-]{1,64}")
"""Not of dots alone: in a path those would lead somewhere else."""
REQUEST_ID = re.compile(r"[\x21-\x7e]{1,80}")
"""An execution's name, or what a client calls its submission."""


def text(content: Mapping[str, Any], name: str, allowed: re.Pattern[str], *, error: Callable[[str], Exception]) -> str:
    """Return a field that must be a text of this form. Raises the error with the field's name, never its value."""
    value = content.get(name)
    if not isinstance(value, str) or not allowed.fullmatch(value):
        raise error(name)
    return value
