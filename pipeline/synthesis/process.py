"""What a process is told about its synth: by the CDK's CLI, or by nobody, as in `make synth`.

Standard library alone, as an unchanged repository is recognised before anything else is imported.
"""

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.synthesis.store import Store

ROOT = Path(__file__).absolute().parents[2]
OFF = "off"
OF_THE_CLI = frozenset({"performance-counters.json", "error.txt"})
"""What the CDK's CLI has an App write for it, besides the assembly."""
CLI_CONTEXT = {
    "aws:cdk:enable-path-metadata": True,
    "aws:cdk:enable-asset-metadata": True,
    "aws:cdk:disable-version-reporting": True,
    "aws:cdk:bundling-stacks": ["**"],
}
"""What the CDK's CLI adds to the context of cdk.json when it synthesises."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Where a synth writes, and with which context."""

    out: Path
    context: Mapping[str, Any]
    store: Store | None
    """Where it takes from and keeps what earlier synths made; None: nowhere."""


def told(environment: Mapping[str, str], root: Path = ROOT) -> Told:
    """Read what the environment says.

    `PENSTOCK_SYNTH_CACHE` names another folder for the store, and `off` is none at all.
    """
    given = environment.get("PENSTOCK_SYNTH_CACHE", "")
    return Told(
        out=Path(environment.get("CDK_OUTDIR") or root / "cdk.out"),
        context=_context(environment, root),
        store=None if given == OFF else Store(Path(given) if given else _cache(environment) / "synth"),
    )


def _context(environment: Mapping[str, str], root: Path) -> dict[str, Any]:
    if "CDK_CONTEXT_JSON" in environment:
        context: dict[str, Any] = json.loads(environment["CDK_CONTEXT_JSON"])
        if overflow := environment.get("CONTEXT_OVERFLOW_LOCATION_ENV"):
            context |= json.loads(Path(overflow).read_text(encoding="utf-8"))
        return context
    answers = root / "cdk.context.json"
    found = json.loads(answers.read_text(encoding="utf-8")) if answers.exists() else {}
    settings = json.loads((root / "cdk.json").read_text(encoding="utf-8"))["context"]
    return {**found, **settings, **CLI_CONTEXT}


def _cache(environment: Mapping[str, str]) -> Path:
    """Return the folder that all of a person's checkouts share, as setup has it."""
    given = environment.get("PENSTOCK_CACHE")
    home = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(given) if given else home / "penstock"


def written(out: Path) -> list[str]:
    """Return what synths have written into an assembly's folder: nothing of the CDK's CLI, which differs each time."""
    names = {path.name for path in out.iterdir() if not path.name.startswith(".") and path.suffix != ".lock"}
    return sorted(names - OF_THE_CLI)


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Let one synth at a time write into an assembly's folder; the next one waits, and says so."""
    out.mkdir(parents=True, exist_ok=True)
    folder = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write(f"Another synth writes to {out}; waiting for it.\n")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def emptied(out: Path) -> Path:
    """Return an assembly's folder without what earlier synths have written there."""
    for path in (out / name for name in written(out)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return out
