"""Each page in docs/constructs has an example that builds, and names every finding that its reader has to answer."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from services.library.cloudformation.template import Template
from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.contract.environment import Environment, Tier
from services.library.contract.service import ServiceStack
from services.library.guardrails import nag, not_applicable, platform_rules
from services.library.guardrails.decisions import library
from services.library.guardrails.decisions.decision import Cause, decide
from services.library.guardrails.finding import DeploymentLocation, Finding, without_hashes
from tests.testbed import runtime_code

ROOT = Path(__file__).parents[4]
PAGES = {page.stem: page.read_text() for page in sorted((ROOT / "docs/constructs").glob("*.md"))}
INDEX = PAGES.pop("README")
EXAMPLE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
HANDLER = re.compile(r"\bservices(?:\.\w+){4}")
FINDINGS = re.compile(r"^## Findings\n\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `(?P<rule>[^`]+)` \| `(?P<path>[^`]+)` \| (?P<why>.+) \|$", re.MULTILINE)
ENVIRONMENT = Environment(name="prod", tier=Tier.PRODUCTION, account="111111111111", region="eu-west-1")
PLACE = DeploymentLocation(keeps_data=True, account=ENVIRONMENT.account)
Found = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Example:
    """What became of a page's example: the findings, or what it raised."""

    found: Found = frozenset()
    raised: Exception | None = None


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Example]:
    """Every example in a stack of its own, in production, where services handle personal data."""
    app = cdk.App(outdir=str(tmp_path_factory.mktemp("pages")), context={"aws:cdk:enable-path-metadata": True})
    stacks, failed = {}, {}
    for name, page in PAGES.items():
        stage = cdk.Stage(app, name, env=ENVIRONMENT.to_cdk())
        stack = ServiceStack(stage, "example", environment=ENVIRONMENT, description=f"The example of {name}.md")
        given = {
            "stack": stack,
            "environment": ENVIRONMENT,
            "key": Key(stack, "Key", environment=ENVIRONMENT, description="Data"),
            "alarms": NotificationTopic(stack, "Alarms", environment=ENVIRONMENT),
        }
        try:
            with runtime_code.packaged(*HANDLER.findall(page)):
                for block in EXAMPLE.findall(page):
                    exec(compile(block, f"docs/constructs/{name}.md", "exec"), given)  # noqa: S102 - our own pages
        except Exception as error:  # noqa: BLE001 - whatever it is, it is that page's
            failed[name] = error
        stacks[name] = stack
    templates = {
        name: Template(assertions.Template.from_stack(stack).to_json(), stack.node.path)
        for name, stack in stacks.items()
    }
    found: dict[str, set[tuple[str, str]]] = {name: set() for name in stacks}
    for finding in [*_nag(app, templates), *_own(templates)]:
        name, _, path = finding.path.partition("/example/")
        found[name].add((without_hashes(finding.rule), path))
    return {name: Example(frozenset(found[name]), failed.get(name)) for name in stacks}


def _nag(app: cdk.App, templates: Mapping[str, Template]) -> Iterator[Finding]:
    for _, finding in nag.findings(app):
        template = templates[finding.path.partition("/")[0]]
        (resource,) = (each for each in template.resources() if each.path == finding.path)
        cause = Cause(finding=finding, resource=resource, template=template, place=PLACE)
        if not not_applicable.is_not_applicable(finding, resource, template) and not decide(cause, library.DECISIONS):
            yield finding


def _own(templates: Mapping[str, Template]) -> Iterator[Finding]:
    for template in templates.values():
        yield from platform_rules.findings(template, PLACE)


@pytest.mark.parametrize("name", PAGES)
def test_page_names_the_findings_that_its_example_leaves_to_answer(name: str, examples: Mapping[str, Example]) -> None:
    assert EXAMPLE.search(PAGES[name]), f"docs/constructs/{name}.md has no example: give it a block of Python"
    if error := examples[name].raised:
        raise error
    section = FINDINGS.search(PAGES[name])
    assert section, f"docs/constructs/{name}.md has no section `## Findings`"
    named = {(without_hashes(row["rule"]), row["path"]) for row in ROW.finditer(section[1])}
    assert examples[name].found == named
    assert named or "None." in section[1]


def test_index_names_every_construct_and_every_page() -> None:
    bases = {
        node.name: {ast.unparse(base) for base in node.bases}
        for file in (ROOT / "services/library/constructs").glob("*.py")
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.ClassDef)
    }
    constructs = {name for name, of in bases.items() if of & {"Construct", "logs.LogGroup", "iam.Role"}}
    constructs |= {name for name, of in bases.items() if of & constructs}
    assert {"Function", "Table", "LogGroup", "Role", "AsyncApi"} <= constructs
    assert sorted(name for name in constructs if f"`{name}`" not in INDEX) == []
    assert sorted(name for name in PAGES if f"({name}.md)" not in INDEX) == []
