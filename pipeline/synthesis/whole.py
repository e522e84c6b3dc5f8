"""A whole synth: of a checkout in which nothing has changed, what the last one wrote.

Standard library alone until something is to be made: neither the CDK nor the catalogue is imported to find that out.
"""

from collections.abc import Mapping, MutableMapping
from pathlib import Path

from pipeline.synthesis import messages
from pipeline.synthesis.content import Sources, digest
from pipeline.synthesis.process import ROOT, Told, emptied, told, written
from pipeline.synthesis.store import Part, files_below


def synthesise(environment: MutableMapping[str, str]) -> Path:
    """Write the assembly that a process is asked for, and return its folder. What is wrong with it stands in it.

    Leaves the CDK's own rules off: in a synth of parts they would look at the pipeline's templates and at no others.
    """
    environment["CDK_VALIDATION"] = "false"
    asked = told(environment)
    emptied(asked.out)  # a synth that ends at a mistake leaves nothing that looks like its assembly
    if not take(asked, environment):
        from pipeline.synthesis.app import synthesise as made  # noqa: PLC0415 - what is unchanged does not wait for it

        made(asked, environment)
        keep(asked, environment)
    return asked.out


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
