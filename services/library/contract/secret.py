"""What looks like a secret where everybody can read it."""

import json
import re

# A name ends with what its value is; a secret's own name, ARN or parameter is none.
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
    """What a variable seems to be, or None. `value`: text, or what CloudFormation makes into one at deployment."""
    if value in ("", None):
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    for what, pattern in VALUES:
        if pattern.search(text):
            return what
    return "a secret, by its name" if NAME.search(name) else None
