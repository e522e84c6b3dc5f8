"""What a process of the local cloud may know of the person who started it: next to nothing."""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

PASSED_ON = frozenset(
    {"PATH", "LANG", "LC_ALL", "TZ", "PENSTOCK_TOOLS", "PENSTOCK_CACHE", "PENSTOCK_APPROVE", "PENSTOCK_DATADOG_AGENT"}
    | {"COVERAGE_FILE", "COVERAGE_PROCESS_START"}
)
PACKAGE_ACCESS = (
    "PIP_",
    "UV_",
    "NPM_CONFIG_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "SSL_CERT_",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)
"""Builds install locked packages, so how this machine reaches its package index is passed on, in either case."""
LOOPBACK_NAMES = "127.0.0.1,localhost,::1"


def drop_aws_variables(environment: MutableMapping[str, str]) -> None:
    """Forget whatever AWS credentials, profile, region or endpoint the environment carries."""
    for name in [name for name in environment if name.upper().startswith("AWS_")]:
        del environment[name]


def for_the_cloud(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment of the emulator's process: built from nothing, with a home and a temporary folder of its own."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in PASSED_ON or name.upper().startswith(PACKAGE_ACCESS)
    }
    home, temporary = folder / "home", folder / "tmp"
    for path in (home, temporary):
        path.mkdir(parents=True, exist_ok=True)
    return kept | {
        "PATH": kept.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "NO_PROXY": LOOPBACK_NAMES,
        "no_proxy": LOOPBACK_NAMES,
        "PYTHONUNBUFFERED": "1",
    }
