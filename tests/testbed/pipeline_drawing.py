"""`python -m tests.testbed.pipeline_drawing`: draws the platform and a push, from a pipeline's template.

In docs/architecture.md whose accounts the pipeline acts in, in docs/push.md what its stages do. The pipeline is the
tests' own, of four stages: a company's accounts and services are in no page of the platform's.
"""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from services.library.contract.environment import Tier
from stages import accounts
from tests.testbed import tiny

ROOT = Path(__file__).parents[2]
STAGES = (
    tiny.stage("dev", account=accounts.DEV, region=accounts.FIRST_REGION),
    tiny.stage("qa", tier=Tier.PRE_PRODUCTION, account=accounts.QA, region=accounts.FIRST_REGION),
    tiny.stage("staging", tier=Tier.PRE_PRODUCTION, account=accounts.STAGING, region=accounts.SECOND_REGION),
    tiny.stage("prod", tier=Tier.PRODUCTION, account=accounts.PROD, region=accounts.SECOND_REGION),
)
BEGIN = "<!-- drawn from a pipeline's template: `.venv/bin/python -m tests.testbed.pipeline_drawing` -->\n"
END = "<!-- end of the drawing of the pipeline -->\n"
PLATFORM_PAGE, PUSH_PAGE = Path("docs/architecture.md"), Path("docs/push.md")
ACCOUNT = re.compile(r"iam::(\d{12}):role/")

Stage = Mapping[str, Any]


def push(stages: Sequence[Stage]) -> str:
    """Draw each stage with its actions, in the order in which they run."""
    nodes = [
        f's{number}["<b>{each["Name"]}</b><br/>{"<br/>".join(_actions(each))}"]' for number, each in enumerate(stages)
    ]
    return _flowchart("LR", [*nodes, " --> ".join(f"s{number}" for number in range(len(stages)))])


def platform(stages: Sequence[Stage], *, tools: str) -> str:
    """Draw in whose account each stage acts. `tools`: the pipeline's account."""
    found = {each["Name"]: set(ACCOUNT.findall(json.dumps(each))) - {tools} for each in stages}
    own = [name for name, its in found.items() if not its]
    lines = [
        'host["git host"] -- a push --> pipeline',
        'subgraph tools["tools account"]',
        f'    pipeline["the pipeline<br/>{"<br/>".join(own)}"]',
        "end",
    ]
    for name in (name for name, its in found.items() if its):
        lines += [f'subgraph account-{name}["account of {name}"]', f'    {name}["stacks of the stage {name}"]', "end"]
        lines.append(f"pipeline -- deploy role --> {name}")
    return _flowchart("LR", lines)


def drawn(text: str, picture: str) -> str:
    """Return a page with the picture between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{picture}\n{END}{after}"


def pages(stages: Sequence[Stage], *, tools: str) -> dict[Path, str]:
    """Page -> its text with the drawing as the template has it."""
    pictures = {PLATFORM_PAGE: platform(stages, tools=tools), PUSH_PAGE: push(stages)}
    return {page: drawn((ROOT / page).read_text(encoding="utf-8"), each) for page, each in pictures.items()}


def _actions(stage: Stage) -> Iterator[str]:
    """Yield the names of a stage's actions; the source's is its repository's, which each company has another of."""
    for each in sorted(stage["Actions"], key=lambda action: action["RunOrder"]):
        yield "the commit" if each["ActionTypeId"]["Category"] == "Source" else str(each["Name"])


def _flowchart(direction: str, lines: Sequence[str]) -> str:
    return "\n".join(["```mermaid", f"flowchart {direction}", *(f"    {each}" for each in lines), "```", ""])


def main() -> None:
    """Write both pages."""
    with tempfile.TemporaryDirectory() as folder:
        app, _ = tiny.app(Path(folder), catalogue=STAGES)
        template = json.loads((Path(app.synth().directory) / "Pipeline.template.json").read_text(encoding="utf-8"))
    (pipeline,) = (each for each in template["Resources"].values() if each["Type"] == "AWS::CodePipeline::Pipeline")
    for page, text in pages(pipeline["Properties"]["Stages"], tools=accounts.TOOLS).items():
        (ROOT / page).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
