"""EventBridge.

Emulated, by the emulator: buses, rules, patterns, schedules, input transformers. Added: what becomes of an event that
reaches no target, by dead-letter queue and metrics, or that the key of its bus does not encrypt; log groups and buses
of other accounts as targets; functions are invoked asynchronously, with their retries; other services add targets by
`Emulator.add_rule_target`.
Not emulated: retries for up to 24 hours (every failure here is one that does not pass), archives and replays, API
destinations, global endpoints.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Complete it. Comes after the services that let rules target more."""
    from pipeline.local.cloud.eventbridge.patches import BusKeys, Deliveries, LogGroups
    from pipeline.local.cloud.eventbridge.resources import event_bus, event_bus_policy

    emulator.part(LogGroups)
    emulator.part(Deliveries)
    emulator.part(BusKeys)
    emulator.provide("AWS::Events::EventBus", event_bus(emulator))
    emulator.provide("AWS::Events::EventBusPolicy", event_bus_policy())
