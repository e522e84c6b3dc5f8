"""A secret is replaced in four steps, any of which may come twice; what was not tried is not current."""

from typing import Any

import pytest

from services.library.runtime.rotation import SecretRotation

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


class MissingError(Exception):
    pass


class Exceptions:
    ResourceNotFoundException = MissingError


class Client:
    """Secrets Manager with one secret."""

    exceptions = Exceptions

    def __init__(self) -> None:
        self.values = {"v1": "old"}
        self.stages = {"v1": ["AWSCURRENT"], "v2": ["AWSPENDING"]}

    def describe_secret(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        assert SecretId == "arn"
        return {"VersionIdsToStages": self.stages}

    def get_secret_value(self, *, SecretId: str, VersionId: str) -> dict[str, str]:  # noqa: N803 - as above
        assert SecretId == "arn"
        if VersionId not in self.values:
            raise MissingError
        return {"SecretString": self.values[VersionId]}

    def put_secret_value(self, **given: Any) -> None:
        self.values[given["ClientRequestToken"]] = given["SecretString"]

    def update_secret_version_stage(self, **given: Any) -> None:
        self.stages = {"v1": ["AWSPREVIOUS"], given["MoveToVersionId"]: ["AWSCURRENT"]}


class OtherSystem:
    """What the secret is for."""

    def __init__(self) -> None:
        self.client, self.taken, self.knows = Client(), list[tuple[str, str]](), True
        self.rotation = SecretRotation(take=self.take, check=self.check, client=self.client, generate=lambda: "new")

    def take(self, new: str, old: str) -> None:
        self.taken.append((new, old))

    def check(self, new: str) -> None:
        if not self.knows:
            raise RuntimeError(new)

    def do(self, *steps: str, version: str = "v2") -> None:
        for step in steps:
            self.rotation.run({"SecretId": "arn", "ClientRequestToken": version, "Step": step})


def test_the_new_value_is_made_taken_tried_and_current() -> None:
    system = OtherSystem()
    system.do(*STEPS)
    assert system.taken == [("new", "old")]
    assert system.client.stages["v2"] == ["AWSCURRENT"]


def test_a_step_that_comes_twice_changes_nothing() -> None:
    system = OtherSystem()
    system.do("createSecret")
    system.client.values["v2"] = "made"
    system.do(*STEPS)
    system.do(*STEPS)
    assert system.taken == [("made", "old")]


def test_what_the_other_system_does_not_know_never_becomes_current() -> None:
    system = OtherSystem()
    system.knows = False
    system.do("createSecret", "setSecret")
    with pytest.raises(RuntimeError):
        system.do("testSecret")
    assert system.client.stages["v1"] == ["AWSCURRENT"]


def test_a_version_that_nobody_rotates_is_refused() -> None:
    with pytest.raises(ValueError, match="is not there"):
        OtherSystem().do("createSecret", version="v3")


def test_a_generated_value_is_long_and_another_each_time() -> None:
    generate = SecretRotation(take=lambda *_: None, check=lambda _: None, client=Client()).generate
    assert len(generate()) == 40
    assert generate() != generate()
