"""What is read of an account before it is deployed to, where its answers are less than they look."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.operate.account_state import PIPELINES, Account
from tests.testbed.code_pipeline import connected, refusal

ALL = {"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}]}


class Trails:
    """CloudTrail with a trail for each of these selectors; one without any may not be asked."""

    def __init__(self, *selectors: dict[str, Any] | None, logs: bool = True) -> None:
        self.selectors = selectors
        self.logs = logs

    def describe_trails(self) -> Any:
        return {"trailList": [{"TrailARN": str(number)} for number in range(len(self.selectors))]}

    def get_trail_status(self, **_asked: str) -> Any:
        return {"IsLogging": self.logs}

    def get_event_selectors(self, **asked: str) -> Any:
        found = self.selectors[int(asked["TrailName"])]
        if found is None:
            raise refusal("AccessDeniedException")
        return found


def is_trailed(trails: Trails) -> bool:
    return Account(connected(trails).pipeline.target, "9" * 12, "eu-west-1").is_trailed()


def basic(**changed: Any) -> dict[str, Any]:
    return {"EventSelectors": [ALL["EventSelectors"][0] | changed]}


def advanced(**fields: dict[str, list[str]]) -> dict[str, Any]:
    named = {"eventCategory": {"Equals": ["Management"]}, **fields}
    return {"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": name, **test} for name, test in named.items()]}]}


@pytest.mark.parametrize(
    "selectors",
    [
        ALL,
        basic(ReadWriteType="WriteOnly", ExcludeManagementEventSources=["kms.amazonaws.com"]),
        advanced(),
        advanced(readOnly={"Equals": ["false"]}, eventSource={"NotEquals": ["kms.amazonaws.com"]}),
        advanced(eventSource={"Equals": [PIPELINES]}),
    ],
)
def test_trail_that_logs_changes_of_pipelines_is_one(selectors: dict[str, Any]) -> None:
    assert is_trailed(Trails(selectors))
    assert is_trailed(Trails(None, selectors))
    assert not is_trailed(Trails(selectors, logs=False))


@pytest.mark.parametrize(
    "selectors",
    [
        basic(IncludeManagementEvents=False),
        basic(ReadWriteType="ReadOnly"),
        basic(ExcludeManagementEventSources=[PIPELINES]),
        advanced(eventCategory={"Equals": ["Data"]}),
        advanced(readOnly={"Equals": ["true"]}),
        advanced(eventSource={"Equals": ["s3.amazonaws.com"]}),
        advanced(eventSource={"NotEquals": [PIPELINES]}),
        advanced(eventSource={"StartsWith": ["s3"]}),
        advanced(userIdentity={"Equals": ["somebody"]}),
        {"AdvancedEventSelectors": [{"FieldSelectors": []}]},
    ],
)
def test_trail_that_logs_no_changes_of_pipelines_is_none(selectors: dict[str, Any]) -> None:
    assert not is_trailed(Trails(selectors))


def test_trails_that_may_not_be_read_are_no_answer() -> None:
    with pytest.raises(ClientError):
        is_trailed(Trails(basic(IncludeManagementEvents=False), None))
    assert not is_trailed(Trails())
