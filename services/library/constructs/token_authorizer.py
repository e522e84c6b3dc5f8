"""A function that lets people in to an API by the tokens of an issuer: any OpenID provider or OAuth server."""

import json
from dataclasses import dataclass, field
from typing import Annotated

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from services.library.constructs.function import Function, FunctionSettings, ReservedConcurrency
from services.library.constructs.notification_topic import NotificationTopic
from services.library.contract.constraints import Items, Matches, OneOf, require_valid
from services.library.contract.durations import whole
from services.library.contract.environment import Environment

HANDLER = "services.library.runtime.token_authorizer.handle"
URL = r"(https://[A-Za-z0-9.-]+|http://(localhost|127\.0\.0\.1))(:\d{1,5})?(/[A-Za-z0-9._~%/|@:+-]*)?"
ALGORITHMS = ("ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
"""None with a shared secret: whoever could verify a token could make one."""
MEMORY_MIB = 512
"""For its processor: a signature is verified in a few milliseconds."""
LONGEST_CACHE_SECONDS = 300
BEARER = r"(?i)bearer [A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+"
"""What is not even the form of a token is refused by API Gateway, without a call of the function."""


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """Who issues the tokens that let people in."""

    issuer: Annotated[str, Matches(URL, "the issuer's https:// URL, as its tokens have it in iss")]
    keys_url: Annotated[str, Matches(URL, "the https:// URL of its keys, jwks_uri in its discovery document")]
    audiences: Annotated[tuple[Annotated[str, Matches(r"\S{1,256}", "what its tokens have in aud")], ...], Items(1, 20)]
    """For whom a token must be, one of these."""
    algorithms: Annotated[tuple[Annotated[str, OneOf(ALGORITHMS)], ...], Items(1, len(ALGORITHMS))] = ("RS256",)
    """With which it may be signed, and with no other."""
    cache: cdk.Duration = field(default_factory=lambda: cdk.Duration.seconds(60))
    """How long API Gateway asks no more about a token that was let in or refused; one that ends counts for as long."""
    reserved_concurrency: ReservedConcurrency = 10

    def __post_init__(self) -> None:
        require_valid(self)
        if not 0 <= (seconds := whole(self.cache, "seconds", "Issuer: cache")) <= LONGEST_CACHE_SECONDS:
            raise ValueError(
                f"Issuer: cache={seconds} s is not allowed; give 0 to {LONGEST_CACHE_SECONDS} s: a token that was"
                " revoked, or is over, lets its owner in for as long."
            )


class TokenAuthorizer(Construct):
    """Verifies the token of each request before a method is called; its function fetches the issuer's keys."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        issuer: Issuer,
        scopes: tuple[str, ...],
        alarms_to: NotificationTopic,
    ) -> None:
        super().__init__(scope, id_)
        variables = {
            "TOKEN_ISSUER": issuer.issuer,
            "TOKEN_KEYS_URL": issuer.keys_url,
            "TOKEN_AUDIENCES": json.dumps(issuer.audiences),
            "TOKEN_ALGORITHMS": json.dumps(issuer.algorithms),
            "TOKEN_SCOPES": json.dumps(scopes),
        }
        self.function = Function(
            self,
            "Code",
            environment=environment,
            settings=FunctionSettings(
                handler=HANDLER,
                description=f"Verifies tokens of {issuer.issuer}"[:256],
                memory_mib=MEMORY_MIB,
                variables=variables,
                reserved_concurrency=issuer.reserved_concurrency,
            ),
            alarms_to=alarms_to,
        )
        self.authorizer = apigateway.TokenAuthorizer(
            self,
            "Authorizer",
            handler=self.function.target,
            validation_regex=BEARER,
            results_cache_ttl=issuer.cache,
        )
