"""The large catalogue that figures are measured on is one that the gate would let through."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.testbed import small_checkout
from tests.testbed.large_catalogue import add_services


@pytest.mark.soak
def test_large_catalogue_lists_its_services_in_each_stage_and_is_valid(tmp_path: Path) -> None:
    root = small_checkout.make(tmp_path)
    for services in (3, 4):
        add_services(root, services)
    for stage in ("dev", "prod"):
        listed = re.findall(r"^        (\w+)\(\),$", (root / f"stages/{stage}.py").read_text(), re.MULTILINE)
        assert listed == ["First", "Second", "Svc001", "Svc002"]
    done = subprocess.run([".venv/bin/penstock", "validate"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
