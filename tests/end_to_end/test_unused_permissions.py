"""Which of all that is granted a whole platform needs: each permission is taken out, one at a time."""

import fnmatch
import logging
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.local.errors import LocalCloudError
from pipeline.local.permissions import recorded
from tests.conftest import ROOT
from tests.end_to_end.clone import Clone, make
from tests.testbed.permission_calls import CALLS, is_denied, without
from tests.testbed.permission_mutations import (
    Asking,
    Permission,
    Recorded,
    Verdict,
    holder,
    judge,
    permissions,
    read,
    together,
    unused,
    used,
)
from tests.testbed.recorded_permissions import OPTION, kept

logger = logging.getLogger(__name__)
pytestmark = [pytest.mark.cloud, pytest.mark.soak]
PAGE = ROOT / "docs/permissions.md"
DRIVEN, SEED = 10, 12
Row = tuple[Sequence[str], Sequence[str]]
"""Patterns of who has something, and of actions."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A platform that was recorded from its first moment on."""
    made = make(Path(tmp_path_factory.mktemp("permissions")))
    recording = threading.Thread(target=record, args=(made.port,), daemon=True)
    recording.start()
    try:
        up = made.up("APPROVE=auto")
        assert up.returncode == 0, up.stdout + up.stderr
        assert not recording.is_alive()
        yield made
    finally:
        made.penstock("down")


def record(port: int) -> None:
    """Begin to record as soon as the cloud answers."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with suppress(LocalCloudError):
            recorded(port)
            return
        time.sleep(0.05)


@pytest.fixture(scope="module")
def whole(clone: Clone) -> Recorded:
    """What was recorded up to the end of a second push and of the walk-through."""
    clone.commit("Nothing new")
    clone.push()
    assert clone.wait().exit_code == 0
    played = clone.penstock("demo", "--stage", "staging")
    assert played.returncode == 0, played.stdout + played.stderr
    return read(recorded(clone.port))


@pytest.fixture(scope="module")
def of_services(tmp_path_factory: pytest.TempPathFactory) -> list[Recorded]:
    """What the services' own tests recorded: they reach what fails, and what is seldom asked for."""
    folder = tmp_path_factory.mktemp("services")
    which = ("tests/services", "-m", "cloud and not soak")
    recording = ("-p", "tests.testbed.recorded_permissions", OPTION, str(folder))
    command = (sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:randomly", *recording, *which)
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-5_000:]
    return list(kept(folder))


def test_whatever_nothing_uses_has_a_reason(whole: Recorded, of_services: list[Recorded]) -> None:
    everything = together([whole, *of_services])
    verdicts = judge(everything)
    asked = f"{len(whole.requests)} requests, {len(everything.requests)} with those of the services' tests"
    logger.info("%s, %d permissions: %s", asked, len(verdicts), Counter(verdicts.values()))
    granted = {(holder(each), each.action) for policy in whole.held for each in permissions(policy)}
    found = unused(verdicts) & granted
    assert [each for each in sorted(found) if not any(covers(row, each) for row in rows())] == []
    assert [row for row in rows() if not any(covers(row, each) for each in found)] == []


def test_ten_that_are_needed_are_needed_by_real_clients(clone: Clone, whole: Recorded) -> None:
    chosen = random.Random(SEED).sample(  # noqa: S311 - not for secrets
        sorted(callable_permissions(whole), key=str), DRIVEN
    )
    for permission, (principal, request) in chosen:
        assert not is_denied(clone.cloud, principal, request), (permission, request)
        with without(clone.cloud, permission, principal):
            assert is_denied(clone.cloud, principal, request), (permission, request)
        logger.info("%s: %s on %s", permission.policy, request.action, request.resource)


def callable_permissions(whole: Recorded) -> list[tuple[Permission, Asking]]:
    """List the needed permissions of roles whose requests a client can make again, each with one of these."""
    needed = {each for each, verdict in judge(whole).items() if verdict is Verdict.NEEDED and each.action}
    found: dict[Permission, Asking] = {}
    for principal, request in whole.requests:
        if request.action in CALLS and principal.role and not principal.role.startswith("cdk-"):
            of_role = (each for each in used(principal, request) if f"role {principal.role}" in each.policy)
            found |= dict.fromkeys(needed.intersection(of_role), (principal, request))
    return list(found.items())


def rows() -> list[Row]:
    """Read the page's table."""
    section = PAGE.read_text(encoding="utf-8").partition("## Granted, and used by no run")[2].partition("\n## ")[0]
    lines = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    return [(_patterns(whose), _patterns(actions)) for whose, actions in lines]


def covers(row: Row, granted: tuple[str, str]) -> bool:
    """Tell whether a row is about what somebody has."""
    return all(
        any(fnmatch.fnmatchcase(text, each) for each in patterns) for patterns, text in zip(row, granted, strict=True)
    )


def _patterns(cell: str) -> list[str]:
    return [each.strip(" `") for each in cell.split(",")]
