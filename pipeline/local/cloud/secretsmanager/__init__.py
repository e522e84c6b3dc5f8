"""Secrets Manager.

Emulated, by the emulator: secrets, their versions and labels, replicas. Added: rotation, by the function that the
secret names, in the four steps, if the function's policy lets Secrets Manager call it; rotation schedules in templates.
Not emulated: the schedule itself (a secret rotates when it is asked to, and when its schedule is made or changed),
rotation without a function of one's own, windows, retries of a step that failed.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Complete it."""
    from pipeline.local.cloud.secretsmanager.patches import Rotations
    from pipeline.local.cloud.secretsmanager.resources import rotation_schedule, secret

    rotations = emulator.part(Rotations)
    emulator.provide("AWS::SecretsManager::Secret", secret(emulator))
    emulator.provide("AWS::SecretsManager::RotationSchedule", rotation_schedule(rotations))
