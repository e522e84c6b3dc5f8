"""The rules of a release that lie in several parameters: they are read together, or not at all."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.builds import release_rules
from pipeline.builds.clock import Clock

ALARMS = [{"account": "4" * 12, "region": "us-east-1", "release": ["prod-intake-release"], "blockers": []}]
TEXT = json.dumps(ALARMS)
RULES = {"windows": [], "alarms": [], "more": {"rules/2": hashlib.sha256(TEXT.encode()).hexdigest()}}
JOINED = {"windows": [], "alarms": ALARMS}


class Store:
    """Parameters, and what each holds later; and a clock by which that comes."""

    def __init__(self, *versions: dict[str, str]) -> None:
        self.versions = list(versions)
        self.waited: list[timedelta] = []

    def get_parameter(self, *, Name: str) -> dict[str, Any]:  # noqa: N803 - SSM's name
        if Name not in self.versions[0]:
            raise ClientError({"Error": {"Code": "ParameterNotFound", "Message": Name}}, "GetParameter")
        return {"Parameter": {"Value": self.versions[0][Name]}}

    def wait(self, duration: timedelta) -> None:
        self.waited.append(duration)
        if len(self.versions) > 1:
            self.versions.pop(0)


def read(store: Any) -> dict[str, Any]:
    clock = Clock()
    clock.wait = store.wait  # type: ignore[method-assign] # nothing is to be waited for here
    return release_rules.read(store, "rules", clock)


WHOLE = {"rules": json.dumps(RULES), "rules/2": TEXT}


def test_alarms_of_further_parameters_are_read_as_those_of_one() -> None:
    assert read(Store(WHOLE)) == JOINED
    assert read(Store({"rules": json.dumps(JOINED)})) == JOINED


@pytest.mark.parametrize("between", [{"rules/2": "[]"}, {}], ids=["one of them is old", "one is not there yet"])
def test_rules_that_are_being_updated_are_read_again(between: dict[str, str]) -> None:
    store = Store({"rules": WHOLE["rules"], **between}, WHOLE)
    assert read(store) == JOINED
    assert store.waited == [release_rules.WAIT_EACH]


def test_rules_that_never_belong_together_are_none() -> None:
    with pytest.raises(ValueError, match=r"rules and rules/2 do not belong together"):
        read(Store({"rules": WHOLE["rules"], "rules/2": "[]"}))
    with pytest.raises(ClientError):
        read(Store({}))
