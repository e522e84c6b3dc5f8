"""The evidence of an approval in words: a line for CodePipeline's approval, and several for a terminal.

Commit messages, authors and alarms' descriptions are other people's text: it is kept to one short printable line,
without what CodePipeline would take for a variable.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.cli import text
from pipeline.operate.evidence import Evidence
from pipeline.operate.run import SUCCEEDED
from pipeline.review.render.escape import flat, shortened
from pipeline.review.render.words import counted_noun

LONGEST_SUMMARY = 850
"""An action's value has at most 1,000 characters, and the digest stands beside it:
https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html"""
LONGEST_TEXT = 80
LISTED = 20
NAMED = 3
DEPLOYED, PUSHED, ALARMS, ACKNOWLEDGEMENTS = "What runs now", "What was pushed", "Alarms", "Acknowledgements"
"""Begin the sentences about what cannot be read."""

Document = Mapping[str, Any]


def summary(document: Document) -> str:
    """Return what an approval says, in one line."""
    parts = [
        _review(document),
        f"{_since(document)}, {_authors(document)}",
        f"{_checks(document)}; {_alarms(document)}",
        _acknowledgements(document),
        _way_back(document),
    ]
    if document["unknown"]:
        parts.insert(0, f"NOT ALL IS KNOWN ({len(document['unknown'])})")
    return shortened(_plain(". ".join(parts)), LONGEST_SUMMARY)


def lines(document: Document) -> Iterator[str]:
    """Yield the evidence for a terminal."""
    stage = document["stage"]
    deployed = document["deployed"]
    if deployed["execution"]:
        yield f"  {stage} runs {deployed['commit'][:12]}, execution {deployed['execution']}"
    elif not _is_unknown(document, DEPLOYED):
        yield f"  {stage} has no deployment yet that CodePipeline still tells of"
    if document["hotfix"]:
        yield f"  a hotfix: {_text(document['hotfix'])}"
    yield f"  {_review(document)}"
    found = (document["review"] or {}).get("findings", [])
    yield from _listed(f"{each['level']}: {each['rule']} {each['path']}: {each['what']}" for each in found)
    yield from _listed(f"cannot be taken back: {each}" for each in _irreversible(document))
    yield f"  {_since(document)}"
    yield from _listed(f"{each['commit'][:12]} {each['author']} {each['message']}" for each in document["pushes"])
    yield f"  {_checks(document)}"
    failed = (each for each in document["checks"] if each["status"] != SUCCEEDED)
    yield from _listed(f"{each['stage']}/{each['action']}: {each['status']}" for each in failed)
    yield f"  {_alarms(document)}"
    yield from _listed(f"{each['stage']} {each['service']}: {each['says']}" for each in document["alarms"])
    yield f"  {_acknowledgements(document)}"
    used = (each for each in document["acknowledgements"] if each["is_used"])
    yield from _listed(f"{each['rule']} {each['path']}: {each['reason']}" for each in used)
    yield f"  {_way_back(document)}"
    yield from (f"  not known: {_text(each, 300)}" for each in document["unknown"])


def _review(document: Document) -> str:
    review = document["review"]
    if review is None:
        return "review: none, what would change is not known"
    reasons = _irreversible(document)
    back = f", and it CANNOT BE TAKEN BACK as it was ({counted_noun(len(reasons), 'reason')})" if reasons else ""
    return f"review: {review['headline']}; {counted_noun(review['changes'], 'change')}{back}"


def _irreversible(document: Document) -> list[str]:
    """Return why the release cannot be taken back, by its review; evidence of an earlier platform does not say."""
    found: list[str] = (document["review"] or {}).get("irreversible", [])
    return found


def _since(document: Document) -> str:
    pushed = f"pushed {counted_noun(len(document['pushes']), 'time')}"
    deployed = document["deployed"]
    if _is_unknown(document, DEPLOYED, PUSHED):
        return f"{pushed} at least, what else came since the last deployment is not known"
    since = deployed["commit"][:12] or deployed["execution"]
    return f"{pushed} since {since}" if since else f"{pushed} before this first deployment"


def _is_unknown(document: Document, *whats: str) -> bool:
    """Return whether some of it could not be read, so that what is missing is not what there is not."""
    return any(each.startswith(f"{what}: ") for each in document["unknown"] for what in whats)


def _authors(document: Document) -> str:
    names = list(dict.fromkeys(_text(each["author"], 30) for each in document["pushes"] if each["author"]))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"by {', '.join(names[:NAMED])}{more}" if names else "the source names no author"


def _checks(document: Document) -> str:
    checks = document["checks"]
    good = sum(each["status"] == SUCCEEDED for each in checks)
    left_out = f", without {', '.join(document['left_out'])}" if document["left_out"] else ""
    return f"{good} of {counted_noun(len(checks), 'check')} of earlier stages succeeded{left_out}"


def _alarms(document: Document) -> str:
    if _is_unknown(document, ALARMS):
        return "whether an alarm fires is not known"
    firing = document["alarms"]
    names = ", ".join(f"{each['stage']}/{each['service']}" for each in firing[:NAMED])
    return f"{counted_noun(len(firing), 'alarm')} firing: {names}" if firing else "no alarm fires"


def _acknowledgements(document: Document) -> str:
    if _is_unknown(document, ACKNOWLEDGEMENTS):
        return f"acknowledgements in {document['stage']} are not known"
    given = document["acknowledgements"]
    used = sum(each["is_used"] for each in given)
    return f"{counted_noun(len(given), 'acknowledgement')} in {document['stage']}, {used} used by this change"


def _way_back(document: Document) -> str:
    known = {name: document[name] for name in ("rolls_back", "way_back")}
    return text.way_back(Evidence(**document["deployed"], **known), document["stage"])


def _listed(found: Iterator[str]) -> Iterator[str]:
    texts = [_text(each, 160) for each in found]
    yield from (f"    {each}" for each in texts[:LISTED])
    if len(texts) > LISTED:
        yield f"    and {len(texts) - LISTED} more"


def _text(given: str, longest: int = LONGEST_TEXT) -> str:
    return shortened(flat(given), longest)


def _plain(text: str) -> str:
    """Return one line that CodePipeline takes as it is."""
    return flat(text).replace("#{", "# {")
