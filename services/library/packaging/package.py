"""Makes runtime code into an asset, without Docker or network: the same input has the same hash everywhere."""

import ast
import hashlib
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from services.library.packaging import imports
from services.library.packaging.dependencies import LAYER_GROUP, Dependencies, Distributions, PackagingError

ON_A_LAYER = {"services/library/runtime/datadog.py": "datadog"}
"""Our files that are only imported beside a layer of somebody else's, and the dependency group with what it brings."""
LAYER_PREFIX = "python/"
"""Lambda puts this folder of a layer on the path of the function."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """A function's code, or what functions share: our own files, over ready-made distributions."""

    sources: dict[str, bytes]
    """Our own files by their path in the repository, e.g. `services/intake/runtime/handler.py`."""
    prefix: str = ""
    """Where they are in the package."""
    distributions: Distributions | None = None

    @property
    def digest(self) -> str:
        """Return the asset's hash: of content alone, so neither of the machine, the user, the folder nor the day."""
        lines = [f"{self.distributions.digest}\n" if self.distributions else "\n"]
        lines += [
            f"{self.prefix}{name}\0{hashlib.sha256(content).hexdigest()}\n"
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
                entry.external_attr = 0o100644 << 16  # readable by Lambda's user, whatever the umask was here
                entry.compress_type = zipfile.ZIP_DEFLATED
                zipped.writestr(entry, content)


def layer(root: Path, dependencies: Dependencies) -> Package:
    """Return the layer's package: our shared code. The dependency group `runtime` is a layer of its own beside it."""
    package = Package(prefix=LAYER_PREFIX, sources=_sources(root, "library"))
    _refuse_missing_imports(package, dependencies, available=package.sources, group=LAYER_GROUP)
    return package


def function(root: Path, service: str, dependencies: Dependencies) -> Package:
    """Return a service's own code and the dependency group of its name, to be run together with the layers."""
    package = Package(sources=_sources(root, service), distributions=dependencies.groups.get(service))
    available = {**package.sources, **layer(root, dependencies).sources}
    _refuse_missing_imports(package, dependencies, available=available, group=service)
    return package


def refuse_unknown_handler(package: Package, handler: str) -> None:
    """Raise PackagingError if the package does not have the handler, which Lambda would find at the first call."""
    module, _, name = handler.rpartition(".")
    file = module.replace(".", "/") + ".py"
    if file not in package.sources:
        shipped = ", ".join(sorted(package.sources))
        raise PackagingError(f"handler {handler!r}: there is no {file} in the package, which has: {shipped}")
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
        raise PackagingError(f"handler {handler!r}: {file} defines no {name!r}")


def _sources(root: Path, owner: str) -> dict[str, bytes]:
    folder = root / "services" / owner / "runtime"
    found = {
        file.relative_to(root).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and not any(_stays_here(part) for part in file.relative_to(folder).parts)
    }
    if not found:
        raise PackagingError(f"{folder} has no files: a service's runtime code lives there.")
    return found


def _brought(file: str, dependencies: Dependencies) -> frozenset[str]:
    """Return the modules that this file may import, because a layer brings them wherever the file is imported."""
    group = dependencies.groups.get(ON_A_LAYER.get(file, ""))
    return group.modules if group else frozenset()


def _stays_here(part: str) -> bool:
    return part.startswith(".") or part == "__pycache__" or part.endswith((".pyc", "~"))


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
