"""Datadog's Lambda layers, which are in somebody else's account.

Emulated: a function with the layers runs Datadog's released code, built for this machine, and sends its spans to the
agent that the cloud was started with, or into its log.
Not emulated: the extension, metrics, profiling, what Datadog makes of it all.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Let functions with the layers find the agent, if they find their key."""
    from pipeline.local.cloud.datadog.layers import LAYER, stub

    emulator.layers[LAYER] = stub(emulator)
