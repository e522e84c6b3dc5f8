"""Which pages may read the answer of a function that makes the whole response of a route."""

from collections.abc import Mapping, Sequence
from typing import Any


def cors_headers(event: Mapping[str, Any], origins: Sequence[str]) -> dict[str, str]:
    """Return the headers by which a page of one of these origins may read the answer to its request.

    `event` is API Gateway's, of a proxy integration; `origins` are those of `ApiSettings.cors_origins`.
    """
    if not origins:
        return {}
    named = (value for name, value in (event.get("headers") or {}).items() if name.lower() == "origin")
    asked = next(named, "")
    allowed = {"Access-Control-Allow-Origin": asked if asked in origins else origins[0]}
    return allowed if len(origins) == 1 else {**allowed, "Vary": "Origin"}
