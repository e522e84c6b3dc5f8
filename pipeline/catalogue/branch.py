"""What a branch environment is: a short-lived copy of some services of one stage, beside it in its account."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pipeline.catalogue.model import Stage
from pipeline.catalogue.problem import MistakeError
from services.library.contract import names
from services.library.contract.environment import Tier
from services.library.contract.service import Service


class InvalidBranchError(MistakeError):
    """A branch environment that cannot be; a sentence that says what was given and what is allowed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """One branch environment."""

    name: str
    """The branch's, as git has it."""
    expires: datetime
    services: tuple[str, ...] = ()
    """By name, of the stage that branches are like; empty: all of them."""

    @property
    def prefix(self) -> str:
        """What is in front of all its names."""
        return prefix_of(self.name)

    @property
    def tags(self) -> dict[str, str]:
        """What its stacks carry besides; only what has the first one is ever removed."""
        return {
            names.BRANCH_TAG: self.prefix,
            names.EXPIRES_TAG: self.expires.strftime(names.MOMENT),
            names.BRANCH_NAME_TAG: re.sub(r"[^A-Za-z0-9 +=._:/@-]", "_", self.name)[:256],
        }

    def stage(self, like: Stage) -> Stage:
        """Return the branch's services, with what they need, in the environment and with the settings of a stage."""
        environment = replace(like.environment, tier=Tier.SANDBOX, prefix=self.prefix)
        return replace(like, environment=environment, services=_with_needs(self.services, like), approval=False)


def prefix_of(name: str) -> str:
    """Return `branch-featur-k3wz5q` for `feature/New Tax`: a part to recognise and a hash, as names may look alike."""
    if not name.strip():
        raise InvalidBranchError(f"branch={name!r} is not allowed; give the branch's name.")
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[: names.BRANCH_SLUG_LENGTH].strip("-")
    digest = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode().lower()
    return f"{names.BRANCH_PREFIX}{slug or 'x'}-{digest[: names.BRANCH_HASH_LENGTH]}"


def asked_for(context: Mapping[str, Any]) -> Branch | None:
    """Return the branch to build in place of the pipeline: `-c branch=NAME -c expires=MOMENT -c services=a,b`.

    The moment is given, because synth never reads the clock.
    """
    if (name := context.get("branch")) is None:
        return None
    services = (each.strip() for each in str(context.get("services", "")).split(","))
    return Branch(
        name=str(name), expires=moment(str(context.get("expires", ""))), services=tuple(filter(None, services))
    )


def moment(text: str) -> datetime:
    """Return the moment that a branch's tag says."""
    try:
        return datetime.strptime(text, names.MOMENT).replace(tzinfo=UTC)
    except ValueError:
        raise InvalidBranchError(
            f"expires={text!r} is not allowed; give a moment such as 2026-11-27T12:00:00Z."
        ) from None


def _with_needs(names: tuple[str, ...], like: Stage) -> tuple[Service[Any], ...]:
    """Return the named services, and those that offer what they need, in the stage's order."""
    there = {service.name: service for service in like.services}
    if unknown := [name for name in names if name not in there]:
        raise InvalidBranchError(
            f"services={','.join(unknown)!r} is not allowed; stages/{like.name}.py has {', '.join(there) or 'none'}."
        )
    offered = {published.name: service.name for service in like.services for published in service.offers}
    wanted = list(names or there)
    chosen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name not in chosen:
            chosen.add(name)
            wanted += [offered[need.name] for need in there[name].all_needs]
    return tuple(service for service in like.services if service.name in chosen)
