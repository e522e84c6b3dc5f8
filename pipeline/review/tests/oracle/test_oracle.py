"""AWS's own engine beside ours: wherever it ranks a resource higher, there is a reason, or the test fails."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.review.diff.changes import changes
from pipeline.review.diff.data_classes import DataClass, types_of
from pipeline.review.diff.replacement import known_types
from pipeline.review.tests.cases import access, data, public, updates, values
from pipeline.review.tests.cases.case import template
from pipeline.review.tests.oracle.accepted import ROWS, Seen, ranks_higher
from pipeline.review.tests.test_documented_cases import CASES as DOCUMENTED
from pipeline.review.tests.test_pairs import PAIRS as FROM_ELSEWHERE
from services.library.cloudformation.resolved_template import resolve
from services.library.cloudformation.template import Template

Json = Any
ROOT = Path(__file__).parents[4]
PAIRS = {
    **{case.id: (case.old, case.new) for case in (*data.CASES, *values.CASES, *access.CASES)},
    **{case.id: case.templates for case in (*updates.CONDITIONAL, *updates.ENDING)},
    **{f"documented: {id_}": (case.old, case.new) for id_, case in DOCUMENTED.items()},
    **{
        f"public: {id_}": (public.bucket(), public.bucket(each)) for id_, each in (public.PUBLIC | public.KNOWN).items()
    },
    **{
        f"token: {id_}": (public.NO_ROLE, public.trust(*each))
        for id_, each in (public.ANY_TOKEN | public.OWN_TOKEN).items()
    },
    **{id_: (pair["old"], pair["new"]) for id_, pair in FROM_ELSEWHERE.items()},
}
TYPES = sorted(
    {
        *types_of(DataClass.DATA),
        *("AWS::EC2::Instance", "AWS::EC2::SecurityGroup", "AWS::EC2::Subnet", "AWS::EC2::VPC", "AWS::IAM::Role"),
        *("AWS::Lambda::Function", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::ECS::Service", "AWS::Events::Rule"),
    }
)


class Oracle:
    """The other engine, in a process of its own that answers line by line."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [ROOT / ".venv/bin/node", Path(__file__).with_name("diff.cjs"), ROOT / ".venv/node/node_modules"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def impacts(self, old: Json, new: Json) -> dict[str, str]:
        """Logical id -> what it says of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"old": old, "new": new}) + "\n")
        self._process.stdin.flush()
        found: dict[str, str] = json.loads(self._process.stdout.readline())
        return found

    def stop(self) -> None:
        """End it, and what it was asked through."""
        self._process.communicate()


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    started = Oracle()
    yield started
    started.stop()


def unexplained(oracle: Oracle, old: Json, new: Json) -> list[Seen]:
    """Where they rank higher, and no row says why."""
    before, after = resolve(Template(old)), resolve(Template(new))
    ours = {row.logical_id: row for row in changes(before, after, is_asset=lambda _: True)}
    seen = [
        Seen(logical_id=logical_id, theirs=impact, ours=ours.get(logical_id), old=before, new=after)
        for logical_id, impact in oracle.impacts(old, new).items()
    ]
    return [each for each in seen if ranks_higher(each) and not any(row(each) for row in ROWS)]


def test_accepted_differences_from_the_oracle_are_few() -> None:
    assert len(ROWS) <= 10
    assert all(row.__doc__ for row in ROWS)


@pytest.mark.parametrize("id_", PAIRS)
def test_review_ranks_no_case_lower_than_the_oracle_without_a_reason(id_: str, oracle: Oracle) -> None:
    assert unexplained(oracle, *(each if "Resources" in each else template(each) for each in PAIRS[id_])) == []


VALUES = st.one_of(
    st.sampled_from(["a", "b", "1", 1, True, {"Ref": "R0"}, {"Ref": "R1"}, {"Fn::GetAtt": ["R0", "Arn"]}]),
    st.dictionaries(st.sampled_from(["One", "Two"]), st.sampled_from(["a", "b"]), min_size=1, max_size=2),
    st.lists(st.sampled_from(["a", "b", {"Ref": "R2"}]), min_size=1, max_size=2),
)
POLICIES = st.sampled_from([{}, {"DeletionPolicy": "Retain"}, {"UpdateReplacePolicy": "Retain"}])


@st.composite
def resources(draw: st.DrawFn) -> Json:
    type_ = draw(st.sampled_from(TYPES))
    properties = draw(st.dictionaries(st.sampled_from(known_types()[type_]), VALUES, max_size=4))
    return {"Type": type_, "Properties": properties, **draw(POLICIES)}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Json, Json]:
    """A template, and one in which some resources changed, came, went or got another type."""
    old = {f"R{number}": draw(resources()) for number in range(draw(st.integers(1, 4)))}
    new = dict(old)
    for logical_id in draw(st.lists(st.sampled_from(["R0", "R1", "R2", "R3"]), max_size=3)):
        match draw(st.sampled_from(["change", "change", "change", "remove", "replace"])):
            case "remove":
                new.pop(logical_id, None)
            case "replace":
                new[logical_id] = draw(resources())
            case _ if logical_id in new:
                known = known_types()[new[logical_id]["Type"]]
                changed = draw(st.dictionaries(st.sampled_from(known), VALUES, min_size=1, max_size=2))
                new[logical_id] = {
                    **new[logical_id],
                    "Properties": {**new[logical_id]["Properties"], **changed},
                    **draw(POLICIES),
                }
    return {"Resources": old}, {"Resources": new}


def refers_to_a_domain(**properties: str) -> Json:
    """A template whose authority, by a property that it keeps for life, refers to a domain with these properties."""
    authority = {"Type": "AWS::ACMPCA::CertificateAuthority", "Properties": {"CsrExtensions": [{"Ref": "R0"}]}}
    return {"Resources": {"R0": {"Type": "AWS::SageMaker::Domain", "Properties": properties}, "R1": authority}}


@example(pair=(refers_to_a_domain(), refers_to_a_domain(AppNetworkAccessType="a")))
@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pair=pairs())
def test_review_ranks_no_generated_pair_lower_than_the_oracle_without_a_reason(
    pair: tuple[Json, Json], oracle: Oracle
) -> None:
    assert unexplained(oracle, *pair) == []


@given(pair=pairs())
def test_review_finds_no_difference_of_a_template_from_itself(pair: tuple[Json, Json]) -> None:
    for side in pair:
        assert (
            changes(resolve(Template(side)), resolve(Template(json.loads(json.dumps(side)))), is_asset=lambda _: False)
            == []
        )
