"""Verifies signed tokens (JWT) of one issuer, by the keys that it publishes.

- The algorithm is pinned: a token's own word for it counts only if it is one of those that were allowed, none of which
  has a shared secret. A key that is published for something else, or is too short, is not used.
- A token names its key. One that is not known is looked for again, since issuers replace their keys, but not more often
  than every 10 seconds, whoever asks. Keys that cannot be fetched anew stay good for a day.
- What a token must say: who issued it, for whom it is, about whom, and until when; if it says from when, that counts.

https://www.rfc-editor.org/rfc/rfc8725 https://www.rfc-editor.org/rfc/rfc7517
"""

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt

KEPT_SECONDS = 3_600
"""How long keys are used before they are fetched again."""
LONGEST_SECONDS = 86_400
"""How long keys are used that cannot be fetched again."""
INTERVAL_SECONDS = 10
"""The shortest time between two fetches."""
FETCH_SECONDS = 3
LARGEST_BYTES = 256 * 1024
LEEWAY_SECONDS = 30
"""How far the issuer's clock may be from this one."""
SHORTEST_RSA_BITS = 2_048
REQUIRED = ("iss", "aud", "sub", "exp")


class TokenRefused(Exception):  # noqa: N818 - of the caller's, and no failure here
    """The token lets nobody in; `reason` says why, and quotes nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeysUnavailable(Exception):  # noqa: N818 - names the state
    """The issuer's keys cannot be fetched, and none are known that are still good."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Whom keys come from is a setting, and no answer of anybody's changes it."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


def fetch(url: str) -> Mapping[str, Any]:
    """Return the JSON document at a URL."""
    # Not httpx, whose import costs a cold start more than this fetch does.
    with urllib.request.build_opener(_NoRedirect).open(url, timeout=FETCH_SECONDS) as answer:
        content: Mapping[str, Any] = json.loads(answer.read(LARGEST_BYTES))
    return content


@dataclass(kw_only=True)
class KeySet:
    """An issuer's published keys, by their ids."""

    url: str
    fetch: Callable[[str], Mapping[str, Any]] = fetch
    clock: Callable[[], float] = time.time
    _keys: dict[str, jwt.PyJWK] = field(default_factory=dict, init=False)
    _fetched: float = field(default=float("-inf"), init=False)
    _tried: float = field(default=float("-inf"), init=False)

    def find(self, id_: str) -> jwt.PyJWK | None:
        """Return a key; None if the issuer publishes none by this id. Raises KeysUnavailable."""
        now = self.clock()
        if (id_ not in self._keys or now - self._fetched > KEPT_SECONDS) and now - self._tried >= INTERVAL_SECONDS:
            self._refresh(now)
        if now - self._fetched > LONGEST_SECONDS:
            raise KeysUnavailable
        return self._keys.get(id_)

    def _refresh(self, now: float) -> None:
        self._tried = now
        try:
            published = self.fetch(self.url)["keys"]
            self._keys = {key.key_id: key for key in map(_usable, published) if key is not None and key.key_id}
            self._fetched = now
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return  # the old ones are good for a while


def _usable(published: Mapping[str, Any]) -> jwt.PyJWK | None:
    """Return a published key; None if it is for something else, of a kind that is not known, or too short."""
    if published.get("use", "sig") != "sig" or published.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    try:
        key = jwt.PyJWK(dict(published))
    except jwt.PyJWTError:
        return None
    if published["kty"] == "RSA" and key.key.key_size < SHORTEST_RSA_BITS:
        return None
    return key


@dataclass(frozen=True, kw_only=True)
class TokenVerifier:
    """Says what a token claims, once it is certain who says it, for whom, and for how long."""

    issuer: str
    audiences: tuple[str, ...]
    """One of them is the token's."""
    algorithms: tuple[str, ...]
    keys: KeySet

    def verify(self, token: str) -> Mapping[str, Any]:
        """Return the claims. Raises TokenRefused, or KeysUnavailable if nobody can tell."""
        try:
            head = jwt.get_unverified_header(token)
            if head["alg"] not in self.algorithms:
                raise TokenRefused("AnotherAlgorithm")
            if "crit" in head:  # says that whoever does not know an extension must refuse the token
                raise TokenRefused("UnknownExtension")
            key = self.keys.find(str(head.get("kid", "")))
            if key is None:
                raise TokenRefused("UnknownKey")
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key=key,
                algorithms=list(self.algorithms),
                audience=list(self.audiences),
                issuer=self.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": list(REQUIRED)},
            )
        except (jwt.PyJWTError, UnicodeError) as error:
            raise TokenRefused(type(error).__name__) from None
        return claims
