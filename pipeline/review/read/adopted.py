"""Stacks that were there before the platform: what they were deployed as stands for them on the base side."""

import json
from dataclasses import replace

from pipeline.review.read.assembly import Assembly, Stack, UnreadableError


def with_adopted(base: Assembly, head: Assembly) -> Assembly:
    """Return the base side with what the head side's adopted stacks were deployed as, unless it has them itself."""
    known = {each.place for each in base.stacks}
    found = tuple(deployed(each, each.adopted) for each in head.stacks if each.adopted and each.place not in known)
    return replace(base, stacks=(*base.stacks, *found)) if found else base


def deployed(stack: Stack, said: str) -> Stack:
    """Return a stack as it was deployed before the platform."""
    try:
        document = json.loads(said)
        return replace(
            stack,
            protected=bool(document["protected"]),
            parameters=dict(document["parameters"]),
            adopted="",
            before_platform=json.dumps(document["template"]).encode(),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableError(
            f"What {stack.place.name} was deployed as before the platform cannot be read ({type(error).__name__}:"
            f" {error}). `penstock adopt` writes it to the service's folder deployed/."
        ) from error
