"""What the checks find in one App, whoever's its stacks are."""

from pathlib import Path

import aws_cdk as cdk

from services.library.guardrails.stack_findings import find, synthesised


def test_a_suppression_on_the_app_of_the_platforms_own_stacks_is_found(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path), analytics_reporting=False, tree_metadata=False, auto_synth=False)
    cdk.Stack(app, "Pipeline")
    cdk.Validations.of(app).acknowledge(cdk.Acknowledgment(id="guardrails::AwsSolutions-CB4", reason="hidden"))
    app.synth(skip_validation=True)
    found = find(app, tmp_path, synthesised(tmp_path), (), execution=None)
    assert [each.path for each in found.suppressed] == [""]
    assert "AwsSolutions-CB4 is suppressed" in found.suppressed[0].text
