"""How long a value may become when CloudFormation puts it together: limits are about what AWS is given.

A template says `Fn::GetAtt`, and AWS is given an ARN with a generated name. What is counted is the most that it can be
within the services' naming, so that what fits here fits there.
"""

import re
from collections.abc import Mapping
from typing import Any

from services.library.cloudformation.template import Template

PSEUDO: Mapping[str, int] = {
    "AWS::AccountId": 12,
    "AWS::Partition": len("aws-us-gov"),
    "AWS::Region": len("ap-southeast-1"),
    "AWS::URLSuffix": len("amazonaws.com.cn"),
    "AWS::NoValue": 0,
}
OF_AN_ARN = len("arn:aws:codepipeline:ap-southeast-1:123456789012:") + len("deploymentgroup:")
"""What an ARN has before the name."""
OF_A_ROLE = len("arn:aws-us-gov:iam::123456789012:role/")
SUFFIX = len("-1A2B3C4D5E6F7")
"""What CloudFormation adds to a name that it makes of the stack's and the logical id."""
LONGEST_NAMES: Mapping[str, int] = {
    "AWS::IAM::Role": 64,
    "AWS::Lambda::Function": 64,
    "AWS::S3::Bucket": 63,
    "AWS::SQS::Queue": 80,
    "AWS::StepFunctions::StateMachine": 80,
    "AWS::KMS::Key": 36,
}
"""Of types whose generated names are cut, or are no names. Others: 255."""
LONGEST_NAME = 255
VARIABLE = re.compile(r"\$\{([A-Za-z0-9:.]+)\}")
UNKNOWN = 128
"""Of a value that another stack or a person gives."""


def longest(value: Any, template: Template) -> int:
    """Return how many characters a text has at most; of a list or mapping, those of its JSON without spaces."""
    if isinstance(value, list):
        return 2 + sum(_quoted(each, template) + 1 for each in value)
    if not isinstance(value, Mapping):
        return len(str(value))
    if _is_function(value):
        return _resolved(value, template)
    return 2 + sum(len(name) + 4 + _quoted(each, template) for name, each in value.items())


def _resolved(function: Mapping[str, Any], template: Template) -> int:
    """Return how long what an intrinsic function gives may be."""
    ((name, argument),) = function.items()
    length = UNKNOWN
    match name, argument:
        case "Ref", str():
            length = PSEUDO[argument] if argument in PSEUDO else _named(argument, template, is_arn=False)
        case "Fn::GetAtt", [str(logical_id), str(attribute), *_]:
            length = _named(logical_id, template, is_arn=attribute.endswith("Arn"))
        case "Fn::Join", [str(delimiter), list(parts)]:
            length = sum(longest(each, template) for each in parts) + len(delimiter) * max(len(parts) - 1, 0)
        case "Fn::Sub", str(text):
            length = _substituted(text, {}, template)
        case "Fn::Sub", [str(text), Mapping() as own]:
            length = _substituted(text, own, template)
        case "Fn::If", [_, first, second]:
            length = max(longest(first, template), longest(second, template))
    return length


def _substituted(text: str, own: Mapping[str, Any], template: Template) -> int:
    def of(name: str) -> int:
        if name in own:
            return longest(own[name], template)
        resource, _, attribute = name.partition(".")
        return longest({"Fn::GetAtt": [resource, attribute]} if attribute else {"Ref": resource}, template)

    names = VARIABLE.findall(text)
    return len(VARIABLE.sub("", text)) + sum(map(of, names))


def _quoted(value: Any, template: Template) -> int:
    is_text = isinstance(value, str) or (isinstance(value, Mapping) and _is_function(value))
    return longest(value, template) + (2 if is_text else 0)


def _is_function(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and all(name == "Ref" or name.startswith("Fn::") for name in value)


def _named(logical_id: str, template: Template, *, is_arn: bool) -> int:
    body = template.section("Resources").get(logical_id)
    if not isinstance(body, Mapping):
        default = template.section("Parameters").get(logical_id, {}).get("Default")
        return len(default) if isinstance(default, str) else UNKNOWN
    before = OF_A_ROLE if body.get("Type") == "AWS::IAM::Role" else OF_AN_ARN
    return _name(logical_id, body, template) + (before if is_arn else 0)


def _name(logical_id: str, body: Mapping[str, Any], template: Template) -> int:
    of_type = str(body.get("Type", ""))
    properties = body.get("Properties", {})
    given = properties.get(f"{of_type.rpartition('::')[2]}Name", properties.get("Name"))
    if isinstance(given, str):
        return len(given)
    generated = len(template.stack_path) + 1 + len(logical_id) + SUFFIX
    return min(generated, LONGEST_NAMES.get(of_type, LONGEST_NAME))
