"""Whether changing a property replaces its resource, by the two sources in `replacement.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.review.diff.compare import Difference, leaves
from pipeline.review.model import ResourceOutcome
from services.library.cloudformation.resolved_template import is_rewritten
from services.library.cloudformation.undecided import undecided_conditions

MACRO = "no resource: what CloudFormation makes of it decides"
SAYS = {"y": "create-only", "m": "may replace", "n": "in place", "-": "does not know the type"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Impact:
    """What changing one property does, and who says so."""

    outcome: ResourceOutcome
    sources: tuple[str, ...] = ()
    unknown: bool = False
    """Whether no source knows the property or its type."""


@dataclass(frozen=True, slots=True)
class _Type:
    replaces: Mapping[str, str]
    """Path -> two letters: cfn-lint's and the specification's."""
    known: frozenset[str]


def impact(type_: str, difference: Difference) -> Impact:
    """Return the worst over all below the path that differs, since a part that comes or goes takes its own along."""
    path = difference.path or ("Properties",)
    if is_rewritten(type_):
        return Impact(outcome=ResourceOutcome.MAY_REPLACE, sources=(MACRO,), unknown=True)
    if is_custom(type_):
        return Impact(
            outcome=ResourceOutcome.MAY_REPLACE, sources=("custom resource: its handler decides",), unknown=True
        )
    spec = _types().get(type_)
    if spec is None:
        return Impact(outcome=ResourceOutcome.MAY_REPLACE, sources=(f"neither source knows {type_}",), unknown=True)
    if path[0] not in spec.known:
        return Impact(outcome=ResourceOutcome.MAY_REPLACE, sources=(f"neither source knows {path[0]}",), unknown=True)
    changed = {leaf for value in (difference.old, difference.new) if value is not None for leaf in leaves(value, path)}
    worst = max((_judged(spec, leaf) for leaf in changed or {path}), key=lambda judged: judged.outcome.rank)
    if worst.outcome is ResourceOutcome.REPLACE and undecided_conditions([difference.old, difference.new]):
        return Impact(
            outcome=ResourceOutcome.MAY_REPLACE, sources=(*worst.sources, "depends on an undecided condition")
        )
    return worst


def is_custom(type_: str) -> bool:
    """Return whether a resource is made by somebody's own function."""
    return type_.startswith("Custom::") or type_ == "AWS::CloudFormation::CustomResource"


def known_types() -> Mapping[str, list[str]]:
    """Return each type with the properties that a source knows."""
    return {name: sorted(type_.known) for name, type_ in _types().items()}


def _judged(spec: _Type, leaf: tuple[str, ...]) -> Impact:
    """By the nearest flagged path at or above the leaf, or by one below it, if the leaf hides what is there."""
    for length in range(len(leaf), 0, -1):
        if says := spec.replaces.get(".".join(leaf[:length])):
            return _meant(says)
    below = ".".join(leaf) + "."
    hidden = [says for path, says in spec.replaces.items() if path.startswith(below)]
    if hidden:
        return Impact(outcome=ResourceOutcome.MAY_REPLACE, sources=_meant(hidden[0]).sources)
    return Impact(outcome=ResourceOutcome.UPDATE)


def _meant(says: str) -> Impact:
    """One that is sure and one that is not are no disagreement; a yes and a no are: it may, and both are named."""
    sources = (f"cfn-lint: {SAYS[says[0]]}", f"service-spec: {SAYS[says[1]]}")
    sure = "y" in says and "n" not in says
    return Impact(outcome=ResourceOutcome.REPLACE if sure else ResourceOutcome.MAY_REPLACE, sources=sources)


@cache
def _types() -> Mapping[str, _Type]:
    document = json.loads(Path(__file__).with_name("replacement.json").read_bytes())
    return {
        name: _Type(
            replaces={path: says for says, paths in row.items() if says != "known" for path in paths},
            known=frozenset(
                {*row["known"], *(path.partition(".")[0] for says, paths in row.items() for path in paths)}
            ),
        )
        for name, row in document["types"].items()
    }
