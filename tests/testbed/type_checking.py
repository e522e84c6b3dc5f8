"""Run mypy over a few files: without a cache it would read the whole CDK, which takes two minutes; this reads a part.

Of the CDK it follows those modules alone that the repository names. What a type of another one would say is not looked
at here; `make check` looks at everything.
"""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.conftest import ROOT

NAMED = re.compile(r"^(?:from aws_cdk import|import aws_cdk\.|from aws_cdk\.)(?P<names>[^\n]*)", re.MULTILINE)
MODULE = re.compile(r"\b(?:aws_\w+|cx_api|custom_resources|pipelines|region_info)\b")
FOLDERS = ("pipeline", "services", "stages", "tests/testbed")


def configuration(root: Path) -> str:
    """Return the configuration of mypy's in pyproject.toml, followed no further into the CDK than `root` goes."""
    files = (file for folder in FOLDERS for file in (root / folder).rglob("*.py"))
    followed = sorted({f"aws_cdk.{name}" for file in files for name in named(file.read_text(encoding="utf-8"))})
    base = (ROOT / "pyproject.toml").read_text(encoding="utf-8").replace("$MYPY_CONFIG_FILE_DIR", str(root))
    return base + _followed(["aws_cdk.*"], "skip") + _followed(["aws_cdk", *followed], "silent")


def named(text: str) -> Iterable[str]:
    """Yield the CDK's modules that a file imports by name."""
    for found in NAMED.finditer(text):
        yield from MODULE.findall(found["names"])


def mypy(root: Path, *what: str | Path, work: Path) -> subprocess.CompletedProcess[str]:
    """Run it in a checkout; its cache and configuration are kept in the folder `work`."""
    settings = work / "mypy.toml"
    settings.write_text(configuration(root), encoding="utf-8")
    command = (ROOT / ".venv/bin/mypy", "--config-file", settings, "--cache-dir", work / "mypy", "--no-error-summary")
    only = ("--follow-imports", "silent")  # what is said of other files may come of what is not followed
    return subprocess.run([*command, *only, *what], cwd=root, capture_output=True, text=True, check=False)


def _followed(modules: Iterable[str], how: str) -> str:
    listed = ", ".join(f'"{module}"' for module in modules)
    return f'\n[[tool.mypy.overrides]]\nmodule = [{listed}]\nfollow_imports = "{how}"\n'
