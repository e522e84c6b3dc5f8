"""What CDK Pipelines' own grants always cause, decided once: exactly the roles, actions and resources they are about.

Nobody chooses them: they come with the pipeline, its source action, self-mutation, asset publishing and the builds of
steps. One action more in such a statement, or another resource, is a finding that the platform team has to answer.
"""

import re
from collections.abc import Collection, Iterator

import aws_cdk as cdk

from pipeline.definition import build_network, gate_evidence, unit_tests
from pipeline.pipeline_settings import Settings
from pipeline.source import S3Source
from services.library.guardrails.decisions.decision import DecidedBy, Decision
from services.library.guardrails.decisions.grants import Grant, granted, one_of

IAM5 = "AwsSolutions-IAM5"
READ_STORE = frozenset({"s3:GetBucket*", "s3:GetObject*", "s3:List*"})
WRITE_STORE = READ_STORE | {
    "s3:Abort*",
    "s3:DeleteObject*",
    "s3:PutObject",
    "s3:PutObjectLegalHold",
    "s3:PutObjectRetention",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionTagging",
}
WRITE_ACL = frozenset({"s3:PutObjectAcl", "s3:PutObjectVersionAcl"})
"""Of the source action: the object is to belong to the account of the store."""
READ_COMMIT = frozenset({"s3:GetObject", "s3:GetObjectVersion"})
USE_KEY = frozenset({"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"})
WRITE_LOG = frozenset({"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"})
REPORT_TESTS = frozenset(
    {
        "codebuild:BatchPutCodeCoverages",
        "codebuild:BatchPutTestCases",
        "codebuild:CreateReport",
        "codebuild:CreateReportGroup",
        "codebuild:UpdateReport",
    }
)
START_BUILDS = frozenset({"codebuild:BatchGetBuilds", "codebuild:StartBuild", "codebuild:StopBuild"})
READ_BOOTSTRAP = frozenset({"cloudformation:DescribeStacks", "s3:ListBucket"})
BOOTSTRAP_ROLES = {
    "ForAnyValue:StringEquals": {
        "iam:ResourceTag/aws-cdk:bootstrap-role": ["image-publishing", "file-publishing", "deploy"]
    }
}


def decisions(stack: cdk.Stack, settings: Settings, regions: Collection[str]) -> tuple[Decision, ...]:
    """List what the pipeline in this stack decides, with artifact stores in these regions beside its own."""
    partition = str(stack.resolve(stack.partition))
    return tuple(_decisions(stack.node.path, settings, sorted({*regions} - {settings.region}), partition))


def _decisions(stack: str, settings: Settings, regions: Collection[str], partition: str) -> Iterator[Decision]:
    account, home = settings.account, f"{settings.region}:{settings.account}"
    bucket, key = f"<{stack}/Artifacts/Bucket/Resource.Arn>", f"<{stack}/Artifacts/Key/Resource.Arn>"
    far = [f"arn:{partition}:s3:::{settings.name}-artifacts-{account}-{region}" for region in regions]
    own = (bucket, f"{bucket}/*")
    stores_by_name = {f"{settings.name}-artifacts-{account}-{region}" for region in (settings.region, *regions)}
    stores = one_of(*own, *(each for store in far for each in (store, f"{store}/*")))
    pipeline, source = f"{stack}/Pipeline/Role", f"{stack}/Pipeline/Source/Source/CodePipelineActionRole"
    synth = f"{stack}/Pipeline/Build/Synth/CdkBuildProject"
    mutation = f"{stack}/Engine/UpdatePipeline/SelfMutation"
    publishing = f"{stack}/Engine/Assets/FileRole"

    writing = (*_actions(WRITE_STORE), "Resource::<*.Arn>/*", *(f"Resource::{each}/*" for each in far))
    yield _decision(
        "CodePipeline",
        (pipeline, f"{synth}/Role"),
        writing,
        "Artifacts are written and read under random names, in the pipeline's own stores alone. The stores keep"
        " versions, so that nothing is lost by what CDK's write grant can delete.",
        Grant(actions=WRITE_STORE, resources=stores),
    )
    yield _decision(
        "CodePipeline",
        (source,),
        writing,
        "The source action reads the one source that it follows, and writes the commit under a random name to the store"
        " of the pipeline, which keeps versions.",
        Grant(actions=WRITE_STORE, resources=one_of(*own)),
        Grant(actions=WRITE_ACL, resources=one_of(f"{bucket}/*")),
        *_read_source(settings, partition),
    )
    yield _decision(
        "CodePipeline",
        (source, f"{synth}/Role", f"{mutation}/Role"),
        _actions(USE_KEY),
        "CDK's grant on a key covers writing wherever it covers reading; it names the key of the artifact store.",
        Grant(actions=USE_KEY, resources=one_of(key)),
    )
    yield _decision(
        "CodePipeline",
        (pipeline,),
        (*_actions(USE_KEY), *(["Resource::*"] if far else [])),
        "The pipeline writes to its stores with their keys. No ARN names the key of another region's store before it"
        " exists; the policies of all other keys refuse this role.",
        Grant(actions=USE_KEY, resources=one_of(key, *(["*"] if far else []))),
    )
    yield _decision(
        "CodePipeline",
        (f"{mutation}/Role", publishing),
        (*_actions(READ_STORE), "Resource::<*.Arn>/*"),
        "Self-mutation and publishing read the assembly that synth wrote, under a random name in the pipeline's store.",
        Grant(actions=READ_STORE, resources=one_of(*own)),
    )
    yield _decision(
        "CodePipeline",
        (f"{mutation}/Role",),
        ("Resource::*",),
        "Self-mutation reads stacks and buckets to learn the version of the bootstrap, and can change neither.",
        Grant(actions=READ_BOOTSTRAP, resources=one_of("*")),
    )
    yield _decision(
        "CodePipeline",
        (f"{mutation}/Role",),
        (f"Resource::arn:*:iam::{account}:role/*",),
        "Self-mutation assumes the bootstrap's roles; a condition on their tag narrows it to those.",
        Grant(
            actions=frozenset({"sts:AssumeRole"}),
            resources=one_of(f"arn:*:iam::{account}:role/*"),
            conditions=BOOTSTRAP_ROLES,
        ),
    )
    yield _decision(
        "CodePipeline",
        (publishing,),
        ("Resource::*",),
        "One role starts and stops the asset builds, whose projects CDK Pipelines does not know beforehand.",
        Grant(actions=START_BUILDS, resources=one_of("*")),
    )
    for role, project in ((f"{synth}/Role", f"<{synth}/Resource>"), (f"{mutation}/Role", f"<{mutation}/Resource>")):
        log = f"arn:{partition}:logs:{home}:log-group:/aws/codebuild/{project}:*"
        reports = f"arn:{partition}:codebuild:{home}:report-group/{project}-*"
        yield _decision(
            "CodePipeline",
            (role,),
            (f"Resource::{_unnamed(log)}", f"Resource::{_unnamed(reports)}"),
            "Log streams have random names below the project's own log group, and report groups bear the project's name"
            " with a suffix.",
            Grant(actions=WRITE_LOG, resources=one_of(log)),
            Grant(actions=REPORT_TESTS, resources=one_of(reports)),
        )
    yield Decision(
        construct="ArtifactStore",
        path=f"(?:{stack}|{settings.name}-artifacts-[a-z0-9-]+)/Artifacts/Bucket/Resource",
        rules=("Penstock-RetainedName[BucketName]",),
        holds=lambda cause: cause.resource.properties.get("BucketName") in stores_by_name,
        reason="Actions in other accounts and regions reach the store by its name, before it is there. A person makes"
        " its stack first, and docs/repair.md says what to do with a store that is in the way.",
        by=DecidedBy.PIPELINE,
    )
    log, reports = (
        f"arn:{partition}:logs:{home}:log-group:/aws/codebuild/*",
        f"arn:{partition}:codebuild:{home}:report-group/*",
    )
    yield _decision(
        "CodePipeline",
        (publishing,),
        (f"Resource::{log}", f"Resource::{reports}"),
        "One role writes the logs of all asset builds, and could write their test reports, of which there are none.",
        Grant(actions=WRITE_LOG, resources=one_of(log)),
        Grant(actions=REPORT_TESTS, resources=one_of(reports)),
    )
    yield _decision(
        "StepBuilds",
        tuple(
            f"{stack}/StepBuilds/{each}Role"
            for each in ("", "Protect", "Remove", "Release", "Check", "Sweep", "Evidence", "UnitTests", "Unchanged")
        ),
        ("Resource::<*.Arn>/*",),
        "A step's build reads the commit's artifact, whose name is random; it cannot write to the store.",
        Grant(actions=READ_COMMIT, resources=one_of(f"{bucket}/*")),
    )
    for role, below, what in (
        ("Evidence", gate_evidence.prefix(settings.name), "The evidence of an approval is written under a random name"),
        ("UnitTests", f"{unit_tests.PREFIX}/", "What has passed is kept under the digest of its files"),
    ):
        yield _decision(
            "StepBuilds",
            (f"{stack}/StepBuilds/{role}Role",),
            (f"Resource::<*.Arn>/{below}*",),
            f"{what}, and nothing else of the store can be written.",
            Grant(actions=frozenset({"s3:PutObject"}), resources=one_of(f"{bucket}/{below}*")),
        )
    for role, action in (("Review", "s3:PutObject"), ("Comment", "s3:GetObject")):
        yield _decision(
            "PullRequestReviews",
            (f"{stack}/PullRequests/{role}Role",),
            ("Resource::<*.Arn>/reviews/*",),
            "A review lies below the number of its build, which is known only when it runs: one build can write there"
            " and the other read, and neither can reach anything else of the store.",
            Grant(actions=frozenset({action}), resources=one_of(f"{bucket}/reviews/*")),
        )
    if settings.source_account != account:
        yield from _of_support_stack(settings, partition)
    yield from _of_build_network(stack, settings, partition)


def _of_build_network(stack: str, settings: Settings, partition: str) -> Iterator[Decision]:
    """Decide what the company's own network and image for builds cause: pipeline/settings.py says them."""
    image, vpc = settings.builds.image, settings.builds.vpc
    policy = f"{stack}/BuildNetwork/Policy/Resource"
    home = f"{settings.region}:{settings.account}"
    allowed = build_network.statements(settings.builds, "aws", account=settings.account, region=settings.region)
    if vpc is not None or (image is not None and image.ecr_repository_arn("aws") is not None):
        yield Decision(
            construct="BuildNetwork",
            path=policy,
            rules=(f"{IAM5}[Resource::*]", f"{IAM5}[Resource::arn:{partition}:ec2:{home}:network-interface/*]"),
            holds=lambda cause: all(
                each in allowed for each in cause.resource.properties["PolicyDocument"]["Statement"]
            ),
            reason="A build in a network makes an interface there whose name nobody knows before, in the subnets of"
            " pipeline/settings.py alone; and ECR gives its token for no single repository.",
            by=DecidedBy.PIPELINE,
        )
    # cdk-nag takes images of CodeBuild and of ECR.
    if image is not None and not image.is_curated and image.ecr_repository_arn("aws") is None:
        yield Decision(
            construct="BuildNetwork",
            path=f"{stack}/.+",
            rules=("AwsSolutions-CB5",),
            holds=lambda cause: cause.resource.properties["Environment"]["Image"] == image.name,
            reason="The company's own build image, as pipeline/settings.py names it: whoever may change that may"
            " change what is built.",
            by=DecidedBy.PIPELINE,
        )


def _read_source(settings: Settings, partition: str) -> Iterator[Grant]:
    if isinstance(settings.source, S3Source):
        bucket = f"arn:{partition}:s3:::{settings.source.bucket}"
        yield Grant(actions=READ_STORE, resources=one_of(bucket, f"{bucket}/{settings.source.key}"))


def _of_support_stack(settings: Settings, partition: str) -> Iterator[Decision]:
    """Decide what the CDK's stack for a source action in another account than the tools account causes."""
    role = f"cross-account-support-stack-{settings.source_account}/[^/]+-Source-Source-ActionRole"
    store = f"arn:{partition}:s3:::{settings.name}-artifacts-{settings.account}-{settings.region}"
    yield _decision(
        "CodePipeline",
        (role,),
        (*_actions(WRITE_STORE), f"Resource::{store}/*"),
        "The source action uploads the commit under a random name to the store of the pipeline, which keeps versions.",
        Grant(actions=WRITE_STORE, resources=one_of(store, f"{store}/*")),
        Grant(actions=WRITE_ACL, resources=one_of(f"{store}/*")),
    )
    yield _decision(
        "CodePipeline",
        (role,),
        (*_actions(USE_KEY), "Resource::*"),
        "The store's key belongs to the tools account, and its policy lets this role in; no other key there does.",
        Grant(actions=USE_KEY, resources=one_of("*")),
    )


def _decision(
    construct: str, roles: Collection[str], details: Collection[str], reason: str, *grants: Grant
) -> Decision:
    """Decide these details of the policies of these roles, whose paths are patterns."""
    return Decision(
        construct=construct,
        path=f"(?:{'|'.join(roles)})/DefaultPolicy/Resource",
        rules=tuple(f"{IAM5}[{each}]" for each in details),
        holds=granted(*grants),
        reason=reason,
        by=DecidedBy.PIPELINE,
    )


def _actions(actions: Collection[str]) -> list[str]:
    return sorted(f"Action::{each}" for each in actions if "*" in each)


def _unnamed(resource: str) -> str:
    """Write a reference as an acknowledgement names it, without the path of what it refers to."""
    return re.sub(r"<[^>]+>", "<*>", resource)
