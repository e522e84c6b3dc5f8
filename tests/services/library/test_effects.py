"""Effects that happen once, against a table of the local cloud; and who else writes between a read and its write."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.local.lifecycle import LocalCloud
from services.library.runtime.effects import ATTEMPTS, Applied, Arrival, ContentionError, Effect, Effects, position

pytestmark = pytest.mark.cloud
ACCOUNT, REGION = "111111111111", "us-east-1"


@pytest.fixture(scope="module")
def dynamodb(cloud: LocalCloud) -> Any:
    return cloud.client("dynamodb", ACCOUNT, REGION)


@pytest.fixture
def table(dynamodb: Any) -> str:
    name = f"t-{uuid.uuid4().hex[:12]}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


@pytest.fixture
def effects(dynamodb: Any, table: str) -> Effects:
    return Effects(table, client=dynamodb)


def effect(id_: str, sequence: int, key: str = "p-1") -> Effect:
    return Effect(id=id_, key=key, sequence=str(sequence), digest=f"d-{id_}", attributes={"what": {"S": id_}})


def item(effects: Effects, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = effects.client.get_item(TableName=effects.table_name, Key={"id": {"S": id_}})["Item"]
    return found


def test_an_effect_happens_once_and_each_has_a_version_of_its_key(effects: Effects) -> None:
    assert effects.apply(effect("a", 9)) == Applied(version=1, first_time=True, announced=False)
    assert effects.apply(effect("b", 10)) == Applied(version=2, first_time=True, announced=False)
    assert effects.apply(effect("a", 11)) == Applied(version=1, first_time=False, announced=False)
    assert effects.apply(effect("c", 1, key="p-2")).version == 1
    assert item(effects, "effect#b") == {
        "id": {"S": "effect#b"},
        "subject": {"S": "p-1"},
        "came_at": {"S": position("10")},
        "version": {"N": "2"},
        "digest": {"S": "d-b"},
        "what": {"S": "b"},
    }
    assert item(effects, "key#p-1") == {
        "id": {"S": "key#p-1"},
        "version": {"N": "2"},
        "came_at": {"S": position("10")},
        "newest": {"S": "b"},
    }


def test_an_effect_that_was_applied_says_what_was_recorded(effects: Effects) -> None:
    assert effects.arrive("a", key="p-1", sequence="1").recorded == {}
    assert effects.apply(effect("a", 1)).recorded == {}
    for answer in (effects.arrive("a", key="p-1", sequence="2"), effects.apply(effect("a", 2))):
        assert answer.recorded == item(effects, "effect#a")


def test_what_was_announced_is_remembered(effects: Effects) -> None:
    effects.apply(effect("a", 1))
    effects.announced(effect("a", 1))
    assert effects.apply(effect("a", 1)) == Applied(version=1, first_time=False, announced=True)


def test_a_record_that_comes_late_does_not_take_the_newest_ones_place(effects: Effects) -> None:
    effects.apply(effect("newer", 100))
    assert effects.apply(effect("late", 99)).version == 2
    assert item(effects, "key#p-1")["newest"] == {"S": "newer"}
    assert effects.apply(effect("newest", 101)).version == 3
    assert item(effects, "key#p-1")["newest"] == {"S": "newest"}


def test_an_effect_that_arrived_has_its_first_place_and_is_applied_there(effects: Effects) -> None:
    for sequence in ("5", "9"):
        assert effects.arrive("late", key="p-1", sequence=sequence) == Arrival(came_at=position("5"), announced=False)
    effects.apply(effect("newer", 7))
    assert effects.apply(effect("late", 9)) == Applied(version=2, first_time=True, announced=False)
    assert item(effects, "effect#late")["came_at"] == {"S": position("5")}
    assert item(effects, "key#p-1")["newest"] == {"S": "newer"}
    effects.announced(effect("late", 9))
    assert effects.arrive("late", key="p-1", sequence="11") == Arrival(came_at=position("5"), announced=True)


def test_positions_sort_as_numbers_do() -> None:
    numbers = [0, 9, 10, 99, 100, 10**55, 10**56 - 1, 10**56]
    assert sorted(position(str(number)) for number in numbers) == [position(str(number)) for number in numbers]


class Between:
    """A client before each of whose writes somebody else does something."""

    def __init__(self, client: Any, others: Callable[[], object]) -> None:
        self.client = client
        self.others = others

    def __getattr__(self, name: str) -> Any:
        if name == "transact_write_items":
            self.others()
        return getattr(self.client, name)


@pytest.mark.parametrize(("other", "versions"), [("a", (1, False)), ("b", (2, True))])
def test_whoever_writes_in_between_is_noticed(
    effects: Effects, dynamodb: Any, other: str, versions: tuple[int, bool]
) -> None:
    """Apply an effect in another sandbox: the first one's, or another of its key."""
    left = iter([effect(other, 5)])
    raced = Effects(effects.table_name, client=Between(dynamodb, lambda: [effects.apply(each) for each in left]))
    applied = raced.apply(effect("a", 6))
    assert (applied.version, applied.first_time) == versions
    assert item(effects, "key#p-1")["version"] == {"N": str(versions[0])}


def test_an_endless_race_is_given_up_for_this_attempt(effects: Effects, dynamodb: Any) -> None:
    writes: list[int] = []

    def write() -> None:
        writes.append(len(writes))
        effects.apply(effect(f"other-{len(writes)}", len(writes)))

    with pytest.raises(ContentionError):
        Effects(effects.table_name, client=Between(dynamodb, write)).apply(effect("a", 50))
    assert len(writes) == ATTEMPTS
    assert item(effects, "key#p-1")["version"] == {"N": str(ATTEMPTS)}


def test_any_other_refusal_goes_on_to_the_caller(effects: Effects) -> None:
    broken = Effect(id="a", key="p", sequence="1", digest="d", attributes={"what": {"N": "no number"}})
    with pytest.raises(effects.client.exceptions.ClientError):
        effects.apply(broken)
