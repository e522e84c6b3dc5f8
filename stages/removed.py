"""The tombstones of services that leave a stage: docs/remove.md."""

from pipeline.catalogue.model import Tombstone

REMOVED: tuple[Tombstone, ...] = ()
