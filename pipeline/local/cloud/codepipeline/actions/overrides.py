"""Parameter values that a CloudFormation action takes out of its input artifacts.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/continuous-delivery-codepipeline-parameter-override-functions.html
"""

import json
from typing import Any

from pipeline.local.cloud.codepipeline.work import ActionFailedError, Work

ATTRIBUTES = {"BucketName": "bucket", "ObjectKey": "key"}


def resolve(overrides: dict[str, Any], work: Work) -> dict[str, str]:
    """Return the overrides with Fn::GetArtifactAtt and Fn::GetParam replaced by what they stand for."""
    return {name: _value(value, work) for name, value in overrides.items()}


def _value(value: Any, work: Work) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and len(value) == 1:
        (function, arguments), *_ = value.items()
        if function == "Fn::GetArtifactAtt":
            return _attribute(arguments, work)
        if function == "Fn::GetParam":
            artifact, path, key = arguments
            values = json.loads(work.read_file(f"{artifact}::{path}"))
            if key not in values:
                raise ActionFailedError("InvalidConfiguration", f"{path} of artifact {artifact} has no key {key}")
            return str(values[key])
    raise ActionFailedError("InvalidConfiguration", f"ParameterOverrides has {json.dumps(value)}")


def _attribute(arguments: list[str], work: Work) -> str:
    artifact, attribute = arguments
    place = work.inputs[artifact]
    if attribute == "URL":
        return f"https://s3.{place['region']}.amazonaws.com/{place['bucket']}/{place['key']}"
    if attribute not in ATTRIBUTES:
        raise ActionFailedError("InvalidConfiguration", f"Fn::GetArtifactAtt knows no {attribute}")
    return str(place[ATTRIBUTES[attribute]])
