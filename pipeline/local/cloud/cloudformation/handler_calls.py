"""What CloudFormation may call to make, change and delete a resource, by the generated `handler_calls.json`.

An upper bound, from the registry's schemas: `made_calls.py` says which of them a resource's properties cause.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

FILE = Path(__file__).with_name("handler_calls.json")
Operation = Literal["create", "update", "delete"]

WITHOUT_SCHEMA: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html
    "AWS::CloudFormation::CustomResource": {"cud": ("lambda:InvokeFunction", "sns:Publish")},
    # Its properties against CodeBuild's own API.
    "AWS::CodeBuild::Project": {
        "c": ("codebuild:CreateProject",),
        "cu": ("codebuild:CreateWebhook", "codebuild:UpdateProjectVisibility", "iam:PassRole"),
        "d": ("codebuild:DeleteProject",),
        "u": ("codebuild:UpdateProject", "codebuild:UpdateWebhook"),
        "ud": ("codebuild:DeleteWebhook",),
    },
}
"""Types that the registry has no handlers of, each read by hand."""


@cache
def calls_of(type_name: str, operation: Operation) -> tuple[str, ...]:
    """Return the actions that an operation on a type may call."""
    name = "AWS::CloudFormation::CustomResource" if type_name.startswith("Custom::") else type_name
    by_callers = WITHOUT_SCHEMA.get(name) or _document()["types"].get(name, {})
    return tuple(sorted(action for callers, its in by_callers.items() if operation[0] in callers for action in its))


@cache
def arns_of(action: str) -> tuple[str, ...]:
    """Return the patterns of the ARNs that IAM asks about; `*` alone if about none, empty if IAM's list lacks it."""
    service, _, name = action.partition(":")
    return tuple(arn for arn, names in _document()["resources"].get(service, {}).items() if name in names)


@cache
def _document() -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(FILE.read_bytes())
    return document
