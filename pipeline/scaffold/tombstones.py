"""Says in stages/removed.py why a service leaves a stage, and takes it back once it has gone."""

import json
import textwrap
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import libcst as cst

from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.listing import PythonSource, inserted, removed

FILE = Path("stages/removed.py")
LONGEST_LITERAL = 80
"""Characters of a text that stand in one line."""


@dataclass(frozen=True, kw_only=True)
class TombstoneText:
    """What a tombstone says."""

    stage: str
    service: str
    why: str
    owner: str

    @property
    def text(self) -> str:
        """As Python."""
        return (
            f"Tombstone(stage={_literal(self.stage)}, service={_literal(self.service)}, why={_literal(self.why)},"
            f" owner={_literal(self.owner)})"
        )


def add(draft: Draft, written: TombstoneText) -> None:
    """Add a tombstone."""
    source, listed = _listed(draft, f"add `{written.text}` by hand.")
    draft.edit(FILE, inserted(source, listed, written.text, position=len(listed.elements)))


def drop(draft: Draft, gone: Collection[tuple[str, str]]) -> None:
    """Remove the tombstones of these (stage, service)."""
    while True:
        source, listed = _listed(
            draft, f"take out those of {', '.join('/'.join(each) for each in sorted(gone))} by hand."
        )
        found = [position for position, each in enumerate(listed.elements) if _whose(each.value) in gone]
        if not found:
            return
        draft.edit(FILE, removed(source, listed, found[0]))


def _listed(draft: Draft, by_hand: str) -> tuple[PythonSource, cst.Tuple]:
    source = PythonSource(FILE.as_posix(), draft.read(FILE))
    listed = dict(source.assigned()).get("REMOVED")
    if not isinstance(listed, cst.Tuple) or not listed.lpar:
        raise ScaffoldError(
            f"{FILE}: REMOVED is no tuple in parentheses, so that it cannot be edited safely; {by_hand}"
        )
    return source, listed


def _whose(value: cst.BaseExpression) -> tuple[str, str]:
    said = {
        each.keyword.value: str(each.value.evaluated_value)
        for each in (value.args if isinstance(value, cst.Call) else ())
        if each.keyword and isinstance(each.value, cst.SimpleString)
    }
    return said.get("stage", ""), said.get("service", "")


def _literal(text: str) -> str:
    """Return a text as Python, over several lines if it is long."""
    parts = textwrap.wrap(text, LONGEST_LITERAL, drop_whitespace=False, break_long_words=True) or [""]
    literals = [json.dumps(part, ensure_ascii=False) for part in parts]
    return literals[0] if len(literals) == 1 else f"({' '.join(literals)})"
