"""EventBridge rules that start builds, on a schedule or for an event.

https://docs.aws.amazon.com/codebuild/latest/userguide/run-build.html names EventBridge among what starts builds; the
emulator takes a project as a target and then does nothing.
"""

from typing import Any

from pipeline.local.cloud.codebuild.builds import Builds
from pipeline.local.cloud.emulator import AwsError, Emulator

PROJECT = ":project/"


def let_rules_start_builds(emulator: Emulator) -> None:
    """Start the project that a target names. The event itself is not passed on."""
    events: Any = emulator.module("eventbridge")
    others = events._invoke_target  # noqa: SLF001 - the emulator offers no other seam
    builds = emulator.part(Builds)

    def invoke(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
        arn = str(target.get("Arn", ""))
        if not arn.startswith("arn:aws:codebuild:") or PROJECT not in arn:
            others(target, event, rule, view)
            return
        _, _, _, region, account, name = arn.split(":", 5)
        asked = {"projectName": name.removeprefix("project/"), "initiator": f"rule/{rule.get('Name', '')}"}
        try:
            with emulator.within(account, region):
                builds.start_directly(asked, account=account, region=region)
        except AwsError as error:
            events.logger.warning("EventBridge -> CodeBuild %s: %s", arn, error)

    events._invoke_target = invoke  # noqa: SLF001 - as above
