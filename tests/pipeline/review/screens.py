"""`python -m tests.pipeline.review.screens ASSEMBLY FOLDER`: six reviews as an approver sees them, as pictures.

Each is of an assembly and of the same one with one change: a table's key, a widened grant, a dropped approval, another
source branch, a service that is new, and one that is promoted to the last stage. A page for a desktop and one for a
phone (390 px), and the review's text.
"""

import base64
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Review
from pipeline.review.read import assembly
from pipeline.review.render import page, terminal
from pipeline.review.render.tests.browser import Tab, chromium
from tests.pipeline.review.copies import copied, replaced, stacks

Json = Any
TABLE, ROLE, PIPELINE = "AWS::DynamoDB::Table", "AWS::IAM::Role", "AWS::CodePipeline::Pipeline"
STACK = "aws:cloudformation:stack"
WIDTHS = {"desktop": 1280, "phone": 390}
MOST_HIGH = 16_000
"""A browser draws no picture that is higher."""


def of_first(type_: str, change: Callable[[Json], None]) -> Callable[[Path], None]:
    """Change a resource of this type, the first of a service that has one, in each stage."""

    def edit(folder: Path) -> None:
        found = {file: body for file, body in stacks(folder) if file.parent != folder}
        names = [name for body in found.values() for name, each in body["Resources"].items() if each["Type"] == type_]
        for file, body in found.items():
            if names[0] in body["Resources"]:
                change(body["Resources"][names[0]]["Properties"])
                replaced(file, body)

    return edit


def of_pipeline(change: Callable[[Json], None]) -> Callable[[Path], None]:
    """Change the pipeline's stages."""

    def edit(folder: Path) -> None:
        for file, body in stacks(folder):
            for each in [each for each in body["Resources"].values() if each["Type"] == PIPELINE]:
                change(each["Properties"]["Stages"])
                replaced(file, body)

    return edit


def key(table: Json) -> None:
    table["KeySchema"][0]["AttributeName"] = table["AttributeDefinitions"][0]["AttributeName"] = "tenant"


def grant(role: Json) -> None:
    allowed = {"Effect": "Allow", "Action": ["dynamodb:DeleteItem", "dynamodb:Scan"], "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [allowed]}
    role["Policies"] = [*role.get("Policies", []), {"PolicyName": "More", "PolicyDocument": document}]


def approval(stages: Json) -> None:
    for stage in stages:
        stage["Actions"] = [each for each in stage["Actions"] if each["ActionTypeId"]["Category"] != "Approval"]


def branch(stages: Json) -> None:
    configuration = stages[0]["Actions"][0]["Configuration"]
    configuration[next(name for name in ("BranchName", "Branch", "S3ObjectKey") if name in configuration)] = "topic"


def without(service: str, in_stages: list[str]) -> Callable[[Path], None]:
    """Take a service out of stages, with its actions in the pipeline."""

    def edit(folder: Path) -> None:
        for stage in in_stages:
            file = folder / f"assembly-Pipeline-{stage}" / "manifest.json"
            manifest = json.loads(file.read_text())
            kept = {
                name: each
                for name, each in manifest["artifacts"].items()
                if each.get("displayName", "").rpartition("/")[2] != service
            }
            replaced(file, {**manifest, "artifacts": kept})
        of_pipeline(drop)(folder)

    def drop(stages: Json) -> None:
        for stage in [stage for stage in stages if stage["Name"] in in_stages]:
            stage["Actions"] = [each for each in stage["Actions"] if not each["Name"].startswith(f"{service}.")]

    return edit


def reviews(folder: Path, work: Path) -> Mapping[str, Review]:
    """The six, by name."""
    stages = assembly.read(folder).stages
    last = {stack.service for stack in assembly.read(folder).stacks if stack.stage == stages[-1]}
    service = min(last)
    edits: dict[str, tuple[Callable[[Path], None], bool]] = {
        "table-key": (of_first(TABLE, key), False),
        "widened-grant": (of_first(ROLE, grant), False),
        "dropped-approval": (of_pipeline(approval), False),
        "source-branch": (of_pipeline(branch), False),
        "new-service": (without(service, [*stages]), True),
        "promotion": (without(service, [stages[-1]]), True),
    }
    found = {}
    for name, (edit, is_base) in edits.items():
        other = copied(folder, work / name)
        edit(other)
        sides = (other, folder) if is_base else (folder, other)
        found[name] = engine.review(*map(assembly.read, sides), ReviewBaseline())
    return found


def photograph(tab: Tab, file: Path, width: int, picture: Path) -> None:
    """Write what a page of this width looks like, from its top to its end."""
    tab.open(file, width=width)
    height = min(int(tab.run("document.documentElement.scrollHeight")), MOST_HIGH)
    tab.open(file, width=width, height=height)
    shown = tab.call("Page.captureScreenshot", format="png")
    picture.write_bytes(base64.b64decode(shown["data"]))


def main(folder: Path, to: Path) -> None:
    """Write all of them."""
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work, chromium(Path(work) / "profile") as tab:
        for name, review in reviews(folder, Path(work)).items():
            (to / f"{name}.txt").write_text(terminal.render(review))
            file = to / f"{name}.html"
            file.write_text(page.render(review))
            for kind, width in WIDTHS.items():
                photograph(tab, file, width, to / f"{name}-{kind}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
