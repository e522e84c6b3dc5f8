"""`python3 -m pipeline.review.hosts.github FOLDER`: keeps one comment on a pull request up to date.

It runs for `workflow_run`, with a token that may comment and the default branch's code. The pull request is the
event's; nothing in the folder says which it is.
https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#workflow_run
"""

import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline.review.hosts.api import Api, ApiError
from pipeline.review.hosts.comment import comment, is_ours
from pipeline.review.render.markdown import HOSTS

AUTHOR = "github-actions[bot]"
"""Who comments with the token of a workflow. A comment of anybody else's is left alone, whatever it begins with."""


def main(arguments: list[str]) -> int:
    """Post or update the comment."""
    (folder,) = arguments
    run = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text())["workflow_run"]
    api = Api(
        os.environ.get("GITHUB_API_URL", "https://api.github.com"),
        {"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}", "Accept": "application/vnd.github+json"},
    )
    repository = os.environ["GITHUB_REPOSITORY"]
    try:
        number = _pull_request(api, repository, run)
        if number is None:
            sys.stdout.write(f"no open pull request has {run['head_sha']} as its newest commit: nothing to say\n")
            return 0
        made = comment(Path(folder), HOSTS["github"], pointer=run["html_url"])
        _post(api, repository, number, made.text)
    except ApiError as error:
        sys.stderr.write(f"github: {error}\n")
        return 1
    sys.stdout.write(f"pull request {number}: {made.verdict.value}\n")
    return 0


def _pull_request(api: Api, repository: str, run: Any) -> int | None:  # GitHub's event
    """The open pull request that the run was for. The event names none for a fork's, only its branch and commit."""
    if run["event"] != "pull_request":
        return None
    owner, branch = run["head_repository"]["owner"]["login"], run["head_branch"]
    head = quote(f"{owner}:{branch}", safe="")
    for each in api.pages(f"/repos/{repository}/pulls?state=open&head={head}"):
        # A newer commit has a run of its own, whose review this one must not overwrite.
        if each["head"]["sha"] == run["head_sha"]:
            return int(each["number"])
    return None


def _post(api: Api, repository: str, number: int, text: str) -> None:
    for each in api.pages(f"/repos/{repository}/issues/{number}/comments"):
        if each["user"]["login"] == AUTHOR and is_ours(each["body"]):
            api.call("PATCH", f"/repos/{repository}/issues/comments/{each['id']}", {"body": text})
            return
    api.call("POST", f"/repos/{repository}/issues/{number}/comments", {"body": text})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
