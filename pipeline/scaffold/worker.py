"""What a new service has besides if it gets a worker: a queue with a function, to which a schedule sends."""

from collections.abc import Iterator
from pathlib import Path

TEMPLATE = Path(__file__).with_name("with_worker")
PARTS = TEMPLATE / "parts"


def parts(*, wanted: bool) -> dict[str, str]:
    """Return what stands at the marks `$worker_...` of a new service's files: nothing, unless it is wanted."""
    return {f"worker_{name}": f"\n{text.rstrip()}" if wanted else "" for name, text in _parts()}


def _parts() -> Iterator[tuple[str, str]]:
    for file in sorted(PARTS.iterdir()):
        yield file.name, file.read_text(encoding="utf-8")
