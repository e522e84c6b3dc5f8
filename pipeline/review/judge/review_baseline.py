"""What the base side's repository says a verdict must rest on, and what the head side changes of that."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from pipeline.review.judge import rules
from pipeline.review.model import Level
from pipeline.review.read.revisions import Repository, Revision

ENGINE = ("pipeline/review", "services/library/cloudformation")
"""The code that reviews, with its reader of templates."""
RULES = ("pipeline/review/judge/rules.json", "pipeline/review/rules.json")
"""Where the rules are, and where they were: the base side may be older."""
GUARDRAILS = (
    "services/library/guardrails",
    "services/library/contract/acknowledgement.py",
    "services/library/contract/build_record.py",
    "services/library/contract/defaults.py",
    "services/library/contract/environment.py",
    "pipeline/accounts",
    "pipeline/catalogue",
    "pipeline/definition/decided_findings.py",
    "pipeline/definition/service_stage.py",
    "pipeline/definition/stack.py",
    "pipeline/synthesis",
    "app.py",
)
"""What finds and accepts in each synth, what decides which stacks it sees, and what refuses a catalogue."""
BUILDS = ("Makefile", "pipeline/builds", "pipeline/toolset")
"""What the commands of the pipeline's builds come to, of which its template has the names alone."""
REMOVALS = (
    "pipeline/builds/delete_stack.py",
    "pipeline/builds/assumed_role.py",
    "services/library/cloudformation",
    "services/library/guardrails",
)
"""What the step that removes a stack runs, and judges data by."""


@dataclass(frozen=True, kw_only=True)
class ReviewBaseline:
    """What a verdict rests on besides the two assemblies."""

    fail_on: Level = Level.HIGH
    today: date = date.max
    """An acknowledgement that expired before it accepts nothing."""
    judged_by: rules.ReviewRules = field(default_factory=rules.own)
    """The base side's."""
    changed_rules: tuple[str, ...] = ()
    """Sentences: what the head side changes of the rules, the engine or the guardrails."""
    removals_change: bool = False
    """Whether the head side changes what the step that removes a stack runs, so that no tombstone accepts anything."""
    by_base: bool = True
    """Whether the code that runs is the base side's."""


def of_revisions(
    repository: Repository, base: Revision, head: Revision, *, fail_on: Level, today: date
) -> ReviewBaseline:
    """Read the base's rules. The code that runs is that of the repository's working tree."""
    before = _rules(repository, base)
    return ReviewBaseline(
        fail_on=fail_on,
        today=today,
        judged_by=before or rules.own(),
        changed_rules=tuple(_changed(repository, base, head, before, _rules(repository, head))),
        removals_change=any(repository.hash_of(base, path) != repository.hash_of(head, path) for path in REMOVALS),
        by_base=_code(repository, repository.working_tree()) == _code(repository, base),
    )


def _changed(
    repository: Repository, base: Revision, head: Revision, before: rules.ReviewRules, after: rules.ReviewRules
) -> Iterator[str]:
    for name in rules.weakened(before, after):
        yield f"The review rule {name} is weakened or removed; this verdict still holds it as it is on the base side."
    old, new = _code(repository, base), _code(repository, head)
    if changed := sorted(name for name in {**old, **new} if old.get(name) != new.get(name)):
        yield f"The code that reviews changes: {', '.join(changed)}."
    for path in GUARDRAILS:
        if repository.hash_of(base, path) != repository.hash_of(head, path):
            yield f"Guardrails change: {path}."
    for path in BUILDS:
        if repository.hash_of(base, path) != repository.hash_of(head, path):
            yield f"What builds of the pipeline run changes: {path}."


def _rules(repository: Repository, revision: Revision) -> rules.ReviewRules:
    """A revision's rules; none if it has none."""
    texts = (repository.text_of(revision, path) for path in RULES)
    return next((rules.parse(text) for text in texts if text), {})


def _code(repository: Repository, revision: Revision) -> dict[str, str]:
    """The engine's files, without its tests."""
    return {
        name: digest
        for folder in ENGINE
        for name, digest in repository.files_in(revision, folder).items()
        if "/tests/" not in name
    }
