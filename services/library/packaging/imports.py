"""Finds imports that would only fail in Lambda, by reading the code."""

import ast
import functools
import sys
from collections.abc import Iterator
from dataclasses import dataclass

REMOVED = frozenset(
    (
        *("aifc", "asynchat", "asyncore", "audioop", "cgi", "cgitb", "chunk", "crypt", "distutils", "imghdr", "imp"),
        *("lib2to3", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "pipes", "smtpd", "sndhdr", "spwd", "sunau"),
        *("telnetlib", "uu", "xdrlib"),
    )
)
"""Gone from the standard library since 3.11, the oldest Python that packages are made on."""
NEVER_IN_LAMBDA = frozenset({"idlelib", "tkinter", "turtle", "turtledemo"})
IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception"})


@dataclass(frozen=True, kw_only=True)
class Missing:
    """An import that nothing provides."""

    file: str
    line: int
    module: str


def missing(sources: dict[str, bytes], *, available: frozenset[str], provided: frozenset[str]) -> list[Missing]:
    """Return every import that is neither the standard library's, nor provided, nor among our available files.

    Imports for type checkers alone, and those whose failure the code handles, are not looked at.
    """
    ours = _modules(available)
    foreign = (sys.stdlib_module_names - REMOVED - NEVER_IN_LAMBDA) | provided
    return [
        Missing(file=file, line=node.lineno, module=module)
        for file, content in sorted(sources.items())
        if file.endswith(".py")
        for node in _imports_of(file, content)
        for module in _modules_named(node, file, available)
        if module not in ours and (module.startswith("services.") or module.split(".")[0] not in foreign)
    ]


@functools.cache
def _imports_of(file: str, content: bytes) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """Remembered, since every function of every stage brings the same files: reading them was a sixth of a synth."""
    return tuple(_imports(ast.parse(content, file)))


def _modules(files: frozenset[str]) -> frozenset[str]:
    """Return the dotted names that can be imported from these files, with folders without `__init__.py`."""
    names = set()
    for file in files:
        parts = file.removesuffix(".py").removesuffix("/__init__").split("/")
        names |= {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    return frozenset(names)


def _imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    nodes: list[ast.AST] = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        nodes = [*node.orelse]
    elif isinstance(node, ast.Try) and any(_handles_import(handler) for handler in node.handlers):
        nodes = [*node.handlers, *node.orelse, *node.finalbody]
    for child in nodes:
        yield from _imports(child)


def _handles_import(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or any(
        isinstance(node, ast.Name) and node.id in IMPORT_ERRORS for node in ast.walk(handler.type)
    )


def _modules_named(node: ast.Import | ast.ImportFrom, file: str, available: frozenset[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    package = file.split("/")[: -node.level] if node.level else []
    parts = [*package, *(node.module.split(".") if node.module else [])]
    base = ".".join(parts)
    path = "/".join(parts)
    is_folder = any(name.startswith(f"{path}/") for name in available)
    if parts[0] != "services" or not is_folder or f"{path}/__init__.py" in available:
        return [base]
    # From a folder of ours without an __init__, a name can only be a module of its own.
    return [f"{base}.{alias.name}" for alias in node.names]
