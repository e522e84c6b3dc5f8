"""What the base side's repository says a verdict must rest on, and what the head side changes of that."""

from collections.abc import Iterator
from datetime import date

from pipeline.review.engine import Basis
from pipeline.review.judge import rules
from pipeline.review.model import Level
from pipeline.review.read.revisions import Repository, Revision

ENGINE = "pipeline/review"
RULES = "pipeline/review/judge/rules.json"
GUARDRAILS = ("services/library/guardrails", "pipeline/definition/decided_findings.py", "app.py")


def of_revisions(repository: Repository, base: Revision, head: Revision, *, fail_on: Level, today: date) -> Basis:
    """The base's rules. The code that runs is that of the repository's working tree."""
    text = repository.text_of(base, RULES)
    before = rules.parse(text) if text else {}
    now = repository.text_of(head, RULES)
    return Basis(
        fail_on=fail_on,
        today=today,
        judged_by=before or rules.own(),
        changed_rules=tuple(_changed(repository, base, head, before, rules.parse(now) if now else {})),
        by_base=_code(repository, repository.working_tree()) == _code(repository, base),
    )


def _changed(
    repository: Repository, base: Revision, head: Revision, before: rules.Rules, after: rules.Rules
) -> Iterator[str]:
    for name in rules.weakened(before, after):
        yield f"The review rule {name} is weakened or removed; this verdict still holds it as it is on the base side."
    old, new = _code(repository, base), _code(repository, head)
    if changed := sorted(name for name in {**old, **new} if old.get(name) != new.get(name)):
        yield f"The code that reviews changes: {', '.join(changed)}."
    for path in GUARDRAILS:
        if repository.hash_of(base, path) != repository.hash_of(head, path):
            yield f"Guardrails change: {path}."


def _code(repository: Repository, revision: Revision) -> dict[str, str]:
    """The engine's files, without its tests."""
    files = repository.files_in(revision, ENGINE)
    return {name: digest for name, digest in files.items() if "/tests/" not in name}
