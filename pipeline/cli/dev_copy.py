"""A developer's own copy of a service on the local cloud: deployed, given new code, and listened to."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from pipeline.cli import branch, environments
from pipeline.cli.connection import connect
from pipeline.operate import functions, service_logs
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.service_logs import Line
from pipeline.operate.target import Target

LASTS = timedelta(hours=12)
OVERLAP = timedelta(seconds=5)
"""A line may be stored after one that is later by its time."""


@dataclass(kw_only=True)
class Copy:
    """The branch's environment with the service in it."""

    ctx: typer.Context
    root: Path
    service: str
    module: str
    """The service's folder below services/."""
    _began: datetime = field(default_factory=lambda: datetime.now(UTC))
    _printed: set[Line] = field(default_factory=set)
    _target: Target = field(init=False)
    _deployed: DeployedStack | None = field(init=False, default=None)

    @property
    def is_deployed(self) -> bool:
        """Whether there is a copy at all."""
        return self._deployed is not None

    def deploy(self) -> None:
        """Bring the whole copy to the files, as `penstock branch up` does."""
        branch.deploy(self.ctx, branch.here(self.root, services=self.service, lasts=LASTS))
        if self._deployed is None:
            self._target = connect(self.ctx, profile=None, aws=False).pipeline.target
            self._deployed = environments.stack_of(self.ctx, self.service, environments.THIS_BRANCH)

    def give_code(self) -> list[str]:
        """Give the functions the code that the files have, without a deployment; return their names.

        Raises SyntaxError, or what packaging refuses, and then leaves them as they are.
        """
        code = package_of(self.root, self.module)
        assert self._deployed is not None  # noqa: S101 - the first deployment comes before
        found = functions.functions_of(self._target, self._deployed)
        handlers = f"services.{self.module}.runtime."
        return functions.replace_code(self._target, self._deployed, found, code, handlers=handlers)

    def new_lines(self) -> Iterator[Line]:
        """Yield what the copy has logged and was not yielded yet."""
        assert self._deployed is not None  # noqa: S101 - as above
        since = datetime.now(UTC) - self._began + OVERLAP
        self._began = datetime.now(UTC)
        for line in service_logs.read(self._target, self._deployed, since=since):
            if line not in self._printed and not line.is_frame:
                self._printed.add(line)
                yield line


def package_of(root: Path, module: str) -> bytes:
    """Return the package of a service's functions, all of whose files Python can read."""
    from services.library.constructs.function import PREPARED  # noqa: PLC0415 - the CDK: `--help` need not wait for it
    from services.library.packaging import package  # noqa: PLC0415 - as above
    from services.library.packaging.dependencies import Dependencies  # noqa: PLC0415 - as above

    made = package.function(root, module, Dependencies.load(PREPARED, root / "uv.lock"))
    for name, text in made.sources.items():
        if name.endswith(".py"):
            compile(text, name, "exec")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "code.zip"
        made.write(file)
        return file.read_bytes()
