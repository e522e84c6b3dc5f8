"""`python -m tests.architecture.drawing ROOT`: draws who imports whom in docs/architecture.md, from the code.

An arrow that a longer way says already is left out: if the review reads templates by way of nothing else, the arrow is
there; if it did so by way of another room, that room's arrows would say it.
"""

import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

from tests.architecture.layering import OURS, within

MOST_ROOMS = 15
BEGIN = "<!-- drawn from the code: `.venv/bin/python -m tests.architecture.drawing .` -->\n"
END = "<!-- end of the drawing -->\n"
PAGE = Path("docs/architecture.md")

# Room -> the names that are in it; the longest name that fits a module decides, and a service is any of them.
DRAWN = {
    "app.py, pipeline/cli": ("app", "pipeline.cli"),
    "stages, pipeline/settings.py": ("stages", "pipeline.settings", "pipeline.source", "pipeline.build_settings"),
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


def arrows(root: Path) -> dict[str, set[str]]:
    """Room -> the rooms that it imports, without itself."""
    sys.path[0] = str(root)
    graph = grimp.build_graph(*(name for name in OURS if name != "app"), cache_dir=None)
    found = {room: set(OF_ANY_SERVICE.get(room, ())) for room in DRAWN}
    for importer in sorted(module for module in graph.modules if ".tests" not in module):
        here = room_of(importer)
        for imported in graph.find_modules_directly_imported_by(importer) if here else ():
            there = room_of(imported)
            if here and there and there != here:
                found[here].add(there)
    return found


def reduced(found: dict[str, set[str]]) -> dict[str, set[str]]:
    """The arrows without those that a longer way says already. Raises graphlib.CycleError for a circle."""
    below: dict[str, set[str]] = {}
    for room in TopologicalSorter(found).static_order():
        below[room] = found[room].union(*(below[each] for each in found[room]))
    return {
        room: {each for each in direct if not any(each in below[other] for other in direct - {each})}
        for room, direct in found.items()
    }


def drawing(found: dict[str, set[str]]) -> str:
    """A Mermaid flowchart from the top down."""
    names = {room: f"r{number}" for number, room in enumerate(DRAWN)}
    lines = ["```mermaid", "flowchart TD"]
    lines += [f'    {name}["{room}"]' for room, name in names.items()]
    lines += [
        f"    {names[room]} --> {names[each]}" for room in DRAWN for each in sorted(found[room], key=list(DRAWN).index)
    ]
    return "\n".join([*lines, "```", ""])


def drawn(page: str, picture: str) -> str:
    """The page with this picture between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{picture}\n{END}{after}"


if __name__ == "__main__":
    top = Path(sys.argv[1]).resolve()
    page = top / PAGE
    text = drawn(page.read_text(encoding="utf-8"), drawing(reduced(arrows(top))))
    if "--check" in sys.argv:
        sys.exit(text != page.read_text(encoding="utf-8") or len(DRAWN) > MOST_ROOMS)
    page.write_text(text, encoding="utf-8")
