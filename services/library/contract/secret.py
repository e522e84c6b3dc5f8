"""Detection of secrets in values that many people can read, such as a function's environment variables."""

import json
import re

# The end of a name says what the value is: SECRET_NAME, SECRET_ARN and the like hold no secret.
NAME = re.compile(
    r"(^|_)(PASSWORD|PASSWD|PASSPHRASE|SECRET|SECRET_KEY|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)$",
    re.IGNORECASE,
)
VALUES = (
    ("an AWS access key id", re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a token of GitHub", re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{22,}\b")),
    ("a token of GitLab", re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}")),
    ("a token of Slack", re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}")),
    ("a JSON web token", re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*")),
    ("a URL with a password", re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@]+@")),
    ("a value that CloudFormation writes out", re.compile(r"\{\{resolve:(secretsmanager|ssm-secure):")),
)


def suspected(name: str, value: object) -> str | None:
    """Return which kind of secret a variable seems to hold, or None.

    `value` is a text, or a value that CloudFormation makes into a text at deployment.
    """
    if value in ("", None):
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    for what, pattern in VALUES:
        if pattern.search(text):
            return what
    return "a secret, by its name" if NAME.search(name) else None
