"""What a person reads of denials."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.denied import count
from pipeline.local.permissions import Denials, file_of

FOUND: dict[str, Any] = {
    "last": "2026-11-30T09:14:02.118+00:00",
    "times": 3,
    "who": "arn:aws:sts::111111111111:assumed-role/Writer/f",
    "for": "lambda.amazonaws.com",
    "action": "sqs:SendMessage",
    "resource": "arn:aws:sqs:eu-west-1:111111111111:q",
    "because": "no Allow in the policy Default of role Writer",
    "statement": {"Effect": "Allow"},
    "enforced": True,
    "stack": "Pipeline",
    "path": "Pipeline/Writer",
}


def test_denial_says_who_what_why_and_what_would_allow_it_where() -> None:
    assert list(Denials(enforced=True, found=[FOUND]).lines()) == [
        f"{FOUND['last']}  denied, 3 times: sqs:SendMessage on arn:aws:sqs:eu-west-1:111111111111:q",
        "  who      arn:aws:sts::111111111111:assumed-role/Writer/f for lambda.amazonaws.com",
        "  because  no Allow in the policy Default of role Writer",
        '  allow    {"Effect": "Allow"}  in pipeline/definition/ (Pipeline/Writer)',
    ]


def test_denial_that_no_statement_mends_has_none() -> None:
    lines = list(Denials(enforced=False, found=[{**FOUND, "statement": None, "enforced": False}]).lines())
    assert "would be denied" in lines[0]
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("enforced", "found", "said"),
    [
        (True, 0, "IAM denied nothing."),
        (False, 0, "IAM would have denied nothing."),
        (True, 1, "1 call was denied."),
        (True, 2, "2 calls were denied."),
        (False, 2, "2 calls would be denied."),
    ],
)
def test_denials_are_counted(enforced: bool, found: int, said: str) -> None:
    assert count(Denials(enforced=enforced, found=[{**FOUND, "enforced": enforced}] * found)) == said


@pytest.mark.parametrize(
    ("stack", "file"),
    [
        ("Pipeline", "pipeline/definition/"),
        ("prod-eu-stock-keeping", "services/stock_keeping/service.py"),
        ("penstock-branches", "pipeline/accounts/branches.yaml"),
        ("penstock-foundation", "pipeline/accounts/foundation.yaml"),
        ("PenstockToolkit", "pipeline/accounts/foundation.yaml"),
    ],
)
def test_stack_leads_to_the_file_that_says_what_it_allows(tmp_path: Path, stack: str, file: str) -> None:
    service = tmp_path / "services/stock_keeping/service.py"
    service.parent.mkdir(parents=True)
    service.touch()
    assert file_of(stack, tmp_path) == file
