"""Secrets Manager rotates a secret by the function that it names, as its guide says.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.functions import Functions, until

pytestmark = pytest.mark.cloud

ACCOUNT, REGION = "111111111111", "us-east-1"
STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]
CODE = """
import os

def handle(event, context):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(event["Step"] + chr(10))
    if event["Step"] == os.environ["FAILS"]:
        raise ValueError("it is not known there")
"""


class Secret:
    """One secret with the function that rotates it, which notes its steps."""

    def __init__(self, cloud: LocalCloud, folder: Path, *, fails: str = "", permitted: bool = True) -> None:
        functions = Functions(cloud)
        self.notes = folder / "notes"
        variables = {"NOTES": str(self.notes), "FAILS": fails}
        self.function = functions.make(CODE, Environment={"Variables": variables})
        if permitted:
            functions.permit(self.function, "secretsmanager.amazonaws.com")
        self.client: Any = cloud.client("secretsmanager", ACCOUNT, REGION)
        self.arn = self.client.create_secret(Name=f"secret-{uuid.uuid4().hex}", SecretString="old")["ARN"]

    def rotate(self) -> None:
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function}"
        self.client.rotate_secret(
            SecretId=self.arn, RotationLambdaARN=arn, RotationRules={"AutomaticallyAfterDays": 30}
        )

    def steps(self) -> list[str]:
        return self.notes.read_text().splitlines() if self.notes.exists() else []

    def value(self) -> str:
        return str(self.client.get_secret_value(SecretId=self.arn)["SecretString"])


def test_the_function_is_called_for_each_of_the_four_steps(cloud: LocalCloud, tmp_path: Path) -> None:
    secret = Secret(cloud, tmp_path)
    secret.rotate()
    assert until(secret.steps, lambda steps: len(steps) >= 4) == STEPS
    assert secret.client.describe_secret(SecretId=secret.arn)["RotationEnabled"]


def test_a_step_that_fails_is_the_last_and_leaves_the_value_as_it_was(cloud: LocalCloud, tmp_path: Path) -> None:
    secret = Secret(cloud, tmp_path, fails="testSecret")
    secret.rotate()
    until(secret.steps, lambda steps: len(steps) >= 3)
    versions = secret.client.list_secret_version_ids(SecretId=secret.arn)["Versions"]
    assert sorted(each["VersionStages"] for each in versions) == [["AWSCURRENT"], ["AWSPENDING"]]
    assert (secret.steps(), secret.value()) == (STEPS[:3], "old")


def test_a_version_without_a_value_is_not_found(cloud: LocalCloud, tmp_path: Path) -> None:
    """So that createSecret can tell whether it was called before."""
    secret = Secret(cloud, tmp_path, fails="createSecret")
    secret.rotate()
    until(secret.steps, bool)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        secret.client.get_secret_value(SecretId=secret.arn, VersionStage="AWSPENDING")


def test_a_function_that_does_not_let_it_in_is_refused(cloud: LocalCloud, tmp_path: Path) -> None:
    """ "Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com." """
    with pytest.raises(ClientError, match=r"AccessDeniedException.+grants access to the principal secretsmanager"):
        Secret(cloud, tmp_path, permitted=False).rotate()


def test_without_the_service_no_function_is_called(fresh_cloud: Callable[..., LocalCloud], tmp_path: Path) -> None:
    secret = Secret(fresh_cloud(without=("secretsmanager",)), tmp_path)
    secret.rotate()
    assert secret.client.describe_secret(SecretId=secret.arn)["RotationEnabled"]
    assert secret.steps() == []
