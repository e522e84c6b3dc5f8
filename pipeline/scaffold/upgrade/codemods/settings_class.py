"""The class of the settings is the platform's, in a file of its own: a company's file has the value alone."""

from pathlib import Path

import libcst as cst

from pipeline.scaffold.listing import PythonSource
from pipeline.scaffold.upgrade.codemod import Codemod

SETTINGS = Path("pipeline/settings.py")
CLASS = "Settings"


class _WithoutClass(cst.CSTTransformer):
    def leave_ClassDef(  # noqa: N802 - libcst's name
        self, original_node: cst.ClassDef, updated_node: cst.ClassDef
    ) -> cst.ClassDef | cst.RemovalSentinel:
        return cst.RemoveFromParent() if original_node.name.value == CLASS else updated_node


def _change(file: Path, text: str) -> str:
    if file != SETTINGS or f"class {CLASS}" not in text:
        return text
    without = cst.parse_module(text).visit(_WithoutClass()).code
    return PythonSource(file.as_posix(), without).importing("pipeline.pipeline_settings", CLASS)


CODEMOD = Codemod(
    name="settings_class",
    why="The class Settings is in pipeline/pipeline_settings.py, where an upgrade brings new fields.",
    change=_change,
)
