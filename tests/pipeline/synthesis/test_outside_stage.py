"""A service whose stacks nothing could deploy is refused with a sentence."""

from pathlib import Path

import pytest

from tests.pipeline.synthesis.edits import replaced
from tests.pipeline.synthesis.test_kept_parts import synth
from tests.testbed import small_checkout

OUTSIDE = "cdk.Stack(self.node.root, 'outside')"
BESIDE = "cdk.Stack(self.node.scope, 'beside')"


@pytest.mark.parametrize(
    ("statement", "files", "said"),
    [
        (OUTSIDE, ("first",), "first makes the stack outside outside of its stage dev"),
        (BESIDE, ("first", "second"), "first and second both make "),
    ],
)
def test_stack_that_no_stage_could_deploy_is_refused(
    statement: str, files: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    root = small_checkout.make(tmp_path / "checkout")
    for name in files:
        file = f"services/{name}/service.py"
        replaced(root, file, r"(\n        key = Key)", rf"\n        {statement}\1")
        if "import aws_cdk as cdk" not in (root / file).read_text():
            replaced(root, file, r"\nfrom aws_cdk", "\nimport aws_cdk as cdk\nfrom aws_cdk")
    found = synth(root, tmp_path / "out", "off")
    assert (found.code, said in found.says) == (1, True), found.says


def test_stack_of_more_resources_than_cloudformation_takes_is_named_at_its_file(tmp_path: Path) -> None:
    root = small_checkout.make(tmp_path / "checkout")
    many = "[cdk.CfnResource(self, f'Topic{number}', type='AWS::SNS::Topic') for number in range(600)]"
    replaced(root, "services/first/service.py", r"(\n        key = Key)", rf"\n        {many}\1")
    replaced(root, "services/first/service.py", r"\nfrom aws_cdk", "\nimport aws_cdk as cdk\nfrom aws_cdk")
    found = synth(root, tmp_path / "out", "off")
    assert found.code == 1
    assert found.says.startswith("services/first/service.py: first in dev has 60"), found.says
    assert "CloudFormation takes 500 a stack, and nobody can raise that. Split the service into two" in found.says
