"""What of the emulator is replaced for pipelines: S3's writes, the size of templates."""

from typing import Any

from ministack.services import s3
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


def notice_new_objects(emulator: Emulator, bus: Bus, triggers: Triggers) -> None:
    """Tell the triggers of each object written, after S3 has answered."""

    def fire(bucket: str, key: str, event: str, *rest: Any, **more: Any) -> None:
        call = CALLS.get(event)
        if call is not None:
            account, _ = emulator.here()
            region = s3._notification_bucket_region(bucket)  # noqa: SLF001 - the emulator offers no other way
            version = more.get("version_id")
            bus.later(lambda: triggers.object_made(account, region, bucket, key, version, call))
        notify(bucket, key, event, *rest, **more)

    notify = replace(s3, "_fire_s3_event_async", fire)


def accept_large_templates() -> None:
    """Accept templates of up to 1 MB, which CodePipeline gives CloudFormation; others can only by a template's URL.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    helpers.TEMPLATE_BODY_MAX_BYTES = helpers.TEMPLATE_URL_MAX_BYTES
