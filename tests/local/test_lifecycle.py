"""The local cloud starts, is found again, and leaves nothing behind."""

import pytest

from pipeline.local.lifecycle import LocalCloud

pytestmark = pytest.mark.cloud


def test_it_answers_in_the_account_of_the_access_key(cloud: LocalCloud) -> None:
    identity = cloud.client("sts", account="222222222222").get_caller_identity()
    assert identity["Account"] == "222222222222"
