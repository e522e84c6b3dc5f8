"""S3.

Emulated, by the emulator: buckets, objects, versions, notifications, multipart uploads. Added: a bucket's policy as a
caller from another account meets it, by its role; the tags of a template's bucket.
Not emulated: policies within an account, ACLs, public access, encryption at rest, replication, storage classes.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Complete it."""
    from pipeline.local.cloud.s3 import patches

    patches.show_policies_who_asks(emulator)
    patches.keep_tags_of_templates()
