"""CloudWatch: the metrics that AWS's services publish, and alarms that watch them.

Emulated, by the emulator: metrics and alarms by API, dashboards, histories, actions. Added: the metrics that
docs/local-green.md lists, the embedded metric format, metric filters of one kind, alarms that are evaluated all the
time (`evaluation.py` says how that differs), metric math, composite alarms in templates, and whether a topic lets an
alarm in.
Not emulated: anomaly detection, suppressors of composite alarms (refused), actions other than topics,
metric streams, Insights, Synthetics, percentiles of long series.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Complete it. Comes after the services that it measures."""
    from pipeline.local.cloud.cloudwatch import resources
    from pipeline.local.cloud.cloudwatch.action_patches import AlarmActions
    from pipeline.local.cloud.cloudwatch.alarms import Alarms
    from pipeline.local.cloud.cloudwatch.metrics import Metrics

    emulator.part(Metrics)
    emulator.part(AlarmActions)
    emulator.provide("AWS::CloudWatch::Alarm", resources.alarm(emulator))
    emulator.provide("AWS::CloudWatch::CompositeAlarm", resources.composite_alarm(emulator))
    emulator.at_start.append(emulator.part(Alarms).begin)
