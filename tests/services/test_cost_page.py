"""The pages' figures of what the templates cost and set aside, against the templates."""

import re

from pipeline.catalogue.model import stages_of
from stages.catalogue import STAGES
from tests.conftest import ROOT, Assembly
from tests.testbed import idle_cost


def test_the_page_has_the_counts_and_sums_of_the_templates(assembly: Assembly) -> None:
    page = (ROOT / "docs/cost.md").read_text()
    columns = [idle_cost.TOOLS, *(stage.label for stage in stages_of(STAGES))]
    generated = "\n".join(idle_cost.table(assembly.folder, columns))
    assert generated in page, f"write this into docs/cost.md:\n{generated}"


def test_the_page_of_the_first_deployment_has_the_concurrency_that_each_stage_sets_aside(assembly: Assembly) -> None:
    found = re.search(r"(\d+) in each stage, (\d+) with `Records\(\)`", (ROOT / "docs/aws.md").read_text())
    assert found is not None
    usual, with_records = map(int, found.groups())
    sums = idle_cost.concurrency(assembly.folder)
    for stage in stages_of(STAGES):
        has_records = any(service.name == "records" for service in stage.services)
        assert sums[stage.label] == (with_records if has_records else usual), stage.label
