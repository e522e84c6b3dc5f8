"""Which resource a request is about."""

import pytest

from pipeline.local.cloud.iam.resources_of_requests import resource_of_request

MINE = "arn:aws:codebuild:eu-west-1:111111111111:project/mine"


@pytest.mark.parametrize(
    ("ids", "resource"),
    [(["mine:1"], MINE), (["mine:1", "mine:2"], MINE), (["mine:1", "others:1"], "*"), ([], "*")],
)
def test_builds_are_of_their_project_and_of_none_if_they_have_several(ids: list[str], resource: str) -> None:
    """Who may look at builds of one project must not get those of another with them."""
    assert resource_of_request("codebuild", {"ids": ids}, "eu-west-1:111111111111") == resource
