"""The S3 source action: one object, at the version it has when the action runs or that started the execution.

https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-S3.html
"""

from botocore.exceptions import ClientError

from pipeline.local.cloud.codepipeline.work import ActionFailedError, Done, Work

REVISION_SUMMARY = "codepipeline-artifact-revision-summary"
"""Metadata in which whoever uploads says what it is.

https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_SourceRevision.html
"""


def run(work: Work) -> Done:
    """Copy the object into the artifact store, as it is: it is a zip already."""
    bucket, key = work.configuration["S3Bucket"], work.configuration["S3ObjectKey"]
    version = {}
    if work.override is not None and work.override["type"] == "S3_OBJECT_KEY":
        key = work.override["value"]
    elif work.override is not None:
        version = {"VersionId": work.override["value"]}
    s3 = work.client("s3")
    try:
        found = s3.get_object(Bucket=bucket, Key=key, **version)
    except ClientError as error:
        raise ActionFailedError(
            "ConfigurationError",
            f"The object with key '{key}' in bucket '{bucket}' could not be read: {error.response['Error']['Message']}"
            f" ({error.response['Error']['Code']})",
        ) from error
    work.write(work.action.outputs[0], found["Body"].read())
    version_id = found.get("VersionId", "null")
    return Done(
        variables={"BucketName": bucket, "ETag": found["ETag"].strip('"'), "ObjectKey": key, "VersionId": version_id},
        revision={
            "id": version_id,
            "summary": found["Metadata"].get(REVISION_SUMMARY, f"Amazon S3 version id: {version_id}"),
        },
    )
