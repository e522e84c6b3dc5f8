"""A run is started: to release is what a stage does with a change."""

import re
from pathlib import Path

from pipeline.scaffold.upgrade.codemod import Codemod

RELEASE = re.compile(r"\bpenstock release\b")


def _change(file: Path, text: str) -> str:
    del file  # scripts, pages, Makefiles and jobs alike
    return RELEASE.sub("penstock start", text)


CODEMOD = Codemod(name="start_command", why="`penstock release` is `penstock start`.", change=_change)
