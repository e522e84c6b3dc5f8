"""The findings that the platform team accepts. Paths start at the App.

Most come from grants that CDK Pipelines makes for itself. They name the smallest construct that covers the roles of one
part of the pipeline; no service's stack is below it.
"""

from datetime import date

from pipeline.catalogue.model import Catalogue, stages_of
from services.library.contract.acknowledgement import Acknowledgement
from stages import accounts

OWNER = "@example/platform"
UNTIL = date(2027, 11, 1)
PIPELINE = "Pipeline/Pipeline"
"""Roles of the pipeline, its source action and the synth build."""
ENGINE = "Pipeline/Engine"
"""Roles of self-mutation and asset publishing."""
STEPS = "Pipeline/StepBuilds"
BUCKET = "<*.Arn>"
HOME = f"{accounts.TOOLS_REGION}:{accounts.TOOLS}"
SYNTH_PROJECT = "<*>"
SELF_MUTATION_PROJECT = "<*>"


def _accept(path: str, rule: str, reason: str) -> Acknowledgement:
    return Acknowledgement(rule=rule, path=path, reason=reason, owner=OWNER, expires=UNTIL)


def _wildcard(path: str, what: str, reason: str) -> Acknowledgement:
    return _accept(path, f"AwsSolutions-IAM5[{what}]", reason)


ACKNOWLEDGED: tuple[Acknowledgement, ...] = (
    _wildcard(
        PIPELINE, "Action::s3:Abort*", "Writing an artifact includes giving up a multipart upload; in our stores only."
    ),
    _wildcard(
        PIPELINE,
        "Action::s3:DeleteObject*",
        "Part of CDK's write grant; the stores keep versions, so nothing is lost for good by it.",
    ),
    _wildcard(
        PIPELINE, "Action::s3:GetBucket*", "Reading where an artifact store is and how it is set, on our stores only."
    ),
    _wildcard(
        ENGINE, "Action::s3:GetBucket*", "Self-mutation and publishing ask where the artifact store is before reading."
    ),
    _wildcard(
        PIPELINE, "Action::s3:GetObject*", "Every action reads its input artifacts, with versions, from our stores."
    ),
    _wildcard(ENGINE, "Action::s3:GetObject*", "Self-mutation and publishing read the assembly that synth wrote."),
    _wildcard(PIPELINE, "Action::s3:List*", "CodePipeline looks for artifacts by prefix in the stores that it owns."),
    _wildcard(ENGINE, "Action::s3:List*", "Both builds list the assembly's artifact before they fetch it."),
    _wildcard(PIPELINE, "Action::kms:GenerateDataKey*", "Encrypting an artifact, with the stores' own key alone."),
    _wildcard(
        ENGINE, "Action::kms:GenerateDataKey*", "CDK's grant on the artifact key covers writing; the build only reads."
    ),
    _wildcard(
        PIPELINE, "Action::kms:ReEncrypt*", "Part of CDK's grant to encrypt, limited to the artifact stores' keys."
    ),
    _wildcard(
        ENGINE, "Action::kms:ReEncrypt*", "Comes with the grant on the artifact key; no other key is named by it."
    ),
    _wildcard(
        PIPELINE, f"Resource::{BUCKET}/*", "Artifacts have random names, so the objects of the store are one resource."
    ),
    _wildcard(
        ENGINE, f"Resource::{BUCKET}/*", "The assembly's artifact has a random name, below the store of this pipeline."
    ),
    _wildcard(
        STEPS,
        f"Resource::{BUCKET}/*",
        "A step's build reads the commit's artifact, whose name is random; it cannot write.",
    ),
    _wildcard(
        PIPELINE,
        "Resource::*",
        "No ARN names the key of another region's store; the policies of all other keys refuse this role.",
    ),
    _wildcard(
        ENGINE,
        "Resource::*",
        "Self-mutation reads stacks and buckets for the bootstrap's version; the asset role starts CDK's own builds.",
    ),
    _wildcard(
        ENGINE,
        f"Resource::arn:*:iam::{accounts.TOOLS}:role/*",
        "Self-mutation assumes the bootstrap's roles; a condition on their tag narrows it to those.",
    ),
    _wildcard(
        ENGINE,
        f"Resource::arn:aws:codebuild:{HOME}:report-group/*",
        "CodeBuild's default policy for test reports of the asset job, which makes none.",
    ),
    _wildcard(
        ENGINE,
        f"Resource::arn:aws:codebuild:{HOME}:report-group/{SELF_MUTATION_PROJECT}-*",
        "Report groups bear the project's name with a suffix; the self-mutation project's own.",
    ),
    _wildcard(
        PIPELINE,
        f"Resource::arn:aws:codebuild:{HOME}:report-group/{SYNTH_PROJECT}-*",
        "Report groups bear the project's name with a suffix; the synth project's own.",
    ),
    _wildcard(
        ENGINE,
        f"Resource::arn:aws:logs:{HOME}:log-group:/aws/codebuild/*",
        "One role for the asset jobs, whose projects' names CDK Pipelines does not know beforehand.",
    ),
    _wildcard(
        ENGINE,
        f"Resource::arn:aws:logs:{HOME}:log-group:/aws/codebuild/{SELF_MUTATION_PROJECT}:*",
        "Log streams have random names, below the log group of the self-mutation project.",
    ),
    _wildcard(
        PIPELINE,
        f"Resource::arn:aws:logs:{HOME}:log-group:/aws/codebuild/{SYNTH_PROJECT}:*",
        "Log streams have random names, below the log group of the synth project.",
    ),
)


def accepted(
    source_account: str, *, catalogue: Catalogue, reviews_pull_requests: bool = False
) -> tuple[Acknowledgement, ...]:
    """All that holds for a pipeline over these stages whose source action acts in this account."""
    regions = {stage.environment.region for stage in stages_of(catalogue)} - {accounts.TOOLS_REGION}
    return (
        *ACKNOWLEDGED,
        *(each for region in sorted(regions) for each in _of_region(region)),
        *(_of_support_stack(source_account) if source_account != accounts.TOOLS else ()),
        *(_of_pull_requests() if reviews_pull_requests else ()),
    )


def _of_region(region: str) -> tuple[Acknowledgement, ...]:
    """A stage in another region than the pipeline's brings an artifact store there."""
    return (
        _wildcard(
            PIPELINE,
            f"Resource::arn:aws:s3:::penstock-artifacts-{accounts.TOOLS}-{region}/*",
            "The store of the other region: artifacts are copied there under random names for its stages.",
        ),
    )


def _of_pull_requests() -> tuple[Acknowledgement, ...]:
    """The pipeline's stack brings two builds for pull requests in a repository of the tools account."""
    below = "Pipeline/PullRequests"
    return (
        _wildcard(
            f"{below}/ReviewRole",
            f"Resource::{BUCKET}/reviews/*",
            "A review lies below its build's number, which is known only when it runs; it may write there alone.",
        ),
        _wildcard(
            f"{below}/CommentRole",
            f"Resource::{BUCKET}/reviews/*",
            "Reads the review of the build that has just ended, whichever that was, and nothing else of the store.",
        ),
    )


def _of_support_stack(account: str) -> tuple[Acknowledgement, ...]:
    """The CDK makes a stack in the account of a CodeCommit repository that is not in the tools account."""
    stack = f"cross-account-support-stack-{account}"
    role = f"{stack}/PipelineD808E361-Source-Source-ActionRole/DefaultPolicy/Resource"
    return (
        _wildcard(
            role, "Action::s3:Abort*", "The source action uploads the commit, and may give up a large upload half-way."
        ),
        _wildcard(
            role,
            "Action::s3:DeleteObject*",
            "CDK grants it with writing; the artifact store is versioned, so the commit's zip stays recoverable.",
        ),
        _wildcard(role, "Action::s3:GetBucket*", "The source action asks for the store's region and settings only."),
        _wildcard(role, "Action::s3:GetObject*", "It may read back what it has written, in the one artifact store."),
        _wildcard(role, "Action::s3:List*", "Listing the artifact store, whose names are random and tell nothing."),
        _wildcard(
            role, "Action::kms:GenerateDataKey*", "Encrypting the commit's zip with the key of the artifact store."
        ),
        _wildcard(role, "Action::kms:ReEncrypt*", "Belongs to CDK's grant to encrypt; the key's policy limits it."),
        _wildcard(
            role,
            "Resource::*",
            "The key belongs to the tools account, and its policy lets this role in; no other key of theirs does.",
        ),
        _wildcard(
            role,
            f"Resource::arn:aws:s3:::penstock-artifacts-{accounts.TOOLS}-{accounts.TOOLS_REGION}/*",
            "The commit's zip gets a random name in the artifact store of the pipeline's own region.",
        ),
    )
