"""What is no assembly, or only a part of one, is said with its file and never taken for an empty one."""

import json
from pathlib import Path

import pytest

from pipeline.review.read import assembly
from pipeline.review.read.assembly import UnreadableError
from pipeline.review.tests.assemblies import StackOf, review, write

TOPIC = {"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}
NOT_JSON = ("", "Resources:\n  T: {}\n", '{"Resources": {', "\x00")


def written(folder: Path) -> Path:
    return write(folder, {"dev": {"one": StackOf(template=TOPIC)}}, assets=["a"])


def test_assembly_of_a_folder_without_a_manifest_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"is no cloud assembly: it has no manifest\.json\. Give a folder"):
        assembly.read(tmp_path)


@pytest.mark.parametrize("content", NOT_JSON)
def test_assembly_whose_manifest_is_cut_off_is_unreadable(content: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(UnreadableError, match=r"manifest\.json cannot be read"):
        assembly.read(tmp_path)


@pytest.mark.parametrize("file", ["assembly-Pipeline-dev/manifest.json", "assembly-Pipeline-dev/devone.assets.json"])
def test_assembly_that_lacks_a_file_which_its_manifest_names_is_unreadable(file: str, tmp_path: Path) -> None:
    folder = written(tmp_path / "head")
    (folder / file).unlink()
    with pytest.raises(UnreadableError, match=f"{Path(file).name} cannot be read"):
        assembly.read(folder)


@pytest.mark.parametrize("content", [None, *NOT_JSON, "[]", "null"])
def test_review_of_a_stack_whose_template_cannot_be_read_ends_with_its_file(
    content: str | None, tmp_path: Path
) -> None:
    base, head = written(tmp_path / "base"), written(tmp_path / "head")
    (template,) = head.rglob("*.template.json")
    template.unlink()
    if content is not None:
        template.write_text(content)
    with pytest.raises(UnreadableError, match=template.name):
        review(base, head)


@pytest.mark.parametrize("content", [{}, {"Resources": []}, {"resources": {}}, {"Resources": None}])
def test_template_without_resources_is_no_side_of_a_review(content: object, tmp_path: Path) -> None:
    file = tmp_path / "any.json"
    file.write_text(json.dumps(content))
    with pytest.raises(UnreadableError, match="is no CloudFormation template: it has no Resources"):
        assembly.of_template(file)


def test_document_beside_a_manifest_that_is_cut_off_is_unreadable_and_an_absent_one_is_none(tmp_path: Path) -> None:
    folder = written(tmp_path / "head")
    (folder / "guardrails.json").write_text("{")
    side = assembly.read(folder)
    assert side.document("validation-report.json") is None
    with pytest.raises(UnreadableError, match=r"guardrails\.json cannot be read"):
        side.document("guardrails.json")
