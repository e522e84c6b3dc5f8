"""Calls to a host's HTTP API, with the standard library alone: the posting job installs nothing."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

SECONDS = 30
MOST_PAGES = 50


class ApiError(RuntimeError):
    """The host refused, in its own words."""


class Api:
    """One host. `headers` hold the token, which no other address is ever sent: redirects are not followed."""

    def __init__(self, address: str, headers: Mapping[str, str]) -> None:
        if urllib.parse.urlsplit(address).scheme not in ("https", "http"):
            raise ApiError(f"{address!r} is no address of an API: expected https://...")
        self._address = address.rstrip("/")
        self._headers = dict(headers)
        self._opener = urllib.request.build_opener(_NoRedirects())

    def call(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Any:  # a host's JSON
        """Return the answer to one call.

        Raises:
            ApiError: if the host answers with an error or not at all.
        """
        body = None if content is None else json.dumps(content).encode()
        headers = {**self._headers, "Content-Type": "application/json", "User-Agent": "penstock-review"}
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            f"{self._address}{path}", data=body, headers=headers, method=method
        )
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            said = error.read(500).decode(errors="replace")
            raise ApiError(f"{method} {path} was answered with {error.code}: {said}") from error
        except (OSError, ValueError) as error:
            raise ApiError(f"{method} {path} had no answer: {error}") from error

    def pages(self, path: str) -> Iterator[Any]:
        """Yield every entry of a list that comes in pages."""
        joined = "&" if "?" in path else "?"
        for page in range(1, MOST_PAGES + 1):
            entries = self.call("GET", f"{path}{joined}per_page=100&page={page}")
            yield from entries
            if len(entries) < 100:
                return


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """None: an error then, instead of a second address that gets the token."""
