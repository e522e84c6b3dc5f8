"""The catalogue, read so that one broken file hides nothing of the others."""

import ast
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.operate.errors import OperateError

if TYPE_CHECKING:
    from pipeline.catalogue.model import Catalogue
    from pipeline.catalogue.problem import Problem

CATALOGUE = "stages/catalogue.py"


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """What could be imported, and why the rest could not."""

    catalogue: "Catalogue"
    """All of it, or the stages whose files could be imported."""
    whole: bool
    problems: "tuple[Problem, ...]" = ()


def load(root: Path) -> Loaded:
    """Import the catalogue; if that fails, each stage's file by itself."""
    try:
        from stages.catalogue import STAGES  # noqa: PLC0415 - its failure is what this explains, and others need not wait for the CDK
    except (Exception, SystemExit) as error:  # noqa: BLE001 - teams' code runs here; whatever it raises has a line
        first = error
    else:
        return Loaded(catalogue=STAGES, whole=True)
    found: dict[Problem, None] = {}  # each once: a broken service is met by every stage
    stages = []
    for module, names in _stage_modules(root):
        try:
            loaded = importlib.import_module(module)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
            found |= dict.fromkeys(_problems(root, root / f"{module.replace('.', '/')}.py", error))
        else:
            stages += [value for name in names if (value := getattr(loaded, name, None)) is not None]
    if not found:
        found = dict.fromkeys(_problems(root, root / CATALOGUE, first))
    return Loaded(catalogue=tuple(stages), whole=False, problems=tuple(found))


def whole(root: Path) -> "Catalogue":
    """The catalogue, or an error with all that is wrong with it, but for what the ledger does not list yet."""
    from pipeline.catalogue.validation import problems_of  # noqa: PLC0415 - as above

    loaded = load(root)
    if problems := (*loaded.problems, *problems_of(loaded.catalogue, whole=loaded.whole)):
        raise OperateError("\n".join(map(str, problems)))
    return loaded.catalogue


def _stage_modules(root: Path) -> list[tuple[str, list[str]]]:
    """The modules that the catalogue imports stages from, and the names that it takes."""
    try:
        tree = ast.parse((root / CATALOGUE).read_text(encoding="utf-8"))
    except (SyntaxError, OSError):
        return []
    return [
        (node.module, [alias.name for alias in node.names])
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("stages.")
        and node.module != "pipeline.catalogue.model"
        if node.module
    ]


def _problems(root: Path, file: Path, error: BaseException) -> "list[Problem]":
    """All that is wrong in the text of a file that could not be imported; or else what Python says of it."""
    from pipeline.catalogue import unread  # noqa: PLC0415 - as above
    from pipeline.catalogue.error_reporting import problem_of  # noqa: PLC0415 - as above
    from pipeline.catalogue.problem import Problem  # noqa: PLC0415 - as above

    said = problem_of(error) or Problem(file=CATALOGUE, message=f"{type(error).__name__}: {error}")
    try:
        found = list(unread.problems_of(file))
    except (SyntaxError, OSError):
        return [said]
    # An error of the file's own that its text explains as well need not be said in Python's words.
    own = said.file == file.relative_to(root).as_posix()
    explained = found and own and isinstance(error, TypeError | ValueError | NameError | AttributeError)
    return found if explained else [said, *found]
