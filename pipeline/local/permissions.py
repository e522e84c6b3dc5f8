"""What IAM denied in a local cloud, and which permissions its roles have and use."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.local.bootstrap import BRANCHES_STACK
from pipeline.local.client import ask
from pipeline.local.lifecycle import CHECKOUT

DENIED, ACCESS, RECORDED = "/_penstock/iam/denied", "/_penstock/iam/access", "/_penstock/iam/recorded"
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Denials:
    """What was denied, or would have been."""

    enforced: bool
    found: list[Json]

    def lines(self) -> Iterator[str]:
        """Yield each denial for people."""
        for each in self.found:
            yield from _denial(each)


def denials(port: int, *, since: datetime | None = None, until: datetime | None = None) -> Denials:
    """Ask a local cloud for its denials, or those between two moments."""
    moments = {"since": since, "until": until}
    asked = {name: moment.astimezone(tz=UTC).isoformat() for name, moment in moments.items() if moment}
    answer = ask(port, DENIED, asked, of="IAM")
    return Denials(enforced=answer["enforced"], found=answer["denied"])


def access(port: int, stacks: str) -> list[Json]:
    """Ask a local cloud which permissions the roles of these stacks have, and use."""
    found: list[Json] = ask(port, ACCESS, {"stacks": stacks}, of="IAM")["roles"]
    return found


def recorded(port: int) -> Json:
    """Ask a local cloud for the requests that it allowed since this was asked first, and for its policies."""
    return ask(port, RECORDED, {}, of="IAM")


def file_of(stack: str, checkout: Path = CHECKOUT) -> str:
    """Return the file that says what a stack's roles and resources allow."""
    if stack.startswith("Pipeline"):
        return "pipeline/definition/"
    if stack == BRANCHES_STACK:
        return "pipeline/accounts/branches.yaml"
    named = {f"-{file.parent.name.replace('_', '-')}": file for file in checkout.glob("services/*/service.py")}
    found = next((file for suffix, file in named.items() if stack.endswith(suffix)), None)
    return str(found.relative_to(checkout)) if found else "pipeline/accounts/foundation.yaml"


def _denial(found: Json) -> Iterator[str]:
    times = f", {found['times']} times" if found["times"] > 1 else ""
    behalf = f" for {found['for']}" if found["for"] else ""
    verdict = "denied" if found["enforced"] else "would be denied"
    yield f"{found['last']}  {verdict}{times}: {found['action'] or 'an unknown action'} on {found['resource']}"
    yield f"  who      {found['who']}{behalf}"
    yield f"  because  {found['because']}"
    if found["statement"]:
        where = f"  in {file_of(found['stack'])} ({found['path']})" if found.get("stack") else ""
        yield f"  allow    {json.dumps(found['statement'])}{where}"
