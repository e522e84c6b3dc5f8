"""An issuer of tokens on this machine: signs what it is told to, and publishes its keys."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

AUDIENCE = "https://orders.example.com"
RSA, EC = "RS256", "ES256"


@dataclass(kw_only=True)
class LocalIssuer:
    """Signs tokens with keys that it makes."""

    url: str = "http://127.0.0.1/"
    keys: dict[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey] = field(default_factory=dict)

    def add(self, id_: str, algorithm: str = EC, *, bits: int = 2_048) -> None:
        """Make a key and publish it."""
        is_rsa = algorithm == RSA
        self.keys[id_] = rsa.generate_private_key(65_537, bits) if is_rsa else ec.generate_private_key(ec.SECP256R1())

    def published(self) -> dict[str, Any]:
        """Return the key set."""
        return {"keys": [self.public(id_) for id_ in self.keys]}

    def public(self, id_: str) -> dict[str, Any]:
        """Return one key as it is published."""
        key = self.keys[id_]
        if isinstance(key, rsa.RSAPrivateKey):
            found = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        else:
            found = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        return {**found, "kid": id_, "use": "sig", "alg": _algorithm(key)}

    def token(self, id_: str, *, head: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """Return a token that is good for an hour; a claim of None is left out."""
        key = self.keys[id_]
        usual = {"iss": self.url, "aud": AUDIENCE, "sub": "auth0|ann", "exp": int(time.time()) + 3_600}
        content = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode(content, key, algorithm=_algorithm(key), headers={"kid": id_, **(head or {})})


def _algorithm(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return RSA if isinstance(key, rsa.RSAPrivateKey) else EC


@contextmanager
def published() -> Iterator[LocalIssuer]:
    """Serve an issuer's keys over HTTP, at `<its URL>keys`."""
    issuer = LocalIssuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(issuer.published()).encode()
            self.send_response(200 if self.path == "/keys" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield issuer
        server.shutdown()
