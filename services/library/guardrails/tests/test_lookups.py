from services.library.guardrails.finding import AcceptedBy
from services.library.guardrails.rules.lookups import RULE, check_answered, check_missing


def test_open_lookup_is_found_and_says_where_the_value_belongs() -> None:
    (finding,) = check_missing([("vpc-provider", "vpc-provider:account=111111111111:region=eu-west-1")] * 2)
    assert "vpc-provider:account=111111111111" in finding.text
    assert "stages/accounts.py" in finding.fix


def test_lookup_that_the_context_answers_is_found_and_a_feature_flag_is_not() -> None:
    context = ["availability-zones:account=111111111111:region=eu-west-1", "@aws-cdk/core:explicitStackTags", "as-of"]
    (finding,) = check_answered(context)
    assert "availability-zones:account=111111111111:region=eu-west-1" in finding.text


def test_nobody_can_accept_a_lookup() -> None:
    assert RULE.accepted_by is AcceptedBy.NOBODY
