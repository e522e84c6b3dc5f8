"""Which action providers the local cloud executes, and what their configuration may hold.

https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference.html
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.local.cloud.codepipeline.declaration import Action


@dataclass(frozen=True, kw_only=True)
class Provider:
    """What one provider's actions may say."""

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    inputs: tuple[int, int]
    outputs: tuple[int, int]
    check: Callable[[Action], str | None] | None = None
    """What else can be wrong with it, in words."""

    @property
    def known(self) -> frozenset[str]:
        """Every configuration key it has."""
        return self.required | self.optional


def _code_build(action: Action) -> str | None:
    if len(action.inputs) > 1 and "PrimarySource" not in action.configuration:
        return "has several input artifacts, so PrimarySource must name one of them"
    if action.configuration.get("PrimarySource", action.inputs[0]) not in action.inputs:
        return f"PrimarySource {action.configuration['PrimarySource']} is none of its input artifacts"
    try:
        variables = json.loads(action.configuration.get("EnvironmentVariables", "[]"))
    except ValueError:
        return "EnvironmentVariables is not JSON"
    for variable in variables:
        if not isinstance(variable, dict) or not {"name", "value"} <= variable.keys() <= {"name", "value", "type"}:
            return f"EnvironmentVariables has {json.dumps(variable)}; it takes name, value and type"
        if variable.get("type", "PLAINTEXT") not in ("PLAINTEXT", "PARAMETER_STORE", "SECRETS_MANAGER"):
            return f"EnvironmentVariables has the type {variable['type']}"
    return None


NEEDS_A_TEMPLATE = ("CHANGE_SET_REPLACE", "CREATE_UPDATE", "REPLACE_ON_FAILURE")
NEEDS_A_CHANGE_SET = ("CHANGE_SET_REPLACE", "CHANGE_SET_EXECUTE")


def _cloud_formation(action: Action) -> str | None:
    mode = action.configuration["ActionMode"]
    needed = set()
    if mode in NEEDS_A_TEMPLATE:
        needed |= {"TemplatePath", "RoleArn"}
    if mode == "DELETE_ONLY":
        needed.add("RoleArn")
    if mode in NEEDS_A_CHANGE_SET:
        needed.add("ChangeSetName")
    if missing := needed - action.configuration.keys():
        return f"lacks the configuration {', '.join(sorted(missing))}, which {mode} needs"
    for key in ("TemplatePath", "TemplateConfiguration"):
        place = action.configuration.get(key)
        if place is not None and place.partition("::")[0] not in action.inputs:
            return f"{key} {place} is in none of its input artifacts ({', '.join(action.inputs)})"
    if "OutputFileName" in action.configuration and not action.outputs:
        return "OutputFileName needs an output artifact that the file goes into"
    try:
        overrides = json.loads(action.configuration.get("ParameterOverrides", "{}"))
    except ValueError:
        return "ParameterOverrides is not JSON"
    return None if isinstance(overrides, dict) else "ParameterOverrides is no JSON object"


TRUTH = ("true", "false")

PROVIDERS: Mapping[str, Provider] = {
    "Source/S3": Provider(
        required=frozenset({"S3Bucket", "S3ObjectKey"}),
        optional=frozenset({"PollForSourceChanges", "AllowOverrideForS3ObjectKey"}),
        choices={"PollForSourceChanges": TRUTH, "AllowOverrideForS3ObjectKey": TRUTH},
        inputs=(0, 0),
        outputs=(1, 1),
    ),
    "Source/CodeCommit": Provider(
        required=frozenset({"RepositoryName", "BranchName"}),
        optional=frozenset({"PollForSourceChanges", "OutputArtifactFormat"}),
        choices={
            "PollForSourceChanges": TRUTH,
            "OutputArtifactFormat": ("CODE_ZIP", "CODEBUILD_CLONE_REF", "FULL_CLONE"),
        },
        inputs=(0, 0),
        outputs=(1, 1),
    ),
    "Source/CodeStarSourceConnection": Provider(
        required=frozenset({"ConnectionArn", "FullRepositoryId", "BranchName"}),
        optional=frozenset({"OutputArtifactFormat", "DetectChanges"}),
        choices={
            "DetectChanges": TRUTH,
            "OutputArtifactFormat": ("CODE_ZIP", "CODEBUILD_CLONE_REF", "FULL_CLONE"),
        },
        inputs=(0, 0),
        outputs=(1, 1),
    ),
    **dict.fromkeys(
        ("Build/CodeBuild", "Test/CodeBuild"),
        Provider(
            required=frozenset({"ProjectName"}),
            optional=frozenset({"PrimarySource", "EnvironmentVariables", "BatchEnabled", "CombineArtifacts"}),
            choices={"BatchEnabled": ("false",), "CombineArtifacts": ("false",)},
            inputs=(1, 5),
            outputs=(0, 5),
            check=_code_build,
        ),
    ),
    "Deploy/CloudFormation": Provider(
        required=frozenset({"ActionMode", "StackName"}),
        optional=frozenset(
            {
                "Capabilities",
                "ChangeSetName",
                "OutputFileName",
                "ParameterOverrides",
                "RoleArn",
                "TemplateConfiguration",
                "TemplatePath",
            }
        ),
        choices={
            "ActionMode": (*NEEDS_A_TEMPLATE, "CHANGE_SET_EXECUTE", "DELETE_ONLY"),
        },
        inputs=(0, 10),
        outputs=(0, 1),
        check=_cloud_formation,
    ),
    "Approval/Manual": Provider(
        optional=frozenset({"NotificationArn", "CustomData", "ExternalEntityLink"}),
        inputs=(0, 0),
        outputs=(0, 0),
    ),
    "Invoke/Lambda": Provider(
        required=frozenset({"FunctionName"}),
        optional=frozenset({"UserParameters"}),
        inputs=(0, 5),
        outputs=(0, 5),
    ),
}
"""By category and provider; the owner is always AWS, the version 1."""
