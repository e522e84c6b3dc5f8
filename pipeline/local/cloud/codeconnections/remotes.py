"""The repositories behind connections: owner/name on GitHub, GitLab or Bitbucket is a bare git repository here."""

from pathlib import Path

from pipeline.local.cloud.emulator import AwsError, Emulator

STORE = "codeconnections-remotes"
NOBODYS = ("000000000000", "us-east-1")
"""A provider's repository belongs to no account, so they are all kept in one place."""


class Remotes:
    """Get it by `emulator.part(Remotes)`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def set_path(self, repository: str, path: Path) -> None:
        """Note where a repository is: a push said so."""
        with self._emulator.within(*NOBODYS):
            self._emulator.store(STORE)[repository] = str(path)

    def path(self, repository: str) -> Path:
        """Return where a repository is."""
        with self._emulator.within(*NOBODYS):
            found = self._emulator.store(STORE).get(repository)
        if found is None:
            raise AwsError(
                "ResourceNotFoundException",
                f"The local cloud knows no repository {repository}: nothing has been pushed to it yet",
            )
        return Path(found)
