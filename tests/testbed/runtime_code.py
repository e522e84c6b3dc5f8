"""Runtime code of services that are not in this repository, for whatever packages functions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from services.library.constructs import function

ROOT = Path(__file__).parents[2]
HANDLER = "services.sample.runtime.handler.handle"
CODE = "def {name}(event: object, context: object) -> object:\n    return event\n"


def repository(root: Path, *handlers: str, code: str | None = None) -> Path:
    """Write the file of each handler, beside the lock and the library of this repository.

    `code`: what is in each file; a function that returns its event unless it is given.
    """
    for handler in handlers:
        module, _, name = handler.rpartition(".")
        file = root / f"{module.replace('.', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(CODE.format(name=name) if code is None else code)
    (root / "services/library").symlink_to(ROOT / "services/library")
    (root / "uv.lock").symlink_to(ROOT / "uv.lock")
    return root


@contextmanager
def packaged(*handlers: str, code: str | None = None) -> Iterator[None]:
    """Take the code of functions that are built within this from services that have nothing but these handlers."""
    with (
        TemporaryDirectory() as folder,
        mock.patch.object(function, "ROOT", repository(Path(folder), *(handlers or (HANDLER,)), code=code)),
    ):
        yield
