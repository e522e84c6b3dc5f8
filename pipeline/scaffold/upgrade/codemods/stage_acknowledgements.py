"""What a service accepts in one stage is called after what it is."""

from pathlib import Path

from pipeline.scaffold.upgrade.codemod import ANYTHING, Codemod, rename_arguments

STAGES = "stages"


def _change(file: Path, text: str) -> str:
    if file.suffix != ".py" or file.parts[0] != STAGES:
        return text
    return rename_arguments(text, {ANYTHING: {"accepts": "stage_acknowledgements"}})


CODEMOD = Codemod(
    name="stage_acknowledgements",
    why="An entry's `accepts` is `stage_acknowledgements`.",
    change=_change,
)
