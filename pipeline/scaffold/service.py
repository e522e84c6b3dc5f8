"""A new service: complete, idiomatic, small, and ready to be changed into what it is to be."""

from pathlib import Path
from string import Template

from pipeline.scaffold import names, worker
from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.listing import PythonSource
from pipeline.scaffold.names import ServiceName

TEMPLATE = Path(__file__).with_name("template")
SUFFIX = ".template"
RUNBOOK = Path("docs/runbooks/runbook.md")


def add(
    draft: Draft, service: ServiceName, *, owner: str, personal_data: bool, first_stage: str, with_worker: bool = False
) -> None:
    """Add a service's folder and runbook. What the same command wrote before it was cut off is completed."""
    names.check_owner(owner)
    words = {
        "name": service.name,
        "module": service.module,
        "class_name": service.class_name,
        "owner": owner,
        "handles_personal_data": str(personal_data),
        "first_stage": first_stage,
    }
    words |= {mark: Template(text).substitute(words) for mark, text in worker.parts(wanted=with_worker).items()}
    templates = {
        service.folder / each.relative_to(folder).with_suffix(""): each
        for folder in (TEMPLATE, *([worker.TEMPLATE] if with_worker else []))
        for each in folder.rglob(f"*{SUFFIX}")
    }
    templates[runbook(service.name)] = templates.pop(service.folder / RUNBOOK.name)
    files = {
        file: Template(each.read_text(encoding="utf-8")).substitute(words) for file, each in sorted(templates.items())
    }
    others = [each for each in _there(draft.root / service.folder) if service.folder / each not in files]
    if others:
        raise ScaffoldError(
            f"{service.folder} is there already, with {others[0]} in it: nothing is overwritten."
            " Choose another name, or delete that folder."
        )
    _refuse_clashes(service, files[service.folder / "service.py"])
    for file, text in files.items():
        draft.add(file, text)


def runbook(name: str) -> Path:
    """Return the page that a service's alarms name."""
    return RUNBOOK.with_stem(name)


def _there(folder: Path) -> list[Path]:
    return sorted(
        each.relative_to(folder) for each in folder.rglob("*") if each.is_file() and "__pycache__" not in each.parts
    )


def _refuse_clashes(service: ServiceName, text: str) -> None:
    """Raise if the service's classes would be called like what its own file imports."""
    bound = {name for name, _, _ in PythonSource("service.py", text).imports()}
    clashing = sorted({service.class_name, f"{service.class_name}Stack"} & bound)
    if clashing:
        raise ScaffoldError(
            f"Service name {service.name!r} is not allowed: its class {clashing[0]} would be called like one of the"
            " library's. Choose a noun of your own."
        )
