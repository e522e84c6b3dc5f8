"""The steps by which a pipeline deletes stacks on purpose, as far as they are what pipeline/definition/steps.py makes.

A step of that name that runs anything else deletes nothing with a reason: it is no removal that anybody has accepted.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.review.diff.pipeline_settings import commands
from pipeline.review.diff.pipeline_shape import REMOVES, builds
from pipeline.review.model import DeploymentLocation
from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.cloudformation.template import Resource

SETUP = "install: make setup"
COMMAND = re.compile(
    r"build: \.venv/bin/python -m pipeline\.builds\.delete_stack"
    r' --role "arn:aws[\w-]*:iam::(?P<account>\d{12}):role/[\w-]+" --region (?P<region>[a-z0-9-]+)'
    r" --record [\w/-]+(?P<keeps_data> --keeps-data)? --why (?P<why>.+) --owner (?P<owner>\S+)"
    r" (?P<stack>[A-Za-z][A-Za-z0-9-]*)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalStep:
    """What deletes one stack, after a look at what is deployed."""

    place: DeploymentLocation
    step: str
    why: str
    owner: str
    keeps_data: bool
    """Whether it refuses while a deletion would lose data of a type that the guardrails know."""


def removal_steps(pipeline: Resource | None, template: ResolvedTemplate) -> Mapping[DeploymentLocation, RemovalStep]:
    """Return the steps of the template's pipeline by the stack that each deletes."""
    found: dict[DeploymentLocation, RemovalStep] = {}
    for name, build in builds(pipeline, template):
        if REMOVES in name and (step := _step(name, commands(build.properties))):
            found[step.place] = step
    return found


def _step(name: str, lines: list[str]) -> RemovalStep | None:
    match = COMMAND.fullmatch(lines[1]) if len(lines) == 2 and lines[0] == SETUP else None
    if match is None:
        return None
    why, owner = (_unquoted(match[part]) for part in ("why", "owner"))
    if not why or not owner:
        return None
    place = DeploymentLocation(name=match["stack"], account=match["account"], region=match["region"])
    return RemovalStep(place=place, step=name, why=why, owner=owner, keeps_data=bool(match["keeps_data"]))


def _unquoted(text: str) -> str:
    """One word as `shlex.quote` writes it, in which a shell runs nothing; empty for anything else."""
    try:
        words = shlex.split(text)
    except ValueError:
        return ""
    return words[0] if len(words) == 1 and shlex.quote(words[0]) == text else ""
