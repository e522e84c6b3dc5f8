from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.library.contract.acknowledgement import Acknowledgement
from services.library.guardrails.acknowledgement import acceptance
from services.library.guardrails.acknowledgement.acceptance import AcknowledgementSource, Outcome
from services.library.guardrails.finding import AcceptedBy, Finding

REASON = "Only the partner's batch job reads it, once a night"
ACKNOWLEDGED = Acknowledgement(
    rule="AwsSolutions-S1", path="Bucket", reason=REASON, owner="@example/records", expires=date(2027, 6, 30)
)


def finding(path: str, rule: str = "AwsSolutions-S1") -> Finding:
    return Finding(rule=rule, path=path, text="The S3 Bucket has server access logs disabled.", fix="Change it.")


def apply(findings: list[Finding], sources: list[AcknowledgementSource]) -> Outcome:
    return acceptance.apply(findings, sources, stacks=["Pipeline", "Pipeline/dev/intake", "dev/records"])


def service(
    *acknowledgements: Acknowledgement, stacks: tuple[str, ...] = ("dev/records", "prod/records")
) -> AcknowledgementSource:
    file = "services/records/acknowledgements.py"
    return AcknowledgementSource(
        accepted_by=AcceptedBy.SERVICE, file=file, stacks=stacks, acknowledgements=acknowledgements
    )


def platform(*acknowledgements: Acknowledgement) -> AcknowledgementSource:
    return AcknowledgementSource(
        accepted_by=AcceptedBy.PLATFORM,
        file="stages/acknowledgements.py",
        stacks=("",),
        acknowledgements=acknowledgements,
    )


def remaining(outcome: Outcome) -> list[str]:
    return [each.path for each in outcome.remaining]


def the_problem(outcome: Outcome) -> str:
    (problem,) = outcome.problems
    return problem.text


def test_acknowledgement_covers_its_construct_and_what_is_below_in_every_stage_of_the_service() -> None:
    found = [finding("dev/records/Bucket"), finding("prod/records/Bucket/Resource")]
    outcome = apply(found, [service(ACKNOWLEDGED)])
    assert [each.finding for each in outcome.accepted] == found
    assert (outcome.remaining, outcome.problems) == ([], [])


def test_acknowledgement_covers_no_sibling_of_its_construct() -> None:
    inside, beside = finding("dev/records/Bucket"), finding("dev/records/Bucket2")
    elsewhere = finding("dev/intake/Bucket")
    outcome = apply([inside, beside, elsewhere], [service(ACKNOWLEDGED)])
    assert remaining(outcome) == ["dev/records/Bucket2", "dev/intake/Bucket"]


def test_acknowledgement_without_detail_covers_no_finding_with_one() -> None:
    detailed = finding("dev/records/Bucket", "AwsSolutions-IAM5[Resource::*]")
    outcome = apply([detailed], [service(replace(ACKNOWLEDGED, rule="AwsSolutions-IAM5"))])
    assert remaining(outcome) == ["dev/records/Bucket"]
    assert "Nothing needs it" in the_problem(outcome)


def test_acknowledgement_for_the_pipeline_covers_no_stage_below_it() -> None:
    own, below = finding("Pipeline/Pipeline/Role"), finding("Pipeline/dev/intake/Role")
    outcome = apply([own, below], [platform(replace(ACKNOWLEDGED, path="Pipeline"))])
    assert [each.finding for each in outcome.accepted] == [own]
    assert outcome.remaining == [below]


def test_acknowledgement_names_a_reference_without_its_hash_and_all_else_exactly() -> None:
    named = finding("dev/records/Bucket", "AwsSolutions-IAM5[Resource::<Bucket1A2B3C4D.Arn>/*]")
    other = finding("dev/records/Bucket", "AwsSolutions-IAM5[Resource::<Bucket1A2B3C4D.Arn>/in/*]")
    everything = finding("dev/records/Bucket", "AwsSolutions-IAM5[Resource::*]")
    acknowledged = replace(ACKNOWLEDGED, rule="AwsSolutions-IAM5[Resource::<*.Arn>/*]")
    outcome = apply([named, other, everything], [service(acknowledged)])
    assert [each.finding for each in outcome.accepted] == [named]
    assert outcome.remaining == [other, everything]


def test_acknowledgement_that_one_stage_needs_is_no_problem() -> None:
    assert apply([finding("prod/records/Bucket")], [service(ACKNOWLEDGED)]).problems == []


def test_acknowledgement_that_no_stage_needs_is_a_problem() -> None:
    assert "Nothing needs it" in the_problem(apply([], [service(ACKNOWLEDGED)]))


def test_service_cannot_accept_a_finding_of_the_platforms() -> None:
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
def test_careless_acknowledgement_is_a_problem(wrong: Acknowledgement, says: str) -> None:
    assert says in the_problem(apply([finding("dev/records/Bucket")], [service(wrong)]))


@pytest.mark.parametrize("path", ["", "/Bucket", "Bucket/"])
def test_acknowledgement_whose_path_names_no_construct_is_a_problem(path: str) -> None:
    outcome = apply([finding("dev/records/Bucket")], [service(replace(ACKNOWLEDGED, path=path))])
    assert any("must name a construct" in problem.text for problem in outcome.problems)


def test_reason_of_another_constructs_acknowledgement_is_a_problem() -> None:
    other = replace(ACKNOWLEDGED, path="Archive", reason=f"{REASON}.")
    found = [finding("dev/records/Bucket"), finding("dev/records/Archive")]
    assert "Its reason is another's" in the_problem(apply(found, [service(ACKNOWLEDGED, other)]))


def test_acceptance_takes_one_reason_for_the_findings_of_one_construct() -> None:
    rules = ("AwsSolutions-IAM5[Action::s3:List*]", "AwsSolutions-IAM5[Resource::*]", "AwsSolutions-S1")
    found = [finding("dev/records/Bucket", rule) for rule in rules]
    assert apply(found, [service(*(replace(ACKNOWLEDGED, rule=rule) for rule in rules))]).problems == []


def test_second_acknowledgement_of_the_same_rule_and_path_is_a_problem() -> None:
    second = replace(ACKNOWLEDGED, reason="The nightly job of the partner was the only one")
    outcome = apply([finding("dev/records/Bucket")], [service(ACKNOWLEDGED, second)])
    assert "stands there twice" in the_problem(outcome)


REVIEW = replace(ACKNOWLEDGED, rule="Review-Replacement")


def test_review_acknowledgement_is_never_unused_and_is_recorded_for_each_stage() -> None:
    source = service(REVIEW)
    assert apply([], [source]).problems == []
    assert [given.path for given in acceptance.for_review([source])] == ["dev/records/Bucket", "prod/records/Bucket"]


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("Review-DataLoss", "Only the platform team"),
        ("Review-Acknowledgement", "Nobody can accept"),
        ("Review-Misspelled", "Nobody can accept"),
    ],
)
def test_review_acknowledgement_that_may_not_be_given_is_a_problem_and_not_recorded(rule: str, problem: str) -> None:
    source = service(replace(REVIEW, rule=rule))
    assert problem in the_problem(apply([], [source]))
    assert list(acceptance.for_review([source])) == []


NAMES = st.lists(st.sampled_from(("dev", "web", "Bucket", "Bucket2")), min_size=1, max_size=4)
PATHS = NAMES.map("/".join)


def covered(path: str, construct: str, stacks: set[str]) -> bool:
    """Say it as the page does: at or below the path, with no other stack beginning in between."""

    def holds(scope: str, below: str) -> bool:
        return below == scope or below.startswith(f"{scope}/")

    return holds(path, construct) and not any(
        stack != path and holds(path, stack) and holds(stack, construct) for stack in stacks
    )


@given(stacks=st.sets(PATHS, max_size=6), construct=PATHS, paths=st.lists(PATHS, min_size=1, max_size=4, unique=True))
def test_acknowledgements_cover_what_is_below_them_in_the_same_stack_and_the_first_is_used(
    stacks: set[str], construct: str, paths: list[str]
) -> None:
    given_ = [replace(ACKNOWLEDGED, path=path, reason=f"{REASON} {number}") for number, path in enumerate(paths)]
    outcome = acceptance.apply([finding(construct)], [platform(*given_)], stacks=sorted(stacks))
    expected = [each for each in given_ if covered(each.path, construct, stacks)]
    assert [each.acknowledgement for each in outcome.accepted] == expected[:1]
    assert len(outcome.remaining) == (0 if expected else 1)
    assert len(outcome.problems) == len(given_) - len(expected), "nothing needs the others"


class Stacks(list[str]):
    """Counts how often somebody goes through all of them."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        self.times += 1
        return super().__iter__()


def test_stacks_are_gone_through_once_whatever_the_number_of_findings() -> None:
    stacks = Stacks(f"dev/service{number}" for number in range(100))
    found = [finding(f"{stack}/Bucket") for stack in stacks]
    stacks.times = 0
    outcome = acceptance.apply(found, [service(ACKNOWLEDGED, stacks=tuple(stacks))], stacks=stacks)
    assert len(outcome.accepted) == 100
    assert stacks.times == 2, "by this test itself, and once"
