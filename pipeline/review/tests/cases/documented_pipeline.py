"""Cases of the pipeline: the place in its template, the new value, and whether it blocks.

They were written before the pages were read, and compared with excerpts of them on `READ`, but for the `UNCONFIRMED`.
A page says what a setting means; that a change of it blocks is this review's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.review.diff.data_classes import page
from pipeline.review.tests.cases.documented import DOCS, Json

ACTIONS = f"{DOCS}/codepipeline/latest/userguide"
PIPELINE = page("AWS::CodePipeline::Pipeline")
PROJECT = page("AWS::CodeBuild::Project")
STAGES = "P/Properties/Stages"
TEMPLATES = f"{DOCS}/AWSCloudFormation/latest/TemplateReference"
COPIES = {
    f"{DOCS}/AWSCloudFormation/": "the properties' descriptions in aws-cdk-lib and the schemas of cfn-lint, which"
    " are made from AWS's own",
    f"{ACTIONS}/": "the repository awsdocs/aws-codepipeline-user-guide, and copies of the pages that are newer than it",
    f"{DOCS}/codebuild/": "the repository awsdocs/aws-codebuild-user-guide",
}
"""Where excerpts of the pages were read, by how their addresses begin."""
READ = "2026-11-30"
UNCONFIRMED: Mapping[str, str] = {}
"""Cases that no page was seen to confirm, and why."""


@dataclass(frozen=True, kw_only=True)
class PipelineCase:
    """One value of the pipeline's template."""

    id: str
    page: str
    path: str
    """Where, with places in lists as numbers."""
    value: Json
    """None takes it away."""
    blocks: bool


def blocking(id_: str, path: str, value: Json, page: str) -> PipelineCase:
    return PipelineCase(id=id_, page=page, path=path, value=value, blocks=True)


PIPELINE_CASES = (
    blocking(
        "a filter of a trigger",
        "P/Properties/Triggers",
        [{"ProviderType": "CodeStarSourceConnection", "GitConfiguration": {"SourceActionName": "Source"}}],
        f"{ACTIONS}/pipelines-triggers.html",
    ),
    blocking("runs side by side", "P/Properties/ExecutionMode", "PARALLEL", f"{ACTIONS}/concepts-how-it-works.html"),
    blocking("runs queue", "P/Properties/ExecutionMode", "QUEUED", f"{ACTIONS}/concepts-how-it-works.html"),
    blocking("no run after an update", "P/Properties/RestartExecutionOnUpdate", False, PIPELINE),
    blocking("another type of pipeline", "P/Properties/PipelineType", "V1", f"{ACTIONS}/pipeline-types.html"),
    blocking("another store of artifacts", "P/Properties/ArtifactStore", {"Type": "S3", "Location": "b"}, PIPELINE),
    blocking(
        "a transition that is closed",
        "P/Properties/DisableInboundStageTransitions",
        [{"StageName": "prod", "Reason": "x"}],
        f"{ACTIONS}/transitions.html",
    ),
    blocking(
        "a variable of the pipeline", "P/Properties/Variables", [{"Name": "A"}], f"{ACTIONS}/reference-variables.html"
    ),
    blocking(
        "the source clones whole",
        f"{STAGES}/0/Actions/0/Configuration/OutputArtifactFormat",
        "CODEBUILD_CLONE_REF",
        f"{ACTIONS}/action-reference-CodestarConnectionSource.html",
    ),
    blocking(
        "the source of another kind",
        f"{STAGES}/0/Actions/0/ActionTypeId/Provider",
        "CodeCommit",
        f"{ACTIONS}/reference-pipeline-structure.html",
    ),
    blocking(
        "a synth in another region",
        f"{STAGES}/1/Actions/0/Region",
        "us-east-1",
        f"{ACTIONS}/actions-create-cross-region.html",
    ),
    blocking(
        "what a synth is given",
        f"{STAGES}/1/Actions/0/InputArtifacts",
        [{"Name": "Other"}],
        f"{ACTIONS}/welcome-introducing-artifacts.html",
    ),
    blocking(
        "a condition to enter production",
        f"{STAGES}/5/BeforeEntry/Conditions/0/Result",
        "FAIL",
        f"{ACTIONS}/stage-conditions.html",
    ),
    blocking(
        "a rule of a condition",
        f"{STAGES}/5/BeforeEntry/Conditions/0/Rules/0/Configuration",
        {"FunctionName": "other"},
        f"{ACTIONS}/rule-reference-LambdaInvoke.html",
    ),
    blocking(
        "production is retried by itself",
        f"{STAGES}/5/OnFailure",
        {"Result": "RETRY"},
        f"{TEMPLATES}/aws-properties-codepipeline-pipeline-failureconditions.html",
    ),
    blocking(
        "an approval ends by itself",
        f"{STAGES}/5/Actions/0/TimeoutInMinutes",
        5,
        f"{TEMPLATES}/aws-properties-codepipeline-pipeline-actiondeclaration.html",
    ),
    blocking(
        "an approval tells somebody else",
        f"{STAGES}/5/Actions/0/Configuration",
        {"NotificationArn": "arn:other"},
        f"{ACTIONS}/approvals-action-add.html",
    ),
    blocking("a probe of production goes", f"{STAGES}/5/Actions/2", None, PIPELINE),
    blocking("a synth in another account's role", f"{STAGES}/1/Actions/0/RoleArn", "arn:other", PIPELINE),
    blocking(
        "another shell",
        "Synth/Properties/Source/BuildSpec",
        '{"version": "0.2", "env": {"shell": "bash"}}',
        f"{DOCS}/codebuild/latest/userguide/build-spec-ref.html",
    ),
    blocking("a synth in a network", "Synth/Properties/VpcConfig", {"VpcId": "v"}, PROJECT),
    blocking("a second source of a synth", "Synth/Properties/SecondarySources", [{"Type": "S3"}], PROJECT),
    blocking("a cache that others write", "Synth/Properties/Cache", {"Type": "S3", "Location": "b"}, PROJECT),
    blocking("a build as root", "Synth/Properties/Environment/PrivilegedMode", True, PROJECT),
    blocking("a certificate of its own", "Synth/Properties/Environment/Certificate", "arn:aws:s3:::b/c.pem", PROJECT),
    blocking(
        "credentials of a registry",
        "Synth/Properties/Environment/RegistryCredential",
        {"Credential": "a", "CredentialProvider": "SECRETS_MANAGER"},
        PROJECT,
    ),
    blocking("another system", "Synth/Properties/Environment/Type", "WINDOWS_SERVER_2022_CONTAINER", PROJECT),
    blocking("a timeout of a synth", "Synth/Properties/TimeoutInMinutes", 5, PROJECT),
    blocking("a build that others see", "Synth/Properties/Visibility", "PUBLIC_READ", PROJECT),
    blocking("a webhook starts the synth", "Synth/Properties/Triggers", {"Webhook": True}, PROJECT),
    blocking("another key of the artifacts", "Synth/Properties/EncryptionKey", "arn:other", PROJECT),
    blocking("a role of self-mutation", "SelfMutate/Properties/ServiceRole", "other", PROJECT),
    blocking(
        "variables of self-mutation",
        "SelfMutate/Properties/Environment/EnvironmentVariables",
        [{"Name": "A", "Value": "b"}],
        PROJECT,
    ),
    blocking("an image of termination protection", "Protect/Properties/Environment/Image", "mine:1", PROJECT),
)
