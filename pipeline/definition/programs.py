"""Programs of this repository in builds that have no checkout: their text is a part of the build's commands.

So what judges a run is what the pipeline was updated with, and no file of the commit that is judged.
"""

from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = "PROGRAM"
"""The variable that holds the folder in which the files are written."""
_END = "END_OF_PROGRAM"


def write(modules: Sequence[str]) -> list[str]:
    """Return commands that write modules, by their dotted names, into a folder of their own."""
    return [f'{FOLDER}="$(mktemp -d)"', *(_write(f"{each.replace('.', '/')}.py") for each in modules)]


def run(module: str, arguments: str) -> str:
    """Return the command that runs a module that was written; `arguments` as the shell reads them.

    By the image's own Python, which brings boto3. In the folder: Python looks for modules where it is started.
    Unbuffered: a build that waits for hours says at once what it sees.
    """
    return f'(cd "${FOLDER}" && python3 -u -m {module} {arguments})'


def write_text(file: str, text: str) -> str:
    """Return the command that writes a text beside the modules: a variable of a build has no room for a long one."""
    return f'mkdir -p "${FOLDER}/{Path(file).parent.as_posix()}" && cat > "${FOLDER}/{file}" <<\'{_END}\'\n{text}{_END}'


def _write(file: str) -> str:
    return write_text(file, (ROOT / file).read_text(encoding="utf-8"))
