"""The synthesised pipeline with one stage of its many: what a rehearsal deploys in the local cloud.

The gate, the stage, its roles, builds and conditions are those of the template. What comes before them is left out: an
assembly that exists already is the source, so nothing is synthesised and the pipeline does not update itself.
"""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.operate.errors import OperateError, suggested
from services.library.contract.names import STAGES_VARIABLE, entry_of

PIPELINE = "AWS::CodePipeline::Pipeline"
ASSEMBLY = "cdk.out"
"""Where Build writes the assembly."""
BUCKET = {"Fn::Sub": "penstock-rehearsal-${AWS::AccountId}"}
ASSETS = "Assets"
BEFORE_STAGES = ("Source", "Build", "UpdatePipeline", ASSETS)
"""The stages of CDK Pipelines' own."""
SOURCE_POLICY = "RehearsalSource"


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceArtifact:
    """An artifact of Source or Build, which a rehearsal takes from a bucket."""

    name: str
    folder: str
    """Of the checkout; empty: all of it."""

    @property
    def key(self) -> str:
        """Its object."""
        return f"{self.name}.zip"


@dataclass(frozen=True, kw_only=True, slots=True)
class StackTemplate:
    """A stack that the stage deploys, and its template's file in the assembly."""

    stack: str
    file: str


def single_stage(template: Mapping[str, Any], stage: str, *, is_first_judged: bool = True) -> dict[str, Any]:
    """Return the template of the pipeline's stack with this stage alone, and its gate, fed from a bucket.

    `is_first_judged`: whether the first run is judged as any other; or passes windows and freezes, as a hotfix does.

    Raises:
        OperateError: if the pipeline has no such stage.
    """
    changed: dict[str, Any] = copy.deepcopy(dict(template))
    name = _pipeline_of(changed)
    properties = changed["Resources"][name]["Properties"]
    stages: list[dict[str, Any]] = properties["Stages"]
    sources = source_artifacts(template)
    _refuse_unknown(stages, stage)
    kept = [each for each in stages if each["Name"] == ASSETS or entry_of(each["Name"]) == stage]
    properties["Stages"] = [_source(sources), *kept]
    properties.pop("Triggers", None)
    if not is_first_judged:
        variables = {each["Name"]: each for each in properties["Variables"]}
        variables[STAGES_VARIABLE]["DefaultValue"] = stage
    role = properties["RoleArn"]["Fn::GetAtt"][0]
    changed["Resources"][SOURCE_POLICY] = _source_policy(role)
    changed["Resources"][name]["DependsOn"] = [*_as_list(changed["Resources"][name].get("DependsOn")), SOURCE_POLICY]
    return changed


def bucket_in(account: str) -> str:
    """Return the name of the bucket that the rehearsed pipeline follows."""
    return BUCKET["Fn::Sub"].replace("${AWS::AccountId}", account)


def source_artifacts(template: Mapping[str, Any]) -> list[SourceArtifact]:
    """Return what the stages after Build work with: the commit, the assembly, and what else Build hands on."""
    resources = template["Resources"]
    stages = resources[_pipeline_of(template)]["Properties"]["Stages"]
    by_name = {each["Name"]: each["Actions"] for each in stages}
    (source,), (build,) = by_name["Source"], by_name["Build"]
    project = resources[build["Configuration"]["ProjectName"]["Ref"]]["Properties"]
    folders = json.loads(project["Source"]["BuildSpec"])["artifacts"]
    by_artifact = folders.get("secondary-artifacts", {build["OutputArtifacts"][0]["Name"]: folders})
    return [
        SourceArtifact(name=source["OutputArtifacts"][0]["Name"], folder=""),
        *(SourceArtifact(name=name, folder=its["base-directory"]) for name, its in by_artifact.items()),
    ]


def stack_templates(template: Mapping[str, Any], stage: str) -> list[StackTemplate]:
    """Return the stacks that a stage deploys, in order."""
    return list(_stack_templates(template["Resources"][_pipeline_of(template)]["Properties"]["Stages"], stage))


def actions_of(template: Mapping[str, Any], stage: str) -> dict[str, str]:
    """Return the actions of a stage and of its gate, each with the name by which a pipeline knows it."""
    stages = template["Resources"][_pipeline_of(template)]["Properties"]["Stages"]
    return {
        action["Name"]: f"{each['Name']}/{action['Name']}"
        for each in stages
        if entry_of(each["Name"]) == stage
        for action in each["Actions"]
    }


def _stack_templates(stages: Sequence[Mapping[str, Any]], stage: str) -> Iterator[StackTemplate]:
    for each in stages:
        for action in each["Actions"] if entry_of(each["Name"]) == stage else ():
            configuration = action["Configuration"]
            if "TemplatePath" in configuration:
                file = configuration["TemplatePath"].partition("::")[2]
                yield StackTemplate(stack=configuration["StackName"], file=file)


def _pipeline_of(template: Mapping[str, Any]) -> str:
    names: Iterator[str] = (name for name, each in template["Resources"].items() if each["Type"] == PIPELINE)
    return next(names)


def _refuse_unknown(stages: Sequence[Mapping[str, Any]], stage: str) -> None:
    names = list(dict.fromkeys(entry_of(each["Name"]) for each in stages if each["Name"] not in BEFORE_STAGES))
    if stage not in names:
        raise OperateError(f"The pipeline has no stage {stage}; it has {', '.join(names)}.{suggested(stage, names)}")


def _source(artifacts: Sequence[SourceArtifact]) -> dict[str, Any]:
    """Return a source stage that gives the artifacts that Source and Build give."""
    return {
        "Name": "Source",
        "Actions": [
            {
                "Name": each.name,
                "ActionTypeId": {"Category": "Source", "Owner": "AWS", "Provider": "S3", "Version": "1"},
                "Configuration": {"S3Bucket": BUCKET, "S3ObjectKey": each.key, "PollForSourceChanges": False},
                "OutputArtifacts": [{"Name": each.name}],
                "RunOrder": 1,
            }
            for each in artifacts
        ],
    }


def _source_policy(role: str) -> dict[str, Any]:
    """Return what lets the pipeline read its source."""
    statement = {
        "Effect": "Allow",
        "Action": ["s3:GetBucketVersioning", "s3:GetObject", "s3:GetObjectVersion"],
        "Resource": [
            {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{BUCKET['Fn::Sub']}{objects}"} for objects in ("", "/*")
        ],
    }
    return {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "PolicyName": SOURCE_POLICY,
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            "Roles": [{"Ref": role}],
        },
    }


def _as_list(found: Any) -> list[Any]:
    return [] if found is None else [found] if isinstance(found, str) else list(found)
