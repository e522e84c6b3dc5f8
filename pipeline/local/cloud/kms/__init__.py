"""KMS.

Emulated, by the emulator: keys, aliases, grants, policies, rotation, cryptographic operations. Added: ReEncrypt, which
IAM decides on both keys.
Not emulated: custom key stores, attestation of enclaves, limits of what is encrypted in one call.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(_emulator: "Emulator") -> None:
    """Complete it."""
    from pipeline.local.cloud.kms import patches

    patches.serve_re_encrypt()
