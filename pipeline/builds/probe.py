"""`python3 -I pipeline/builds/probe.py URL`: call a deployed endpoint and fail unless it answers as expected.

Standard library alone, so that a build needs no setup for it. Where AWS_ENDPOINT_URL is set, as the AWS SDKs define it,
the call goes there and names the endpoint in its Host header.
"""

import argparse
import http.client
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


def main() -> int:
    """Exit code 0 once the endpoint answered with the expected status, 1 if it never did."""
    parser = argparse.ArgumentParser(description="Call an endpoint and compare the status of its answer.")
    parser.add_argument("url")
    parser.add_argument("--path", default="/")
    parser.add_argument("--method", default="GET")
    parser.add_argument("--expect-status", type=int, default=200)
    parser.add_argument("--attempts", type=int, default=5, help="a second apart")
    arguments = parser.parse_args()
    url = arguments.url.rstrip("/") + "/" + arguments.path.lstrip("/")
    seen = "nothing"
    for attempt in range(arguments.attempts):
        if attempt:
            time.sleep(1)
        seen = call(url, arguments.method)
        sys.stdout.write(f"{arguments.method} {url}: {seen}\n")
        if seen == str(arguments.expect_status):
            return 0
    sys.stderr.write(f"The endpoint answered {seen}, and the probe expects {arguments.expect_status}.\n")
    return 1


class OwnAnswer(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: where it leads to is another endpoint's answer, such as a page to sign in."""

    def redirect_request(self, *_answer: object, **_more: object) -> None:
        """Take it for the answer that it is."""


def call(url: str, method: str) -> str:
    """The status of one answer, or what went wrong instead."""
    parts = urllib.parse.urlsplit(url)
    headers = {"Host": parts.netloc, "Content-Type": "application/json"}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        url = endpoint.rstrip("/") + urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))
    request = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310 - the stack's own output
    try:
        with urllib.request.build_opener(OwnAnswer).open(request, timeout=10) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except (OSError, http.client.HTTPException) as error:  # such as a connection that is closed before an answer
        return str(error)


if __name__ == "__main__":
    sys.exit(main())
