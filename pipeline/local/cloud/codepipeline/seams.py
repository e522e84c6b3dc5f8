"""Where the emulator is mended for pipelines: EventBridge's targets, S3's writes, the size of templates."""

from typing import Any

from ministack.services.cloudformation import helpers

from pipeline.local.cloud.codepipeline.events import Bus
from pipeline.local.cloud.codepipeline.triggers import Triggers
from pipeline.local.cloud.emulator import AwsError, Emulator

CALLS = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
}
"""What CloudTrail calls the writes that S3 notifies of."""


def let_rules_target_pipelines(emulator: Emulator) -> None:
    """EventBridge takes a pipeline as a target; the emulator accepts it and then does nothing."""
    events: Any = emulator.module("eventbridge")
    others = events._invoke_target  # noqa: SLF001 - the emulator offers no other seam
    triggers = emulator.part(Triggers)

    def invoke(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
        arn = target.get("Arn", "")
        if not arn.startswith("arn:aws:codepipeline:"):
            others(target, event, rule, view)
            return
        try:
            triggers.delivered(arn, event, rule.get("Arn", ""), _payload(events, target, event, rule, view))
        except AwsError as error:
            events.logger.warning("EventBridge -> CodePipeline %s: %s", arn, error)

    events._invoke_target = invoke  # noqa: SLF001 - as above


def _payload(events: Any, target: Any, event: Any, rule: Any, view: Any) -> str | None:
    """What the target says of the input; a pipeline ignores the event itself."""
    if target.get("InputTransformer"):
        seen = view or events._pattern_event_view(event)  # noqa: SLF001 - as above
        rendered: str = events._apply_input_transformer(target["InputTransformer"], rule, seen)  # noqa: SLF001 - as above
        return rendered
    given: str | None = target.get("Input")
    return given


def let_events_cross_accounts(emulator: Emulator) -> None:
    """A rule may send to the bus of another account or region, as a CodeCommit source in another account does.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
    """
    events: Any = emulator.module("eventbridge")
    local = events._dispatch_to_event_bus  # noqa: SLF001 - as above

    def dispatch(spec: Any, event: Any, rule: Any, path: set[str], payload: str | None = None) -> None:
        here = emulator.here()
        if here == (spec.account_id, spec.region):
            local(spec, event, rule, path, payload)
            return
        # The path keeps events from going round in circles, but by rule names alone, which accounts may share.
        passed = {**rule, "Name": "/".join((*here, rule["Name"]))}
        key = events._rule_key(passed["Name"], rule.get("EventBusName", "default"))  # noqa: SLF001 - as above
        if key not in path:
            with emulator.within(spec.account_id, spec.region):
                events._ensure_default_bus()  # noqa: SLF001 - it makes one only for who calls its API there
                local(spec, event, passed, {each for each in path if "/" in each}, payload)

    events._dispatch_to_event_bus = dispatch  # noqa: SLF001 - as above


def notice_new_objects(emulator: Emulator, bus: Bus) -> None:
    """Tell the triggers of each object written, after S3 has answered."""
    s3: Any = emulator.module("s3")
    notify = s3._fire_s3_event_async  # noqa: SLF001 - as above
    triggers = emulator.part(Triggers)

    def fire(bucket: str, key: str, event: str, *rest: Any, **more: Any) -> None:
        call = CALLS.get(event)
        if call is not None:
            account, _ = emulator.here()
            region = s3._notification_bucket_region(bucket)  # noqa: SLF001 - as above
            version = more.get("version_id")
            bus.later(lambda: triggers.object_made(account, region, bucket, key, version, call))
        notify(bucket, key, event, *rest, **more)

    s3._fire_s3_event_async = fire  # noqa: SLF001 - as above


def let_actions_hand_over_large_templates() -> None:
    """CodePipeline gives CloudFormation templates of up to 1 MB, as others can only through a template's URL.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    helpers.TEMPLATE_BODY_MAX_BYTES = helpers.TEMPLATE_URL_MAX_BYTES
