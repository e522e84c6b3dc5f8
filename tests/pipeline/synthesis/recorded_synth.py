"""`python recorded_synth.py OUT`: makes each part of a checkout's synth, and writes what it read meanwhile as JSON.

The checkout is on the path. Python's own reads are seen by an audit hook, Node's by `recorded_reads.js`, which
NODE_OPTIONS loads. Modules are read before: their imports are followed in the code.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from pipeline.accounts.execution_policies import DeploymentAccounts
from pipeline.catalogue.model import stages_of
from pipeline.synthesis.content import Sources
from pipeline.synthesis.process import told
from pipeline.synthesis.service_unit import ServiceUnit, Surroundings, synthesise
from stages.catalogue import STAGES

reads: set[str] = set()
variables: set[str] = set()


def heard(event: str, arguments: tuple[Any, ...]) -> None:
    """Note a file that is opened and a folder that is listed."""
    if event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], str | bytes | os.PathLike):
        reads.add(str(Path(os.fsdecode(arguments[0])).absolute()))


class Environment(type(os.environ)):  # type: ignore[misc]  # the class of os.environ has no public name
    """Notes each variable that is asked for."""

    def __getitem__(self, key: str) -> str:
        variables.add(key)
        return str(super().__getitem__(key))


def main(out: Path) -> None:
    """Make the parts."""
    context = told({}).context
    sys.addaudithook(heard)
    os.environ.__class__ = Environment
    found = []
    around = Surroundings(scope="Pipeline", context=context, accounts=DeploymentAccounts())
    for stage in stages_of(STAGES):
        for service in stage.services:
            unit = ServiceUnit(stage=stage, service=service, around=around)
            sources = Sources(Path.cwd())
            covered = sources.files(type(service).__module__)
            with tempfile.TemporaryDirectory(dir=out) as folder:
                reads.clear()
                variables.clear()
                synthesise(unit, Path(folder))
                found.append(
                    {
                        "unit": unit.path,
                        "reads": sorted(reads),
                        "variables": sorted(variables),
                        "covered": sorted(covered),
                    }
                )
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
