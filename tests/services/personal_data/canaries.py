"""Made-up personal data that is recognised wherever it turns up, in clear or in base64."""

import base64
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

FAMILY, PATIENT, RESOURCE, PERSONAL, BORN, NUMBER = (
    "Zaunkoenig",
    "Kanarie",
    "Stieglitz",
    "Zeisig",
    "1911-11-13",
    "191111131",
)
"""In names, patients' ids, resources' ids, addresses of every kind, dates, numbers: no text has one by chance."""
MEMBER = re.compile(r"(?<![0-9a-f])[0-9a-f]{10}(?![0-9a-f])")
"""A number that the partner knows a patient by."""
WORDS = (FAMILY, PATIENT, RESOURCE, PERSONAL, BORN, NUMBER)


@dataclass(frozen=True)
class Person:
    """Somebody whom a case is about."""

    number: int

    @property
    def id(self) -> str:
        return f"{PATIENT}-{self.number}"

    @property
    def family(self) -> str:
        return f"{FAMILY}-ß{self.number}"

    @property
    def mail(self) -> str:
        return f"{PERSONAL}.{self.number}@example.org"

    @property
    def resource_id(self) -> str:
        return f"{RESOURCE}-{self.number}"


class Detector:
    """Finds the words, in whatever case, and some members' numbers in what a sink took."""

    def __init__(self, members: Collection[str] = ()) -> None:
        self.members = frozenset(members)
        self.forms = {word.lower() for word in WORDS} | {form.lower() for word in WORDS for form in _in_base64(word)}

    def hits(self, text: str) -> list[str]:
        """What was found, with what stands around it."""
        lower = text.lower()
        places = [each.start() for form in self.forms for each in re.finditer(re.escape(form), lower)]
        places += [each.start() for each in MEMBER.finditer(text) if each[0] in self.members]
        return [text[max(0, place - 80) : place + 60] for place in sorted(places)]


def _in_base64(word: str) -> Iterable[str]:
    """The characters that depend on the word alone, for each place where it may begin among three bytes."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + word.encode()).decode().rstrip("=")
        whole = (before + len(word)) % 3 == 0
        yield coded[(0, 2, 3)[before] : len(coded) if whole else len(coded) - 1]
