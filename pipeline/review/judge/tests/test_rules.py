"""The review's rules, and the library's word on who may accept them."""

from pipeline.review.judge import rules
from services.library.guardrails.acknowledgement.review_rules import ACCEPTED_BY


def test_the_library_lets_the_same_people_accept_a_rule_as_the_review_does() -> None:
    ours = {name: rule.accepted_by for name, rule in rules.own().items() if rule.accepted_by != "nobody"}
    assert {name: who.value for name, who in ACCEPTED_BY.items()} == ours


def test_a_rule_that_is_gone_or_may_be_accepted_by_more_is_weakened() -> None:
    own = rules.own()
    without = {name: rule for name, rule in own.items() if name != "Review-DataLoss"}
    assert rules.weakened(own, without) == ("Review-DataLoss",)
    assert rules.weakened(without, own) == ()
