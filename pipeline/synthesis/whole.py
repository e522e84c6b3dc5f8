"""A whole synth: of a checkout in which nothing has changed, what the last one wrote.

Standard library alone until something is to be made: neither the CDK nor the catalogue is imported to find that out.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.synthesis import messages
from pipeline.synthesis.content import Sources, digest
from pipeline.synthesis.process import ROOT, Told, emptied, locked, told, written
from pipeline.synthesis.store import Part, files_below


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """An assembly, and what is to be said of it."""

    folder: Path
    errors: tuple[str, ...]
    """What must change before it may be deployed."""
    warnings: tuple[str, ...]


def synthesise(environment: MutableMapping[str, str]) -> Outcome:
    """Write the assembly that a process is asked for.

    Leaves the CDK's own rules off: in a synth of parts they would look at the pipeline's templates and at no others.
    """
    environment["CDK_VALIDATION"] = "false"
    asked = told(environment)
    with locked(asked.out):
        emptied(asked.out)  # a synth that ends at a mistake leaves nothing that looks like its assembly
        if not take(asked, environment):
            from pipeline.synthesis import jsii_client  # noqa: PLC0415 - what is unchanged does not wait for it

            jsii_client.enable()  # before the next import, which starts jsii's kernel
            from pipeline.synthesis.app import synthesise as made  # noqa: PLC0415 - as above

            made(asked, environment)
            keep(asked, environment)
        errors, warnings = messages.errors(asked.out), messages.annotations(asked.out, "warning")
        return Outcome(folder=asked.out, errors=tuple(errors), warnings=tuple(warnings))


def take(asked: Told, environment: Mapping[str, str], root: Path = ROOT) -> bool:
    """Write the assembly that an earlier synth of the same content made, if one did. False: there is none."""
    if asked.store is None:
        return False
    return asked.store.take(_key(asked, environment, root), asked.out) is not None


def keep(asked: Told, environment: Mapping[str, str], root: Path = ROOT) -> None:
    """Keep an assembly, unless something is wrong with it: that is judged again each time."""
    if asked.store is None or messages.errors(asked.out):
        return
    part = Part(files=tuple(files_below(asked.out, *written(asked.out))), data={})
    asked.store.keep(_key(asked, environment, root), part, asked.out)


def _key(asked: Told, environment: Mapping[str, str], root: Path) -> str:
    sources = Sources(root)
    return digest("whole", sources.tools(asked.context, environment), sources.everything())
