"""Tokens of a user pool are signed with a key that it publishes.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
"""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pipeline.local.cloud.cognito.signatures import PublicKey, decode
from pipeline.local.lifecycle import LocalCloud

pytestmark = pytest.mark.cloud


def is_verified(cloud: LocalCloud) -> bool:
    """Whether the token of somebody who signs in is signed with the key that the pool publishes."""
    cognito: Any = cloud.client("cognito-idp", "111111111111", "eu-west-1")
    pool = cognito.create_user_pool(PoolName="people")["UserPool"]["Id"]
    made = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="web", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )
    cognito.admin_create_user(UserPoolId=pool, Username="ann")
    cognito.admin_set_user_password(UserPoolId=pool, Username="ann", Password="Other-1234", Permanent=True)
    signed_in = cognito.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=made["UserPoolClient"]["ClientId"],
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ann", "PASSWORD": "Other-1234"},
    )
    content, _, signature = signed_in["AuthenticationResult"]["IdToken"].rpartition(".")
    published = httpx.get(f"{cloud.endpoint}/{pool}/.well-known/jwks.json", trust_env=False).json()
    try:
        return PublicKey.of(published["keys"][0]).verifies(content.encode(), decode(signature))
    except ValueError:
        return False  # what stands there is not even base64


def test_a_token_is_verified_by_the_key_that_its_pool_publishes(cloud: LocalCloud) -> None:
    assert is_verified(cloud)


def test_without_the_service_nobody_could_verify_one(fresh_cloud: Callable[..., LocalCloud]) -> None:
    assert not is_verified(fresh_cloud(without=("cognito",)))
