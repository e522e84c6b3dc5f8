"""Whether the CDK is told the same of its bootstrap, by cdk.json, as the platform is by pipeline/settings.py."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.catalogue.problem import Problem
from services.library.contract.names import Bootstrap

FILE = "cdk.json"
QUALIFIER = "@aws-cdk/core:bootstrapQualifier"
"""What every stack that is synthesised, and `cdk bootstrap`, read from the context."""
TOOLKIT_STACK = "toolkitStackName"
"""Which stack `cdk bootstrap` makes or changes: that of other apps, if nothing says so."""


def problems_of(bootstrap: Bootstrap, told: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield each value that differs. `told`: what cdk.json has, as far as a synth was told nothing else."""
    for field, given, expected in (
        (QUALIFIER, told.get("context", {}).get(QUALIFIER), bootstrap.qualifier),
        (TOOLKIT_STACK, told.get(TOOLKIT_STACK), bootstrap.toolkit_stack),
    ):
        if given != expected:
            yield Problem(
                file=FILE,
                field=field,
                given=repr(given),
                allowed=repr(expected),
                message=f"{field}={given!r} is not allowed; give {expected!r}, as pipeline/settings.py has it.",
            )
