"""Each service has a page on what it offers, what it needs, and what to do when one of its alarms fires."""

import json
import re
from pathlib import Path

import pytest

from pipeline.catalogue.model import stages_of
from services.library.constructs.adopted_stack import AdoptedService
from stages.catalogue import STAGES
from tests.conftest import Assembly

ROOT = Path(__file__).resolve().parents[2]
LAST = {
    service.name: stage.name
    for stage in stages_of(STAGES)
    for service in stage.services
    if not isinstance(service, AdoptedService)
}
"""Service -> the last stage that has it: production has the most alarms. What was adopted has those that it had."""
ALARM = re.compile(
    r"(?P<alarm>[A-Za-z0-9/]+): what it means and what to do is in (?P<page>docs/runbooks/[a-z0-9-]+\.md)"
)


def alarms(assembly: Assembly, service: str) -> dict[str, str]:
    """Alarm -> the page that its description names."""
    resources = assembly.template(f"{LAST[service]}-{service}")["Resources"].values()
    described = [
        each["Properties"]["AlarmDescription"] for each in resources if each["Type"] == "AWS::CloudWatch::Alarm"
    ]
    found = [ALARM.fullmatch(text) for text in described]
    return {each["alarm"]: each["page"] for each in found if each} if all(found) else {}


@pytest.mark.parametrize("service", sorted(LAST))
def test_every_alarm_names_its_page_and_the_page_says_what_to_do(service: str, assembly: Assembly) -> None:
    found = alarms(assembly, service)
    assert len(found) >= 5
    assert set(found.values()) == {f"docs/runbooks/{service}.md"}
    page = (ROOT / f"docs/runbooks/{service}.md").read_text()
    rows = {
        name
        for line in page.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([A-Z][A-Za-z/]+)`", line)
    }
    lacking = sorted(set(found) - rows)
    assert lacking == [], f"docs/runbooks/{service}.md has no row for {lacking[0]}: | `{lacking[0]}` | it means | do |"


@pytest.mark.parametrize("service", sorted(LAST))
def test_the_page_says_what_is_offered_and_needed(service: str, assembly: Assembly) -> None:
    page = (ROOT / f"docs/runbooks/{service}.md").read_text()
    template = json.dumps(assembly.template(f"{LAST[service]}-{service}"))
    assert "**Offers**" in page
    assert "**Needs**" in page
    for name in re.findall(r'"/penstock/[a-z-]+/([a-z-]+/[a-z-]+)"', template):
        owner, _, value = name.partition("/")
        assert name in page or (owner == "records" and "Records()" in page) or f"-{value.split('-', 1)[-1]}" in page, (
            name
        )
