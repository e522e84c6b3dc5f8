"""Templates as large as CloudFormation takes them, and many nested stacks: the review ends, and says each of them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""

import json
from pathlib import Path
from typing import Any

from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Review
from pipeline.review.read import assembly
from pipeline.review.tests.assemblies import StackOf, review, write

Json = Any
MOST_BYTES = 1024 * 1024
MOST_RESOURCES = 500
STACKS = 100


def table(key: str) -> Json:
    schema = [{"AttributeName": key, "KeyType": "HASH"}]
    return {"Type": "AWS::DynamoDB::Table", "Properties": {"KeySchema": schema}}


def policy(number: int, *actions: str) -> Json:
    """A policy that makes a template as long as its statements."""
    names = [f"arn:aws:s3:::bucket-{number}/folder-{each}/*" for each in range(36)]
    allowed = [{"Effect": "Allow", "Action": [*actions], "Resource": names, "Sid": "Read"}]
    document = {"Version": "2012-10-17", "Statement": allowed}
    return {
        "Type": "AWS::IAM::Policy",
        "Properties": {"PolicyName": f"p{number}", "Roles": [f"r{number}"], "PolicyDocument": document},
    }


def large(key: str, *actions: str) -> Json:
    half = MOST_RESOURCES // 2
    tables = {f"T{number}": table(key) for number in range(half)}
    filler = {f"P{number}": policy(number, *actions) for number in range(half)}
    return {"Resources": {**tables, **filler}, "Metadata": {"x": ""}}


def filled(template: Json) -> bytes:
    template["Metadata"]["x"] = "x" * (MOST_BYTES - len(json.dumps(template)))
    return json.dumps(template).encode()


def of_templates(folder: Path, old: bytes, new: bytes) -> Review:
    for name, side in (("old.json", old), ("new.json", new)):
        (folder / name).write_bytes(side)
    sides = [assembly.of_template(folder / name) for name in ("old.json", "new.json")]
    return engine.review(sides[0], sides[1], ReviewBaseline())


def test_review_of_the_largest_template_says_each_of_its_changes(tmp_path: Path) -> None:
    before, after = large("id", "s3:GetObject"), large("tenant", "s3:GetObject", "s3:PutObject")
    old, new = filled(before), filled(after)
    assert len(old) == len(new) == MOST_BYTES
    assert len(json.loads(old)["Resources"]) == MOST_RESOURCES
    found = of_templates(tmp_path, old, new)
    assert found.complete
    assert sum(change.data_loss for change in found.changes) == MOST_RESOURCES // 2
    assert len(found.access) == MOST_RESOURCES // 2
    assert of_templates(tmp_path, old, old).is_empty


def nesting(key: str) -> StackOf:
    """A stack of so many nested ones, each with a table of this key."""
    files = {f"n{number}.template.json": {"Resources": {"T": table(key)}} for number in range(STACKS)}
    stacks = {
        f"N{number}": {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {"TemplateURL": f"https://bucket/{key}/{file}"},
            "Metadata": {"aws:asset:path": file},
        }
        for number, file in enumerate(files)
    }
    return StackOf(template={"Resources": stacks}, nested=files)


def test_review_of_a_hundred_nested_stacks_says_what_each_of_them_loses(tmp_path: Path) -> None:
    old, new = (write(tmp_path / key, {"dev": {"one": nesting(key)}}) for key in ("id", "tenant"))
    found = review(old, new)
    assert found.complete
    assert {change.stack for change in found.changes if change.data_loss} == {
        f"dev-one/N{each}" for each in range(STACKS)
    }
    assert review(old, old).is_empty
