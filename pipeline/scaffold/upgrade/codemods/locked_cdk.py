"""The CDK's versions come from the locks, and no longer from the pipeline's settings."""

from pathlib import Path

from pipeline.scaffold.upgrade.codemod import Codemod, remove_arguments

SETTINGS = Path("pipeline/settings.py")


def _change(file: Path, text: str) -> str:
    names = frozenset({"cdk_version", "cdk_assets_version"})
    return remove_arguments(text, "Settings", names) if file == SETTINGS else text


CODEMOD = Codemod(
    name="locked_cdk",
    why="Settings.cdk_version and cdk_assets_version are gone: package-lock.json has both.",
    change=_change,
)
