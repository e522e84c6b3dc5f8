"""S3.

Emulated, by the emulator: buckets, objects, versions, notifications, multipart uploads. Added: the tags
and the encryption of a template's bucket. IAM decides who may do what (`iam/`).
Not emulated: ACLs within an account, public access, encryption at rest, replication, storage classes.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Complete it."""
    from pipeline.local.cloud.s3 import patches

    del emulator  # nothing of it is needed
    patches.keep_configuration_of_templates()
    patches.use_default_key()
