"""`python -m tests.architecture.drawing ROOT`: draws who imports whom, from the code.

In docs/architecture.md the rooms, in docs/local-cloud.md the services of the local cloud; and in docs/add-a-service.md
what a new service is made of.

An arrow that a longer way says already is left out: if the review reads templates by way of nothing else, the arrow is
there; if it did so by way of another room, that room's arrows would say it.
"""

import ast
import string
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

from pipeline.scaffold import worker
from tests.architecture.layering import OURS, within

MOST_ROOMS = 15
BEGIN = "<!-- drawn from the code: `.venv/bin/python -m tests.architecture.drawing .` -->\n"
END = "<!-- end of the drawing -->\n"
ROOMS_PAGE = Path("docs/architecture.md")
LOCAL_CLOUD_PAGE = Path("docs/local-cloud.md")
LOCAL_CLOUD = "pipeline.local.cloud"
SERVICE_PAGE = Path("docs/add-a-service.md")
NEW_SERVICE = Path("pipeline/scaffold/template/service.py.template")

# Room -> the names that are in it; the longest name that fits a module decides, and a service is any of them.
DRAWN = {
    "app.py, pipeline/cli": ("app", "pipeline.cli"),
    "stages, pipeline/settings.py": (
        "stages",
        "pipeline.settings",
        "pipeline.pipeline_settings",
        "pipeline.source",
        "pipeline.build_settings",
    ),
    "services/&lt;service&gt;": ("services",),
    "pipeline/definition, synthesis, accounts": ("pipeline.definition", "pipeline.synthesis", "pipeline.accounts"),
    "pipeline/catalogue": ("pipeline.catalogue",),
    "pipeline/builds": ("pipeline.builds",),
    "pipeline/review": ("pipeline.review",),
    "pipeline/operate, scaffold": ("pipeline.operate", "pipeline.scaffold"),
    "pipeline/local, rehearsal": ("pipeline.local", "pipeline.rehearsal"),
    "pipeline/toolset": ("pipeline.toolset",),
    "library/constructs": ("services.library.constructs",),
    "library/guardrails": ("services.library.guardrails",),
    "library/contract, packaging": ("services.library.contract", "services.library.packaging"),
    "library/cloudformation": ("services.library.cloudformation",),
    "library/runtime, operations": ("services.library.runtime", "services.library.operations"),
}

OF_ANY_SERVICE = {
    "stages, pipeline/settings.py": {"services/&lt;service&gt;"},
    "services/&lt;service&gt;": {"library/constructs", "library/runtime, operations"},
}
"""Drawn for a company that has no service yet, too."""


def room_of(module: str) -> str | None:
    """The drawn room that a module is in; None for a bare namespace."""
    names = [(len(name), room) for room, its in DRAWN.items() for name in its if within(module, name)]
    return max(names)[1] if names and module not in ("services", "services.library", "pipeline") else None


def graph_of(root: Path) -> grimp.ImportGraph:
    """What each of our modules imports."""
    sys.path[0] = str(root)
    return grimp.build_graph(*(name for name in OURS if name != "app"), cache_dir=None)


def arrows(graph: grimp.ImportGraph) -> dict[str, set[str]]:
    """Room -> the rooms that it imports, without itself."""
    found = {room: set(OF_ANY_SERVICE.get(room, ())) for room in DRAWN}
    for importer in sorted(module for module in graph.modules if ".tests" not in module):
        here = room_of(importer)
        for imported in graph.find_modules_directly_imported_by(importer) if here else ():
            there = room_of(imported)
            if here and there and there != here:
                found[here].add(there)
    return found


def services_of_local_cloud(graph: grimp.ImportGraph) -> dict[str, set[str]]:
    """Folder of the local cloud -> the folders that it imports; those that know the emulator alone are left out."""
    packages = {each.rpartition(".")[2] for each in graph.find_children(LOCAL_CLOUD) if graph.find_children(each)}
    found: dict[str, set[str]] = {each: set() for each in sorted(packages - {"tests"})}
    for importer in sorted(graph.find_descendants(LOCAL_CLOUD)):
        here, *below = importer.removeprefix(f"{LOCAL_CLOUD}.").split(".")
        for imported in (
            graph.find_modules_directly_imported_by(importer) if here in found and "tests" not in below else ()
        ):
            there = imported.removeprefix(f"{LOCAL_CLOUD}.").partition(".")[0]
            if imported.startswith(f"{LOCAL_CLOUD}.") and there in found and there != here:
                found[here].add(there)
    joined = {each for here, its in found.items() if its for each in (here, *its)}
    return {here: its for here, its in found.items() if here in joined}


def constructs_of_new_service(root: Path) -> dict[str, set[str]]:
    """Construct of a new service -> the constructs that it is given, as `Function Keep`."""
    text = string.Template((root / NEW_SERVICE).read_text(encoding="utf-8")).safe_substitute(
        class_name="New", **worker.parts(wanted=False)
    )
    found: dict[str, set[str]] = {}
    names: dict[str, str] = {}
    for statement in ast.walk(ast.parse(text.replace("$handles_personal_data", "True"))):
        if not isinstance(statement, ast.Assign | ast.Expr) or not isinstance(statement.value, ast.Call):
            continue
        match statement.value:
            case ast.Call(func=ast.Name(id=kind), args=[ast.Name(id="self"), ast.Constant(value=str(id_)), *_]) as made:
                label = f"{kind} {id_}"
                found[label] = {each for each in map(names.get, _attributes(made)) if each}
                if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Attribute):
                    names[statement.targets[0].attr] = label
    return found


def _attributes(call: ast.Call) -> set[str]:
    """The names of what a call is given of `self`."""
    return {
        each.attr
        for each in ast.walk(call)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "self"
    }


def reduced(found: dict[str, set[str]]) -> dict[str, set[str]]:
    """The arrows without those that a longer way says already. Raises graphlib.CycleError for a circle."""
    below: dict[str, set[str]] = {}
    for room in TopologicalSorter(found).static_order():
        below[room] = found[room].union(*(below[each] for each in found[room]))
    return {
        room: {each for each in direct if not any(each in below[other] for other in direct - {each})}
        for room, direct in found.items()
    }


def drawing(found: dict[str, set[str]], *, direction: str = "TD") -> str:
    """A Mermaid flowchart from the top down, or in another direction."""
    names = {room: f"r{number}" for number, room in enumerate(found)}
    lines = ["```mermaid", f"flowchart {direction}"]
    lines += [f'    {name}["{room}"]' for room, name in names.items()]
    lines += [
        f"    {names[room]} --> {names[each]}" for room in found for each in sorted(found[room], key=list(found).index)
    ]
    return "\n".join([*lines, "```", ""])


def drawn(page: str, picture: str) -> str:
    """The page with this picture between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{picture}\n{END}{after}"


def pages(root: Path) -> dict[Path, str]:
    """Page -> its text with the drawing as the code has it."""
    graph = graph_of(root)
    pictures = {
        ROOMS_PAGE: drawing(reduced(arrows(graph))),
        LOCAL_CLOUD_PAGE: drawing(services_of_local_cloud(graph), direction="LR"),  # many that one imports
        SERVICE_PAGE: drawing(constructs_of_new_service(root)),
    }
    return {page: drawn((root / page).read_text(encoding="utf-8"), picture) for page, picture in pictures.items()}


if __name__ == "__main__":
    top = Path(sys.argv[1]).resolve()
    made = pages(top)
    if "--check" in sys.argv:
        old = [str(page) for page, text in made.items() if text != (top / page).read_text(encoding="utf-8")]
        sys.exit(" ".join(old) or (len(DRAWN) > MOST_ROOMS))
    for page, text in made.items():
        (top / page).write_text(text, encoding="utf-8")
