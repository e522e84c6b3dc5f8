"""A new company's first day: what docs/first-day.md says is typed, and what it takes is printed for that page.

`PENSTOCK_BARE_ROOT` names the root folder of a bare Debian, made as the page says, in which all of it then runs as
somebody who is not root. Else it runs on this machine, with an empty home and the tools that are installed already.
"""

import logging
import os
import re
import resource
import shlex
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.local.processes import free_port
from tests.conftest import ROOT

pytestmark = [pytest.mark.soak, pytest.mark.cloud]
logger = logging.getLogger(__name__)
PAGE = ROOT / "docs/first-day.md"
NETWORK = ("HTTPS_PROXY", "NO_PROXY", "PIP_INDEX_URL", "NPM_CONFIG_REGISTRY", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE")
"""What a machine may say about its way to the registries. Nothing else of the environment is passed on."""
PERSON = "person"
IN_ROOT = f'mount --rbind /dev "$0/dev"; mount -t proc proc "$0/proc"; exec chroot --userspec={PERSON} "$0" "$@"'
"""In a mount namespace of its own, which goes with its last process."""
OFFERED = "penstock.git"
EDIT = ("stages/dev.py", "Payments()", 'Payments(counted_at="rate(1 minute)")')
"""What the page has somebody change by hand, once the service is listed."""
COUNTED = "entries counted"
COUNTED_SECONDS = 180
WORD = re.compile(r"^\| ([a-z][a-z -]+) \| .* \|$", re.MULTILINE)
"""The first column of docs/architecture.md's words: the platform's own concepts."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the page that was typed."""

    title: str
    commands: int
    minutes: float
    processor_minutes: float
    """Of what was typed, the local cloud's own processes left out."""


@dataclass(kw_only=True)
class Newcomer:
    """Somebody with an empty home, who types what a page says into a shell."""

    home: Path
    root: Path | None
    environment: dict[str, str]
    printed: str = ""
    edited: set[str] = field(default_factory=set)

    @property
    def checkout(self) -> Path:
        """Their clone, as this process sees it."""
        return self.home / "platform"

    def type_(self, command: str) -> str:
        """Run a line in the clone with its tools on the path, or at home before there is one; it must succeed."""
        done = self._run(command)
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout + done.stderr

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a file by hand."""
        path = self.checkout / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, text
        path.write_text(text.replace(old, new), encoding="utf-8")
        self.edited.add(file)

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        seen = Path("/") / self.home.relative_to(self.root) if self.root else self.home
        folder = seen / "platform" if self.checkout.exists() else seen
        line = f"cd {shlex.quote(str(folder))} && {{ [ ! -e .venv ] || . .venv/bin/activate; }} && {command}"
        words = ["env", "-i", *(f"{name}={value}" for name, value in self.environment.items()), "bash", "-c", line]
        if self.root:
            words = ["unshare", "--mount", "sh", "-ec", IN_ROOT, str(self.root), *words]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        self.printed += done.stdout + done.stderr
        return done


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    """Somebody beside whom there is a repository to clone, of what is committed here."""
    named = os.environ.get("PENSTOCK_BARE_ROOT")
    root = Path(named) if named else None
    home = root / f"home/{PERSON}" if root else tmp_path
    offered = home / OFFERED
    subprocess.run(["git", "clone", "--quiet", "--bare", str(ROOT), str(offered)], check=True)
    for command in (("branch", "--force", "main", "HEAD"), ("symbolic-ref", "HEAD", "refs/heads/main")):
        subprocess.run(["git", "-C", str(offered), *command], check=True)
    environment = {name: os.environ[name] for name in NETWORK if name in os.environ}
    environment |= {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "PENSTOCK_PORT": str(free_port())}
    if root:
        environment["HOME"] = f"/home/{PERSON}"
        subprocess.run(["chroot", str(root), "chown", "-R", f"{PERSON}:", environment["HOME"]], check=True)
    else:
        environment["PENSTOCK_CACHE"] = str((ROOT / ".venv").resolve().parent)
    made = Newcomer(home=home, root=root, environment=environment)
    try:
        yield made
    finally:
        if (made.checkout / ".penstock").exists():
            made.type_("penstock down --erase")


def parts_of_the_page() -> Iterator[tuple[str, list[str]]]:
    """Yield each heading with the commands below it."""
    for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        title, *lines = part.splitlines()
        if commands := [line.strip() for line in lines if line.startswith("    ")]:
            yield title, commands


def type_what_the_page_says(newcomer: Newcomer, command: str) -> None:
    """Type one of its lines. Where it has somebody wait for something, wait."""
    newcomer.type_(re.sub(r"https://git\.example\.com/\S+", f"$HOME/{OFFERED}", command))
    if command.startswith("penstock new service"):
        newcomer.edit(*EDIT)
    if command.startswith("penstock logs"):
        pause = threading.Event()
        until = time.monotonic() + COUNTED_SECONDS
        while COUNTED not in newcomer.type_(command):
            assert time.monotonic() < until, newcomer.printed[-4000:]
            pause.wait(2)


def processor_seconds() -> float:
    """Return what processes have taken that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_first_day_touches_one_file_by_hand(newcomer: Newcomer) -> None:
    trees: list[str] = []
    typed: list[Part] = []
    for title, commands in parts_of_the_page():
        began, used = time.monotonic(), processor_seconds()
        for command in commands:
            type_what_the_page_says(newcomer, command)
        took = {"minutes": (time.monotonic() - began) / 60, "processor_minutes": (processor_seconds() - used) / 60}
        typed.append(Part(title=title, commands=len(commands), **took))
        trees.append(newcomer.type_("git rev-parse HEAD^{tree}"))
        logger.info("%s", typed[-1])
    report(newcomer, typed)
    assert newcomer.edited == {"stages/dev.py"}
    assert newcomer.type_("git status --porcelain") == ""
    begun = [part.title for part in typed].index("Begin your platform")
    assert trees[-1] == trees[begun], "what a service leaves behind"


def report(newcomer: Newcomer, typed: list[Part]) -> None:
    """Print the rows of the page's table, and what else it says."""
    words = WORD.findall((ROOT / "docs/architecture.md").read_text(encoding="utf-8").split("### Names")[0])
    met = [word for word in words if re.search(rf"\b{word}s?\b", newcomer.printed, re.IGNORECASE)]
    for part in typed:
        logger.info("| %s | %d | %.1f | %.1f |", part.title, part.commands, part.minutes, part.processor_minutes)
    logger.info("minutes: %.1f; by hand: %s", sum(part.minutes for part in typed), ", ".join(newcomer.edited))
    logger.info("of the platform's own words %d were printed: %s", len(met), ", ".join(met))
