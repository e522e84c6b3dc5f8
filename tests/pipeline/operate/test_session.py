"""Clients of the local cloud ask the same of the same address, whatever the environment says."""

import gzip
import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.utils import ensure_boolean

from pipeline.operate.errors import OperateError
from pipeline.operate.session import require_loopback

ROOT = Path(__file__).parents[3]
NOWHERE = "http://192.0.2.1:1"
"""192.0.2.0/24 is documentation's, RFC 5737: nothing answers there."""
OF_ONE_REQUEST = {"x-amz-date", "amz-sdk-invocation-id", "authorization"}
CALLS = """
import sys
from pathlib import Path
from pipeline.local.lifecycle import LocalCloud, CloudLocation
from pipeline.local.processes import Process
from pipeline.operate.branches import local_branches
from pipeline.operate.target import local_target

port = int(sys.argv[1])
endpoint, account, region = f"http://127.0.0.1:{port}", "999999999999", "eu-west-1"
cloud = LocalCloud(
    place=CloudLocation(home=Path("/"), port=port), supervisor=Process(pid=1, started=""), approve="ask", version=""
)
vars(cloud)["root_secret"] = "secret"
target = local_target(endpoint, secret="secret", account=account, region=region)
for client in (
    target.client,
    lambda service: target.assumed(service, role="arn:aws:iam::999999999999:role/x", account=account, region=region),
    local_branches(endpoint, secret="secret", account=account, region=region).client,
    lambda service: cloud.client(service, account=account, region=region),
):
    client("sts").get_caller_identity()
    client("s3").put_object(Bucket="a.b", Key="c", Body=b"d")
    client("dynamodb").list_tables()
    client("codepipeline").list_pipelines()
    client("cloudwatch").put_metric_data(
        Namespace="n", MetricData=[{"MetricName": f"m{number}", "Value": 1.0} for number in range(900)]
    )
"""
ASSUMED = """<Answer><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>B</SecretAccessKey>
<SessionToken>C</SessionToken></Credentials></AssumeRoleResult><GetCallerIdentityResult/></Answer>"""

Request = tuple[str, str, dict[str, str], bytes]


class Recorder(http.server.BaseHTTPRequestHandler):
    """Answers what every call above can read, and keeps what it was asked."""

    requests: ClassVar[list[Request]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        scope = re.sub(r"/\d{8}/", "/today/", headers["authorization"].rpartition("Signature=")[0])
        if headers.get("content-encoding") == "gzip":  # which says when it was packed
            body = gzip.decompress(body)
        kept = {name: value for name, value in headers.items() if name not in OF_ONE_REQUEST}
        self.requests.append((self.command, self.path, kept | {"scope": scope}, body))
        answer = ASSUMED.encode() if "sts/aws4_request" in scope else b"{}" if "x-amz-target" in headers else b""
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_PUT = do_POST  # noqa: N815 - http.server looks for it by this name

    def log_message(self, *arguments: object) -> None:
        """Nobody wants to read it."""


@pytest.fixture
def server() -> Iterator[tuple[int, list[Request]]]:
    """A loopback server's port, and the requests that it got."""

    class Handler(Recorder):
        requests: ClassVar[list[Request]] = []

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening.server_port, Handler.requests
        listening.shutdown()
        thread.join()


def hostile(folder: Path) -> dict[str, str]:
    """Every variable that botocore's sessions read, now or in a later release, and what is read elsewhere."""
    file = folder / "config"
    file.write_text(
        f"[default]\nendpoint_url = {NOWHERE}\nuse_fips_endpoint = true\nregion = ap-southeast-2\nretry_mode = legacy\n"
    )
    values = {
        name: "true" if conversion is ensure_boolean else "7" if conversion is int else "hostile"
        for _, variables, _, conversion in BOTOCORE_DEFAUT_SESSION_VARIABLES.values()
        for name in (variables if isinstance(variables, list) else [variables] if variables else [])
    }
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return {
        **values,
        **dict.fromkeys((*proxies, *map(str.lower, proxies)), NOWHERE),
        **dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), str(file)),
        **{f"AWS_ENDPOINT_URL{suffix}": NOWHERE for suffix in ("", "_S3", "_STS", "_DYNAMODB")},
        **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "of-somebody"),
        "AWS_REGION": "ap-southeast-2",
        "AWS_ACCOUNT_ID": "123456789012",
        "AWS_EXECUTION_ENV": "hostile",
        "REQUESTS_CA_BUNDLE": "/nonexistent",
    }


def test_no_variable_changes_a_request_to_the_local_cloud(server: tuple[int, list[Request]], tmp_path: Path) -> None:
    port, requests = server

    def asked(variables: dict[str, str]) -> list[Request]:
        requests.clear()
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables}
        command = [sys.executable, "-c", CALLS, str(port)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return list(requests)

    expected = asked({})
    variables = hostile(tmp_path)
    assert {"AWS_USE_FIPS_ENDPOINT", "AWS_CA_BUNDLE", "AWS_MAX_ATTEMPTS", "AWS_DEFAULTS_MODE"} <= variables.keys()
    assert asked(variables) == expected
    assert len(expected) == 4 * 5 + 5 + 1, "five calls of each kind of client, and six for the roles of two of them"


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4566", "http://localhost:4566", "http://[::1]:4566"])
def test_require_loopback_takes_this_machine(endpoint: str) -> None:
    require_loopback(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://s3.amazonaws.com",
        "http://192.0.2.1:4566",
        "http://10.0.0.1",
        "http://0.0.0.0:4566",
        "http://localhost.example.com",
        "http://a.b",
        "",
        "x",
    ],
)
def test_require_loopback_refuses_any_other_endpoint(endpoint: str) -> None:
    with pytest.raises(OperateError, match="not on this machine"):
        require_loopback(endpoint)
