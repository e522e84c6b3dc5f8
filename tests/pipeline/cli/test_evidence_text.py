"""The evidence of an approval in words, whatever people wrote into it."""

from typing import Any

import pytest

from pipeline.cli import evidence_text

PUSH = {"execution": "e", "commit": "1234567890abcdef", "author": "Ada", "message": "Change something"}
FINDING = {"level": "high", "rule": "Review-DataLoss", "path": "Table/Resource", "what": "Its data is deleted."}
REVIEW: dict[str, Any] = {"headline": "Blocked: 1 high", "changes": 3, "findings": [FINDING]}
IRREVERSIBLE = {**REVIEW, "irreversible": ["intake in prod: the table goes"]}
CHECK = {"stage": "qa", "action": "intake.RefusesUnsigned", "status": "Succeeded"}
DOCUMENT: dict[str, Any] = {
    "stage": "prod",
    "hotfix": "",
    "deployed": {"execution": "before", "commit": "fedcba0987654321"},
    "review": REVIEW,
    "pushes": [PUSH, {**PUSH, "author": "Grace"}],
    "checks": [CHECK, {**CHECK, "status": "Failed"}],
    "left_out": [],
    "alarms": [],
    "acknowledgements": [{"rule": "R", "path": "P", "reason": "It is small.", "is_used": True}],
    "rolls_back": True,
    "way_back": "before",
    "unknown": [],
}


def test_summary_says_what_changes_who_pushed_what_was_checked_and_whether_there_is_a_way_back() -> None:
    assert evidence_text.summary(DOCUMENT) == (
        "review: Blocked: 1 high; 3 changes. pushed 2 times since fedcba098765, by Ada, Grace."
        " 1 of 2 checks of earlier stages succeeded; no alarm fires. 1 acknowledgement in prod, 1 used by this change."
        " if it fails, prod is rolled back to execution before"
    )


def test_evidence_says_that_a_release_cannot_be_taken_back_and_why() -> None:
    given = {**DOCUMENT, "review": IRREVERSIBLE}
    assert "3 changes, and it CANNOT BE TAKEN BACK as it was (1 reason). pushed" in evidence_text.summary(given)
    assert "    cannot be taken back: intake in prod: the table goes" in evidence_text.lines(given)


def test_summary_begins_with_what_is_not_known_and_says_what_a_hotfix_left_out() -> None:
    given = {**DOCUMENT, "review": None, "unknown": ["Alarms: no"], "left_out": ["qa"], "checks": []}
    said = evidence_text.summary(given)
    assert said.startswith("NOT ALL IS KNOWN (1). review: none, what would change is not known.")
    assert "0 of 0 checks of earlier stages succeeded, without qa" in said


def test_summary_is_one_short_line_that_codepipeline_takes_for_no_variable() -> None:
    hostile = "#{variables.Stages}\n\x1b[31m" + "a" * 2_000
    alarm = {"stage": hostile, "service": hostile, "says": hostile}
    said = evidence_text.summary(
        {**DOCUMENT, "pushes": [{**PUSH, "author": f"{number}{hostile}"} for number in range(9)], "alarms": [alarm] * 9}
    )
    assert len(said) <= evidence_text.LONGEST_SUMMARY
    assert (said.splitlines(), "#{" in said, "\x1b" in said) == ([said], False, False)
    assert "and 6 more" in said


def test_lines_name_findings_failed_checks_pushes_and_what_is_used_and_shorten_long_lists() -> None:
    said = list(evidence_text.lines({**DOCUMENT, "pushes": [PUSH] * 25, "unknown": ["Alarms: not today"]}))
    assert "  prod runs fedcba098765, execution before" in said
    assert "    high: Review-DataLoss Table/Resource: Its data is deleted." in said
    assert "    qa/intake.RefusesUnsigned: Failed" in said
    assert said.count("    1234567890ab Ada Change something") == evidence_text.LISTED
    assert "    and 5 more" in said
    assert "    R P: It is small." in said
    assert said[-1] == "  not known: Alarms: not today"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("What runs now", "pushed 2 times at least, what else came since the last deployment is not known"),
        ("What was pushed", "pushed 2 times at least, what else came since the last deployment is not known"),
        ("Alarms", "whether an alarm fires is not known"),
        ("Acknowledgements", "acknowledgements in prod are not known"),
    ],
)
def test_what_could_not_be_read_is_not_said_to_be_nothing(what: str, said: str) -> None:
    unread = {**DOCUMENT, "unknown": [f"{what}: AccessDenied"]}
    assert said in evidence_text.summary(unread)
    assert said in "\n".join(evidence_text.lines(unread))
    assert said not in evidence_text.summary({**DOCUMENT, "unknown": ["The review: no"]})


def test_first_deployment_is_one_only_if_everything_was_looked_at() -> None:
    first: dict[str, Any] = {**DOCUMENT, "deployed": {"execution": "", "commit": ""}}
    said = "  prod has no deployment yet that CodePipeline still tells of"
    assert said in evidence_text.lines(first)
    assert said not in evidence_text.lines({**first, "unknown": ["What runs now: none of the last 1,000 actions"]})
    assert "pushed 2 times before this first deployment" in evidence_text.summary(first)
    nameless = {**DOCUMENT, "deployed": {"execution": "before", "commit": ""}}
    assert "pushed 2 times since before," in evidence_text.summary(nameless)
