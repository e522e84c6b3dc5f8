"""What cannot be read, on either side, is said and never green; nothing ends in a traceback."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.review import engine
from pipeline.review.diff import trees
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Review, Verdict
from pipeline.review.read import assembly
from pipeline.review.read.assembly import UnreadableError
from pipeline.review.tests.assemblies import StackOf, digest, review, write
from pipeline.review.tests.cases.case import resource, template
from pipeline.review.tests.cases.data import DELETED, table

Json = Any
TOPIC = {"T": resource("SNS::Topic")}


def of_templates(folder: Path, old: Json, new: Json) -> Review:
    for name, side in (("old.json", old), ("new.json", new)):
        (folder / name).write_text(side if isinstance(side, str) else json.dumps(side))
    sides = [assembly.of_template(folder / name) for name in ("old.json", "new.json")]
    return engine.review(sides[0], sides[1], ReviewBaseline())


def included(location: str) -> Json:
    return {"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": location}}}


# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-transform.html
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-macros.html
REWRITTEN = {
    "a macro over the template": template(TOPIC, Transform="MyMacro"),
    "a list of macros": template(TOPIC, Transform=["MyMacro", {"Name": "Other"}]),
    "an include in properties": template({"T": {"Type": "AWS::SNS::Topic", "Properties": included("s3://a/b")}}),
    "an include deep in properties": template({"T": resource("SNS::Topic", {"Tags": [included("s3://a/b")]})}),
    "an include among resources": template({**TOPIC, **included("s3://a/b")}),
    "an include in outputs": template(TOPIC, Outputs=included("s3://a/b")),
    "a loop": template({**TOPIC, "Fn::ForEach::T": ["N", ["a"], {}]}, Transform="AWS::LanguageExtensions"),
    "a module": template({**TOPIC, "M": {"Type": "My::S3::Bucket::MODULE", "Properties": {}}}),
}


@pytest.mark.parametrize("side", ["base", "head"])
@pytest.mark.parametrize("id_", REWRITTEN)
def test_review_is_incomplete_where_either_side_is_rewritten_at_deployment(id_: str, side: str, tmp_path: Path) -> None:
    plain = template({**TOPIC, "Q": resource("SQS::Queue")})
    sides = (REWRITTEN[id_], plain) if side == "base" else (plain, REWRITTEN[id_])
    found = of_templates(tmp_path, *sides)
    assert found.verdict is Verdict.INCOMPLETE
    assert found.incomplete


def test_review_says_what_changes_in_an_include_that_is_all_of_a_resource(tmp_path: Path) -> None:
    sides = [template({"T": {"Type": "AWS::SNS::Topic", "Properties": included(each)}}) for each in "ab"]
    found = of_templates(tmp_path, *sides)
    assert found.verdict is Verdict.INCOMPLETE
    assert [row.properties[0].path for row in found.changes] == ["Properties"]


def test_review_leaves_to_sam_what_it_makes_of_its_resources(tmp_path: Path) -> None:
    sides = [
        template(
            {"D": resource("Serverless::SimpleTable", {"TableName": name})}, Transform="AWS::Serverless-2016-10-31"
        )
        for name in "ab"
    ]
    assert of_templates(tmp_path, *sides).verdict is Verdict.INCOMPLETE


def test_review_that_is_incomplete_and_blocked_is_blocked_and_says_both(tmp_path: Path) -> None:
    old = template({**TOPIC, "D": table("id", **DELETED)}, Transform="MyMacro")
    found = of_templates(tmp_path, old, template(TOPIC, Transform="MyMacro"))
    assert (found.verdict, found.complete) == (Verdict.BLOCKED, False)


def test_review_is_incomplete_where_a_stack_goes_that_a_macro_wrote(tmp_path: Path) -> None:
    stays = {"one": StackOf(template=template(TOPIC))}
    goes = {"two": StackOf(template=template(TOPIC, Transform="MyMacro"))}
    found = review(write(tmp_path / "base", {"dev": stays | goes}), write(tmp_path / "head", {"dev": stays}))
    assert found.incomplete == (
        "dev-two was rewritten at deployment by MyMacro: what came out, and may go, is not known.",
    )


def nesting(url: str, inner: Json, file: str = "n.template.json") -> StackOf:
    """A stack with one nested stack, whose template's file the metadata name."""
    nested = {**resource("CloudFormation::Stack", {"TemplateURL": url}), "Metadata": {"aws:asset:path": file}}
    return StackOf(template=template({"N": nested, **TOPIC}), nested={"n.template.json": inner})


def of_nested(folder: Path, old: StackOf, new: StackOf, *, source: str = "") -> Review:
    sides = []
    for name, stack in (("base", old), ("head", new)):
        side = write(folder / name, {"dev": {"one": stack}})
        if source:
            manifest = {"files": {source: {"source": {"path": "n.template.json"}}}}
            (side / "assembly-Pipeline-dev/nested.assets.json").write_text(json.dumps(manifest))
        sides.append(side)
    return review(*sides)


def test_review_reads_a_nested_template_that_is_published_under_the_address_it_is_deployed_from(tmp_path: Path) -> None:
    inner = template({"D": table("id", **DELETED)})
    url = f"https://s3/{digest('n')}.json"
    found = of_nested(tmp_path, nesting(f"{url}?old", inner), nesting(url, template(TOPIC)), source=digest("n"))
    assert (found.verdict, found.incomplete) == (Verdict.BLOCKED, ())


def test_review_is_incomplete_where_a_nested_stack_is_deployed_from_another_address_than_its_asset(
    tmp_path: Path,
) -> None:
    inner = template(TOPIC)
    ours, others = f"https://s3/{digest('n')}.json", "https://elsewhere/evil.json"
    found = of_nested(tmp_path, nesting(ours, inner), nesting(others, inner), source=digest("n"))
    assert found.verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize("file", ["../../../outside.json", "/etc/hostname", "none.json", ""])
def test_review_is_incomplete_where_a_nested_template_lies_elsewhere(file: str, tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text(json.dumps(template(TOPIC)))
    sides = [nesting(f"https://s3/{each}", template(TOPIC), file) for each in "ab"]
    assert of_nested(tmp_path, *sides).verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize("inner", [[], None, "text", template({"N": resource("CloudFormation::Stack")})])
def test_review_is_incomplete_where_a_nested_template_cannot_be_read(inner: Json, tmp_path: Path) -> None:
    found = of_nested(tmp_path, nesting("https://s3/a", template(TOPIC)), nesting("https://s3/b", inner))
    assert found.verdict is Verdict.INCOMPLETE


def test_review_is_incomplete_where_a_nested_stack_is_nested_in_itself(tmp_path: Path) -> None:
    sides = []
    for each in "ab":
        inner = nesting(f"https://s3/{each}", None).template
        sides.append(nesting(f"https://s3/{each}", inner))
    assert of_nested(tmp_path, *sides).verdict is Verdict.INCOMPLETE
    (stack,) = assembly.read(tmp_path / "head").stacks
    assert trees.grow(stack).nested["N"].nested == {}


TOO_DEEP = 800 if sys.version_info < (3, 12) else 1_000
"""To compare, and not to read: from 3.12 on only Python's own calls count towards the limit."""


def deep(levels: int) -> str:
    """A template as text whose one property is a list in a list, and so on."""
    whole = json.dumps(template({"T": resource("SNS::Topic", {"Tags": "DEEP"})}))
    return whole.replace('"DEEP"', "[" * levels + "]" * levels)


@pytest.mark.parametrize(
    "malformed",
    [
        pytest.param(template({"T": {"Type": "AWS::IAM::Role", "Properties": {"Policies": {"Fn::If": [1]}}}}), id="If"),
        pytest.param(template({"T": {"Type": "AWS::SNS::Topic", "Properties": {"Fn::Join": 5}}}), id="a function"),
        pytest.param(template({"P": resource("CodePipeline::Pipeline", {"Stages": [{"Actions": 5}]})}), id="actions"),
        pytest.param(template({**TOPIC, "L": ["no", "resource"]}), id="a resource that is a list"),
        pytest.param(template(TOPIC, Outputs={"O": {"Export": {"Name": {"Fn::Select": [{}, 1]}}}}), id="an export"),
        pytest.param(template({"B": resource("S3::Bucket", {"PublicAccessBlockConfiguration": "all"})}), id="a text"),
        pytest.param(deep(TOO_DEEP), id="too deep to compare"),
    ],
)
def test_review_of_a_malformed_template_ends_in_no_traceback(malformed: Json, tmp_path: Path) -> None:
    for sides in ((template(TOPIC), malformed), (malformed, template(TOPIC))):
        of_templates(tmp_path, *sides)


def test_review_says_of_a_template_that_it_cannot_compare_that_it_is_incomplete(tmp_path: Path) -> None:
    found = of_templates(tmp_path, template({"Q": resource("SQS::Queue")}), deep(TOO_DEEP))
    assert found.verdict is Verdict.INCOMPLETE
    assert "The template cannot be compared (RecursionError)" in found.incomplete[0]


@pytest.mark.parametrize("content", [deep(100_000), deep(100_000).replace("[", '{"a":').replace("]", "}")])
def test_template_that_no_reader_takes_is_unreadable(content: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"old\.json is no JSON"):
        of_templates(tmp_path, content, template(TOPIC))


MANIFESTS = {
    "no artifacts": {"artifacts": 5},
    "an artifact that is a text": {"artifacts": {"a": "stack"}},
    "an artifact without a type": {"artifacts": {"a": {}}},
    "a stack without properties": {"artifacts": {"a": {"type": "aws:cloudformation:stack"}}},
    "a stack of two files": {
        "artifacts": {"a": {"type": "aws:cloudformation:stack", "properties": {"templateFile": []}}}
    },
    "a stack whose name is none": {
        "artifacts": {
            "a": {"type": "aws:cloudformation:stack", "properties": {"templateFile": "t.json", "stackName": ["a"]}}
        }
    },
    "a list": [],
    "null": None,
    "itself": {"artifacts": {"a": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "."}}}},
    "the folder around": {"artifacts": {"a": {"type": "cdk:cloud-assembly", "properties": {"directoryName": ".."}}}},
    "a template outside": {
        "artifacts": {"a": {"type": "aws:cloudformation:stack", "properties": {"templateFile": "../../t.json"}}}
    },
    "assets outside": {"artifacts": {"a": {"type": "cdk:asset-manifest", "properties": {"file": "/etc/hostname"}}}},
}


@pytest.mark.parametrize("id_", MANIFESTS)
def test_malformed_assembly_is_unreadable_with_one_sentence(id_: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFESTS[id_]))
    with pytest.raises(UnreadableError, match="is no cloud assembly") as raised:
        assembly.read(tmp_path)
    assert "\n" not in str(raised.value)


def test_assembly_is_nested_only_so_deep(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(assembly.MOST_NESTED + 2):
        inner = {"artifacts": {"a": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "a"}}}}
        (folder / "manifest.json").write_text(json.dumps(inner))
        folder = folder / "a"
        folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(UnreadableError, match="is nested too deeply"):
        assembly.read(tmp_path)


@pytest.mark.parametrize("name", ["guardrails.json", "validation-report.json"])
@pytest.mark.parametrize(
    "content", ["[]", '{"accepted": [{}], "pluginReports": 5}', '{"accepted": 5, "pluginReports": [5]}']
)
def test_malformed_report_of_guardrails_is_unreadable(name: str, content: str, tmp_path: Path) -> None:
    stages = {"dev": {"one": StackOf(template=template(TOPIC))}}
    sides = [write(tmp_path / each, stages) for each in ("base", "head")]
    (sides[1] / name).write_text(content)
    with pytest.raises(UnreadableError, match=r"guardrails\.json is not as a synth writes it"):
        review(*sides)


REPORT = {
    "pluginReports": [{"violations": [{"ruleName": "R", "violatingConstructs": [{"constructPath": "P/dev/one/T"}]}]}]
}


@pytest.mark.parametrize("side", ["base", "head"])
def test_review_is_incomplete_where_guardrails_checked_one_side_alone(side: str, tmp_path: Path) -> None:
    stages = {"dev": {"one": StackOf(template=template(TOPIC))}}
    reports = (None, REPORT) if side == "base" else (REPORT, None)
    sides = [write(tmp_path / name, stages, report=each) for name, each in zip(("base", "head"), reports, strict=True)]
    found = review(*sides)
    assert (found.verdict, found.findings, found.guardrails) == (Verdict.INCOMPLETE, (), ())
    assert found.incomplete[0].startswith(f"The {side} side has neither validation-report.json nor guardrails.json")
