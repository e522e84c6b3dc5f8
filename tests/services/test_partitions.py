"""Each service can be deployed in another partition of AWS: its template names no ARN of this one."""

from dataclasses import replace
from pathlib import Path

import aws_cdk as cdk
import pytest

from pipeline.catalogue.model import stages_of
from pipeline.definition.service_stage import ServiceStage
from stages.catalogue import STAGES

LAST = {service.name: (stage, service) for stage in stages_of(STAGES) for service in stage.services}
"""Service -> the last stage that has it, and its entry there: production has the most resources."""
PARTITIONS = {"us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn", "eu-west-1": "aws"}


@pytest.mark.parametrize("region", PARTITIONS)
def test_a_service_in_another_partition_names_no_arn_of_this_one(region: str, tmp_path: Path) -> None:
    for name, (last, service) in LAST.items():
        there = replace(last.environment, region=region)
        if list(service.validate(there)):
            continue  # as the service says of itself: HealthLake is not everywhere
        app = cdk.App(outdir=str(tmp_path / name))
        built = ServiceStage(app, replace(last, environment=there), only=name)
        app.synth()
        text = (tmp_path / name / built.artifact_id / built.stacks[name].template_file).read_text()
        others = {"arn:aws:", "arn:aws-cn:", "arn:aws-us-gov:"} - {f"arn:{PARTITIONS[region]}:"}
        assert [other for other in others if other in text] == [], name
