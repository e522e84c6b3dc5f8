"""A pipeline as large as one may be, deployed by the local cloud: each stack of each stage, and a probe of each."""

import logging
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from pipeline.catalogue.model import Catalogue
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.run import SUCCEEDED, Run
from pipeline.source import S3Source
from services.library.contract.steps import Probe
from services.library.guardrails.rules.quotas import PIPELINE_QUOTAS, TEMPLATE_LIMITS
from tests.testbed import reachable, tiny
from tests.testbed.pipelines import until
from tests.testbed.platforms import AWAY, Platform

pytestmark = pytest.mark.cloud

LOG = logging.getLogger(__name__)
STAGES = ("dev", "qa", "staging", "prod")
PROBE = Probe(name="Answers", output="Url", path="/_ministack/health")
"""Calls the local cloud itself, which every host's name leads to here."""
RUN_SECONDS = 3 * 60 * 60


class LargePlatform(Platform):
    """So many services in each of four stages, and one more that says what was deployed last."""

    def __init__(self, folder: Path, cloud: LocalCloud, *, number: int, services: int) -> None:
        super().__init__(folder, cloud, number=number)
        self._services = reachable.services(services, PROBE)

    def catalogue(self, value: str) -> Catalogue:
        return tuple(
            reachable.stage(name, (tiny.Tiny(value=value), *self._services), account=self.target, region=AWAY)
            for name in STAGES
        )


@pytest.mark.soak
@pytest.mark.parametrize("services", [10, 99])
def test_a_pipeline_as_large_as_one_may_be_deploys_in_the_local_cloud(
    services: int, equipped_cloud: LocalCloud, tmp_path: Path
) -> None:
    platform = LargePlatform(tmp_path, equipped_cloud, number=3000 + services, services=services)
    platform.deploy(S3Source(bucket=f"{platform.name}-source", key="platform.zip"))
    template = platform.checkout / "assembly/Pipeline.template.json"
    assert template.stat().st_size < TEMPLATE_LIMITS["bytes"]
    before = platform.executions
    platform.commit()
    platform.push()
    until(lambda: platform.executions, lambda count: count > before)
    run = platform.run(lambda run: not run.is_live, seconds=RUN_SECONDS)
    assert run.status == SUCCEEDED, [action.error for action in run.actions if action.error]
    assert len(run.actions) < PIPELINE_QUOTAS["actions"]
    assert sum(action.name.endswith("Answers") for action in run.actions) == len(STAGES) * services
    assert platform.deployed() == "first"
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
