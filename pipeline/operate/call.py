"""A signed request to a deployed service, and the curl line that sends the same one."""

import http.client
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from pipeline.operate.errors import OperateError, suggested
from pipeline.operate.outputs import API_URL, DeployedStack, usable_url
from pipeline.operate.session import require_loopback
from pipeline.operate.target import Target

SERVICE = "execute-api"
PATH = re.compile(r"([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*)?")
"""Nothing that has to be encoded, and no query: what is asked of a person belongs into no URL."""
TIMEOUT_SECONDS = 35.0
"""API Gateway gives an integration 29 seconds."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request to a service."""

    url: str
    """Where to send it: for the local cloud its own form of the service's URL."""
    region: str
    account: str
    body: str
    headers: Mapping[str, str]
    method: str = "POST"


@dataclass(frozen=True, kw_only=True)
class ServiceResponse:
    """What the service said."""

    status: int
    headers: Mapping[str, str]
    body: str


def first_stage(deployed: Sequence[DeployedStack], *, service: str | None, output: str) -> list[DeployedStack]:
    """Return the stacks of the first stage that has what is meant; never of one behind an approval, if not said so.

    Nobody should post to production who has not named it.
    """
    meant = [each for each in deployed if output in each.outputs and service in (None, each.service)]
    stage = next((each.stage for each in meant if not each.asks_approval), None)
    if meant and stage is None:
        raise OperateError(f"{meant[0].service} is in {meant[0].stage} alone so far: say so with --stage.")
    return [each for each in deployed if stage in (None, each.stage)]


def choose(
    deployed: list[DeployedStack], *, service: str | None, output: str, otherwise: str | None = None
) -> DeployedStack:
    """Choose the service that is meant: the named one, the only one with a URL, or of several `otherwise`."""
    callable_ = {each.service: each for each in deployed if output in each.outputs}
    if service is not None:
        if service not in callable_:
            raise OperateError(
                f"Service {service} has no output {output} in this stage."
                f" `penstock outputs` lists what there is: {', '.join(callable_) or 'no service has one'}."
                f"{suggested(service, callable_)}"
            )
        return callable_[service]
    if len(callable_) != 1:
        if not callable_:
            raise OperateError(f"Nothing with an output {output} is deployed in this stage yet: `penstock status`.")
        if otherwise in callable_:
            return callable_[otherwise]
        raise OperateError(f"Several services have a URL: say which, one of {', '.join(callable_)}.")
    return next(iter(callable_.values()))


def to_service(
    target: Target,
    deployed: DeployedStack,
    *,
    body: str | None,
    path: str = "",
    output: str = "Url",
    idempotency_key: str | None = None,
) -> Call:
    """Return the request that posts this body to a service, or without one gets what is at the path."""
    if not PATH.fullmatch(path):
        raise OperateError(f"--path {path} is not allowed; give a path below the service's URL, such as Patient/p-1.")
    url = deployed.outputs[output]
    if path:
        url = f"{url.rstrip('/')}/{path}"
    parts = API_URL.fullmatch(url)
    if target.is_local and parts is None:
        raise OperateError(f"{url} is no API's URL, so the local cloud cannot be asked for it.")
    url = usable_url(target, url)
    region = parts["region"] if parts is not None else deployed.region
    if body is None:
        return Call(url=url, region=region, account=deployed.account, body="", headers={}, method="GET")
    headers = {"Content-Type": "application/json"}
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    return Call(url=url, region=region, account=deployed.account, body=body, headers=headers)


def send(target: Target, call: Call) -> ServiceResponse:
    """Sign and send it."""
    if target.is_local:
        require_loopback(call.url)
    request = AWSRequest(method=call.method, url=call.url, data=call.body.encode(), headers=dict(call.headers))
    SigV4Auth(target.credentials(call.account), SERVICE, call.region).add_auth(request)
    parts = urlsplit(call.url)
    # http.client, because it reads no proxy from the environment and follows no redirect.
    kind = http.client.HTTPConnection if parts.scheme == "http" else http.client.HTTPSConnection
    connection = kind(parts.netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(call.method, parts.path, body=call.body.encode(), headers=dict(request.headers.items()))
        response = connection.getresponse()
        return ServiceResponse(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=response.read().decode(errors="replace"),
        )
    except (OSError, http.client.HTTPException) as error:
        raise OperateError(f"{call.url} does not answer: {error}") from error
    finally:
        connection.close()


def curl(target: Target, call: Call) -> str:
    """Return a request as a line for a shell. Secrets are named, not written, unless they are the local cloud's."""
    if target.is_local:
        given = target.credentials(call.account)
        user = shlex.quote(f"{given.access_key}:{given.secret_key}")
        token = []
    else:
        user = '"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"'
        token = ["-H", '"X-Amz-Security-Token: $AWS_SESSION_TOKEN"']
    words = ["curl", "--aws-sigv4", f"aws:amz:{call.region}:{SERVICE}", "--user", user, *token]
    for name, value in call.headers.items():
        words += ["-H", shlex.quote(f"{name}: {value}")]
    data = ["--data", shlex.quote(call.body)] if call.method == "POST" else []
    return " ".join([*words, *data, shlex.quote(call.url)])
