"""A pipeline as large as one may be, deployed by the local cloud: each stack of each stage, and a probe of each.

Its last stage is production, with all that one has: evidence and approval, gate, release alarms, termination protection
and bake. Names are as long as they may be.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from pipeline.catalogue.entry_validation import LONGEST_ACTION_NAME, OF_THE_CDK
from pipeline.catalogue.model import Catalogue
from pipeline.definition import service_stage
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate import approvals
from pipeline.operate.run import SUCCEEDED, WAITING, Run
from pipeline.source import S3Source
from services.library.contract.environment import Tier
from services.library.contract.service import Service
from services.library.contract.steps import Probe
from services.library.guardrails.rules.quotas import PIPELINE_QUOTAS, TEMPLATE_LIMITS
from tests.pipeline.rehearsal import prepared
from tests.testbed import reachable, tiny
from tests.testbed.pipelines import until
from tests.testbed.platforms import AWAY, Platform

pytestmark = pytest.mark.cloud

LOG = logging.getLogger(__name__)
SANDBOXES, PRODUCTION = ("dev", "qa", "staging"), "prod"
STAGES = (*SANDBOXES, PRODUCTION)
LONGEST_NAME = LONGEST_ACTION_NAME - OF_THE_CDK - len(f"{max(STAGES, key=len)}-")
PROBE = Probe(name="Answers", output="Url", path="/_ministack/health")
"""Calls the local cloud itself, which every host's name leads to here."""
RUN_SECONDS = 3 * 60 * 60


class LargePlatform(Platform):
    """So many services in each of four stages, and one more that says what was deployed last."""

    def __init__(self, folder: Path, cloud: LocalCloud, *, number: int, services: int) -> None:
        super().__init__(folder, cloud, number=number)
        self._services = reachable.services(services, PROBE, name_length=LONGEST_NAME)
        self.production = tiny.stage(PRODUCTION, tier=Tier.PRODUCTION, account=self.other, region=AWAY)
        self.stages = (self.stage, self.production)

    def catalogue(self, value: str) -> Catalogue:
        listed = self._listed(value)
        sandboxes = (reachable.stage(name, listed, account=self.target, region=AWAY) for name in SANDBOXES)
        return (*sandboxes, replace(self.production, services=listed))

    def _listed(self, value: str) -> tuple[Service[Any], ...]:
        return (tiny.Tiny(value=value), *self._services)

    def protected(self) -> list[bool]:
        """Of each stack of production whether it is protected from termination."""
        client: Any = self.cloud.client("cloudformation", self.other, AWAY)
        stacks = [each for page in client.get_paginator("describe_stacks").paginate() for each in page["Stacks"]]
        return [
            each["EnableTerminationProtection"] for each in stacks if each["StackName"].startswith(f"{PRODUCTION}-")
        ]


@pytest.mark.soak
@pytest.mark.parametrize("services", [10, 99])
def test_a_pipeline_as_large_as_one_may_be_deploys_in_the_local_cloud(
    services: int, equipped_cloud: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a service of one URL has in production's stead of a function.
    monkeypatch.setattr(service_stage, "watch_release", prepared.watch)
    monkeypatch.setattr(service_stage, "lacking", lambda _: None)
    platform = LargePlatform(tmp_path, equipped_cloud, number=3000 + services, services=services)
    platform.deploy(S3Source(bucket=f"{platform.name}-source", key="platform.zip"))
    template = platform.checkout / "assembly/Pipeline.template.json"
    assert template.stat().st_size < TEMPLATE_LIMITS["bytes"]
    before = platform.executions
    platform.commit()
    platform.push()
    until(lambda: platform.executions, lambda count: count > before)
    waiting = platform.run(lambda run: run.status == WAITING or not run.is_live, seconds=RUN_SECONDS)
    assert waiting.status == WAITING, [action.error for action in waiting.actions if action.error]
    asked = approvals.find(platform.pipeline, execution=waiting.execution)
    approvals.answer(platform.pipeline, asked, approved=True, why="Everything is as it should be")
    run = platform.run(lambda run: not run.is_live, seconds=RUN_SECONDS)
    assert run.status == SUCCEEDED, [action.error for action in run.actions if action.error]
    assert len(run.actions) < PIPELINE_QUOTAS["actions"]
    assert sum(action.name.endswith("Answers") for action in run.actions) == len(STAGES) * services
    careful = {action.name for action in run.actions if action.stage.startswith(PRODUCTION)}
    assert {*(f"{each}-prod" for each in ("Evidence", "Digest", "Approve", "Check", "Bake")), "Protect"} <= careful
    assert platform.deployed() == "first"
    assert platform.protected() == [True] * (services + 1)
    for line in figures(run):
        LOG.info(line)


def figures(run: Run) -> Iterator[str]:
    """Say how long an action took in each stage: what is quadratic grows from the first to the last."""
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    for action in run.actions:
        if action.seconds is not None:
            seconds[action.stage, action.provider].append(action.seconds)
    for (stage, provider), each in seconds.items():
        yield f"{stage} {provider}: {len(each)} actions, median {median(each):.1f} s, longest {max(each):.1f} s"
