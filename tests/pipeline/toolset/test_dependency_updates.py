"""What is upgraded together, and how far: Renovate's configuration, docs/upgrade.md, the pins and the locks agree."""

import json
import re
import tomllib
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.conftest import ROOT

RENOVATE = json.loads((ROOT / ".github/renovate.json").read_text())
PACKAGE = json.loads((ROOT / "package.json").read_text())
GROUPS = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
NODE = PACKAGE["dependencies"] | PACKAGE["devDependencies"]
PYTHON = [(group, Requirement(line)) for group, lines in GROUPS.items() for line in lines if isinstance(line, str)]
PINS = NODE | {
    requirement.name: str(requirement.specifier).removeprefix("==")
    for group, requirement in PYTHON
    if (group, requirement.name) != ("emulator", "boto3")
}


def table(first: str) -> list[list[str]]:
    """The rows of the table of docs/upgrade.md whose first column is called so."""
    text = (ROOT / "docs/upgrade.md").read_text()
    (body,) = re.findall(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in body.splitlines()]


def rules_with(setting: str) -> list[dict[str, Any]]:
    return [rule for rule in RENOVATE["packageRules"] if setting in rule]


def test_renovate_groups_what_moves_together() -> None:
    grouped = {
        rule["groupName"]: rule["matchPackageNames"] for rule in rules_with("groupName") if "matchPackageNames" in rule
    }
    assert grouped == {name: re.findall(r"`([^`]+)`", packages) for name, packages, _ in table("group")}
    assert all(rule["separateMajorMinor"] is False for rule in rules_with("groupName")), "majors would be apart"
    together = [package for packages in grouped.values() for package in packages]
    assert len(set(together)) == len(together), "a package is in one group"


def test_renovate_goes_no_further_than_the_page_allows() -> None:
    limits = {name: rule["allowedVersions"] for rule in rules_with("allowedVersions") for name in named(rule)}
    assert limits == {package.strip("`"): allowed.strip("`") for package, allowed, _ in table("package")}
    assert [name for name, allowed in limits.items() if PINS[name] not in SpecifierSet(allowed)] == []


def test_renovate_names_no_package_that_is_not_pinned() -> None:
    assert [name for rule in RENOVATE["packageRules"] for name in named(rule) if name not in PINS] == []


def test_renovate_merges_nothing_itself() -> None:
    assert RENOVATE["automerge"] is False
    assert rules_with("automerge") == []


def test_renovate_leaves_the_locks_and_the_emulators_boto3_alone() -> None:
    (locks,) = rules_with("skipArtifactsUpdate")
    assert locks["matchManagers"] == ["pep621", "npm"]
    assert "make lock" in locks["prBodyNotes"][0]
    (off,) = rules_with("enabled")
    assert (off["enabled"], off["matchPackageNames"]) == (False, ["boto3"])
    assert off["matchJsonata"] == ["managerData.depGroup = 'emulator'"]
    assert any(requirement.name == "boto3" for group, requirement in PYTHON if group == "emulator")


def test_every_package_has_one_version_in_all_groups_but_the_emulators() -> None:
    versions: dict[str, set[str]] = {}
    for group, requirement in PYTHON:
        if group != "emulator":
            versions.setdefault(requirement.name, set()).add(str(requirement.specifier))
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_uv_lock_holds_what_pyproject_asks_for() -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    (ours,) = (package for package in packages if package["name"] == "penstock")
    locked = {
        (group, each["name"], each.get("specifier", ""))
        for group, listed in ours["metadata"]["requires-dev"].items()
        for each in listed
    }
    asked = {(group, each.name, str(each.specifier)) for group, each in PYTHON}
    assert asked - locked == set(), "run make lock"
    included = {name for lines in GROUPS.values() for line in lines if isinstance(line, dict) for name in line.values()}
    from_others = {(name, specifier) for group, name, specifier in asked if group in included}
    assert {(name, specifier) for group, name, specifier in locked - asked} - from_others == set(), "run make lock"


def test_package_lock_holds_what_package_json_asks_for() -> None:
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    asked = {key: PACKAGE[key] for key in ("dependencies", "devDependencies")}
    assert {key: locked[""][key] for key in asked} == asked, "run make lock"
    assert {name: locked[f"node_modules/{name}"]["version"] for name in NODE} == NODE, "run make lock"


def named(rule: dict[str, Any]) -> list[str]:
    found: list[str] = rule.get("matchPackageNames", [])
    return found
