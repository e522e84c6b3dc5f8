"""Properties of the comparison, over random policies, with an exhaustive evaluator of a small world as the judge."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.review.access import compare as compare_module
from pipeline.review.access.compare import Comparison, compare
from pipeline.review.access.statements import PolicySource, read_policy
from pipeline.review.access.tests.judge import Policy, World
from pipeline.review.model import AccessKind, Direction
from services.library.cloudformation.patterns import CombinationsError

SOURCE = PolicySource(AccessKind.RESOURCE, "P")

ACTION = st.sampled_from(["*", "s:*", "s:a", "s:b", "s:a*", "s:?", "s:??", "s:*b", "t:a", "t:a*", "s:A", "?:a", "s:a?"])
RESOURCE = st.sampled_from(["*", "a", "b", "a*", "*b", "?", "a?", "*a*", "ab", "??", "b*", "?*"])
PRINCIPAL = st.sampled_from(
    [
        "*",
        "111111111111",
        "222222222222",
        "arn:aws:iam::111111111111:role/r",
        "arn:aws:iam::222222222222:role/r",
        "sns.amazonaws.com",
    ]
)
TEXT = st.lists(st.sampled_from(["a", "A", "b", "ab", "a*", "*"]), min_size=1, max_size=2, unique=True)
CONDITION = st.one_of(
    st.tuples(
        st.sampled_from(
            [
                "StringEquals",
                "StringNotEquals",
                "StringLike",
                "StringNotLike",
                "StringEqualsIgnoreCase",
                "StringEqualsIfExists",
                "StringLikeIfExists",
                "StringNotLikeIfExists",
            ]
        ),
        st.just("k:text"),
        TEXT,
    ),
    st.tuples(st.just("Null"), st.just("k:text"), st.sampled_from([["true"], ["false"]])),
    st.tuples(
        st.sampled_from(["IpAddress", "NotIpAddress"]),
        st.just("aws:SourceIp"),
        st.lists(st.sampled_from(["10.0.0.0/8", "10.0.0.0/16", "0.0.0.0/0"]), min_size=1, max_size=2, unique=True),
    ),
    st.tuples(
        st.sampled_from(["NumericLessThan", "NumericGreaterThanEquals", "NumericEquals", "NumericNotEquals"]),
        st.just("k:number"),
        st.sampled_from([["1"], ["2"], ["2", "3"]]),
    ),
)


@st.composite
def statements(draw: st.DrawFn, *, with_principals: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Allow", "Deny"]))}
    elements = [("Action", ACTION), ("Resource", RESOURCE)] + ([("Principal", PRINCIPAL)] if with_principals else [])
    for name, texts in elements:
        negated = draw(st.sampled_from(["", "", "", "Not"]))
        made[f"{negated}{name}"] = draw(st.lists(texts, min_size=1, max_size=3, unique=True))
    for operator, key, values in draw(st.lists(CONDITION, max_size=2)):
        made.setdefault("Condition", {}).setdefault(operator, {})[key] = values
    return made


@st.composite
def policies(draw: st.DrawFn, *, size: int = 3) -> Policy:
    with_principals = draw(st.booleans())
    return draw(st.lists(statements(with_principals=with_principals), max_size=size))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Policy, Policy]:
    """Two policies that are usually alike, since unlike ones differ in everything at once."""
    with_principals = draw(st.booleans())
    each = statements(with_principals=with_principals)
    old = draw(st.lists(each, max_size=3))
    if draw(st.booleans()):
        return old, draw(st.lists(each, max_size=3))
    new = [dict(statement) for statement in old]
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.integers(0, len(new)))
        if place == len(new) or draw(st.booleans()):
            new.insert(place, draw(each))
        else:
            key = draw(st.sampled_from(sorted(new[place])))
            replacement = draw(each)
            del new[place][key]
            if key == "Effect":
                new[place]["Effect"] = replacement["Effect"]
            else:
                name = key.removeprefix("Not")
                new[place].update({k: v for k, v in replacement.items() if k.removeprefix("Not") == name})
    return old, new


def compared(old: Policy, new: Policy) -> Comparison:
    both = [list(read_policy({"Statement": written(policy)}, source=SOURCE)) for policy in (old, new)]
    return compare(*both)


def written(policy: Policy) -> Policy:
    """The judge names principals flatly; a policy names their kind."""
    made = []
    for each in policy:
        changed = dict(each)
        for key in ("Principal", "NotPrincipal"):
            if key in each:
                services = [name for name in each[key] if name.endswith(".amazonaws.com")]
                others = [name for name in each[key] if name not in services]
                changed[key] = {
                    **({"AWS": others} if others else {}),
                    **({"Service": services} if services else {}),
                }
        made.append(changed)
    return made


MANY = settings(max_examples=100)


@MANY
@given(pair=pairs())
def test_compare_finds_a_gain_exactly_where_an_exhaustive_evaluator_does(pair: tuple[Policy, Policy]) -> None:
    old, new = pair
    found = compared(old, new)
    world = World(old, new)
    before, after = world.granted(old), world.granted(new)
    gains, loses = bool(after - before), bool(before - after)
    assert not gains or found.direction in (Direction.BROADENED, Direction.CHANGED), found
    assert not loses or found.direction in (Direction.NARROWED, Direction.CHANGED), found
    # The world has one of each kind of request that these policies can tell apart, so nothing else is gained.
    assert gains or not found.gained, found
    assert loses or not found.lost, found


@st.composite
def smaller(draw: st.DrawFn, policy: Policy) -> Policy:
    """Less by construction, whatever requests there are: it allows fewer, denies more, asks for more."""
    with_principals = any("rincipal" in key for each in policy for key in each)
    denied = {**draw(statements(with_principals=with_principals)), "Effect": "Deny"}
    allowing = [place for place, each in enumerate(policy) if each["Effect"] == "Allow"]
    if not allowing or draw(st.booleans()):
        return [*policy, denied]
    place = draw(st.sampled_from(allowing))
    made = draw(st.sampled_from([without_one, with_condition, with_exception, removed]))(draw, policy[place])
    return [*policy[:place], *([made] if made else []), *policy[place + 1 :]]


def removed(draw: st.DrawFn, statement: dict[str, Any]) -> dict[str, Any]:
    return {}


def without_one(draw: st.DrawFn, statement: dict[str, Any]) -> dict[str, Any]:
    several = [name for name in ("Action", "Resource", "Principal") if len(statement.get(name, [])) > 1]
    return {**statement, **({several[0]: statement[several[0]][1:]} if several else {})}


def with_condition(draw: st.DrawFn, statement: dict[str, Any]) -> dict[str, Any]:
    operator, key, values = draw(CONDITION)
    conditions = {name: dict(keys) for name, keys in statement.get("Condition", {}).items()}
    conditions.setdefault(operator, {}).setdefault(key, values)
    return {**statement, "Condition": conditions}


def with_exception(draw: st.DrawFn, statement: dict[str, Any]) -> dict[str, Any]:
    further = {"NotAction": ACTION, "NotResource": RESOURCE, "NotPrincipal": PRINCIPAL}
    return {name: [*value, draw(further[name])] if name in further else value for name, value in statement.items()}


@MANY
@given(policy=policies(), data=st.data())
def test_compare_never_calls_a_subset_broadened(policy: Policy, data: st.DataObject) -> None:
    less = data.draw(smaller(data.draw(smaller(policy))))
    assert not compared(policy, less).gained
    assert not compared(less, policy).lost


@MANY
@given(policy=policies(size=4), data=st.data())
def test_compare_ignores_order_and_division_of_statements(policy: Policy, data: st.DataObject) -> None:
    other = []
    for each in data.draw(st.permutations(policy)):
        actions = each.get("Action", [])
        if len(actions) > 1:
            other += [{**each, "Action": actions[:1]}, {**each, "Action": actions[:0:-1]}]
        else:
            other.append(each)
    assert compared(policy, other).direction is None


@pytest.mark.parametrize("limit", ["MOST_CELLS"])
def test_compare_raises_on_statements_too_entangled_to_decide(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_module, limit, 1)
    with pytest.raises(CombinationsError):
        compared([{"Effect": "Allow", "Action": ["s:a"]}], [{"Effect": "Allow", "Action": ["s:b"]}])
