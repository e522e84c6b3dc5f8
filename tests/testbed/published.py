"""Templates that others have published.

The integration tests of the CDK's own packages, of release 1.50.0: later releases ship without them. And what
aws-sam-translator makes of the templates of AWS SAM that cfn-lint is tested with: its own tests are in no package. They
come from the registries that this machine's npm and uv are set up with, and what comes must have the digest that stands
here.
"""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
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
TRANSLATOR = "aws-sam-translator==1.115.0"
SAM_TEMPLATES = "cfn-lint==1.58.0"
SAM_DIGEST = "Ke8JW4KvsNLdLUAEujBe5mt//L5KMjxPf2AYIRne8jtK92Myk8RPaqS5U60vPXDN4SSuPNkiYTz/zEiWNV+0eg=="
"""The SHA-512 of its source archive."""
_TEMPLATE = re.compile(r"package/test/(.*/)?integ\.(.+)\.expected\.json")


@dataclass(frozen=True, kw_only=True)
class Template:
    """One of them."""

    name: str
    """Its package, and its path in there."""
    body: dict[str, Any]


def templates(folder: Path, packages: Iterable[str] = PACKAGES) -> list[Template]:
    """Fetch those of the CDK's packages. `folder`: where the archives go."""
    return [found for package in sorted(packages) for found in _templates(package, _archive(package, folder))]


def translated(folder: Path) -> list[Template]:
    """Fetch templates of AWS SAM, and translate them. `folder`: where everything goes."""
    uv, uvx = (ROOT / ".venv/bin" / name for name in ("uv", "uvx"))
    packages = folder / "packages"
    fetching = ("--quiet", "--no-deps", "--no-binary", ":all:", "--dest", folder, SAM_TEMPLATES)
    for command in (
        (uv, "pip", "install", "--quiet", "--target", packages, TRANSLATOR),
        (uvx, "pip", "download", *fetching),
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    assert _digest(archive) == SAM_DIGEST, f"{archive.name} is not what was published"
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    (fixtures,) = folder.glob("*/test/fixtures/templates/good")
    translating = (sys.executable, "-W", "ignore", ROOT / "tests/testbed/sam_translation.py", fixtures)
    environment = {**os.environ, "PYTHONPATH": str(packages), "AWS_DEFAULT_REGION": "us-east-1"}
    made = subprocess.run(translating, env=environment, check=True, capture_output=True, text=True)
    return [Template(name=f"sam/{name}", body=body) for name, body in json.loads(made.stdout).items()]


def _archive(package: str, folder: Path) -> Path:
    command = [str(ROOT / ".venv/bin/npm"), "pack", "--silent", "--json", f"@aws-cdk/{package}@{VERSION}"]
    packed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    archive = folder / Path(json.loads(packed.stdout)[0]["filename"].replace("@", "").replace("/", "-"))
    assert _digest(archive) == PACKAGES[package], f"{archive.name} is not what was published"
    return archive


def _digest(archive: Path) -> str:
    return base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()


def _templates(package: str, archive: Path) -> Iterator[Template]:
    with tarfile.open(archive) as opened:
        for member in sorted(opened.getmembers(), key=lambda each: each.name):
            named, content = _TEMPLATE.fullmatch(member.name), opened.extractfile(member)
            if named and content:
                yield Template(name=f"{package}/{named[1] or ''}{named[2]}", body=json.load(content))
