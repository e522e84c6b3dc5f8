"""What may be said of a URL where people look: in spans, logs and texts of exceptions."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

ID = "{id}"
HOST = re.compile(r"[a-z0-9.:_-]{1,255}")
LONGEST = 16
"""Segments that are named; a path that somebody else made up could have any number."""


def public(url: str, words: Collection[str]) -> str:
    """Return a URL's scheme, host and path, with `{id}` in place of every segment that is not one of the words.

    The words are the ones of an API's paths that its client was written with. An id cannot be told from a word by its
    looks (`Patient/Schmidt`), so everything that is not known is one. No query, no fragment, no user.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ID
    if parts.scheme not in {"http", "https"} or not HOST.fullmatch(host):
        return ID
    segments = parts.path.split("/")
    path = "/".join(segment if segment in words or not segment else ID for segment in segments[: LONGEST + 1])
    more = "/..." if len(segments) > LONGEST + 1 else ""
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{path}{more}"
