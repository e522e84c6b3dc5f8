"""CodeCommit's repositories: each a bare git repository on disk, ours or one that a push told us of."""

import time
import uuid
from pathlib import Path

from pipeline.local.cloud.codecommit import git
from pipeline.local.cloud.emulator import AwsError, Emulator, Json

STORE = "codecommit-repositories"


class Repositories:
    """Get it by `emulator.part(Repositories)`; it acts in the account and region of `emulator.here()`."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def create(self, name: str, *, description: str = "", tags: dict[str, str] | None = None) -> Json:
        """Make a new, empty repository."""
        store = self._emulator.store(STORE)
        if name in store:
            raise AwsError("RepositoryNameExistsException", f"Repository named {name} already exists")
        account, region = self._emulator.here()
        path = self._emulator.folder / "codecommit" / account / region / f"{name}.git"
        if not path.exists():
            git.create(path)
        now = time.time()
        store[name] = {
            "accountId": account,
            "repositoryId": str(uuid.uuid4()),
            "repositoryName": name,
            "repositoryDescription": description,
            "creationDate": now,
            "lastModifiedDate": now,
            "cloneUrlHttp": path.as_uri(),
            "cloneUrlSsh": path.as_uri(),
            "Arn": f"arn:aws:codecommit:{region}:{account}:{name}",
            "tags": tags or {},
        }
        return dict(store[name])

    def get(self, name: str) -> Json:
        """Return a repository's record."""
        found: Json | None = self._emulator.store(STORE).get(name)
        if found is None:
            account, region = self._emulator.here()
            raise AwsError("RepositoryDoesNotExistException", f"{name} does not exist in {account}, {region}")
        return found

    def path(self, name: str) -> Path:
        """Return where it is on disk."""
        return Path(self.get(name)["cloneUrlHttp"].removeprefix("file://"))

    def move(self, name: str, path: Path) -> None:
        """Let its commits be at another place on disk: that of the origin somebody pushes to."""
        store = self._emulator.store(STORE)
        store[name] = {**self.get(name), "cloneUrlHttp": path.as_uri(), "cloneUrlSsh": path.as_uri()}

    def change(self, name: str, **values: str) -> None:
        """Change its record."""
        self._emulator.store(STORE)[name] = {**self.get(name), **values, "lastModifiedDate": time.time()}

    def rename(self, name: str, new_name: str) -> None:
        """Give a repository another name."""
        store = self._emulator.store(STORE)
        if new_name in store:
            raise AwsError("RepositoryNameExistsException", f"Repository named {new_name} already exists")
        record = {**self.get(name), "repositoryName": new_name}
        record["Arn"] = record["Arn"].rpartition(":")[0] + f":{new_name}"
        store[new_name] = record
        del store[name]

    def delete(self, name: str) -> str | None:
        """Forget it. Its commits stay on disk until the local cloud is erased, since the origin may be somebody's."""
        found = self._emulator.store(STORE).pop(name, None)
        return None if found is None else str(found["repositoryId"])

    def all(self) -> list[Json]:
        """Return every repository here."""
        return list(self._emulator.store(STORE).values())

    def owners(self, name: str) -> list[tuple[str, str]]:
        """Return the accounts and regions that have a repository of this name."""
        found = self._emulator.entries(STORE)
        return sorted((account, region) for account, region, known, _ in found if known == name)
