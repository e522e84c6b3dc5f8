"""IAM's decision against what AWS documents."""

import pytest

from pipeline.local.cloud.iam.decision import Decision, Principal, Request, decide
from pipeline.local.cloud.iam.policies import read_policy
from pipeline.local.cloud.iam.tests.decision_cases import ALL, BUCKET, CASES, HERE, READ, SESSION, Case, deny


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_decision_is_the_documented_one(case: Case) -> None:
    decision = decide(*case.asked())
    assert decision.reason is case.answer, f"{decision.because} ({case.page})"


def test_there_are_enough_cases_and_each_names_its_page() -> None:
    assert len(CASES) >= 150
    assert all(case.page.startswith("https://docs.aws.amazon.com/") for case in CASES)


def decided(*statements: object) -> Decision:
    principal = Principal(
        arn=SESSION, account=HERE, policies=(read_policy("the policy Reads", {"Statement": list(statements)}),)
    )
    return decide(principal, Request(action=READ, resource=f"{BUCKET}/x", owner=HERE))


def test_decision_says_which_statement_denied() -> None:
    decision = decided(*ALL, deny(Sid="NoReports"))
    assert decision.because == 'explicit Deny "NoReports" in the policy Reads'
    assert decision.clause == "with an explicit deny in an identity-based policy"


def test_decision_says_where_no_allow_is() -> None:
    decision = decided()
    assert decision.because == "no Allow in the policy Reads"
    assert decision.clause == f"because no identity-based policy allows the {READ} action"


def test_request_without_an_action_is_denied_whatever_is_allowed() -> None:
    principal = Principal(arn=SESSION, account=HERE, policies=(read_policy("all", {"Statement": list(ALL)}),))
    decision = decide(principal, Request(action="", resource="a request to x", owner=HERE))
    assert not decision.allowed
    assert decision.because == "the local cloud does not know which action of IAM a request to x is"


def test_decision_says_what_it_does_not_understand() -> None:
    assert "Equals is no condition operator of IAM" in decided({**ALL[0], "Condition": {"Equals": {"a": "b"}}}).because
