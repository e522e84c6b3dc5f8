"""CloudWatch: the metrics that AWS's services publish, and alarms that watch them."""

from pipeline.local.cloud.cloudwatch import resources
from pipeline.local.cloud.cloudwatch.alarms import Alarms
from pipeline.local.cloud.cloudwatch.metrics import Metrics
from pipeline.local.cloud.emulator import Emulator


def install(emulator: Emulator) -> None:
    """Complete it. Comes after the fillers of the services that it measures."""
    emulator.part(Metrics)
    alarms = emulator.part(Alarms)
    emulator.provide("AWS::CloudWatch::Alarm", resources.alarm(emulator))
    emulator.at_start.append(alarms.begin)
