"""What a host is to be told: made here, by the base side's code, from the data of a review that may be a forgery.

The review comes from a build that ran the pull request's own code. So it is read strictly and drawn anew: whatever it
says, it says in our words, escaped and within the host's limit. Only its verdict cannot be checked here.
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline.review.model import Level, Pipeline, Review, Verdict
from pipeline.review.render import data, markdown
from pipeline.review.render.markdown import MARKER, Host

FILE = "review.json"


@dataclass(frozen=True, slots=True)
class Comment:
    """The comment and the verdict that it states."""

    text: str
    verdict: Verdict


def comment(folder: Path, host: Host, *, pointer: str) -> Comment:
    """Return the comment on what a build left in a folder. A build that left no review could not review."""
    return of_text(_text(folder / FILE), host, pointer=pointer)


def of_text(text: str | None, host: Host, *, pointer: str) -> Comment:
    """Return the comment on a review that is at hand, or on none."""
    if text is None:
        review = unreviewed("The review's build ended without a review: its log says why.")
    else:
        try:
            review = data.read(text)
        except data.ReviewFormatError as error:
            review = unreviewed(f"What the review's build left is no review: {error}.")
    return Comment(markdown.render(review, host=host, pointer=pointer), review.verdict)


def is_ours(text: str) -> bool:
    """Return whether a comment is one of these, by its beginning. Who wrote it is the host's to say."""
    return text.startswith(MARKER)


def unreviewed(reason: str) -> Review:
    """Return the review that there is when there is none."""
    return Review(
        verdict=Verdict.INCOMPLETE,
        risk=Level.NONE,
        fail_on=Level.HIGH,
        complete=False,
        incomplete=(reason,),
        base="",
        head="",
        findings=(),
        changes=(),
        stacks=(),
        access=(),
        pipeline=Pipeline(),
        guardrails=(),
        assets=(),
    )


def _text(file: Path) -> str | None:
    # A link could name any file of the machine that posts.
    if file.is_symlink() or not file.is_file() or file.stat().st_size > data.LARGEST:
        return None
    return file.read_text(errors="replace")
