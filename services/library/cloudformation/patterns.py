"""Which kinds of text a set of wildcard patterns can tell apart: what makes containment of policies decidable.

A pattern is a tuple of symbols: one character, `*`, `?`, an escaped literal such as `\\*`, or a longer token that
stands for text known only at deployment, such as `<Bucket.Arn>`. A token equals itself alone; `*` covers it, `?` not.
A letter that may be of either case is written `~a`. `:*` and `:?` are wildcards that stop at a colon.
"""

from collections.abc import Iterable, Sequence

Pattern = tuple[str, ...]
STAR, ONE = "*", "?"
COMPONENT_STAR, COMPONENT_ONE = ":*", ":?"
"""Wildcards within one of an ARN's components."""
EVERYTHING: Pattern = (STAR,)
COLON = ":"
OTHER = "\0"
"""A character that stands in no pattern."""
MOST_STATES = 20_000


class CombinationsError(Exception):
    """The patterns cannot be told apart within reasonable time; nobody may take that for "no change"."""


def plain(pattern: Pattern) -> Pattern:
    """Runs of `*` are one `*`; `?` beside it comes first, so that equal patterns are spelled alike."""
    shown: list[str] = []
    run: list[str] = []
    for symbol in (*pattern, ""):
        if symbol in (STAR, ONE):
            run.append(symbol)
            continue
        shown += [ONE] * run.count(ONE) + [STAR] * (STAR in run)
        run = []
        if symbol:
            shown.append(symbol)
    return tuple(shown)


def classes(patterns: Sequence[Pattern]) -> list[int]:
    """Return every combination of patterns that some text matches: one number each, bit i set where pattern i matches.

    Exact: a breadth-first walk over all patterns at once, each a small automaton whose positions are bits of a number.
    The empty text is left out, since no action, resource or principal is empty: `of_nothing` is its combination.

    Raises:
        CombinationsError: if the walk passes more than MOST_STATES states.
    """
    automaton = _Automaton([plain(pattern) for pattern in patterns])
    start = automaton.start
    seen = {start}
    waiting = [start]
    found: set[int] = set()
    while waiting:
        state = waiting.pop()
        for symbol in automaton.symbols_that_matter(state):
            reached = automaton.after(state, symbol)
            if reached in seen and reached != start:
                continue
            found.add(reached & automaton.accepting)
            if reached not in seen:
                if len(seen) >= MOST_STATES:
                    raise CombinationsError
                seen.add(reached)
                waiting.append(reached)
    return sorted(automaton.matched(state) for state in found)


def of_nothing(patterns: Sequence[Pattern]) -> int:
    """Return which patterns the empty text matches, as a value of a condition key may be: `""`, `*`."""
    return sum(1 << at for at, pattern in enumerate(patterns) if set(pattern) <= {STAR, COMPONENT_STAR})


class _Automaton:
    """All patterns side by side: bit `offset + position` of a state is set where a pattern has come that far."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._at: dict[str, int] = {}
        self._symbols: dict[int, tuple[str, ...]] = {}
        self._accept: list[int] = []
        start, offset = 0, 0
        for pattern in patterns:
            start |= 1 << offset
            for position, symbol in enumerate(pattern, start=offset):
                self._symbols[position] = _meant(symbol)
                for each in _meant(symbol):
                    self._at[each] = self._at.get(each, 0) | 1 << position
            offset += len(pattern)
            self._accept.append(offset)
            offset += 1
        self._stars = self._at.pop(STAR, 0)
        self._ones = self._at.pop(ONE, 0)
        self._component_stars = self._at.pop(COMPONENT_STAR, 0)
        self._component_ones = self._at.pop(COMPONENT_ONE, 0)
        self._wildcards = self._stars | self._ones | self._component_stars | self._component_ones
        self.accepting = sum(1 << position for position in self._accept)
        self.start = self._past_stars(start)

    def after(self, state: int, symbol: str) -> int:
        """Return the state that one more symbol leads to."""
        moving, staying = state & self._at.get(symbol, 0), state & self._stars
        if symbol != COLON:
            staying |= state & self._component_stars
        if len(symbol) == 1 or symbol.startswith("\\"):
            moving |= state & (self._ones if symbol == COLON else self._ones | self._component_ones)
        return self._past_stars(moving << 1 | staying)

    def symbols_that_matter(self, state: int) -> Iterable[str]:
        """Return those that some pattern waits for here, and one that none does."""
        yield OTHER
        waiting = state & ~(self._wildcards | self.accepting)
        found = {COLON} if state & (self._component_stars | self._component_ones) else set()
        while waiting:
            lowest = waiting & -waiting
            found.update(self._symbols[lowest.bit_length() - 1])
            waiting ^= lowest
        yield from found

    def matched(self, state: int) -> int:
        """Return one bit for each pattern that accepts in this state."""
        return sum(1 << number for number, position in enumerate(self._accept) if state >> position & 1)

    def _past_stars(self, state: int) -> int:
        return state | (state & (self._stars | self._component_stars)) << 1


def _meant(symbol: str) -> tuple[str, ...]:
    return (symbol[1:].lower(), symbol[1:].upper()) if symbol.startswith("~") else (symbol,)
