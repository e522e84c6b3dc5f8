"""How much of AWS's quotas the pipeline uses that was synthesised last."""

from collections.abc import Iterable
from pathlib import Path

from services.library.guardrails import assembly
from services.library.guardrails.rules import quotas
from services.library.guardrails.rules.quotas import Usage

ASSEMBLY = "cdk.out"


def of_last_synth(root: Path) -> list[Usage]:
    """List what the pipeline of the checkout's assembly uses; empty where nothing was synthesised."""
    folder = root / ASSEMBLY
    templates = (
        each for file in sorted(folder.glob("*.template.json")) for each in assembly.templates(folder, file, "")
    )
    return [used for template in templates for used in quotas.usage(template)]


def text(used: Iterable[Usage]) -> str:
    """Write the usage in one line."""
    return ", ".join(f"{each.count:,} of {each.limit:,} {each.what}" for each in used)
