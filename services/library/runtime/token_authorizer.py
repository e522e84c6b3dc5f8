"""The Lambda authorizer of APIs that let people in by tokens of an issuer other than Cognito.

It answers with a policy for the whole stage of the API, since API Gateway keeps it for a token, whatever is called with
that next. A token that lets nobody in is denied, and no error: anybody can send one, and an error is an alarm. Only
what an operator has to mend is one: keys that cannot be fetched.

The principal is a digest of issuer and subject, which every service takes as the owner of an idempotency key; the
subject itself may be of any form. A function finds `sub`, `iss` and `scope` in `event["requestContext"]["authorizer"]`.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
"""

import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .configuration import Configuration
from .logging import logger_for
from .tokens import KeySet, TokenRefused, TokenVerifier

FIELDS = ("reason",)
SCHEME = "bearer "
PRINCIPAL_DIGITS = 32
"""Of SHA-256 in hexadecimal: 128 bits, and short enough for the name of an execution."""
LARGEST_CONTEXT = 1_000
"""Characters of a claim that is handed on."""
NOBODY = "nobody"

logger = logger_for("token-authorizer", fields=FIELDS)


class AuthorizerConfiguration(Configuration):
    """What the construct says of the issuer, as JSON where it is a list."""

    token_issuer: str
    token_keys_url: str
    token_audiences: str
    token_algorithms: str
    token_scopes: str

    def verifier(self) -> TokenVerifier:
        """Return what verifies a token."""
        return TokenVerifier(
            issuer=self.token_issuer,
            audiences=tuple(json.loads(self.token_audiences)),
            algorithms=tuple(json.loads(self.token_algorithms)),
            keys=KeySet(url=self.token_keys_url),
        )


class TokenAuthorizer:
    """Answers whether who has a token may call."""

    def __init__(self, verifier: TokenVerifier, *, scopes: frozenset[str] = frozenset()) -> None:
        self.verifier = verifier
        self.scopes = scopes
        """A token must allow one of these; none: any token of the issuer does."""

    def answer(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the policy. Raises KeysUnavailable."""
        given = str(event["authorizationToken"])
        arn = str(event["methodArn"])
        try:
            claims = self.verifier.verify(given[len(SCHEME) :] if given.lower().startswith(SCHEME) else given)
            allowed = _scopes(claims)
            if self.scopes and not self.scopes & allowed:
                raise TokenRefused("ScopeMissing")
        except TokenRefused as refused:
            logger.info("token refused", extra={"reason": refused.reason})
            return _policy("Deny", arn, principal=NOBODY)
        subject = str(claims["sub"])
        told = {"sub": subject, "iss": self.verifier.issuer, "scope": " ".join(sorted(allowed))}
        return {
            **_policy("Allow", arn, principal=principal(self.verifier.issuer, subject)),
            "context": {name: value[:LARGEST_CONTEXT] for name, value in told.items()},
        }


def principal(issuer: str, subject: str) -> str:
    """Return the stable identity of a subject, which no other issuer's has."""
    return hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()[:PRINCIPAL_DIGITS]


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return what a token allows: `scope` with spaces, or the list `scp` of some issuers."""
    found = claims.get("scope", claims.get("scp", ""))
    return frozenset(found.split() if isinstance(found, str) else map(str, found))


def _policy(effect: str, arn: str, *, principal: str) -> dict[str, Any]:
    stage = "/".join(arn.split("/")[:2])
    statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": f"{stage}/*"}
    return {"principalId": principal, "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


@functools.cache
def _authorizer() -> TokenAuthorizer:
    configuration = AuthorizerConfiguration.from_environment()
    return TokenAuthorizer(configuration.verifier(), scopes=frozenset(json.loads(configuration.token_scopes)))


def handle(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Answer API Gateway."""
    del context
    return _authorizer().answer(event)
