"""Pages of one search, and the tokens of the links to them: random, so that nobody can build one, and soon expired."""

import base64
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

PAGE_LIMIT = 100
"""https://docs.aws.amazon.com/healthlake/latest/devguide/reference-fhir-search-parameters.html: as many at most, and
here also by default."""
LIFETIME_SECONDS = 600.0
KEPT = 20_000


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some of what was found when the first page was asked for; later writes change no page."""

    of: str
    """Which path it is a page of: a token is good for no other."""
    query: tuple[tuple[str, str], ...]
    """The parameters that the links repeat."""
    found: Sequence[Any]
    render: Callable[[Sequence[Any]], list[str]]
    """The entries of a Bundle, as texts, for some of what was found."""
    kind: str
    size: int
    total: int | None
    start: int = 0
    expires: float = 0.0

    def entries(self) -> list[str]:
        """Return the entries of this page."""
        return self.render(self.found[self.start : self.start + self.size])


@dataclass(kw_only=True)
class Pages:
    """The pages that can still be asked for. They do not outlive the process: a client starts again."""

    now: Callable[[], float] = time.time
    _known: dict[str, Page] = field(default_factory=dict)

    def of(self, token: str, path: str, query: Sequence[tuple[str, str]]) -> Page | None:
        """Return a token's page, as often as it is asked for. None if the token is not good, or not for this query."""
        page = self._known.get(token)
        if page is None or page.of != path or page.expires <= self.now():
            return None
        return page if not query or sorted(query) == sorted(page.query) else None

    def after(self, page: Page) -> str | None:
        """Return the token of the page that follows, None after the last."""
        start = page.start + page.size
        if start >= len(page.found):
            return None
        # 49 bytes, so that there is padding: HealthLake's links have it as it is, where a signature has it encoded.
        token = f"AAMA-{base64.urlsafe_b64encode(secrets.token_bytes(49)).decode()}"
        self._known[token] = replace(page, start=start, expires=self.now() + LIFETIME_SECONDS)
        self._forget()
        return token

    def _forget(self) -> None:
        """The oldest first: they stand in the order in which they were given out."""
        now = self.now()
        for token in list(self._known):
            if len(self._known) <= KEPT and self._known[token].expires > now:
                return
            del self._known[token]
