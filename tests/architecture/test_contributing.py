"""The pages that a newcomer reads first name files, commands and addresses that are there."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from pipeline.scaffold import ownership
from pipeline.scaffold.ownership import FileOwner
from tests.conftest import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
ROOMS = ("app.py", "docs", "pipeline", "services", "stages", "tests", ".github", ".gitlab-ci.yml")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_links_to_files_that_exist(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    named = [str((page.parent / link).resolve().relative_to(ROOT)) for link in links]
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_a_page_that_stays_leads_to_no_page_that_penstock_init_takes_out() -> None:
    said = ownership.read(ROOT)
    found = []
    for page in PAGES:
        if ownership.owner_of(page.relative_to(ROOT), said) in (FileOwner.SAMPLES, FileOwner.COMPANY):
            continue
        links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
        targets = [(page.parent / link).resolve().relative_to(ROOT) for link in links]
        found += [(page.name, str(each)) for each in targets if ownership.owner_of(each, said) is FileOwner.SAMPLES]
    assert found == [], f"name it without a link, or list the page among the samples in {ownership.FILE}"


def test_contributing_names_files_and_folders_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = [name for name in re.findall(r"`([\w./-]+)`", text) if name.split("/")[0] in ROOMS]
    assert len(named) > 30
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_contributing_names_targets_that_make_has() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make (\w+)`", (ROOT / "CONTRIBUTING.md").read_text()))
    assert named <= targets


def test_changelog_has_what_is_unreleased_and_the_version_of_pyproject() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"^## \[(.*?)\](.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    assert headings[1][0] == version
    assert all(re.fullmatch(r" - \d{4}-\d{2}-\d{2}", date) for _, date in headings[1:])


def test_license_is_the_one_that_the_manifests_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (project["license"], project["license-files"]) == ("Apache-2.0", ["LICENSE"])
    assert json.loads((ROOT / "package.json").read_text())["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
