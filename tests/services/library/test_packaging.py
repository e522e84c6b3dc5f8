"""Runtime code becomes the same package everywhere, works as one, and lacks nothing when it gets to Lambda."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pipeline.toolset import functions
from services.library.packaging import package as packaging
from services.library.packaging.dependencies import (
    LAYER_GROUP,
    PYTHON,
    REQUIREMENTS,
    Dependencies,
    Distributions,
    PackagingError,
)

ROOT = Path(__file__).resolve().parents[3]
PREPARED = Path(sys.prefix) / "functions"

HANDLER = """
from services.library.runtime.configuration import Configuration
from services.library.runtime.logging import logger_for

from . import store


class Settings(Configuration):
    table: str


def handle(event: object, context: object) -> list[str]:
    logger_for("sample").info("called")
    return [store.__name__, Settings.__name__]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small repository with one service, and the library's own runtime code."""
    return repository(tmp_path / "repository")


def repository(root: Path) -> Path:
    runtime = root / "services/sample/runtime"
    runtime.mkdir(parents=True)
    (runtime / "handler.py").write_text(HANDLER)
    (runtime / "store.py").write_text("import boto3\n\nTABLE = boto3.__name__\n")
    (runtime / "query.json").write_text("{}\n")
    library = root / "services/library/runtime"
    shutil.copytree(ROOT / "services/library/runtime", library, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "uv.lock", root / "uv.lock")
    return root


def prepared(root: Path) -> Dependencies:
    return Dependencies.load(PREPARED, root / "uv.lock")


def write(package: packaging.Package, path: Path) -> zipfile.ZipFile:
    package.write(path)
    return zipfile.ZipFile(path)


def test_the_same_input_gives_the_same_package_whatever_the_machine_around_it(tmp_path: Path) -> None:
    made = []
    for name, umask, day in (("one", 0o022, 0), ("elsewhere/two", 0o077, 10**9)):
        before = os.umask(umask)
        try:
            root = repository(tmp_path / name)
            for file in root.rglob("*"):
                os.utime(file, (day, day))
            (root / "services/sample/runtime/__pycache__").mkdir()
            (root / "services/sample/runtime/__pycache__/handler.pyc").write_bytes(name.encode())
            for kind, package in (
                ("function", packaging.function(root, "sample", prepared(root))),
                ("layer", packaging.layer(root, prepared(root))),
            ):
                path = root / f"{kind}.zip"
                package.write(path)
                made.append((kind, package.digest, path.read_bytes()))
        finally:
            os.umask(before)
    assert made[:2] == made[2:]


def test_another_user_in_another_country_makes_the_same_package(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "home").mkdir(parents=True)
    for file in sorted(root.rglob("*"), reverse=True):  # a folder lists its files in the order of their making
        if file.is_file():
            (other / file.relative_to(root)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, other / file.relative_to(root))
    program = f"""
import pathlib, sys
from services.library.packaging import package as packaging
from services.library.packaging.dependencies import Dependencies
root = pathlib.Path({str(other)!r})
package = packaging.function(root, "sample", Dependencies.load(pathlib.Path({str(PREPARED)!r}), root / "uv.lock"))
package.write(root / "function.zip")
print(package.digest)
"""
    variables = {
        "HOME": str(other / "home"),
        "USER": "somebody",
        "LANG": "tr_TR.UTF-8",
        "LC_ALL": "C",
        "PATH": os.environ["PATH"],
        "PYTHONHASHSEED": "7",
        "PYTHONPATH": str(ROOT),
        "SOURCE_DATE_EPOCH": "4000000000",
        "TZ": "Pacific/Kiritimati",
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=variables, cwd=other, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    package = packaging.function(root, "sample", prepared(root))
    package.write(tmp_path / "function.zip")
    assert done.stdout.strip() == package.digest
    assert (other / "function.zip").read_bytes() == (tmp_path / "function.zip").read_bytes()


def test_a_changed_byte_gives_another_package(root: Path) -> None:
    before = packaging.function(root, "sample", prepared(root)).digest
    (root / "services/sample/runtime/query.json").write_text('{"a": 1}\n')
    assert packaging.function(root, "sample", prepared(root)).digest != before


def test_preparing_dependencies_twice_gives_the_same_archive(tmp_path: Path) -> None:
    digests, contents = [], []
    for name, day in (("one", 0), ("two", 10**9)):
        tree = tmp_path / name / "tree"
        metadata = tree / "six-1.dist-info"
        metadata.mkdir(parents=True)
        (tree / "six.py").write_text("x = 1\n")
        (metadata / "INSTALLER").write_text(name)
        (metadata / "direct_url.json").write_text(json.dumps({"url": str(tree)}))
        lines = ["six.py,sha256=a,6", f"six-1.dist-info/INSTALLER,sha256={name},1", "../bin/six,sha256=b,1"]
        (metadata / "RECORD").write_text("\n".join(lines if day else reversed(lines)))
        os.utime(tree / "six.py", (day, day))
        path = tmp_path / f"{name}.zip"
        digests.append(functions.archive(tree, path, prefix="python/", requirements="six==1\n"))
        contents.append(path.read_bytes())
    assert digests[0] == digests[1]
    assert contents[0] == contents[1]
    assert zipfile.ZipFile(tmp_path / "one.zip").read("python/six-1.dist-info/RECORD") == b"six.py,sha256=a,6\n"


def test_every_file_is_readable_in_lambda_and_dated_the_same(root: Path, tmp_path: Path) -> None:
    with write(packaging.layer(root, prepared(root)), tmp_path / "layer.zip") as zipped:
        entries = zipped.infolist()
    with zipfile.ZipFile(prepared(root).groups[LAYER_GROUP].archive) as zipped:
        entries += zipped.infolist()
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    names = [entry.filename for entry in entries]
    assert len(names) == len(set(names))
    assert not [name for name in names if name.endswith((".pyc", "/INSTALLER", "direct_url.json", "REQUESTED"))]


def test_what_is_shipped_was_built_for_the_machine_that_runs_it(root: Path) -> None:
    tags, libraries = [], []
    for group in prepared(root).groups.values():
        with zipfile.ZipFile(group.archive) as zipped:
            names = zipped.namelist()
            tags += [
                line.split(": ")[1]
                for name in names
                if name.endswith(".dist-info/WHEEL")
                for line in zipped.read(name).decode().splitlines()
                if line.startswith("Tag: ")
            ]
            libraries += [zipped.read(name) for name in names if ".so" in Path(name).suffixes]
    python = f"cp{PYTHON.replace('.', '')}"
    native = [tag for tag in tags if not tag.endswith("-none-any")]
    assert native
    # abi3 is the interface that every later Python has, too.
    built_for = re.compile(rf"({python}-{python}|cp3\d+-abi3)-manylinux\w+_aarch64")
    assert [tag for tag in native if not built_for.fullmatch(tag)] == []
    assert libraries
    for library in libraries:
        assert library[:5] == b"\x7fELF\x02"  # 64 bits ...
        assert int.from_bytes(library[18:20], "little") == 183  # ... for aarch64


def test_function_and_layer_work_together_with_nothing_else_on_the_path(root: Path, tmp_path: Path) -> None:
    dependencies = prepared(root)
    code, layer = tmp_path / "task", tmp_path / "opt"
    with write(packaging.function(root, "sample", dependencies), tmp_path / "function.zip") as zipped:
        zipped.extractall(code)
    with write(packaging.layer(root, dependencies), tmp_path / "layer.zip") as zipped:
        zipped.extractall(layer)
    with zipfile.ZipFile(dependencies.groups[LAYER_GROUP].archive) as zipped:
        requirements = zipped.read(REQUIREMENTS)
    (tmp_path / REQUIREMENTS).write_bytes(requirements)
    host = functions.host_path(PREPARED, tmp_path / REQUIREMENTS)
    program = f"""
import sys
sys.path[:0] = {[str(code), str(layer / "python"), str(host)]!r}
from services.sample.runtime.handler import handle
import services.library.runtime.logging as shared
print(handle(None, None), shared.__file__)
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert f"['services.sample.runtime.store', 'Settings'] {layer}/python/services/" in done.stdout


def test_every_service_of_this_repository_can_be_packaged() -> None:
    dependencies = prepared(ROOT)
    folders = {folder.parent.name for folder in ROOT.glob("services/*/runtime")}
    assert "library" in folders
    for service in folders - {"library"}:
        assert packaging.function(ROOT, service, dependencies).sources


@pytest.mark.parametrize(
    ("code", "line", "module"),
    [
        ("import os\nimport rich\n", 2, "rich"),
        ("from rich.console import Console\n", 1, "rich.console"),
        ("def f() -> None:\n    import rich.x\n", 2, "rich.x"),
        ("import telnetlib\n", 1, "telnetlib"),
        ("import ddtrace\n", 1, "ddtrace"),
        ("import aws_cdk\n", 1, "aws_cdk"),
        ("from services.library.contract.service import Service\n", 1, "services.library.contract.service"),
        ("from ..service import Sample\n", 1, "services.sample.service"),
        ("from services.other.runtime import store\n", 1, "services.other.runtime"),
        ("from . import stor\n", 1, "services.sample.runtime.stor"),
        ("try:\n    import rich\nexcept ValueError:\n    pass\n", 2, "rich"),
    ],
)
def test_an_import_that_nothing_provides_fails_the_build(root: Path, code: str, line: int, module: str) -> None:
    (root / "services/sample/runtime/extra.py").write_text(code)
    with pytest.raises(PackagingError) as raised:
        packaging.function(root, "sample", prepared(root))
    assert f"services/sample/runtime/extra.py:{line}: {module}\n" in str(raised.value)
    assert "dependency group `sample`" in str(raised.value)


@pytest.mark.parametrize(
    "code",
    [
        "import botocore.exceptions, pydantic_core, zoneinfo\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mypy_boto3_s3\n",
        "try:\n    import orjson as json\nexcept ImportError:\n    import json\n",
        "from .store import TABLE\nfrom services.library.runtime import configuration\n",
        "from services.sample.runtime.store import TABLE\n",
    ],
)
def test_an_import_that_works_in_lambda_passes(root: Path, code: str) -> None:
    (root / "services/sample/runtime/extra.py").write_text(code)
    packaging.function(root, "sample", prepared(root))


def test_what_datadogs_layer_brings_can_be_imported_in_the_one_module_that_needs_it(root: Path) -> None:
    shared = root / "services/library/runtime"
    (shared / "datadog.py").write_text("import ddtrace\n")
    packaging.layer(root, prepared(root))
    (shared / "other.py").write_text("import ddtrace\n")
    with pytest.raises(PackagingError, match=r"runtime/other\.py:1: ddtrace"):
        packaging.layer(root, prepared(root))


def test_a_handler_that_is_not_there_fails_the_build(root: Path) -> None:
    package = packaging.function(root, "sample", prepared(root))
    packaging.refuse_unknown_handler(package, "services.sample.runtime.handler.handle")
    with pytest.raises(
        PackagingError,
        match=r"handel' is not allowed; give a name that services/sample/runtime/handler\.py defines: .*handle",
    ):
        packaging.refuse_unknown_handler(package, "services.sample.runtime.handler.handel")
    with pytest.raises(PackagingError, match=r"hander\.handle' is not allowed; give one of a file in the package"):
        packaging.refuse_unknown_handler(package, "services.sample.runtime.hander.handle")


def test_a_lock_that_setup_has_not_seen_is_refused(root: Path) -> None:
    with (root / "uv.lock").open("a") as lock:
        lock.write("\n")
    with pytest.raises(PackagingError, match="run `make setup`"):
        prepared(root)


def test_a_service_with_dependencies_of_its_own_carries_them(root: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "orjson.py").write_text("x = 1\n")
    archive = tmp_path / "sample.zip"
    digest = functions.archive(tree, archive, prefix="", requirements="orjson==1\n")
    own = Distributions(archive=archive, digest=digest, modules=frozenset({"orjson"}))
    (root / "services/sample/runtime/extra.py").write_text("import orjson\n")
    dependencies = Dependencies(groups={**prepared(root).groups, "sample": own})
    package = packaging.function(root, "sample", dependencies)
    assert package.digest != packaging.Package(sources=package.sources).digest
    with write(package, tmp_path / "function.zip") as zipped:
        assert zipped.testzip() is None
        assert zipped.read("orjson.py") == b"x = 1\n"
        assert zipped.read(REQUIREMENTS) == b"orjson==1\n"
        assert "services/sample/runtime/handler.py" in zipped.namelist()


def test_a_service_without_runtime_code_is_refused(root: Path) -> None:
    with pytest.raises(PackagingError, match="services/other/runtime has no files"):
        packaging.function(root, "other", prepared(root))


def test_links_within_the_repository_carry_what_they_lead_to(root: Path, tmp_path: Path) -> None:
    shared = root / "shared"
    (shared / "rules").mkdir(parents=True)
    (shared / "rules/first.json").write_text("1\n")
    runtime = root / "services/sample/runtime"
    (runtime / "rules").symlink_to("../../../shared/rules")
    (runtime / "alias.json").symlink_to("query.json")
    with write(packaging.function(root, "sample", prepared(root)), tmp_path / "function.zip") as zipped:
        assert zipped.read("services/sample/runtime/rules/first.json") == b"1\n"
        assert zipped.read("services/sample/runtime/alias.json") == b"{}\n"


def test_what_may_be_executed_stays_so_and_is_another_package(root: Path, tmp_path: Path) -> None:
    tool = root / "services/sample/runtime/tool.sh"
    tool.write_text("#!/bin/sh\necho hi\n")
    tool.chmod(0o644)
    before = packaging.function(root, "sample", prepared(root)).digest
    tool.chmod(0o744)  # git keeps no more than the owner's bit
    package = packaging.function(root, "sample", prepared(root))
    assert package.digest != before
    with write(package, tmp_path / "function.zip") as zipped:
        assert zipped.getinfo("services/sample/runtime/tool.sh").external_attr >> 16 == 0o100755
        assert zipped.getinfo("services/sample/runtime/handler.py").external_attr >> 16 == 0o100644


def test_what_no_package_can_carry_is_refused_by_name(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("not ours")
    (root / ".git").mkdir()
    (root / ".git/config").write_text("hidden")
    runtime = root / "services/sample/runtime"
    wrong = {
        "broken.json": ("nowhere.json", "is a link to nowhere.json, which is not there"),
        "itself": ("itself", "is a link to itself, which is not there"),
        "outside.txt": (str(tmp_path / "secret.txt"), "out of the repository"),
        "hidden.txt": ("../../../.git/config", "is never packaged"),
        "round": ("..", "leads back to a folder that it is in"),
    }
    for name, (target, said) in wrong.items():
        (runtime / name).symlink_to(target)
        with pytest.raises(PackagingError, match=f"^services/sample/runtime/{name}.*{said}"):
            packaging.function(root, "sample", prepared(root))
        (runtime / name).unlink()
    os.mkfifo(runtime / "pipe")
    with pytest.raises(PackagingError, match="services/sample/runtime/pipe is neither a file nor a folder"):
        packaging.function(root, "sample", prepared(root))


def test_more_than_lambda_takes_is_refused_before_it_is_read(root: Path) -> None:
    with (root / "services/sample/runtime/model.bin").open("wb") as file:
        file.truncate(10 * packaging.LARGEST_BYTES)
    said = (
        r"2\d{3} MB unzipped with its layers, and Lambda takes 250 MB\. .*services/sample/runtime/model.bin \(2500 MB\)"
    )
    with pytest.raises(PackagingError, match=said):
        packaging.function(root, "sample", prepared(root))
