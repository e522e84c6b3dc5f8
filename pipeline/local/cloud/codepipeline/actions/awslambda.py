"""The Lambda invoke action: calls a function, and waits until it has reported a result.

https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-Lambda.html
"""

import json
import time

from pipeline.local.cloud.codepipeline.jobs import JobResult, Jobs
from pipeline.local.cloud.codepipeline.work import ActionFailedError, Done, Work
from pipeline.local.cloud.emulator import Json

POLL_SECONDS = 0.5
"""How often somebody's wish to abandon the action is looked for; a result is noticed at once."""
DEFAULT_MINUTES = 60


def run(work: Work) -> Done:
    """Call the function; one that reports a continuation token is called again with it."""
    continuation = ""
    while True:
        result = _call(work, continuation)
        if result.failure:
            raise ActionFailedError("JobFailed", result.failure)
        if not result.continuation:
            return Done(variables=result.variables, summary=result.summary)
        continuation = result.continuation


def _call(work: Work, continuation: str) -> JobResult:
    jobs = work.emulator.part(Jobs)
    job_id = jobs.open()
    work.report(job_id, "", "")
    event = {"CodePipeline.job": {"id": job_id, "accountId": work.account, "data": _data(work, continuation)}}
    work.client("lambda").invoke(
        FunctionName=work.configuration["FunctionName"], InvocationType="Event", Payload=json.dumps(event)
    )
    end = time.monotonic() + 60 * (work.action.timeout_minutes or DEFAULT_MINUTES)
    try:
        while (result := jobs.wait(job_id, POLL_SECONDS)) is None:
            if work.abandoned.is_set():
                raise ActionFailedError("Abandoned", "The action was abandoned")
            if time.monotonic() > end:
                raise ActionFailedError("TimeoutError", "The function has not reported a result in time")
    finally:
        jobs.close(job_id)
    return result


def _data(work: Work, continuation: str) -> Json:
    data: Json = {
        "actionConfiguration": {"configuration": work.configuration},
        "inputArtifacts": [_artifact(name, place) for name, place in work.inputs.items()],
        "outputArtifacts": [_artifact(name, place) for name, place in work.outputs.items()],
        "artifactCredentials": work.sessions.credentials(work.caller),
    }
    if continuation:
        data["continuationToken"] = continuation
    if work.encryption_key:
        data["encryptionKey"] = {"id": work.encryption_key, "type": "KMS"}
    return data


def _artifact(name: str, place: Json) -> Json:
    location = {"bucketName": place["bucket"], "objectKey": place["key"]}
    return {"name": name, "revision": None, "location": {"type": "S3", "s3Location": location}}
