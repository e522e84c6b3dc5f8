"""Condition blocks: in which requests a statement applies, decided over a small set of requests that stands for all.

A request's keys matter only by which values of the policies they equal, so one request for each combination of such
classes is as good as every request there is.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import ipaddress
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from services.library.cloudformation import identity, patterns
from services.library.cloudformation.patterns import CombinationsError, Pattern
from services.library.cloudformation.policy_text import is_token, is_unreadable, list_of, pattern, policy_text

MOST_REQUESTS = 20_000
MOST_NUMBER = 2.0**52
"""Up to this a number is told from what lies half way to its neighbours; a larger one is not compared."""

_TEXT = {
    "stringequals": (False, False),
    "stringnotequals": (True, False),
    "stringequalsignorecase": (False, False),
    "stringnotequalsignorecase": (True, False),
    "stringlike": (False, True),
    "stringnotlike": (True, True),
    "arnequals": (False, True),
    "arnlike": (False, True),
    "arnnotequals": (True, True),
    "arnnotlike": (True, True),
    "bool": (False, False),
    "binaryequals": (False, False),
}
"""Operator -> whether it is negated, whether its values have wildcards."""
_ORDER = {"equals", "notequals", "lessthan", "lessthanequals", "greaterthan", "greaterthanequals"}
_FOLDED = {"stringequalsignorecase", "stringnotequalsignorecase", "bool"}

ARN_COLONS = 5
IN_COMPONENT = {patterns.STAR: patterns.COMPONENT_STAR, patterns.ONE: patterns.COMPONENT_ONE}
NARROW = {4: 8, 6: 32}
"""A network with a shorter prefix than this holds strangers.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

Value = object
"""A class of values of one key: a number of `patterns.classes`, an address, a number, a yes or no."""
Request = Mapping[tuple[str, str], frozenset[Value]]
"""(key, family) -> the classes of the key's values; the empty set where the request has no such key."""


@dataclass(frozen=True, slots=True)
class ConditionTest:
    """One operator, one key, its values: true in a request or not."""

    operator: str
    """Lower case, without qualifier and suffix."""
    key: str
    """Lower case, as IAM compares keys."""
    written: tuple[str, ...]
    """Its values as sorted JSON, which may be compared and hashed."""
    qualifier: str = ""
    """`forallvalues`, `foranyvalue` or nothing."""
    if_exists: bool = False

    @property
    def values(self) -> list[object]:
        """Return what the key is compared with, any of which is enough."""
        return [json.loads(value) for value in self.written]

    @property
    def family(self) -> str:
        """Return what kind of comparison it is, hence which classes of values it tells apart."""
        if self.operator in _TEXT:
            return "text"
        if self.operator in ("ipaddress", "notipaddress") and all(map(_network, self.values)):
            return "address"
        for kind in ("numeric", "date"):
            known = self.operator.startswith(kind) and self.operator.removeprefix(kind) in _ORDER
            if known and None not in (_number(value, kind) for value in self.values):
                return kind
        if self.operator == "null":
            return "text"
        return self.words

    @property
    def is_negated(self) -> bool:
        """Return whether a request without the key passes."""
        if self.operator in _TEXT:
            return _TEXT[self.operator][0]
        return "not" in self.operator

    @property
    def words(self) -> str:
        """For people: `StringEquals aws:SourceAccount = 111122223333`, in lower case as compared."""
        name = f"{self.qualifier}:{self.operator}" if self.qualifier else self.operator
        name += "ifexists" if self.if_exists else ""
        return f"{name} {self.key} = {', '.join(sorted(map(policy_text, self.values)))}"

    def patterns(self) -> list[Pattern]:
        """Return the values of a comparison of text."""
        wildcards = _TEXT.get(self.operator, (False, False))[1]
        found = [pattern(value, wildcards=wildcards) for value in self.values]
        if self.operator.startswith("arn"):
            found = [_by_components(each) for each in found]
        return [tuple(map(_of_either_case, each)) for each in found] if self.operator in _FOLDED else found


def read_condition(condition: object) -> frozenset[ConditionTest]:
    """Return a statement's Condition: every one of these must be true."""
    if not isinstance(condition, Mapping):
        return (
            frozenset() if condition is None else frozenset({ConditionTest("unreadable", policy_text(condition), ())})
        )
    found = set()
    for name, keys in condition.items():
        if not isinstance(keys, Mapping):
            found.add(ConditionTest(f"unreadable {name}", policy_text(keys), ()))
            continue
        qualifier, _, operator = name.lower().rpartition(":")
        if_exists = operator.endswith("ifexists")
        for key, values in keys.items():
            if operator == "null" and not _is_yes_or_no(values):
                found.add(ConditionTest("unreadable null", policy_text({key: values}), ()))
                continue
            written = tuple(sorted({json.dumps(_as_compared(value), sort_keys=True) for value in list_of(values)}))
            found.add(ConditionTest(operator.removesuffix("ifexists"), key.lower(), written, qualifier, if_exists))
    return frozenset(found)


def _is_yes_or_no(values: object) -> bool:
    """Whether what Null is given says whether there must be a key."""
    answers = {policy_text(value).lower() for value in list_of(values)}
    return bool(answers) and answers <= {"true", "false"}


def _as_compared(value: object) -> object:
    """A request's keys are text: true is "true" and 5 is "5"."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def implies(first: frozenset[ConditionTest], second: frozenset[ConditionTest]) -> bool:
    """Return whether every request that passes the first tests passes the second ones, too; False if it is not clear.

    Text that only the deployment knows may be any text: what one test asks for may be what another one forbids.
    """
    required = {test.key for test in first if test.family == "text" and not test.is_negated}
    unclear = {
        test.key for test in (*first, *second) if test.family == "text" and any(map(_has_token, test.patterns()))
    }
    if any(test.is_negated and test.key in required & unclear for test in second - first):
        return False
    try:
        requests = Requests(first | second)
    except CombinationsError:
        return False
    return all(requests.passes(second, request) for request in requests if requests.passes(first, request))


def _has_token(text: Pattern) -> bool:
    return any(map(is_token, text))


def _names_own(test: ConditionTest) -> bool:
    """Whether a value names a resource or parameter of the stack, whose value is somebody's in particular."""
    return any(is_token(symbol) and not is_unreadable(symbol) for value in test.values for symbol in pattern(value))


class Requests:
    """Requests enough to tell every pair of these tests apart.

    Raises:
        CombinationsError: if there would be more than MOST_REQUESTS.
    """

    def __init__(self, tests: Iterable[ConditionTest]) -> None:
        self._tests = sorted(tests, key=lambda test: (test.key, test.words))
        self._patterns: dict[tuple[str, str], list[Pattern]] = {}
        families: dict[str, set[str]] = {}
        for test in self._tests:
            families.setdefault(test.key, set()).add(test.family)
            if test.family == "text" and test.operator != "null":
                self._patterns.setdefault((test.key, test.family), []).extend(test.patterns())
        options = [self._options(key, sorted(names)) for key, names in sorted(families.items())]
        if math.prod(map(len, options)) > MOST_REQUESTS:
            raise CombinationsError
        self._options_by_key = options

    def __iter__(self) -> Iterator[Request]:
        for parts in itertools.product(*self._options_by_key):
            yield {place: values for part in parts for place, values in part.items()}

    def passes(self, tests: Iterable[ConditionTest], request: Request) -> bool:
        """Return whether a request meets all of a statement's tests."""
        return all(self._passes(test, request) for test in tests)

    def is_a_strangers(self, request: Request) -> bool:
        """Return whether anybody can make a request.

        What names the caller's account, network or organisation is as far off as can be, whatever else it says.
        """
        return all(
            self._is_far((key, family), values)
            for (key, family), values in request.items()
            if identity.is_identifying(key)
        )

    def _is_far(self, place: tuple[str, str], values: frozenset[Value]) -> bool:
        """Whether a key's values are such as no test asks for by the name of somebody in particular."""
        if place[1] == "text":
            known = enumerate(self._patterns.get(place, ()))
            named = sum(1 << at for at, each in known if identity.names_somebody(place[0], each))
            return not any(isinstance(value, int) and value & named for value in values)
        tests = [test for test in self._tests if (test.key, test.family) == place]
        if place[1] == "address":
            networks = [network for test in tests for network in map(_network, test.values) if network]
            small = [network for network in networks if network.prefixlen >= NARROW[network.version]]
            return not any(_contains(network, value) for network in small for value in values)
        if place[1] not in ("numeric", "date"):
            # What nobody can tell keeps nobody out, unless it names something of the stack.
            return not any(map(_names_own, tests))
        return not any(self._holds(test, value) for test in tests for value in values)

    def _passes(self, test: ConditionTest, request: Request) -> bool:
        values = request[test.key, test.family]
        if test.operator == "null":
            return str(not values).lower() in {policy_text(value).lower() for value in test.values}
        if test.qualifier == "forallvalues":
            return all(self._decides(test, value) for value in values)
        if test.qualifier == "foranyvalue":
            return any(self._decides(test, value) for value in values) or (test.if_exists and not values)
        if not values:
            return test.if_exists or test.is_negated
        return any(self._decides(test, value) for value in values)

    def _decides(self, test: ConditionTest, value: Value) -> bool:
        return self._holds(test, value) != test.is_negated

    def _holds(self, test: ConditionTest, value: Value) -> bool:
        """Whether one value equals one of the test's, before a negation."""
        if test.family == "text":
            known = self._patterns[test.key, test.family]
            return isinstance(value, int) and any(value >> known.index(each) & 1 for each in test.patterns())
        if test.family == "address":
            return any(_contains(network, value) for network in map(_network, test.values))
        if test.family in ("numeric", "date"):
            kind = test.operator.removeprefix(test.family).removeprefix("not")
            limits = [limit for each in test.values if (limit := _number(each, test.family)) is not None]
            return isinstance(value, float) and any(_ordered(kind, value, limit) for limit in limits)
        return value is True

    def _options(self, key: str, families: Sequence[str]) -> list[dict[tuple[str, str], frozenset[Value]]]:
        """What one key of a request may be: absent, or some class of values in each family."""
        several = any(test.key == key and test.qualifier for test in self._tests)
        absent: dict[tuple[str, str], frozenset[Value]] = {(key, family): frozenset() for family in families}
        choices = []
        for family in families:
            values = self._values(key, family)
            sets = [frozenset({value}) for value in values]
            if several:
                sets += self._sets(key, values)
            choices.append([((key, family), some) for some in sets])
        return [absent, *(dict(each) for each in itertools.product(*choices))]

    def _sets(self, key: str, values: Sequence[Value]) -> list[frozenset[Value]]:
        """Sets of several values: each test needs at most one of them to hold, or not to, so no more than tests do."""
        most = min(len(values), sum(test.key == key for test in self._tests))
        if sum(math.comb(len(values), size) for size in range(2, most + 1)) > MOST_REQUESTS:
            raise CombinationsError
        return [frozenset(some) for size in range(2, most + 1) for some in itertools.combinations(values, size)]

    def _values(self, key: str, family: str) -> list[Value]:
        if family == "text":
            known = self._patterns.get((key, family), [])
            return [*sorted({*patterns.classes(known), patterns.of_nothing(known)})]
        values = [value for test in self._tests if (test.key, test.family) == (key, family) for value in test.values]
        if family == "address":
            return list(_addresses([network for network in map(_network, values) if network]))
        if family in ("numeric", "date"):
            limits = sorted({limit for each in values if (limit := _number(each, family)) is not None})
            between = [(low + high) / 2 for low, high in itertools.pairwise(limits)]
            return [*limits, *between, limits[0] - 1, limits[-1] + 1] if limits else [0.0]
        return [True, False]


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(maxsize=8192)
def _by_components(arn: Pattern) -> Pattern:
    """An ARN's six components are compared one by one: a wildcard in one of the first five does not reach the next.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    if arn.count(patterns.COLON) < ARN_COLONS:
        return arn
    found: list[str] = []
    colons = 0
    for symbol in arn:
        colons += symbol == patterns.COLON
        within = IN_COMPONENT.get(symbol, symbol) if colons < ARN_COLONS else symbol
        if not (found and within == found[-1] == patterns.COMPONENT_STAR):
            found.append(within)
    return tuple(found)


def _of_either_case(symbol: str) -> str:
    return f"~{symbol}" if len(symbol) == 1 and symbol.isalpha() else symbol


def _network(value: object) -> _Network | None:
    try:
        return ipaddress.ip_network(value, strict=False) if isinstance(value, str) else None
    except ValueError:
        return None


def _addresses(networks: Sequence[_Network]) -> Iterator[tuple[int, int]]:
    """(version, number) of one address in each part into which the networks cut all addresses."""
    for version, most in ((4, 2**32 - 1), (6, 2**128 - 1)):
        edges = {0}
        for network in networks:
            if network.version == version:
                edges |= {int(network.network_address), int(network.broadcast_address) + 1}
        yield from ((version, edge) for edge in sorted(edges) if edge <= most)


def _contains(network: _Network | None, value: Value) -> bool:
    match value:
        case (int(version), int(number)) if network is not None and version == network.version:
            return int(network.network_address) <= number <= int(network.broadcast_address)
    return False


def _number(value: object, family: str) -> float | None:
    """Read a limit; None for what is no number, or no moment, or too large to compare."""
    if not isinstance(value, str):
        return None
    try:
        found = float(value)
    except ValueError:
        return _moment(value) if family == "date" else None
    return found if abs(found) <= MOST_NUMBER else None


def _moment(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _ordered(kind: str, value: float, limit: float) -> bool:
    match kind:
        case "lessthan":
            return value < limit
        case "lessthanequals":
            return value <= limit
        case "greaterthan":
            return value > limit
        case "greaterthanequals":
            return value >= limit
    return value == limit
