from dataclasses import replace
from datetime import date

import pytest

from services.library.contract.acknowledgement import Acknowledgement
from services.library.guardrails.acknowledgement import acceptance
from services.library.guardrails.acknowledgement.acceptance import Giver, Outcome
from services.library.guardrails.finding import Accepter, Finding

REASON = "Only the partner's batch job reads it, once a night"
ACKNOWLEDGED = Acknowledgement(
    rule="AwsSolutions-S1", path="Bucket", reason=REASON, owner="@example/records", expires=date(2027, 6, 30)
)


def finding(path: str, rule: str = "AwsSolutions-S1") -> Finding:
    return Finding(rule=rule, path=path, text="The S3 Bucket has server access logs disabled.", fix="Change it.")


def apply(findings: list[Finding], givers: list[Giver]) -> Outcome:
    return acceptance.apply(findings, givers, stacks=["Pipeline", "Pipeline/dev/intake", "dev/records"])


def service(*acknowledgements: Acknowledgement, stacks: tuple[str, ...] = ("dev/records", "prod/records")) -> Giver:
    file = "services/records/overrides.py"
    return Giver(accepter=Accepter.SERVICE, file=file, stacks=stacks, acknowledgements=acknowledgements)


def platform(*acknowledgements: Acknowledgement) -> Giver:
    return Giver(
        accepter=Accepter.PLATFORM, file="stages/acknowledgements.py", stacks=("",), acknowledgements=acknowledgements
    )


def remaining(outcome: Outcome) -> list[str]:
    return [each.path for each in outcome.remaining]


def the_problem(outcome: Outcome) -> str:
    (problem,) = outcome.problems
    return problem.text


def test_it_covers_its_construct_and_what_is_below_in_every_stage_of_the_service() -> None:
    found = [finding("dev/records/Bucket"), finding("prod/records/Bucket/Resource")]
    outcome = apply(found, [service(ACKNOWLEDGED)])
    assert [each.finding for each in outcome.accepted] == found
    assert (outcome.remaining, outcome.problems) == ([], [])


def test_it_reaches_no_sibling() -> None:
    inside, beside = finding("dev/records/Bucket"), finding("dev/records/Bucket2")
    elsewhere = finding("dev/intake/Bucket")
    outcome = apply([inside, beside, elsewhere], [service(ACKNOWLEDGED)])
    assert remaining(outcome) == ["dev/records/Bucket2", "dev/intake/Bucket"]


def test_a_rule_without_detail_covers_no_finding_with_one() -> None:
    detailed = finding("dev/records/Bucket", "AwsSolutions-IAM5[Resource::*]")
    outcome = apply([detailed], [service(replace(ACKNOWLEDGED, rule="AwsSolutions-IAM5"))])
    assert remaining(outcome) == ["dev/records/Bucket"]
    assert "Nothing needs it" in the_problem(outcome)


def test_one_for_the_pipeline_reaches_no_stage_below_it() -> None:
    own, below = finding("Pipeline/Pipeline/Role"), finding("Pipeline/dev/intake/Role")
    outcome = apply([own, below], [platform(replace(ACKNOWLEDGED, path="Pipeline"))])
    assert [each.finding for each in outcome.accepted] == [own]
    assert outcome.remaining == [below]


def test_a_reference_may_be_named_without_its_hash_and_nothing_else_may() -> None:
    named = finding("dev/records/Bucket", "AwsSolutions-IAM5[Resource::<Bucket1A2B3C4D.Arn>/*]")
    other = finding("dev/records/Bucket", "AwsSolutions-IAM5[Resource::<Bucket1A2B3C4D.Arn>/in/*]")
    everything = finding("dev/records/Bucket", "AwsSolutions-IAM5[Resource::*]")
    acknowledged = replace(ACKNOWLEDGED, rule="AwsSolutions-IAM5[Resource::<*.Arn>/*]")
    outcome = apply([named, other, everything], [service(acknowledged)])
    assert [each.finding for each in outcome.accepted] == [named]
    assert outcome.remaining == [other, everything]


def test_one_that_a_single_stage_needs_is_used() -> None:
    assert apply([finding("prod/records/Bucket")], [service(ACKNOWLEDGED)]).problems == []


def test_one_that_no_stage_needs_is_wrong() -> None:
    assert "Nothing needs it" in the_problem(apply([], [service(ACKNOWLEDGED)]))


def test_a_service_cannot_accept_for_the_platform() -> None:
    lost = finding("prod/records/Bucket", "Penstock-Retained")
    acknowledged = replace(ACKNOWLEDGED, rule="Penstock-Retained")
    outcome = apply([lost], [service(acknowledged)])
    assert remaining(outcome) == ["prod/records/Bucket"]
    assert "stages/acknowledgements.py" in the_problem(outcome)
    accepted = apply([lost], [service(), platform(replace(acknowledged, path="prod/records/Bucket"))])
    assert (accepted.remaining, accepted.problems) == ([], [])


def test_nobody_can_accept_a_lookup() -> None:
    outcome = apply([finding("", "Penstock-Lookup")], [platform(replace(ACKNOWLEDGED, rule="Penstock-Lookup"))])
    assert remaining(outcome) == [""]
    assert "Nobody" in the_problem(outcome)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (replace(ACKNOWLEDGED, reason="false positive"), "under 20 characters"),
        (replace(ACKNOWLEDGED, reason="! ! ! ! ! ! ! ! ! ! ! ! ! !"), "under 20 characters"),
        (replace(ACKNOWLEDGED, reason="the s3 bucket has server access logs disabled"), "only repeats the rule"),
        (
            replace(ACKNOWLEDGED, reason="OK: The S3 Bucket has server access logs disabled (AwsSolutions-S1)"),
            "only repeats the rule",
        ),
        (replace(ACKNOWLEDGED, owner="records team"), "@organisation/team"),
    ],
)
def test_a_careless_one_is_wrong(wrong: Acknowledgement, says: str) -> None:
    assert says in the_problem(apply([finding("dev/records/Bucket")], [service(wrong)]))


@pytest.mark.parametrize("path", ["", "/Bucket", "Bucket/"])
def test_its_path_must_name_a_construct(path: str) -> None:
    outcome = apply([finding("dev/records/Bucket")], [service(replace(ACKNOWLEDGED, path=path))])
    assert any("must name a construct" in problem.text for problem in outcome.problems)


def test_a_copied_reason_is_wrong() -> None:
    other = replace(ACKNOWLEDGED, path="Archive", reason=f"{REASON}.")
    found = [finding("dev/records/Bucket"), finding("dev/records/Archive")]
    assert "Its reason is another's" in the_problem(apply(found, [service(ACKNOWLEDGED, other)]))


def test_one_reason_may_serve_the_details_of_one_rule_on_one_construct() -> None:
    rules = ("AwsSolutions-IAM5[Action::s3:List*]", "AwsSolutions-IAM5[Resource::*]")
    found = [finding("dev/records/Bucket", rule) for rule in rules]
    assert apply(found, [service(*(replace(ACKNOWLEDGED, rule=rule) for rule in rules))]).problems == []


def test_a_second_one_of_the_same_rule_and_path_is_wrong() -> None:
    second = replace(ACKNOWLEDGED, reason="The nightly job of the partner was the only one")
    outcome = apply([finding("dev/records/Bucket")], [service(ACKNOWLEDGED, second)])
    assert "stands there twice" in the_problem(outcome)


REVIEW = replace(ACKNOWLEDGED, rule="Review-Replacement")


def test_one_for_a_review_is_never_unused_and_is_handed_on_for_each_stage() -> None:
    giver = service(REVIEW)
    assert apply([], [giver]).problems == []
    assert [given.path for given in acceptance.for_review([giver])] == ["dev/records/Bucket", "prod/records/Bucket"]


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("Review-DataLoss", "Only the platform team"),
        ("Review-Acknowledgement", "Nobody can accept"),
        ("Review-Misspelled", "Nobody can accept"),
    ],
)
def test_one_for_a_review_that_may_not_be_given_is_wrong_and_handed_to_nobody(rule: str, problem: str) -> None:
    giver = service(replace(REVIEW, rule=rule))
    assert problem in the_problem(apply([], [giver]))
    assert list(acceptance.for_review([giver])) == []
