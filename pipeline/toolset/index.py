"""The Python package index, as far as fetching one pinned wheel by its hash needs it."""

import base64
import configparser
import hashlib
import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from pipeline.toolset.failure import SetupError

# Composed, so that no registry's host stands in the tree: a mirror is configured on the machine, never committed.
DEFAULT_INDEX = "https://{}.org/simple".format("pypi")
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"


def configured_index() -> str:
    """The index that pip and uv would use on this machine."""
    for variable in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if value := os.environ.get(variable):
            return value.rstrip("/")
    named = os.environ.get("PIP_CONFIG_FILE")
    files = [Path(named)] if named else []
    files += [Path.home() / ".config/pip/pip.conf", Path.home() / ".pip/pip.conf", Path("/etc/pip.conf")]
    for file in files:
        settings = configparser.ConfigParser(interpolation=None)
        try:
            settings.read(file)
        except configparser.Error:
            continue
        if value := settings.get("global", "index-url", fallback=""):
            return value.rstrip("/")
    return DEFAULT_INDEX


def npm_variables() -> dict[str, str]:
    """Return npm's own variable for the token of its registry, where both are named: a shell can set none like it."""
    registry, token = os.environ.get("NPM_CONFIG_REGISTRY"), os.environ.get("NPM_TOKEN")
    if not registry or not token:
        return {}
    return {f"npm_config_{registry.partition(':')[2].rstrip('/')}/:_authToken": token}


def certificates() -> str | None:
    """The CA bundle that this machine's proxy needs, where one is named for any of the usual clients."""
    for variable in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if (value := os.environ.get(variable)) and Path(value).is_file():
            return value
    return None


def fetch_wheel(package: str, wheels: dict[str, str]) -> bytes:
    """Download whichever of the wheels (file name -> sha256) the index lists first, and check its hash."""
    index = configured_index()
    page = json.loads(_get(f"{index}/{package}/", accept=SIMPLE_JSON))
    for file in page["files"]:
        if digest := wheels.get(file["filename"]):
            content = _get(urllib.parse.urljoin(f"{_without_user(index)}/{package}/", file["url"]))
            if hashlib.sha256(content).hexdigest() != digest:
                raise SetupError(f"{file['filename']} from the package index does not have the hash in uv.lock.")
            return content
    raise SetupError(
        f"the package index has none of {', '.join(sorted(wheels))}. Is it a mirror (PIP_INDEX_URL) that lags behind?"
    )


def _get(url: str, *, accept: str = "*/*") -> bytes:
    request = urllib.request.Request(_without_user(url), headers={"Accept": accept})  # noqa: S310 - the user's own index
    parts = urllib.parse.urlsplit(url)
    if parts.username:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        request.add_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
    context = ssl.create_default_context(cafile=certificates())
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:  # noqa: S310 - as above
            content: bytes = answer.read()
    except (urllib.error.URLError, TimeoutError) as error:
        raise SetupError(
            f"cannot reach the package index: {error}. Proxies (HTTPS_PROXY), a mirror (PIP_INDEX_URL) and a CA bundle"
            " (SSL_CERT_FILE) are honoured; then run the same command again."
        ) from error
    return content


def _without_user(url: str) -> str:
    parts: Any = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    return parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl()  # type: ignore[no-any-return]  # a str, as documented
