"""Templates that others have published: the integration tests of the CDK's own packages, of release 1.50.0.

Later releases ship without them. They come from the registry that this machine's npm is set up with, and what comes
must have the digest that stands here.
"""

import base64
import hashlib
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testbed.checkout import ROOT

VERSION = "1.50.0"
PACKAGES: Mapping[str, str] = {
    "aws-codebuild": "7GKrZz0yvOy9BJmBP3FkfoCjQSa84RdWftmfLBcS/nQAm/QOd8vt4DHNZIL8DXJJ8dGA4u3xb+eJ+y+nYExfDw==",
    "aws-codepipeline-actions": (
        "y6UWGhrJ5nc0VEEjCqivBXlL5qNGXRnb9YU0LzNYEF9j+1ZIu/ZY+RXVkV+BLsXh3+JRVQ9Zr9rNT3h4NLAccQ=="
    ),
    "aws-events-targets": "/IqMUraMEE6gkUfhlAf+nw2grWXAifaS/2z1geAHaLDUOM664CMT6/85Kf4sT3tEQUVNgQJ8DYJjKSv8XQPL0w==",
    "aws-stepfunctions": "s4Uj900CsgDRxfmddYujIRy/vO5Xnm/5K5yGyQ75t1Dfq9hh3PNHpSO/c9RooCHEVrUNDczuI9Jbt5nUm01rwg==",
    "aws-stepfunctions-tasks": (
        "lP29i1htzCi7gmxuQjGHovsalqBIjcu5NUjcbSCVrV9Z5Z5mJdeI4whkKYACRwfT/LbPzdVpDi6pL3K3qArm+Q=="
    ),
}
"""The SHA-512 of each package's archive, as npm's integrity has it."""
_TEMPLATE = re.compile(r"package/test/(.*/)?integ\.(.+)\.expected\.json")


@dataclass(frozen=True, kw_only=True)
class Template:
    """One of them."""

    name: str
    """Its package, and its path in there."""
    body: dict[str, Any]


def templates(folder: Path) -> list[Template]:
    """Fetch all of them. `folder`: where the archives go."""
    return [found for package in sorted(PACKAGES) for found in _templates(package, _archive(package, folder))]


def _archive(package: str, folder: Path) -> Path:
    command = [str(ROOT / ".venv/bin/npm"), "pack", "--silent", "--json", f"@aws-cdk/{package}@{VERSION}"]
    packed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    archive = folder / Path(json.loads(packed.stdout)[0]["filename"].replace("@", "").replace("/", "-"))
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert digest == PACKAGES[package], f"{archive.name} is not what was published"
    return archive


def _templates(package: str, archive: Path) -> Iterator[Template]:
    with tarfile.open(archive) as opened:
        for member in sorted(opened.getmembers(), key=lambda each: each.name):
            named, content = _TEMPLATE.fullmatch(member.name), opened.extractfile(member)
            if named and content:
                yield Template(name=f"{package}/{named[1] or ''}{named[2]}", body=json.load(content))
