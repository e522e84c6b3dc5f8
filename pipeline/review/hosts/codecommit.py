"""`python -m pipeline.review.hosts.codecommit`: comments on a CodeCommit pull request, and approves it or does not.

It runs in a build of its own, with main's code, after the build that ran the pull request's. Which pull request that
was, CodeBuild's record of the build says, which the build itself cannot change.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError

from pipeline.review.hosts.comment import FILE, is_ours, of_text
from pipeline.review.model import Verdict
from pipeline.review.render import data
from pipeline.review.render.markdown import HOSTS

if TYPE_CHECKING:
    from mypy_boto3_codecommit.client import CodeCommitClient
    from mypy_boto3_s3.client import S3Client

GATE = "review.gate"
"""Says whether the gate passed, as pipeline/definition/pull_request_builds.py writes it."""
SESSION = "penstock-review"
"""CodeCommit takes each session of a role for another author, and only an author may update a comment."""


def main(arguments: list[str]) -> int:
    """Comment on the pull request of a build, and set the approval."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.review.hosts.codecommit", description=__doc__)
    parser.add_argument("--build", required=True, help="the id of the build that reviewed")
    parser.add_argument("--bucket", required=True, help="where it left its review, under reviews/<build>/")
    parser.add_argument("--role", required=True, help="who comments")
    chosen = parser.parse_args(arguments)
    (build,) = boto3.client("codebuild").batch_get_builds(ids=[chosen.build])["builds"]
    given = {each["name"]: each["value"] for each in build["environment"].get("environmentVariables", [])}
    s3, log = boto3.client("s3"), build.get("logs", {}).get("deepLink", "")
    passed = (_left(s3, chosen.bucket, chosen.build, GATE) or "").strip() == "passed"
    gate = "" if passed else f"\n\nThe gate, `make check`, did not pass on the commit that merging would make: {log}\n"
    host = replace(HOSTS["codecommit"], most=HOSTS["codecommit"].most - len(gate.encode()))
    made = of_text(_left(s3, chosen.bucket, chosen.build, FILE), host, pointer=log)
    text, verdict = made.text + gate, made.verdict if passed else Verdict.BLOCKED
    pull_requests = _commenter(chosen.role)
    pull_request = pull_requests.get_pull_request(pullRequestId=given["PULL_REQUEST"])["pullRequest"]
    (target,) = pull_request["pullRequestTargets"]
    if target["sourceCommit"] != given["HEAD"] or pull_request["pullRequestStatus"] != "OPEN":
        sys.stdout.write(f"pull request {given['PULL_REQUEST']} has moved on: its newest commit has its own review\n")
        return 0
    for comment in _own(pull_requests, given["PULL_REQUEST"], chosen.role):
        pull_requests.update_comment(commentId=comment, content=text)
        break
    else:
        pull_requests.post_comment_for_pull_request(
            pullRequestId=given["PULL_REQUEST"],
            repositoryName=target["repositoryName"],
            beforeCommitId=target["destinationCommit"],
            afterCommitId=target["sourceCommit"],
            content=text,
        )
    pull_requests.update_pull_request_approval_state(
        pullRequestId=given["PULL_REQUEST"],
        revisionId=pull_request["revisionId"],
        approvalState="APPROVE" if verdict is Verdict.PASS else "REVOKE",
    )
    sys.stdout.write(f"pull request {given['PULL_REQUEST']}: {verdict.value}\n")
    return 0


def _left(s3: "S3Client", bucket: str, build: str, file: str) -> str | None:
    """Return a file that a build left; None if it left none of that name."""
    key = f"reviews/{build.partition(':')[2]}/{file}"
    try:
        found = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "AccessDenied"):  # the second without ListBucket
            return None
        raise
    return found["Body"].read(data.LARGEST + 1).decode(errors="replace")


def _commenter(role: str) -> "CodeCommitClient":
    credentials = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName=SESSION)["Credentials"]
    return boto3.client(
        "codecommit",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def _own(client: "CodeCommitClient", pull_request: str, role: str) -> Iterator[str]:
    """The ids of the comments that the role made; anybody else's are left alone, whatever they begin with."""
    name = role.rpartition("/")[2]
    for page in client.get_paginator("get_comments_for_pull_request").paginate(pullRequestId=pull_request):
        for thread in page["commentsForPullRequestData"]:
            for each in thread.get("comments", []):
                is_own = each.get("authorArn", "").endswith(f":assumed-role/{name}/{SESSION}")
                if is_own and not each.get("deleted") and is_ours(each.get("content", "")):
                    yield each["commentId"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
