"""Cognito's user pools.

Emulated, by the emulator: pools, clients, people, sign-in, tokens. Added: tokens' signatures, with one key for all
pools of this cloud, which API Gateway's authorizers verify; the emulator needs a library for both.
Not emulated: pools in templates, identity pools, other identity providers.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Complete it."""
    from pipeline.local.cloud.cognito import patches

    patches.sign_tokens(patches.Keys(emulator))
