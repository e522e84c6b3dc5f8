"""What is read of an assembly: a nested stack's template with the parameters that it will be deployed with."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.library.guardrails import assembly
from services.library.guardrails.finding import DeploymentLocation
from services.library.guardrails.rules import streams

STREAM = {"RetentionPeriodHours": {"Ref": "Hours"}, "StreamEncryption": {"EncryptionType": "KMS", "KeyId": "key"}}
NESTED = {
    "Parameters": {"Hours": {"Type": "Number", "Default": 168}},
    "Resources": {"Stream": {"Type": "AWS::Kinesis::Stream", "Properties": STREAM}},
}


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({}, []),
        ({"Hours": {"Ref": "AWS::NoValue"}}, []),
        ({"Hours": 200}, []),
        ({"Hours": "24"}, ["It keeps records for 24 hours."]),
        ({"Hours": {"Ref": "Outer"}}, ["It keeps records for 48 hours."]),
        ({"Hours": {"Fn::If": ["C", 24, 168]}}, ["How long is known only at deployment."]),
        ({"Fn::If": ["C", {"Hours": 168}, {"Ref": "AWS::NoValue"}]}, ["How long is known only at deployment."]),
        ({"Hours": {"Fn::GetAtt": ["Other", "Value"]}}, ["How long is known only at deployment."]),
    ],
)
def test_nested_template_is_judged_with_the_parameters_it_is_given(
    parameters: Any, found: list[str], tmp_path: Path
) -> None:
    nested = {
        "Type": "AWS::CloudFormation::Stack",
        "Metadata": {"aws:asset:path": "nested.json"},
        "Properties": {"TemplateURL": "url", "Parameters": parameters},
    }
    outer = {"Parameters": {"Outer": {"Type": "Number", "Default": 48}}, "Resources": {"Nested": nested}}
    for name, content in (("outer.json", outer), ("nested.json", NESTED), ("manifest.json", {"artifacts": {}})):
        (tmp_path / name).write_text(json.dumps(content))
    _, template = assembly.templates(tmp_path, tmp_path / "outer.json", "prod/ingest")
    said = [each.text for each in streams.check(template, DeploymentLocation(keeps_data=True))]
    assert [each.removeprefix(streams.RETENTION.text).strip() for each in said] == found
