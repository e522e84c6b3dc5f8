"""What CloudFormation calls to deploy a resource type, and on what, by the generated `handler_calls.json`."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("handler_calls.json")
Calls = Mapping[str, str]
"""Action -> the initials of who calls it: create, read, update, delete."""

CUSTOM = "Custom::"
WITHOUT_SCHEMA: Mapping[str, Calls] = {
    # CloudFormation keeps these itself: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-waitcondition.html
    "AWS::CloudFormation::WaitCondition": {},
    "AWS::CloudFormation::WaitConditionHandle": {},
    # What the CDK tells of itself; deployed as nothing.
    "AWS::CDK::Metadata": {},
    # A function or a topic, whichever its ServiceToken names:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html
    "AWS::CloudFormation::CustomResource": {"lambda:InvokeFunction": "cud", "sns:Publish": "cud"},
    # Its properties against CodeBuild's own API: the project, its webhook, its public badge and its role.
    "AWS::CodeBuild::Project": {
        "codebuild:BatchGetProjects": "crud",
        "codebuild:CreateProject": "c",
        "codebuild:CreateWebhook": "cu",
        "codebuild:DeleteProject": "d",
        "codebuild:DeleteWebhook": "ud",
        "codebuild:UpdateProject": "u",
        "codebuild:UpdateProjectVisibility": "cu",
        "codebuild:UpdateWebhook": "u",
        "iam:PassRole": "cu",
    },
}
"""Types that the registry has no handlers of, each read by hand."""

SERVICE_LINKED_ROLES: Mapping[str, tuple[str, ...]] = {
    "AWS::Backup::BackupSelection": ("backup.amazonaws.com",),
    # No page names the services; its schema and its setup guide (Lake Formation) leave these two.
    "AWS::HealthLake::FHIRDatastore": ("healthlake.amazonaws.com", "lakeformation.amazonaws.com"),
}
"""Type -> the services whose roles it has made. One that is not here may have any made, so none of them is allowed."""


def calls_of(type_: str) -> Calls | None:
    """Return what deploying a type may call; None for one that nobody has told us of."""
    if type_.startswith(CUSTOM):
        return WITHOUT_SCHEMA["AWS::CloudFormation::CustomResource"]
    if type_ in WITHOUT_SCHEMA:
        return WITHOUT_SCHEMA[type_]
    by_callers = _document()["types"].get(type_)
    return by_callers and {action: callers for callers, its in by_callers.items() for action in its}


def arns_of(action: str) -> tuple[str, ...]:
    """Return the patterns of the ARNs that IAM asks about; `*` alone if about none, empty if IAM's list lacks it."""
    prefix, _, name = action.partition(":")
    return _arns_of_service(prefix).get(name, ())


@cache
def _arns_of_service(prefix: str) -> Mapping[str, tuple[str, ...]]:
    """Turn the lists of one service around: an action's name -> the patterns of its ARNs."""
    found: dict[str, tuple[str, ...]] = {}
    for arn, names in _document()["resources"].get(prefix, {}).items():
        for name in names:
            found[name] = (*found.get(name, ()), arn)
    return found


@cache
def _document() -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(FILE.read_bytes())
    return document
