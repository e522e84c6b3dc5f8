"""The tombstones of services that leave a stage: docs/remove.md."""

from stages.ledger import Tombstone

REMOVED: tuple[Tombstone, ...] = ()
