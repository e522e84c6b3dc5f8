"""The beginning of a model says what the whole one does."""

import botocore.session
import pytest

from pipeline.local.cloud.service_models import DATA, metadata, model


@pytest.mark.parametrize("name", ["apigateway", "cloudformation", "cloudwatch", "ec2", "sqs", "stepfunctions", "sts"])
def test_metadata_are_those_of_the_whole_model(name: str) -> None:
    found = model(name)
    assert found is not None
    assert found.metadata == botocore.session.get_session().get_service_model(name).metadata


def test_every_model_begins_with_its_metadata() -> None:
    files = list(DATA.glob("*/*/service-2.json.gz"))
    assert len(files) > 400
    assert all("protocol" in metadata(file) for file in files)


def test_a_service_that_nobody_knows_has_no_model() -> None:
    assert model("nonsense") is None
