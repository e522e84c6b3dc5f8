"""Makes runtime code into an asset, without Docker or network: the same input has the same hash everywhere."""

import ast
import hashlib
import shutil
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.library.packaging import imports
from services.library.packaging.dependencies import LAYER_GROUP, Dependencies, Distributions, PackagingError
from services.library.packaging.source_files import SourceFile, source_files

BROUGHT = {"services/library/runtime/datadog.py": "datadog", "services/library/runtime/tokens.py": "library"}
"""Our files that are only imported beside a layer of somebody else's, or in a function of the library's own, and the
dependency group with what that brings."""
LAYER_PREFIX = "python/"
"""Lambda puts this folder of a layer on the path of the function."""
LARGEST_BYTES = 250 * 1024 * 1024
"""What a function may have unzipped, its layers included: "Deployment package" on
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (read 2026-11-30)."""
NAMED = 3
"""Files that are named when there is too much."""
READABLE, EXECUTABLE = 0o100644, 0o100755
"""Modes in a package, which Lambda's user needs, whatever the umask was here."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """A function's code, or what functions share: our own files, over ready-made distributions."""

    sources: dict[str, bytes]
    """Our own files by their path in the repository, e.g. `services/intake/runtime/handler.py`."""
    executables: frozenset[str] = frozenset()
    """Which of them may be executed."""
    prefix: str = ""
    """Where they are in the package."""
    distributions: Distributions | None = None

    @property
    def digest(self) -> str:
        """Return the asset's hash: of content alone, so neither of the machine, the user, the folder nor the day."""
        lines = [f"{self.distributions.digest}\n" if self.distributions else "\n"]
        lines += [
            f"{self.prefix}{name}\0{hashlib.sha256(content).hexdigest()}{' x' * (name in self.executables)}\n"
            for name, content in sorted(self.sources.items())
        ]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def write(self, path: Path) -> None:
        """Write the zip file that Lambda gets."""
        if self.distributions:
            shutil.copyfile(self.distributions.archive, path)
        with zipfile.ZipFile(path, "a" if self.distributions else "w") as zipped:
            for name, content in sorted(self.sources.items()):
                entry = zipfile.ZipInfo(f"{self.prefix}{name}")  # dated 1980
                entry.create_system = 3
                entry.external_attr = (EXECUTABLE if name in self.executables else READABLE) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                zipped.writestr(entry, content)


def layer(root: Path, dependencies: Dependencies) -> Package:
    """Return the layer's package: our shared code. The dependency group `runtime` is a layer of its own beside it."""
    package = _packed(_files(root, "library"), prefix=LAYER_PREFIX)
    _refuse_missing_imports(package, dependencies, available=package.sources, group=LAYER_GROUP)
    return package


def function(root: Path, service: str, dependencies: Dependencies) -> Package:
    """Return a service's own code and the dependency group of its name, to be run together with the layers."""
    files = _files(root, service)
    groups = [dependencies.groups[name] for name in (service, LAYER_GROUP) if name in dependencies.groups]
    _refuse_too_large([*files, *_files(root, "library")], groups)
    package = _packed(files, distributions=dependencies.groups.get(service))
    available = {**package.sources, **layer(root, dependencies).sources}
    _refuse_missing_imports(package, dependencies, available=available, group=service)
    return package


def refuse_unknown_handler(package: Package, handler: str) -> None:
    """Raise PackagingError if the package does not have the handler, which Lambda would find at the first call."""
    module, _, name = handler.rpartition(".")
    file = module.replace(".", "/") + ".py"
    if file not in package.sources:
        shipped = ", ".join(sorted(package.sources))
        raise PackagingError(f"handler={handler!r} is not allowed; give one of a file in the package: {shipped}.")
    tree = ast.parse(package.sources[file], file)
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    names |= {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    if name not in names:
        raise PackagingError(
            f"handler={handler!r} is not allowed; give a name that {file} defines: {', '.join(sorted(names))}."
        )


def _files(root: Path, owner: str) -> list[SourceFile]:
    folder = root / "services" / owner / "runtime"
    found = source_files(root, folder) if folder.is_dir() else []
    if not found:
        raise PackagingError(f"{folder} has no files: a service's runtime code lives there.")
    return found


def _packed(files: Sequence[SourceFile], *, prefix: str = "", distributions: Distributions | None = None) -> Package:
    return Package(
        sources={each.name: each.path.read_bytes() for each in files},
        executables=frozenset(each.name for each in files if each.is_executable),
        prefix=prefix,
        distributions=distributions,
    )


def _refuse_too_large(files: Sequence[SourceFile], distributions: Iterable[Distributions]) -> None:
    """Before anything is read: what Lambda would refuse at the deployment may not fit into memory either."""
    total = sum(each.size for each in files) + sum(each.size for each in distributions)
    if total > LARGEST_BYTES:
        largest = sorted(files, key=lambda each: -each.size)[:NAMED]
        named = ", ".join(f"{each.name} ({_megabytes(each.size)})" for each in largest)
        raise PackagingError(
            f"{_megabytes(total)} unzipped with its layers, and Lambda takes {_megabytes(LARGEST_BYTES)}."
            f" The largest files: {named}. Keep what is large in a bucket, and read it there."
        )


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MB"


def _brought(file: str, dependencies: Dependencies) -> frozenset[str]:
    """Return the modules that this file may import, because they are there wherever the file is imported."""
    group = dependencies.groups.get(BROUGHT.get(file, ""))
    return group.modules if group else frozenset()


def _refuse_missing_imports(
    package: Package, dependencies: Dependencies, *, available: dict[str, bytes], group: str
) -> None:
    provided = [dependencies.groups[name].modules for name in (LAYER_GROUP, group) if name in dependencies.groups]
    missing = [
        found
        for found in imports.missing(
            package.sources, available=frozenset(available), provided=frozenset[str]().union(*provided)
        )
        if found.module.split(".")[0] not in _brought(found.file, dependencies)
    ]
    if missing:
        lines = "\n".join(f"  {found.file}:{found.line}: {found.module}" for found in missing)
        raise PackagingError(
            f"imported, but in neither the package nor its layers:\n{lines}\n"
            f"A distribution goes into the dependency group `{group}` in pyproject.toml (then `make lock setup`);"
            " of our own code only a service's runtime and services/library/runtime are shipped."
        )
