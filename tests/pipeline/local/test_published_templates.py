"""Templates that others have published deploy, or are refused by the name of what nobody emulates here."""

import io
import json
import logging
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.testbed import published
from tests.testbed.deployments import ACCOUNT, ended

logger = logging.getLogger(__name__)
pytestmark = [pytest.mark.cloud, pytest.mark.soak]
ASSETS = "published-assets"
INTERNAL = ("InternalError", "InternalFailure", "Traceback", "KeyError", "TypeError", "AttributeError", "in progress")
BY_NAME = ("Unrecognized resource types: [AWS::", "the local cloud does not emulate the provider ")
"""How what nobody emulates is refused."""
HANDLER = """
const http = require("http");

exports.handler = async (event) => {
  if (!event.ResponseURL) return event;
  const { StackId, RequestId, LogicalResourceId } = event;
  const answer = { Status: "SUCCESS", PhysicalResourceId: "x", StackId, RequestId, LogicalResourceId };
  answer.Data = { RepositoryName: "adopted" };
  await new Promise((resolve, reject) => {
    const request = http.request(event.ResponseURL, { method: "PUT" }, resolve);
    request.on("error", reject);
    request.end(JSON.stringify(answer));
  });
};
"""
"""What functions and custom resources are made of."""
AMI = "/aws/service/ecs/optimized-ami/amazon-linux-2/recommended/image_id' does not exist"
ROWS: Mapping[str, str] = {
    # For another region than this one: AWS refuses it here as well.
    "aws-codepipeline-actions/pipeline-cfn-cross-region": "must contain its own region, us-east-1; they have us-west-2",
    # AWS publishes which image its container service starts; nobody starts one here.
    "aws-events-targets/ecs/event-ec2-task.lit": AMI,
    "aws-stepfunctions-tasks/ecs/ec2-run-task": AMI,
    "aws-stepfunctions-tasks/ecs/ec2-task": AMI,
    # It imports what another stack exports, and reads the stream of a table: AWS has neither, either.
    "sam/parameters/used_transform_removed": "Export 'x-Arn' not found",
    "sam/transform_serverless_function": "table/TestTable/stream/2016-08-11T21:21:33.291 is invalid",
}
"""What else does not deploy, with what is said of it."""


def test_published_templates_deploy_or_say_by_name_why_not(cloud: LocalCloud, tmp_path: Path) -> None:
    of_sam = tmp_path / "sam"
    of_sam.mkdir()
    found = [*published.templates(tmp_path), *published.translated(of_sam)]
    assert len(found) >= 70
    places = {place for each in found for place in code_places(each.body)}
    for bucket, key in sorted({(ASSETS, "asset.zip"), *places}):
        keep_asset(cloud, bucket, key)
    outcomes = {each.name: outcome(cloud, each) for each in found}
    by_name = {name for name, said in outcomes.items() if any(words in said for words in BY_NAME)}
    others = {name: said for name, said in outcomes.items() if said and name not in by_name}
    logger.info(
        "%d templates: %d deploy, %d are refused by name, %d are rows",
        len(outcomes),
        len(outcomes) - len(by_name) - len(others),
        len(by_name),
        len(others),
    )
    assert not {name: said for name, said in outcomes.items() if any(word in said for word in INTERNAL)}
    assert {name: said for name, said in others.items() if ROWS.get(name, said + "?") not in said} == {}
    assert others.keys() == ROWS.keys()


def outcome(cloud: LocalCloud, template: published.Template) -> str:
    """Deploy a template and take it away again; say what kept it from being deployed, if anything did."""
    formation, name = cloud.client("cloudformation", ACCOUNT), re.sub(r"[^A-Za-z0-9]", "-", template.name)
    try:
        formation.create_stack(
            StackName=name,
            TemplateBody=json.dumps(template.body),
            Parameters=[
                {"ParameterKey": parameter, "ParameterValue": value(parameter)}
                for parameter, declared in template.body.get("Parameters", {}).items()
                if "Default" not in declared
            ],
            Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
    except ClientError as error:
        return str(error)
    try:
        deployed = ended(cloud, name)
    except AssertionError as error:
        return str(error)
    formation.delete_stack(StackName=name)
    return "" if deployed.status == "CREATE_COMPLETE" else json.dumps(deployed.events, default=str)


def code_places(written: Any) -> Iterator[tuple[str, str]]:
    """Yield the bucket and the key of each function's code that a template names as they are."""
    if isinstance(written, dict):
        match written:
            case {"S3Bucket": str(bucket), "S3Key": str(key)}:
                yield bucket, key
        for each in written.values():
            yield from code_places(each)
    if isinstance(written, list):
        for each in written:
            yield from code_places(each)


def keep_asset(cloud: LocalCloud, bucket: str, key: str) -> None:
    """Keep a file for whatever the templates take from a bucket."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name in ("index.js", "handler.js"):
            archive.writestr(name, HANDLER)
    s3 = cloud.client("s3", ACCOUNT)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=key, Body=body.getvalue())


def value(parameter: str) -> str:
    """Return what a parameter is given: the places of files and images."""
    known = {"S3Bucket": ASSETS, "S3VersionKey": "asset.||zip", "ImageName": "adopted@sha256:0"}
    return next((given for words, given in known.items() if words in parameter), "x")
