"""A stack of more resources than CloudFormation takes: the CDK counts them before any guardrail, and knows no file."""

import contextlib
import re
from collections.abc import Iterator

from pipeline.catalogue.problem import MistakeError

REFUSED = re.compile(
    r"Number of resources in stack '[^']*': (?P<count>\d+)"
    r" is greater than allowed maximum of (?P<limit>\d+): (?P<kinds>.*)"
)
"""How the CDK refuses a stack."""


class TooManyResourcesError(MistakeError):
    """A stack that CloudFormation would not take."""


@contextlib.contextmanager
def name_too_many_resources(file: str, *, what: str, remedy: str) -> Iterator[None]:
    """Raise TooManyResourcesError for the CDK's own error. `what`: whose resources they are; `remedy`: what to do."""
    try:
        yield
    except RuntimeError as error:
        if (found := REFUSED.search(str(error))) is None:
            raise
        raise TooManyResourcesError(
            f"{file}: {what} has {int(found['count']):,} resources; CloudFormation takes {int(found['limit']):,} a"
            f" stack, and nobody can raise that. {remedy} They are: {found['kinds']}."
        ) from error
