"""What of the emulator is replaced for pipelines: events to other accounts, S3's writes, the size of templates."""

from typing import Any

from ministack.services import eventbridge, s3
from ministack.services.cloudformation import helpers

from pipeline.local.cloud.codepipeline.events import Bus
from pipeline.local.cloud.codepipeline.triggers import Triggers
from pipeline.local.cloud.emulator import Emulator, replace

CALLS = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
}
"""What CloudTrail calls the writes that S3 notifies of."""


def forward_events_across_accounts(emulator: Emulator) -> None:
    """Let a rule send to the bus of another account or region, as a CodeCommit source in another account does.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
    """

    def dispatch(spec: Any, event: Any, rule: Any, path: set[str], payload: str | None = None) -> None:
        here = emulator.here()
        if here == (spec.account_id, spec.region):
            local(spec, event, rule, path, payload)
            return
        # The path keeps events from going round in circles, but by rule names alone, which accounts may share.
        passed = {**rule, "Name": "/".join((*here, rule["Name"]))}
        key = eventbridge._rule_key(passed["Name"], rule.get("EventBusName", "default"))  # noqa: SLF001 - the emulator offers no other way
        if key not in path:
            with emulator.within(spec.account_id, spec.region):
                eventbridge._ensure_default_bus()  # noqa: SLF001 - it makes one only for who calls its API there
                local(spec, event, passed, {each for each in path if "/" in each}, payload)

    local = replace(eventbridge, "_dispatch_to_event_bus", dispatch)


def notice_new_objects(emulator: Emulator, bus: Bus, triggers: Triggers) -> None:
    """Tell the triggers of each object written, after S3 has answered."""

    def fire(bucket: str, key: str, event: str, *rest: Any, **more: Any) -> None:
        call = CALLS.get(event)
        if call is not None:
            account, _ = emulator.here()
            region = s3._notification_bucket_region(bucket)  # noqa: SLF001 - as above
            version = more.get("version_id")
            bus.later(lambda: triggers.object_made(account, region, bucket, key, version, call))
        notify(bucket, key, event, *rest, **more)

    notify = replace(s3, "_fire_s3_event_async", fire)


def accept_large_templates() -> None:
    """Accept templates of up to 1 MB, which CodePipeline gives CloudFormation; others can only by a template's URL.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    helpers.TEMPLATE_BODY_MAX_BYTES = helpers.TEMPLATE_URL_MAX_BYTES
