import json
from pathlib import Path

import pytest

from pipeline.local.cloud.codebuild.npm import find, find_locked, link, locked_folder, pinned_tool


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
        link(here, name, tmp_path / "build/lib/node_modules", tmp_path / "build/bin")
    assert {path.name for path in (tmp_path / "build/bin").iterdir()} == commands
    assert (tmp_path / "build/lib/node_modules" / name).resolve() == here


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        ("ci --prefix tools --omit=dev --ignore-scripts --no-audit --no-fund", "tools"),
        ("ci --prefix tools --ignore-scripts --omit=dev", "tools"),
        ("ci --prefix tools --omit=dev", None),
        ("ci --prefix tools --omit=dev --ignore-scripts --force", None),
        ("ci --omit=dev --ignore-scripts", None),
        ("install --prefix tools --omit=dev --ignore-scripts", None),
        ("ci", None),
    ],
)
def test_only_a_lock_in_a_folder_whose_scripts_do_not_run_is_ours(arguments: str, folder: str | None) -> None:
    assert locked_folder(arguments.split()) == (Path(folder) if folder else None)


def write_lock(file: Path, **integrity: str) -> None:
    packages: dict[str, object] = {f"node_modules/{name}": {"integrity": its} for name, its in integrity.items()}
    root = {"dependencies": {"tool": "1.0.0"}, "devDependencies": {"other": "1.0.0"}}
    others = {"": root, "node_modules/other": {"integrity": "sha512-unknown", "dev": True}}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"packages": others | packages}))


@pytest.mark.parametrize(
    ("here", "is_found"),
    [
        ({"tool": "sha512-a", "part": "sha512-b"}, True),
        ({"tool": "sha512-a", "part": "sha512-c"}, False),
        ({"tool": "sha512-a"}, False),
    ],
)
def test_a_lock_is_linked_only_if_each_package_in_it_is_the_same_one(
    here: dict[str, str], *, is_found: bool, tmp_path: Path
) -> None:
    write_lock(tmp_path / "build/package-lock.json", tool="sha512-a", part="sha512-b")
    modules = tmp_path / "machine"
    write_lock(modules / ".package-lock.json", **here)
    found = find_locked(tmp_path / "build", [tmp_path / "none", modules])
    assert found == ({"tool": modules / "tool"} if is_found else None)
