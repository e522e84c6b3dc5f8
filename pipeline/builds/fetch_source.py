"""Fetches what the pipeline's source action took last into the current folder.

A build on a schedule has no source of its own: this way it works for every kind of source, in whichever account that
is, and needs no more than to read the pipeline's artifacts. It runs before there is a checkout, as text in the build's
commands, with the boto3 that CodeBuild's images bring along.
"""

import io
import sys
import zipfile

import boto3

STAGE = "Source"


def main(pipeline: str) -> int:
    """Unpack the newest source artifact of this pipeline."""
    runs = boto3.client("codepipeline").get_paginator("list_action_executions").paginate(pipelineName=pipeline)
    for page in runs:
        for run in page["actionExecutionDetails"]:
            if run["stageName"] == STAGE and run["status"] == "Succeeded":
                place = run["output"]["outputArtifacts"][0]["s3location"]
                found = boto3.client("s3").get_object(Bucket=place["bucket"], Key=place["key"])
                with zipfile.ZipFile(io.BytesIO(found["Body"].read())) as archive:
                    archive.extractall()
                return 0
    sys.stdout.write(f"{pipeline} has taken no source yet: there is nothing to work on.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
