"""`python3 -m pipeline.review.hosts.gitlab FOLDER`: keeps one comment on a merge request up to date.

It runs in a job of its own with the target branch's code. Which merge request it is, GitLab says:
https://docs.gitlab.com/ci/variables/predefined_variables/
"""

import os
import sys
from pathlib import Path

from pipeline.review.hosts.api import Api, ApiError
from pipeline.review.hosts.comment import comment, is_ours
from pipeline.review.render.markdown import HOSTS

TOKEN = "PENSTOCK_REVIEW_TOKEN"  # noqa: S105 - the variable's name


def main(arguments: list[str]) -> int:
    """Post or update the comment."""
    (folder,) = arguments
    if not os.environ.get(TOKEN):
        sys.stderr.write(f"gitlab: {TOKEN} is not set. docs/review.md says which token it is and how to confine it.\n")
        return 1
    api = Api(os.environ["CI_API_V4_URL"], {"PRIVATE-TOKEN": os.environ[TOKEN]})
    request = f"/projects/{os.environ['CI_PROJECT_ID']}/merge_requests/{os.environ['CI_MERGE_REQUEST_IID']}"
    made = comment(Path(folder), HOSTS["gitlab"], pointer=os.environ.get("CI_PIPELINE_URL", ""))
    try:
        ourselves = api.call("GET", "/user")["id"]
        for each in api.pages(f"{request}/notes"):
            if each["author"]["id"] == ourselves and is_ours(each["body"]):
                api.call("PUT", f"{request}/notes/{each['id']}", {"body": made.text})
                break
        else:
            api.call("POST", f"{request}/notes", {"body": made.text})
    except ApiError as error:
        sys.stderr.write(f"gitlab: {error}\n")
        return 1
    sys.stdout.write(f"{made.verdict.value}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
