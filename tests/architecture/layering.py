"""`python layering.py ROOT`: who imports whom against the table in docs/architecture.md; prints each violation."""

import ast
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import grimp

OURS = ("services", "stages", "pipeline", "app")
LIBRARY = "services.library"
NAMES = f"{LIBRARY}.contract.names"
"""What rooms must agree on, with the standard library alone, so that it costs a room nothing."""
TIMES = f"{LIBRARY}.contract.release_times"
"""When a stage may be released to: the gate judges by it in a build, and commands say it before."""
STANDARD = sys.stdlib_module_names | {"__future__"}


@dataclass(frozen=True, kw_only=True)
class Room:
    """What the modules below one name may import. `{service}` is the service that the module belongs to."""

    ours: tuple[str, ...]
    third_party: tuple[str, ...]
    never: tuple[str, ...] = ()
    """Exceptions to `ours`."""


DYNAMIC_ALLOWED = frozenset({"pipeline.local.cloud.awslambda.worker", "pipeline.cli.loading"})
"""Lambda's own contract is to import the handler by its configured name; none of ours is among what it finds. And a
catalogue that cannot be imported is read stage by stage, by the names that it lists."""

OPERATED = ("cloudformation", "codebuild", "codepipeline", "logs", "sts")
"""The AWS APIs whose types the commands name."""
DYNAMIC = frozenset(
    {
        "import_module",
        "__import__",
        "run_module",
        "run_path",
        "resolve_name",
        "spec_from_file_location",
        "exec_module",
        "load_module",
        "SourceFileLoader",
    }
)
"""What imports by a name made at run time, however it is called or renamed. (`exec` and `eval` are ruff's to find.)"""
RUNTIME = re.compile(r"services\.\w+\.runtime")
"""Runtime code runs in Lambda: whoever builds it knows it by its path only."""
PATCHES = sorted(Path(__file__).parents[2].glob("pipeline/local/cloud/*/*patches.py"))
"""What each service of the local cloud replaces of the emulator."""

# The longest name that fits a module decides; a name is a module or the root of a package.
ROOMS = {
    "services.{service}.runtime": Room(
        ours=("services.{service}.runtime", "services.library.runtime"),
        third_party=("boto3", "botocore", "pydantic", "aws_lambda_powertools", "httpx", "fhir"),
    ),
    "services.{service}": Room(
        ours=(f"{LIBRARY}.contract", f"{LIBRARY}.constructs", "services.{service}"),
        third_party=("aws_cdk", "constructs"),
    ),
    f"{LIBRARY}.runtime": Room(
        ours=(f"{LIBRARY}.runtime",),
        third_party=("boto3", "botocore", "pydantic", "aws_lambda_powertools", "httpx", "httpcore"),
    ),
    # Of the library's own functions, whose package has it.
    f"{LIBRARY}.runtime.tokens": Room(ours=(f"{LIBRARY}.runtime",), third_party=("jwt",)),
    # What Datadog's layer brings, which is there if this module is imported at all.
    f"{LIBRARY}.runtime.datadog": Room(ours=(f"{LIBRARY}.runtime",), third_party=("ddtrace",)),
    f"{LIBRARY}.operations": Room(ours=(f"{LIBRARY}.operations",), third_party=("boto3", "botocore")),
    f"{LIBRARY}.cloudformation": Room(ours=(f"{LIBRARY}.cloudformation",), third_party=()),
    # Setup runs with the standard library alone, and so does what it shares with packaging.
    f"{LIBRARY}.packaging": Room(ours=(f"{LIBRARY}.packaging",), third_party=()),
    f"{LIBRARY}.contract": Room(
        ours=(f"{LIBRARY}.contract", f"{LIBRARY}.packaging.dependencies"), third_party=("aws_cdk", "constructs")
    ),
    f"{LIBRARY}.contract.constraints": Room(ours=(), third_party=()),
    NAMES: Room(ours=(f"{LIBRARY}.contract.constraints",), third_party=()),
    # The pipeline's gate has its text, and no checkout.
    TIMES: Room(ours=(), third_party=()),
    f"{LIBRARY}.contract.environment": Room(
        ours=(f"{LIBRARY}.contract.constraints", f"{LIBRARY}.contract.release", NAMES), third_party=("aws_cdk",)
    ),
    f"{LIBRARY}.constructs": Room(
        ours=(f"{LIBRARY}.constructs", f"{LIBRARY}.contract", f"{LIBRARY}.packaging"),
        third_party=("aws_cdk", "constructs", "datadog_cdk_constructs_v2"),
    ),
    f"{LIBRARY}.guardrails": Room(
        ours=(
            f"{LIBRARY}.guardrails",
            f"{LIBRARY}.contract",
            f"{LIBRARY}.cloudformation",
            f"{LIBRARY}.packaging.dependencies",
        ),
        third_party=("aws_cdk", "constructs", "cdk_nag"),
    ),
    "stages": Room(
        ours=("stages", "services", "pipeline.catalogue.model"),
        third_party=(),
        never=(f"{LIBRARY}.guardrails", f"{LIBRARY}.cloudformation", f"{LIBRARY}.packaging", f"{LIBRARY}.operations"),
    ),
    # Reads its own templates for the guardrails, which may not know the pipeline.
    "pipeline.accounts": Room(
        ours=("pipeline.accounts", f"{LIBRARY}.contract.environment", f"{LIBRARY}.guardrails.deployment", NAMES),
        third_party=("yaml",),
    ),
    "pipeline.catalogue": Room(ours=("pipeline.catalogue", f"{LIBRARY}.contract"), third_party=("pydantic",)),
    "pipeline.settings": Room(
        ours=("pipeline.build_settings", "pipeline.pipeline_settings", "pipeline.source", "stages.accounts", NAMES),
        third_party=(),
    ),
    "pipeline.pipeline_settings": Room(ours=("pipeline.build_settings", "pipeline.source", NAMES), third_party=()),
    "pipeline.build_settings": Room(ours=(f"{LIBRARY}.contract.constraints",), third_party=()),
    "pipeline.source": Room(ours=(), third_party=()),
    "pipeline.definition": Room(
        ours=(
            "pipeline.definition",
            "pipeline.build_settings",
            "pipeline.catalogue",
            "pipeline.pipeline_settings",
            "pipeline.settings",
            "pipeline.source",
            f"{LIBRARY}.contract",
            f"{LIBRARY}.constructs",
            f"{LIBRARY}.guardrails",
        ),
        third_party=("aws_cdk", "constructs", "jsii"),
    ),
    # Where the catalogue meets the machinery: it is the App, part by part.
    "pipeline.synthesis": Room(
        ours=(
            "pipeline.synthesis",
            "pipeline.accounts",
            "pipeline.catalogue",
            "pipeline.definition",
            "pipeline.pipeline_settings",
            "pipeline.settings",
            "stages",
            f"{LIBRARY}.contract",
            f"{LIBRARY}.guardrails",
        ),
        third_party=("aws_cdk", "constructs"),
    ),
    # It replaces parts of jsii before anything imports the CDK, so it knows neither that nor any other room.
    **{
        f"pipeline.synthesis.{module}": Room(ours=("pipeline.synthesis",), third_party=("jsii", "attr"))
        for module in ("jsii_client", "argument_checks")
    },
    # Recognises an unchanged checkout before anything else is imported.
    **{
        f"pipeline.synthesis.{module}": Room(ours=("pipeline.synthesis",), third_party=())
        for module in ("content", "messages", "process", "store", "whole")
    },
    # Steps that run in builds, not in synth. What is deployed is judged by the rule that judged it at synth.
    "pipeline.builds": Room(
        ours=("pipeline.builds", f"{LIBRARY}.guardrails", f"{LIBRARY}.cloudformation", TIMES),
        third_party=("boto3", "botocore"),
    ),
    "pipeline.toolset": Room(ours=("pipeline.toolset", f"{LIBRARY}.packaging.dependencies"), third_party=()),
    "pipeline.local.cloud": Room(
        ours=("pipeline.local.cloud",),
        third_party=("boto3", "botocore", "yaml"),
    ),
    # A service of the local cloud knows the emulator by its patches and by emulator.py alone.
    **{
        f"pipeline.local.cloud.{module}": Room(
            ours=("pipeline.local.cloud",), third_party=("ministack", "hypercorn", "boto3", "botocore")
        )
        for module in ("emulator", "server", "snapshot", *(f"{file.parent.name}.{file.stem}" for file in PATCHES))
    },
    # Its clients are those that commands use: no variable may divert either, and that is decided in one place.
    "pipeline.local": Room(
        ours=("pipeline.local", "pipeline.operate.session", NAMES),
        third_party=("botocore",),
        never=("pipeline.local.cloud",),
    ),
    "pipeline.scaffold": Room(ours=("pipeline.scaffold", NAMES), third_party=("libcst", "yaml")),
    "pipeline.cli": Room(
        ours=OURS, third_party=("typer", "rich", "boto3", "botocore", "aws_cdk", "constructs", "httpx", "pydantic")
    ),
    # The rooms of the review go one way: read, diff and access, judge, and what renders a finished review.
    "pipeline.review": Room(
        ours=("pipeline.review", f"{LIBRARY}.cloudformation"),
        third_party=(),
        never=("pipeline.review.render", "pipeline.review.hosts"),
    ),
    "pipeline.review.model": Room(ours=(), third_party=()),
    "pipeline.review.read": Room(
        ours=("pipeline.review.read", "pipeline.review.model", f"{LIBRARY}.cloudformation", NAMES), third_party=()
    ),
    "pipeline.review.diff": Room(
        ours=("pipeline.review.diff", "pipeline.review.read", "pipeline.review.model", f"{LIBRARY}.cloudformation"),
        third_party=(),
    ),
    "pipeline.review.access": Room(
        ours=("pipeline.review.access", "pipeline.review.model", f"{LIBRARY}.cloudformation"), third_party=()
    ),
    # It looks at what differs between properties as the rows of resources do, and leaves the same secrets out.
    "pipeline.review.access.properties": Room(
        ours=(
            "pipeline.review.access",
            "pipeline.review.diff.compare",
            "pipeline.review.diff.redact",
            "pipeline.review.model",
            f"{LIBRARY}.cloudformation",
        ),
        third_party=(),
    ),
    "pipeline.review.judge": Room(
        ours=("pipeline.review.judge", "pipeline.review.diff", "pipeline.review.read", "pipeline.review.model"),
        third_party=(),
    ),
    "pipeline.review.render": Room(
        ours=("pipeline.review.render", "pipeline.review.model", f"{LIBRARY}.cloudformation"), third_party=()
    ),
    "pipeline.review.hosts": Room(
        ours=("pipeline.review.hosts", "pipeline.review.render", "pipeline.review.model"), third_party=()
    ),
    # Runs in a build, with the build's own credentials, after the review: CodeCommit has no other way to comment.
    "pipeline.review.hosts.codecommit": Room(
        ours=("pipeline.review.hosts", "pipeline.review.render", "pipeline.review.model"),
        third_party=("boto3", "botocore", "mypy_boto3_codecommit", "mypy_boto3_s3"),
    ),
    "pipeline.rehearsal": Room(
        ours=("pipeline.rehearsal", "pipeline.local.lifecycle", "pipeline.operate", NAMES), third_party=()
    ),
    "pipeline.operate": Room(
        ours=("pipeline.operate", NAMES, TIMES),
        third_party=("boto3", "botocore", *(f"mypy_boto3_{api}" for api in OPERATED)),
    ),
    "app": Room(ours=OURS, third_party=("aws_cdk",)),
}


def violations(root: Path) -> list[str]:
    """Each forbidden import below root, as `importer -> imported`."""
    sys.path[0] = str(root)  # in place of this folder, whose own `services` is no room
    graph = grimp.build_graph("services", "stages", "pipeline", include_external_packages=True, cache_dir=None)
    found = []
    for importer in sorted(module for module in graph.modules if module.startswith(tuple(f"{name}." for name in OURS))):
        if ".tests" in importer or importer in ("services.library", "pipeline"):
            continue
        if (place := room_of(importer)) is None:
            found.append(f"{importer} -> in no room: tests/architecture/layering.py must say what it may import")
            continue
        room, service = place
        found += [
            f"{importer} -> {imported}"
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if not allowed(imported, room, service)
        ]
        found += [f"{importer} -> dynamic import in line {line}" for line in dynamic_imports(root, importer)]
    return found


def room_of(module: str) -> tuple[Room, str] | None:
    """The room that a module is in, and the service that it belongs to; None if no row of the table has it."""
    parts = module.split(".", maxsplit=2)
    service = parts[1] if parts[0] == "services" and len(parts) > 1 and parts[1] != "library" else ""
    names = [name for name in ROOMS if within(module, name.format(service=service))]
    return (ROOMS[max(names, key=len)], service) if names else None


def allowed(imported: str, room: Room, service: str) -> bool:
    """Whether a module of this room may import that one."""
    top, _, below = imported.partition(".")
    if top not in OURS:
        return top in STANDARD or top in room.third_party
    if not below:
        return True  # a namespace alone, which is what a module that does not exist counts as: mypy names it
    ours = [name.format(service=service) for name in room.ours]
    if RUNTIME.match(imported) and not any(map(RUNTIME.match, ours)):
        return False
    return any(within(imported, name) for name in ours) and not any(
        within(imported, name.format(service=service)) for name in room.never
    )


def within(module: str, name: str) -> bool:
    """Whether a module is the named one or below it."""
    return module == name or module.startswith(f"{name}.")


def dynamic_imports(root: Path, module: str) -> list[int]:
    """Lines that import by a name made at run time, which no table can judge."""
    base = root / Path(*module.split("."))
    file = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    if not file.exists() or module in DYNAMIC_ALLOWED:
        return []
    named = [
        (node, name)
        for node in ast.walk(ast.parse(file.read_text()))
        for name in (getattr(node, key, "") for key in ("attr", "id", "name"))
    ]
    return sorted({node.lineno for node, name in named if name in DYNAMIC and hasattr(node, "lineno")})


if __name__ == "__main__":
    json.dump(violations(Path(sys.argv[1])), sys.stdout)
