"""Tokens of an issuer: who is let in, and everything that is nearly a good token."""

import base64
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import pytest

from services.library.runtime import token_authorizer
from services.library.runtime.logging import logger_for
from services.library.runtime.token_authorizer import TokenAuthorizer, principal
from services.library.runtime.tokens import (
    INTERVAL_SECONDS,
    KEPT_SECONDS,
    LONGEST_SECONDS,
    KeySet,
    KeysUnavailable,
    TokenRefused,
    TokenVerifier,
    fetch,
)
from tests.testbed.issuer import AUDIENCE, EC, RSA, LocalIssuer, published

ARN = "arn:aws:execute-api:eu-west-1:111111111111:api123/v1/POST/orders/7"


@dataclass(frozen=True)
class FromNow:
    """A time in a claim, counted from when the test runs, which is minutes after the file was read."""

    seconds: int


def timed(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Claims with their times as numbers."""
    now = int(time.time())
    return {name: now + value.seconds if isinstance(value, FromNow) else value for name, value in claims.items()}


class Publisher:
    """What fetches keys, and the clock by which that is done."""

    def __init__(self, issuer: LocalIssuer) -> None:
        self.issuer = issuer
        self.now = 1_000_000.0
        self.fetches = 0
        self.fails = False

    def fetch(self, url: str) -> Mapping[str, Any]:
        assert url == "keys"
        self.fetches += 1
        if self.fails:
            raise TimeoutError
        return self.issuer.published()

    def key_set(self) -> KeySet:
        return KeySet(url="keys", fetch=self.fetch, clock=lambda: self.now)


@pytest.fixture(scope="module")
def issuer() -> LocalIssuer:
    made = LocalIssuer(url="https://login.example.com/")
    made.add("rsa", RSA)
    made.add("ec", EC)
    made.add("short", RSA, bits=1_024)
    return made


def verifier(issuer: LocalIssuer, *algorithms: str, keys: KeySet | None = None) -> TokenVerifier:
    return TokenVerifier(
        issuer=issuer.url,
        audiences=("another", AUDIENCE),
        algorithms=algorithms or (RSA, EC),
        keys=keys or Publisher(issuer).key_set(),
    )


def forged(issuer: LocalIssuer, algorithm: str) -> str:
    """A token that is signed with what everybody knows: nothing, or the public key as if it were a secret."""
    head = {"alg": algorithm, "kid": "rsa", "typ": "JWT"}
    claims = timed({"iss": issuer.url, "aud": AUDIENCE, "sub": "ann", "exp": FromNow(60)})
    content = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (head, claims)
    )
    if algorithm == "none":
        return f"{content}."
    secret = json.dumps(issuer.public("rsa")).encode()
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(content.encode(), secret)
    return f"{content}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


class TestVerification:
    @pytest.mark.parametrize("key", ["rsa", "ec"])
    @pytest.mark.parametrize(
        "claims",
        [
            {},
            {"aud": ["x", AUDIENCE]},
            *({name: FromNow(seconds)} for name, seconds in (("nbf", -5), ("exp", -5), ("nbf", 5), ("iat", 0))),
        ],
    )
    def test_a_good_token_says_who_it_is_about(self, issuer: LocalIssuer, key: str, claims: dict[str, Any]) -> None:
        """Clocks may be 30 seconds apart."""
        assert verifier(issuer).verify(issuer.token(key, **timed(claims)))["sub"] == "auth0|ann"

    @pytest.mark.parametrize(
        ("claims", "reason"),
        [
            ({"exp": FromNow(-60)}, "ExpiredSignatureError"),
            ({"exp": None}, "MissingRequiredClaimError"),
            ({"exp": "tomorrow"}, "DecodeError"),
            ({"nbf": FromNow(600)}, "ImmatureSignatureError"),
            ({"iat": FromNow(600)}, "ImmatureSignatureError"),
            ({"iss": "https://login.example.com"}, "InvalidIssuerError"),
            ({"iss": None}, "MissingRequiredClaimError"),
            ({"aud": "https://orders.example.com.evil"}, "InvalidAudienceError"),
            ({"aud": None}, "MissingRequiredClaimError"),
            ({"aud": []}, "MissingRequiredClaimError"),
            ({"sub": None}, "MissingRequiredClaimError"),
            ({"sub": 7}, "InvalidSubjectError"),
        ],
    )
    def test_claims_of_another_time_issuer_or_audience_are_refused(
        self, issuer: LocalIssuer, claims: dict[str, Any], reason: str
    ) -> None:
        with pytest.raises(TokenRefused) as refused:
            verifier(issuer).verify(issuer.token("ec", **timed(claims)))
        assert refused.value.reason == reason

    @pytest.mark.parametrize("algorithm", ["none", "HS256"])
    def test_a_token_that_names_its_own_algorithm_is_refused(self, issuer: LocalIssuer, algorithm: str) -> None:
        with pytest.raises(TokenRefused, match="AnotherAlgorithm"):
            verifier(issuer).verify(forged(issuer, algorithm))

    @pytest.mark.parametrize(
        ("head", "reason"),
        [
            ({"kid": "unknown"}, "UnknownKey"),
            ({"kid": "short"}, "UnknownKey"),
            ({"kid": "rsa"}, "InvalidAlgorithmError|InvalidSignatureError|InvalidKeyError"),
            ({"crit": ["exp"]}, "UnknownExtension|InvalidTokenError"),
            ({"jwk": {"kty": "oct", "k": "c2VjcmV0"}, "kid": "unknown"}, "UnknownKey"),
            ({"jku": "https://evil.example.com/keys", "kid": "unknown"}, "UnknownKey"),
        ],
    )
    def test_a_head_that_names_another_key_is_refused(
        self, issuer: LocalIssuer, head: dict[str, Any], reason: str
    ) -> None:
        with pytest.raises(TokenRefused, match=reason):
            verifier(issuer).verify(issuer.token("ec", head=head))

    def test_an_algorithm_that_is_not_allowed_is_refused_though_its_key_is_published(self, issuer: LocalIssuer) -> None:
        with pytest.raises(TokenRefused, match="AnotherAlgorithm"):
            verifier(issuer, RSA).verify(issuer.token("ec"))

    @pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "....", "\ud800", "eyJhbGciOiJFUzI1NiJ9.e30.x" * 3])
    def test_what_is_no_token_is_refused(self, issuer: LocalIssuer, token: str) -> None:
        with pytest.raises(TokenRefused):
            verifier(issuer).verify(token)

    def test_a_changed_claim_is_refused(self, issuer: LocalIssuer) -> None:
        head, _, signature = issuer.token("ec").split(".")
        _, claims, _ = issuer.token("ec", sub="somebody else").split(".")
        with pytest.raises(TokenRefused, match="InvalidSignatureError"):
            verifier(issuer).verify(f"{head}.{claims}.{signature}")

    def test_keys_for_something_else_are_not_used(self, issuer: LocalIssuer) -> None:
        used = {**issuer.public("ec"), "use": "enc"}
        shared = {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"}
        keys = KeySet(url="keys", fetch=lambda _: {"keys": [used, shared, {"kty": "EC", "kid": "broken"}]})
        assert [keys.find(each) for each in ("ec", "shared", "broken")] == [None] * 3


class TestKeys:
    def test_a_new_key_is_fetched_when_a_token_names_it_and_unknown_ones_fetch_little(self) -> None:
        issuer = LocalIssuer()
        issuer.add("first")
        publisher = Publisher(issuer)
        keys = publisher.key_set()
        assert keys.find("first")
        issuer.add("second")
        assert keys.find("second") is None  # as nobody may have keys fetched all the time
        publisher.now += INTERVAL_SECONDS
        assert keys.find("second")
        for number in range(100):
            assert keys.find(f"unknown {number}") is None
        assert publisher.fetches == 2

    def test_a_key_that_is_published_no_more_is_used_for_an_hour(self) -> None:
        issuer = LocalIssuer()
        issuer.add("first")
        publisher = Publisher(issuer)
        keys = publisher.key_set()
        assert keys.find("first")
        issuer.keys.clear()
        publisher.now += KEPT_SECONDS
        assert keys.find("first")
        publisher.now += 1
        assert keys.find("first") is None

    def test_keys_that_cannot_be_fetched_stay_good_for_a_day(self) -> None:
        issuer = LocalIssuer()
        issuer.add("first")
        publisher = Publisher(issuer)
        keys = publisher.key_set()
        assert keys.find("first")
        publisher.fails = True
        publisher.now += LONGEST_SECONDS
        assert keys.find("first")
        publisher.now += 1
        with pytest.raises(KeysUnavailable):
            keys.find("first")
        publisher.fails = False
        publisher.now += INTERVAL_SECONDS
        assert keys.find("first")

    def test_without_keys_nobody_can_tell_whether_a_token_is_good(self) -> None:
        publisher = Publisher(LocalIssuer())
        publisher.fails = True
        with pytest.raises(KeysUnavailable):
            publisher.key_set().find("first")

    @pytest.mark.parametrize("document", [[], {}, {"keys": 1}, {"keys": [None]}, {"keys": ["x"]}])
    def test_what_is_no_key_set_is_as_if_it_could_not_be_fetched(self, document: Any) -> None:
        with pytest.raises(KeysUnavailable):
            KeySet(url="keys", fetch=lambda _: document).find("first")

    def test_keys_come_over_http_from_the_named_place_alone(self) -> None:
        with published() as issuer:
            issuer.add("first")
            assert fetch(f"{issuer.url}keys") == issuer.published()
            with pytest.raises(OSError, match="404"):
                fetch(f"{issuer.url}other")


class TestAuthorizer:
    @pytest.fixture
    def authorizer(self, issuer: LocalIssuer) -> TokenAuthorizer:
        return TokenAuthorizer(verifier(issuer), scopes=frozenset({"orders/read", "orders/write"}))

    def answer(self, authorizer: TokenAuthorizer, token: str, scheme: str = "Bearer ") -> dict[str, Any]:
        return authorizer.answer({"type": "TOKEN", "authorizationToken": f"{scheme}{token}", "methodArn": ARN})

    @pytest.mark.parametrize(
        ("claims", "effect"),
        [
            ({"scope": "profile orders/read"}, "Allow"),
            ({"scp": ["orders/write"]}, "Allow"),
            ({"scp": "orders/write"}, "Allow"),
            ({"scope": "profile"}, "Deny"),
            ({"scope": "orders"}, "Deny"),
            ({}, "Deny"),
        ],
    )
    def test_a_token_must_allow_one_of_the_scopes(
        self, authorizer: TokenAuthorizer, issuer: LocalIssuer, claims: dict[str, Any], effect: str
    ) -> None:
        answered = self.answer(authorizer, issuer.token("ec", **timed(claims)))
        (statement,) = answered["policyDocument"]["Statement"]
        assert statement["Effect"] == effect

    @pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", ""])
    def test_the_answer_is_for_the_whole_stage_and_says_who_calls(
        self, authorizer: TokenAuthorizer, issuer: LocalIssuer, scheme: str
    ) -> None:
        """API Gateway keeps it, and asks no more for another method."""
        answered = self.answer(authorizer, issuer.token("ec", scope="orders/read"), scheme)
        (statement,) = answered["policyDocument"]["Statement"]
        assert statement["Resource"] == "arn:aws:execute-api:eu-west-1:111111111111:api123/v1/*"
        assert answered["context"] == {"sub": "auth0|ann", "iss": issuer.url, "scope": "orders/read"}
        known = hashlib.sha256(json.dumps([issuer.url, "auth0|ann"]).encode()).hexdigest()[:32]
        assert answered["principalId"] == known

    def test_two_issuers_subjects_of_one_name_are_two(self) -> None:
        assert principal("https://a/", "ann") != principal("https://b/", "ann")
        assert principal("https://a/b", "c") != principal("https://a/", "bc")

    def test_whoever_is_not_let_in_is_denied_without_an_error_and_nothing_of_the_token_is_logged(
        self,
        authorizer: TokenAuthorizer,
        issuer: LocalIssuer,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(token_authorizer, "logger", logger_for("authorizer", fields=token_authorizer.FIELDS))
        token = issuer.token("ec", sub="Schmidt", exp=timed({"exp": FromNow(-60)})["exp"])
        answered = self.answer(authorizer, token)
        assert answered["policyDocument"]["Statement"][0]["Effect"] == "Deny"
        assert "context" not in answered
        said = capsys.readouterr().out
        assert '"reason":"ExpiredSignatureError"' in said
        assert "Schmidt" not in said
        assert token not in said
