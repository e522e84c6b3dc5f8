"""What a part of a synth is made of, as one digest: files, values, tools, context and environment.

Standard library alone: an unchanged repository is recognised before anything of the CDK is imported.
"""

import ast
import functools
import hashlib
import json
import os
import platform
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FORMAT = 1
"""Goes up when what is kept means something else than before."""
ROOMS = ("pipeline", "services", "stages")
"""The folders of our own modules."""
LIBRARY = "services/library"
DEFINITION = ("pipeline/accounts", "pipeline/catalogue", "pipeline/definition", "pipeline/synthesis")
"""What makes and judges constructs of a stage, beside the library and the services."""
TOOLS = ("uv.lock", "package.json", "package-lock.json", "cdk.json", ".venv/functions/packages.json")
NEVER_READ = "__pycache__"
"""A folder that no synth reads; those whose names begin with a dot neither."""
TESTS = "tests"
"""A folder that no synth reads either, unless it is in a runtime folder, which is packaged whole."""
PER_RUN = frozenset(
    {"CDK_OUTDIR", "CDK_CONTEXT_JSON", "CDK_ERROR_FILE", "CDK_PERF_COUNTERS_FILE", "CDK_CLI_VERSION"}
    | {"CDK_CLI_ASM_VERSION", "CDK_DEFAULT_ACCOUNT", "CDK_DEFAULT_REGION", "CDK_DISABLE_CLI_TELEMETRY"}
    | {"CDK_DISABLE_VERSION_CHECK"}
)
"""Variables of the CDK's CLI that say where, not what: every stack names its account and region itself."""
SWITCHES = ("CDK_", "JSII_DEPRECATED", "JSII_DEBUG", "CONTEXT_OVERFLOW_LOCATION_ENV")


def digest(*parts: object) -> str:
    """Return one digest of texts, numbers and what they are in, however they are nested."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


class Sources:
    """The files of a checkout, each read once."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @functools.cache  # noqa: B019 - one of these lives as long as the process
    def file(self, name: str) -> str:
        """Return the digest of one file, and whether it may be executed; of one that is not there, too."""
        path = self._root / name
        if not path.is_file():
            return "none"
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        return f"{found} x" if path.stat().st_mode & stat.S_IXUSR else found

    @functools.cache  # noqa: B019 - as above
    def folder(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return path and digest of each file below a folder that a synth can read."""
        return tuple((path, self.file(path)) for path in sorted(self._below(self._root / name)))

    def _below(self, folder: Path) -> Iterator[str]:
        """Yield what is in a folder, and in those that links of it lead to."""
        for base, folders, files in os.walk(folder, followlinks=True):
            here = Path(base).relative_to(self._root)
            left_out = {NEVER_READ} if "runtime" in here.parts else {NEVER_READ, TESTS}
            folders[:] = [
                each
                for each in folders
                if each not in left_out and not each.startswith(".") and self._is_followed(Path(base, each))
            ]
            yield from ((here / each).as_posix() for each in files if not each.endswith((".pyc", "~")))

    def _is_followed(self, folder: Path) -> bool:
        """Not out of the checkout, and not round in a circle: packaging refuses both."""
        if not folder.is_symlink():
            return True
        target = folder.resolve()
        return target.is_relative_to(self._root.resolve()) and target not in map(Path.resolve, folder.parents)

    def tools(self, context: Mapping[str, Any], environment: Mapping[str, str]) -> str:
        """Return the digest of what every part depends on: locks, Python, context, and the CDK's switches."""
        switches = {
            name: value for name, value in environment.items() if name.startswith(SWITCHES) and name not in PER_RUN
        }
        machine = (sys.version, platform.machine(), platform.system())
        return digest(FORMAT, machine, [self.file(each) for each in TOOLS], context, switches)

    def everything(self) -> str:
        """Return the digest of all that a synth of this checkout can read."""
        files = [each for room in ROOMS for each in self.folder(room)]
        return digest(files, self.file("app.py"), self.file("cdk.context.json"))

    @functools.cache  # noqa: B019 - as above
    def library(self) -> str:
        """Return the digest of what makes constructs, whatever the service."""
        return digest([self.folder(each) for each in (LIBRARY, *DEFINITION)])

    def module(self, name: str) -> str:
        """Return the digest of one of our modules with all that it imports of ours."""
        return digest(sorted(self.files(name).items()))

    @functools.cache  # noqa: B019 - as above
    def files(self, name: str) -> dict[str, str]:
        """Return path and digest of each file that a module's digest covers, the library's apart.

        Of a service that is its whole folder, since a stack reads its runtime and whatever else lies there.
        """
        found: dict[str, str] = {}
        waiting = [name]
        while waiting:
            for file, content in self._parts(waiting.pop()):
                if file not in found:
                    found[file] = content
                    waiting += self._imports(file)
        return found

    def _parts(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return the files that stand for a module."""
        words = name.split(".")
        if words[0] == "services" and len(words) > 1:
            return () if words[1] == "library" else self.folder("/".join(words[:2]))
        files = [f"{'/'.join(words)}.py", f"{'/'.join(words)}/__init__.py"]
        return tuple((each, self.file(each)) for each in files if (self._root / each).is_file())

    @functools.cache  # noqa: B019 - as above
    def _imports(self, file: str) -> tuple[str, ...]:
        """Return the modules of ours that a file imports; of `from a import b` both `a` and `a.b`."""
        if not file.endswith(".py"):
            return ()
        found: list[str] = []
        for node in ast.walk(ast.parse((self._root / file).read_bytes(), file)):
            if isinstance(node, ast.Import):
                found += [each.name for each in node.names]
            elif isinstance(node, ast.ImportFrom):
                package = file.split("/")[: -node.level] if node.level else []
                base = ".".join([*package, *(node.module.split(".") if node.module else [])])
                found += [base, *(f"{base}.{each.name}" for each in node.names)]
        return tuple(each for each in found if each.partition(".")[0] in ROOMS)
