"""Tokens of user pools are signed with a key of this cloud, and API Gateway verifies them by it.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
"""

import json
import threading
from typing import Any

from ministack.services import apigateway_v1, cognito

from pipeline.local.cloud.cognito.signatures import PrivateKey, PublicKey, decode, encode
from pipeline.local.cloud.emulator import Emulator, HttpResponse, Json, replace

STORE, NAME = "cognito-keys", "penstock-local"
ACCOUNT, REGION = "000000000000", "us-east-1"
"""Where the key is kept, which is no pool's alone."""


class Keys:
    """The key of this cloud, made when the first token is, and kept from then on."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._lock = threading.Lock()

    @property
    def private(self) -> PrivateKey:
        """Return the key."""
        with self._lock, self._emulator.within(ACCOUNT, REGION):
            store = self._emulator.store(STORE)
            if NAME not in store:
                made = PrivateKey.new()
                store[NAME] = {"modulus": str(made.public.modulus), "secret": str(made.secret)}
            kept = store[NAME]
        return PrivateKey(public=PublicKey(modulus=int(kept["modulus"])), secret=int(kept["secret"]))

    def key_set(self) -> Json:
        """Return what a pool publishes."""
        return {"keys": [self.private.public.jwk(NAME)]}


def sign_tokens(keys: Keys) -> None:
    """Sign each token, publish the key, and verify by it what a method's authorizer is given."""

    def signed(claims: Json, pool_id: str = "", use: str = "") -> str:
        del pool_id, use
        head = encode(json.dumps({"alg": "RS256", "kid": NAME}).encode())
        content = f"{head}.{encode(json.dumps(claims).encode())}"
        return f"{content}.{encode(keys.private.sign(content.encode()))}"

    def published(pool_id: str) -> HttpResponse:
        del pool_id
        return 200, {"Content-Type": "application/json"}, json.dumps(keys.key_set()).encode()

    async def fetched(url: str) -> Json:
        del url  # each pool's is the same
        return keys.key_set()

    def verified(token: str, jwk: dict[str, Any]) -> bool:
        content, _, signature = token.rpartition(".")
        try:
            return PublicKey.of(jwk).verifies(content.encode(), decode(signature))
        except ValueError:
            return False

    replace(cognito, "_signed_jwt", signed)
    replace(cognito, "well_known_jwks", published)
    replace(apigateway_v1, "_fetch_jwks", fetched)
    replace(apigateway_v1, "_verify_rs256_signature", verified)
