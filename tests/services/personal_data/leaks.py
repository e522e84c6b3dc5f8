"""A leak into every sink, each as somebody could write it by mistake: what the search must find."""

import dataclasses
import json
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from services.ingest.runtime import store as ingest_store
from services.intake.runtime import handler as record
from services.intake.runtime import store as intake_store
from services.library.runtime import addresses, client, quarantine
from services.records.runtime import responses
from tests.services.personal_data.canaries import NUMBER, PATIENT

if TYPE_CHECKING:
    from tests.services.personal_data.campaign import Campaign


def spring(campaign: "Campaign") -> None:
    """All of them, now and then."""
    keep, hand_over = intake_store.SubmissionStore.keep, intake_store.SubmissionStream.hand_over
    publish, headers, problem = ingest_store.EventBus.publish, client._headers, responses.problem

    def kept(self: Any, submission: Any) -> bool:
        record.logger.info(f"keeping one of {submission.patient}")  # a message and no field
        metric = {"Namespace": "Penstock", "Dimensions": [["Patient"]], "Metrics": [{"Name": "Kept"}]}
        sys.stdout.write(
            f"{json.dumps({'_aws': {'CloudWatchMetrics': [metric]}, 'Patient': submission.patient, 'Kept': 1})}\n"
        )
        record.logger.info("numbered", extra={"first_time": int(NUMBER)})
        return keep(self, submission)

    def handed_over(self: Any, submission: Any, **more: Any) -> str:
        if campaign.chance.random() < 0.5:
            raise ValueError(f"no place for {submission.patient}")
        return hand_over(self, submission, **more)

    def published(self: Any, event: Any) -> None:
        publish(self, dataclasses.replace(event, resource_type=event.patient))

    def shown(url: str, words: Collection[str]) -> str:
        del words
        return url

    intake_store.SubmissionStore.keep = kept  # type: ignore[method-assign]  # a leak
    intake_store.SubmissionStream.hand_over = handed_over  # type: ignore[method-assign]  # a leak
    ingest_store.EventBus.publish = published  # type: ignore[method-assign]  # a leak
    addresses.public = shown
    quarantine.object_key = lambda record: f"{quarantine.PREFIX}{record.key}"
    client._headers = lambda *given: {**headers(*given), "x-about": f"{PATIENT}-1"}
    responses.problem = lambda status, request_id, **more: problem(
        status, request_id, detail=f"about {PATIENT}", codes=more.get("codes", ())
    )
    campaign.submitting.machine["definition"]["States"]["Tell"]["Parameters"]["payload.$"] = "$$.Execution.Input"
