"""Says in one sentence that a sign-in is over: botocore has an error of its own for each way in which it can be."""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    LoginError,
    SSOError,
    TokenRetrievalError,
)

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "UnauthorizedException"})
"""How AWS's APIs call credentials of yesterday; the last is what IAM Identity Center answers."""
OVER = (CredentialRetrievalError, LoginError, SSOError, TokenRetrievalError)


def is_over(error: BotoCoreError | ClientError) -> bool:
    """Say whether whoever signs in again will not see this error."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") in EXPIRED
    return isinstance(error, OVER)


def sentence(profile: str | None = None) -> str:
    """Return what to do about it. `profile`: that which was given, if one was."""
    with_profile = f"aws sso login --profile {profile or 'NAME'}"
    whose = f"of profile {profile}" if profile else "to AWS"
    return (
        f"The sign-in {whose} has expired: run `{with_profile}`, or get new credentials the way you got these, and give"
        " the same command again."
    )
