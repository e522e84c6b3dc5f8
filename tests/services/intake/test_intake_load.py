"""intake under load: every accepted submission is worked on once, every refused one knows why, and no kill changes it.

The full size runs in `make soak`.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.local.lifecycle import LocalCloud
from services.library.constructs.mappings.request_name import execution_name
from tests.services.intake.deployed_intake import DeployedIntake
from tests.testbed.functions import until
from tests.testbed.killing import kill
from tests.testbed.signed import problem

pytestmark = pytest.mark.cloud

FreshCloud = Callable[..., LocalCloud]
CLIENTS = 16


class Load:
    """Clients that post submissions, a tenth of them bad in some way, and remember every answer."""

    def __init__(self, intake: DeployedIntake, seed: int) -> None:
        self.intake = intake
        self.chance = random.Random(seed)  # noqa: S311 - seeded on purpose
        self.seed = seed
        self.accepted: dict[str, dict[str, Any]] = {}
        """Payloads by the ids that clients were told."""
        self.refused: Counter[int] = Counter()
        self.unanswered: list[tuple[str, dict[str, Any]]] = []
        """Keys and payloads of posts that no answer came for; a client would post them again."""

    def submission(self, number: int) -> dict[str, Any]:
        resource = {"resourceType": "Observation", "number": number, "note": f"n-{self.chance.random()}"}
        return {"patient": f"p-{number % 50}", "resource": resource}

    def post(self, number: int) -> None:
        payload, key = self.submission(number), f"load-{self.seed:_>12}-{number:_>12}"
        bad = number % 10
        try:
            if bad == 1:
                answer = self.intake.api.post(payload | {"more": 1}, key=key)
            elif bad == 2:
                answer = self.intake.api.post(payload, key=key, signed=False)
            elif bad == 3:
                answer = self.intake.api.post(payload, key="bad key")
            elif bad == 4:
                answer = self.intake.api.post(payload, key=key, headers={"Content-Type": "text/plain"})
            else:
                answer = self.intake.api.post(payload, key=key)
        except httpx.HTTPError:
            self.unanswered.append((key, payload))
            return
        if answer.status_code == 202:
            self.accepted[answer.json()["id"]] = payload
        else:
            problem(answer, answer.status_code)
            self.refused[answer.status_code] += 1

    def run(self, numbers: range) -> float:
        """Accepted submissions a second."""
        began, before = time.perf_counter(), len(self.accepted)
        with ThreadPoolExecutor(max_workers=CLIENTS) as pool:
            list(pool.map(self.post, numbers))
        return (len(self.accepted) - before) / (time.perf_counter() - began)

    def check(self, intake: DeployedIntake) -> None:
        """Each accepted submission has one execution, which has done its work, and nothing else has one."""
        executions = until(
            intake.executions, lambda found: all(execution["status"] != "RUNNING" for execution in found), 300
        )
        names = Counter(execution["name"] for execution in executions)
        assert set(names.values()) == {1}
        failed = [execution["name"] for execution in executions if execution["status"] != "SUCCEEDED"]
        assert [intake.ending(name) for name in failed] == [], f"seed {self.seed}"
        retried = {execution_name(intake.api.account, key) for key, _ in self.unanswered}
        assert self.accepted.keys() <= names.keys(), f"seed {self.seed}: accepted and lost"
        assert names.keys() - self.accepted.keys() <= retried, f"seed {self.seed}: never posted or refused"
        items = intake.items()
        assert names.keys() == items.keys()
        handed_over = {data["id"]: (key, data) for key, data in intake.records()}
        assert handed_over.keys() == names.keys()
        for id_, payload in self.accepted.items():
            assert handed_over[id_] == (payload["patient"], {"id": id_, **payload})


def hold(fresh_cloud: FreshCloud, folder: Path, *, posts: int, kills: int, seed: int) -> None:
    cloud = fresh_cloud()
    intake = DeployedIntake(cloud, folder, "load")
    cloud.save()
    load = Load(intake, seed)
    for number in range(kills):
        moment = threading.Timer(load.chance.uniform(0.2, 1.5), lambda running=cloud: kill(running))
        moment.start()
        load.run(range(number * posts, (number + 1) * posts))
        moment.join()
        cloud = fresh_cloud()
        intake = load.intake = intake.on(cloud)
        for key, payload in load.unanswered[:]:
            again = intake.api.post(payload, key=key)
            # Closed already: the first try was accepted, and its answer lost.
            assert again.status_code in (202, 400, 403, 409, 415), again.text
    load.run(range(kills * posts, (kills + 1) * posts))
    assert load.refused.keys() >= {400, 403, 415}
    load.check(intake)


def test_every_accepted_submission_is_worked_on_once_though_the_emulator_is_killed(
    fresh_cloud: FreshCloud, tmp_path: Path
) -> None:
    seed = int(os.environ.get("PENSTOCK_SEED", random.SystemRandom().getrandbits(32)))
    hold(fresh_cloud, tmp_path / "assembly", posts=60, kills=1, seed=seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_the_same_at_full_size(fresh_cloud: FreshCloud, tmp_path: Path, seed: int) -> None:
    hold(fresh_cloud, tmp_path / "assembly", posts=1_000, kills=4, seed=seed)
