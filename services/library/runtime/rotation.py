"""Replaces a secret in the four steps of Secrets Manager, any of which may come twice.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

BYTES = 30
"""Of chance, in 40 letters, digits, - and _."""
CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"


@dataclass(frozen=True, kw_only=True)
class SecretRotation:
    """Makes a new value, has the other system take it, tries it, and lets everybody have it."""

    take: Callable[[str, str], None]
    """Gives the other system the new value, with the old one to sign in by; again and again with the same effect."""
    check: Callable[[str], None]
    """Uses the new value once, and raises whatever it likes if the other system does not know it."""
    client: Any
    """Of Secrets Manager."""
    generate: Callable[[], str] = lambda: secrets.token_urlsafe(BYTES)

    def run(self, event: Mapping[str, Any]) -> None:
        """Do one step, as Secrets Manager asks for it. Raises ValueError for a version that is not being rotated."""
        secret, token = event["SecretId"], event["ClientRequestToken"]
        versions: Mapping[str, list[str]] = self.client.describe_secret(SecretId=secret)["VersionIdsToStages"]
        if CURRENT in versions.get(token, ()):
            return  # an earlier try came to its end
        if token not in versions:
            raise ValueError("the version to rotate to is not there")
        {
            "createSecret": self._create,
            "setSecret": self._set,
            "testSecret": self._test,
            "finishSecret": self._finish,
        }[event["Step"]](secret, token, versions)

    def _create(self, secret: str, token: str, versions: Mapping[str, list[str]]) -> None:
        del versions
        try:
            self._value(secret, token)
        except self.client.exceptions.ResourceNotFoundException:
            self.client.put_secret_value(
                SecretId=secret, ClientRequestToken=token, SecretString=self.generate(), VersionStages=[PENDING]
            )

    def _set(self, secret: str, token: str, versions: Mapping[str, list[str]]) -> None:
        self.take(self._value(secret, token), self._value(secret, _current(versions)))

    def _test(self, secret: str, token: str, versions: Mapping[str, list[str]]) -> None:
        del versions
        self.check(self._value(secret, token))

    def _finish(self, secret: str, token: str, versions: Mapping[str, list[str]]) -> None:
        self.client.update_secret_version_stage(
            SecretId=secret, VersionStage=CURRENT, MoveToVersionId=token, RemoveFromVersionId=_current(versions)
        )

    def _value(self, secret: str, version: str) -> str:
        return str(self.client.get_secret_value(SecretId=secret, VersionId=version)["SecretString"])


def _current(versions: Mapping[str, list[str]]) -> str:
    return next(version for version, stages in versions.items() if CURRENT in stages)
