"""The two values of a property, down to what differs, and never two sides that look the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.review.model import Json
from pipeline.review.render.escape import flat, value
from pipeline.review.render.policies import statements, words
from services.library.cloudformation.policy_text import list_of, policy_text
from services.library.cloudformation.values import is_function, is_same

CONTEXT = 24
"""Characters that stand around a difference where a value is cut."""
HIDDEN = "(redacted)"
ANOTHER = "another value, which is not shown"
REFERENCE = "the same reference, to another resource"
ONLY_SPACE = "the same words with other white space"


@dataclass(frozen=True, kw_only=True, slots=True)
class Replaced:
    """A value and the one in its place. A side that is None has nothing."""

    label: str
    """What is compared within the property; empty if it is the whole of it."""
    old: Json
    new: Json


@dataclass(frozen=True, kw_only=True, slots=True)
class Entries:
    """The entries of a list, or the statements of a policy, that only one side has."""

    label: str
    dropped: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


Part = Replaced | Entries


def parts(old: Json, new: Json) -> tuple[Part, ...]:
    """Return what differs: of policies each statement, of lists of texts the entries that only one side has."""
    if _is_policy(old) and _is_policy(new):
        return tuple(_statements(old, new)) or (Replaced(label="", old=old, new=new),)
    if old is None and _is_policy(new):
        return (Entries(label="", added=tuple(map(words, statements(new)))),)
    if new is None and _is_policy(old):
        return (Entries(label="", dropped=tuple(map(words, statements(old)))),)
    return (_narrowed("", old, new),)


def sides(old: Json, new: Json, most: int) -> tuple[str, str]:
    """Return both values on one line each, with at most that many characters, cut around the difference."""
    left, right = (_line(each) for each in (old, new))
    if left == right and (old is None) == (new is None):
        return cut(left, 0, 0, most), why_alike(value(old), value(new))
    start, end = shared(left, right)
    before, after = cut(left, start, end, most), cut(right, start, end, most)
    return before, after if after != before else f"the same again and again: {len(right)} characters, not {len(left)}"


def why_alike(old: str, new: str) -> str:
    """Return what to say of a new value that would look like the old one."""
    if old != new:
        return ONLY_SPACE
    return ANOTHER if HIDDEN in new else REFERENCE


def _line(given: Json) -> str:
    if given is None:
        return "nothing"
    return flat(policy_text(given) if is_function(given) else value(given)) or '""'


def shared(left: str, right: str) -> tuple[int, int]:
    """Return how many characters two texts share at their beginning, and how many at their end, in whole words."""
    least = min(len(left), len(right))
    start = next((at for at in range(least) if left[at] != right[at]), least)
    start = _up_to_a_word(left[:start], left[start:], right[start:])
    rest = least - start
    end = next((at for at in range(rest) if left[-1 - at] != right[-1 - at]), rest)
    backwards = (side[: len(side) - end][::-1] for side in (left, right))
    return start, _up_to_a_word(left[len(left) - end :][::-1], *backwards)


def _up_to_a_word(kept: str, *rest: str) -> int:
    """How much of a text is kept if no word, unless a very long one, is torn between it and what follows."""
    length = len(kept)
    if any(each[:1].isalnum() for each in rest):
        while length and kept[length - 1].isalnum():
            length -= 1
    return length if len(kept) - length <= CONTEXT else len(kept)


def cut(text: str, start: int, end: int, most: int) -> str:
    """Return the text if it is short enough, else the difference with a little around it, marked where it is cut."""
    if len(text) <= most:
        return text
    first = min(max(0, start - CONTEXT), len(text) - most + 1)
    room = first + most - (1 if first else 0)
    last = min(room, max(len(text) - end + CONTEXT, first + most // 2))
    if last < len(text):
        last = min(last, room - 1)
    return f"{'…' if first else ''}{text[first:last]}{'…' if last < len(text) else ''}"


def _is_policy(given: Json) -> bool:
    return isinstance(given, dict) and "Statement" in given


def _statements(old: Json, new: Json) -> Iterator[Part]:
    left = [each for each in statements(old) if not any(_is_one(each, other) for other in statements(new))]
    right = [each for each in statements(new) if not any(_is_one(each, other) for other in statements(old))]
    for before in left:
        after = _likest(before, right)
        if after is None:
            yield Entries(label="", dropped=(words(before),))
            continue
        right = [each for each in right if each is not after]
        for element in {**before, **after}:
            if not _is_one_element(element, before, after):
                yield _narrowed(f"{words(after, without=element)}: {element}", before.get(element), after.get(element))
    yield from (Entries(label="", added=(words(each),)) for each in right)
    for key in {**old, **new}:
        if key != "Statement" and not is_same(old.get(key), new.get(key)):
            yield _narrowed(key, old.get(key), new.get(key))


def _likest(statement: Json, others: Sequence[Json]) -> Json | None:
    """The statement of the other side with the same Sid, or else with the most in common, and all but one element."""
    if not isinstance(statement, dict):
        return None
    known = [each for each in others if isinstance(each, dict) and each.get("Effect") == statement.get("Effect")]
    if named := next((each for each in known if each.get("Sid") and each.get("Sid") == statement.get("Sid")), None):
        return named
    alike = [each for each in known if len(_differing(statement, each)) == 1]
    return alike[0] if alike else None


def _differing(one: Json, other: Json) -> list[str]:
    return [element for element in {**one, **other} if element != "Sid" and not _is_one_element(element, one, other)]


def _is_one(one: Json, other: Json) -> bool:
    return is_same({"Statement": [one]}, {"Statement": [other]})


def _is_one_element(element: str, one: Json, other: Json) -> bool:
    return _is_one(*({element: each[element]} if element in each else {} for each in (one, other)))


def _narrowed(label: str, old: Json, new: Json) -> Part:
    """Of two lists of texts what only one has, if there is such; another order is all of both."""
    if _is_texts(old) and _is_texts(new) and (isinstance(old, list) or isinstance(new, list)):
        left, right = (list_of(each) for each in (old, new))
        dropped = tuple(_text(each) for each in left if each not in right)
        added = tuple(_text(each) for each in right if each not in left)
        if dropped or added:
            return Entries(label=label, dropped=dropped, added=added)
    return Replaced(label=label, old=old, new=new)


def _is_texts(given: Json) -> bool:
    """Whether it is a text, or a list of texts, which may be known only at deployment."""
    return all(isinstance(each, str) or is_function(each) for each in list_of(given)) and given is not None


def _text(entry: Json) -> str:
    return entry if isinstance(entry, str) else policy_text(entry)
