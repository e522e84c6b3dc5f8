"""The catalogue, imported so that one broken file hides nothing of the others."""

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.operate.errors import OperateError, suggested

if TYPE_CHECKING:
    from pipeline.catalogue.model import Catalogue, Stage, Wave
    from pipeline.catalogue.problem import Problem
    from services.library.contract.service import Service


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
    for module, names in _stage_imports(root / "stages/catalogue.py"):
        try:
            loaded = importlib.import_module(module)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
            found[_explained(error)] = None
        else:
            stages += [value for name in names if (value := getattr(loaded, name, None)) is not None]
    return Loaded(catalogue=tuple(stages), whole=False, problems=tuple(found) or (_explained(first),))


def whole(root: Path) -> "Catalogue":
    """Return the catalogue, or raise with all that is wrong with it, but for what the ledger does not list yet."""
    from pipeline.catalogue.validation import problems_of  # noqa: PLC0415 - as above

    loaded = load(root)
    if problems := (*loaded.problems, *problems_of(loaded.catalogue, whole=loaded.whole)):
        raise OperateError("\n".join(map(str, problems)))
    return loaded.catalogue


def find_entry(root: Path, service: str, stage: str) -> "tuple[Stage, Service[Any]]":
    """Return a stage and the service of this name that it lists."""
    from pipeline.catalogue.model import stages_of  # noqa: PLC0415 - as above

    stages = {each.name: each for each in stages_of(whole(root))}
    if stage not in stages:
        listed = ", ".join(stages) or "none"
        raise OperateError(f"stages/catalogue.py has no stage {stage!r}; it has {listed}.{suggested(stage, stages)}")
    services = {each.name: each for each in stages[stage].services}
    if service not in services:
        others = [name for name, each in stages.items() if any(other.name == service for other in each.services)]
        elsewhere = f" {service} is in {', '.join(others)}." if others else suggested(service, services)
        listed = ", ".join(services) or "none"
        raise OperateError(f"Stage {stage!r} has no service {service!r}; it has {listed}.{elsewhere}")
    return stages[stage], services[service]


def released_with(root: Path, stage: "Stage") -> "Stage | Wave":
    """Return what the pipeline releases together with a stage: its wave, or the stage itself."""
    return next((entry for entry in load(root).catalogue if any(each is stage for each in entry.stages)), stage)


def _stage_imports(catalogue: Path) -> Iterator[tuple[str, list[str]]]:
    """Return the modules that the catalogue imports stages from, and the names that it takes."""
    try:
        tree = ast.parse(catalogue.read_text(encoding="utf-8"))
    except (SyntaxError, OSError):
        return
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("stages."):
            yield node.module, [alias.name for alias in node.names]


def _explained(error: BaseException) -> "Problem":
    from pipeline.catalogue.error_reporting import problem_of  # noqa: PLC0415 - as above
    from pipeline.catalogue.problem import Problem  # noqa: PLC0415 - as above

    return problem_of(error) or Problem(file="stages/catalogue.py", message=f"{type(error).__name__}: {error}")
