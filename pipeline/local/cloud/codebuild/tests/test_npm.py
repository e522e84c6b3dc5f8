import json
from pathlib import Path

import pytest

from pipeline.local.cloud.codebuild.npm import find, link, pinned_tool


def package(folder: Path, name: str, version: str, bins: object) -> Path:
    made = folder / name
    made.mkdir(parents=True)
    (made / "package.json").write_text(json.dumps({"name": name, "version": version, "bin": bins}))
    return made


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("install -g aws-cdk@2.1148.1", ("aws-cdk", "2.1148.1")),
        ("i --global @scope/tool@1.0.0-rc.1", ("@scope/tool", "1.0.0-rc.1")),
        ("install aws-cdk@2.1148.1", None),
        ("install -g aws-cdk@latest", None),
        ("install -g aws-cdk@2", None),
        ("install -g aws-cdk", None),
        ("install -g a@1.0.0 b@1.0.0", None),
        ("install -g ./folder", None),
        ("uninstall -g aws-cdk@2.1148.1", None),
        ("install -g --force aws-cdk@2.1148.1", None),
        ("ci", None),
    ],
)
def test_only_one_global_package_in_an_exact_version_is_ours(arguments: str, wanted: tuple[str, str] | None) -> None:
    assert pinned_tool(arguments.split()) == wanted


def test_another_version_is_not_the_same_tool(tmp_path: Path) -> None:
    here = package(tmp_path, "tool", "1.2.3", {})
    assert find("tool", "1.2.3", [tmp_path / "none", tmp_path]) == here
    assert find("tool", "1.2.4", [tmp_path]) is None


@pytest.mark.parametrize(
    ("name", "bins", "commands"),
    [("tool", {"one": "bin/one.js", "two": "bin/two.js"}, {"one", "two"}), ("@scope/tool", "main.js", {"tool"})],
)
def test_a_linked_tool_has_its_commands(tmp_path: Path, name: str, bins: object, commands: set[str]) -> None:
    here = package(tmp_path / "machine", name, "1.0.0", bins)
    for _ in range(2):  # a second time changes nothing
        link(here, name, tmp_path / "build")
    assert {path.name for path in (tmp_path / "build/bin").iterdir()} == commands
    assert (tmp_path / "build/lib/node_modules" / name).resolve() == here
