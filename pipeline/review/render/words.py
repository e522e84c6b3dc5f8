"""Words that several documents and parts of them share."""

PLATFORM = "pipeline"
"""The service that the pipeline's own stacks count as."""


def counted_noun(number: int, noun: str) -> str:
    """`1 stack`, `2 stacks`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
