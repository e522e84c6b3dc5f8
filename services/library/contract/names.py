"""The names that rooms must agree on. With the standard library alone: whoever imports it waits for nothing."""

import re
from dataclasses import dataclass
from typing import Annotated

from services.library.contract.constraints import Matches, validate_fields

ACCOUNT = Matches(r"\d{12}", "12 digits, as a string")
REGION = Matches(r"[a-z]{2}(-[a-z]+)+-\d", "an AWS region such as eu-west-1")
OWNER = Matches(r"@[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9][A-Za-z0-9_-]*", "@organisation/team")
"""Who answers for something, as CODEOWNERS writes it."""
SHORTEST_REASON = 20
"""Characters in which a stranger can be told why: of an acknowledgement, a removal, a hotfix."""
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
"""How a moment is written in a tag and in CDK context; UTC."""

_WORDS = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
SERVICE = Matches(_WORDS, "words of a-z and 0-9 with single - between them")
STAGE = Matches(rf"(?=.{{1,16}}\Z){_WORDS}", "1-16 of a-z, 0-9 and single -, starting with a letter")

REMOVALS_STAGE = "removals"
"""The pipeline's stage that deletes stacks of stages which are gone."""
PIPELINE_STAGES = frozenset({"assets", "build", REMOVALS_STAGE, "source", "updatepipeline"})
"""Stages that the pipeline has of its own, in lower case."""
STAGES_VARIABLE, REASON_VARIABLE, ALARMS_VARIABLE = "Stages", "Reason", "Alarms"
"""The pipeline's variables: which stages a run enters, why the others are left out, and what alarms mean to a gate."""
EVERY_STAGE = "every"
HEEDED, UNHEEDED = "heeded", "unheeded"
"""What alarms that fire are to a gate: a reason to refuse, or none."""
BAKE_PREFIX = "Bake-"
"""Of the action that watches a stage or wave after its deployment."""
GATE_SUFFIX = "-gate"
"""Of the pipeline's stage in front of a stage or wave, in which a person agrees to it."""

SERVICE_TAG, OWNER_TAG, ENVIRONMENT_TAG = "penstock:service", "penstock:owner", "penstock:environment"
"""What each resource of a service is tagged with."""
ADOPTED = "penstock:adopted"
"""The metadata of a stack in the assembly that says what it was deployed as before the platform. No template has it."""
BRANCH_TAG, BRANCH_NAME_TAG, EXPIRES_TAG = "penstock:branch", "penstock:branch-name", "penstock:expires"
"""What the stacks of a branch environment are tagged with besides."""
BRANCH_PREFIX = "branch-"
"""What the names of all branches begin with, and no stage's may: the roles of branches reach nothing else."""
BRANCH_SLUG_LENGTH, BRANCH_HASH_LENGTH = 6, 6
"""Of 32 signs: two branches out of a thousand share a prefix with a probability of 1 in 2,000."""
BRANCH_ENVIRONMENT = re.compile(
    rf"{BRANCH_PREFIX}[a-z0-9](?:[a-z0-9-]{{0,{BRANCH_SLUG_LENGTH - 2}}}[a-z0-9])?-[a-z2-7]{{{BRANCH_HASH_LENGTH}}}"
)
"""The prefix of a branch environment; no other begins with one of them."""
BRANCH_DEPLOY_ROLE = "penstock-branch-deploy"
"""Made by pipeline/accounts/branches.yaml: it reaches nothing but branch environments."""

VENDED_LOGS = "/aws/vendedlogs/"
"""Begins the names of log groups that need no entry of their own in an account's resource policy of logs.
https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html"""

QUALIFIER = Matches(r"[a-z0-9]{1,10}", "1-10 of a-z and 0-9")
"""cdk bootstrap takes more, but a bucket has it in its name."""
STACK = Matches(r"[A-Za-z][A-Za-z0-9-]{0,127}", "a stack's name: 1-128 letters, digits and -, a letter first")
SHARED_QUALIFIER, SHARED_TOOLKIT_STACK = "hnb659fds", "CDKToolkit"
"""What `cdk bootstrap` takes unless it is told otherwise, and so what an account has for all other CDK apps."""
POLICY = Matches(r"[A-Za-z0-9+=,.@_-]{1,128}", "the name of a managed policy: 1-128 letters, digits and +=,.@_-")
PLATFORM_BOUNDARY = "penstock-boundary"
"""The permissions boundary that pipeline/accounts/foundation.yaml makes, unless pipeline/settings.py names another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bootstrap:
    """What each account has before the first deployment, by its names: of `cdk bootstrap`, and of its organisation."""

    qualifier: Annotated[str, QUALIFIER] = "penstock"
    """In the name of each role, bucket and parameter."""
    toolkit_stack: Annotated[str, STACK] = "PenstockToolkit"
    permissions_boundary: Annotated[str, POLICY] = PLATFORM_BOUNDARY
    """The managed policy that each role has as its permissions boundary: the foundation's, or an organisation's."""
    further_execution_policies: tuple[Annotated[str, POLICY], ...] = ()
    """What CloudFormation's role has besides the foundation's policy, such as what an organisation denies."""

    def __post_init__(self) -> None:
        for found in validate_fields(self):
            raise ValueError(f"Bootstrap: {found.sentence}")
        if (self.qualifier == SHARED_QUALIFIER) != (self.toolkit_stack == SHARED_TOOLKIT_STACK):
            raise ValueError(
                f"Bootstrap: toolkit_stack={self.toolkit_stack!r} is not allowed; give {SHARED_TOOLKIT_STACK} with the"
                f" qualifier {SHARED_QUALIFIER} and with no other."
            )

    def role(self, role: str, *, account: str, region: str) -> str:
        """Return the name of a role, such as `deploy`, `lookup` or `file-publishing`."""
        return f"cdk-{self.qualifier}-{role}-role-{account}-{region}"

    def bucket(self, *, account: str, region: str) -> str:
        """Return the name of the bucket for files."""
        return f"cdk-{self.qualifier}-assets-{account}-{region}"

    @property
    def version_parameter(self) -> str:
        """Return the name of the parameter that holds the version of its template."""
        return f"/cdk-bootstrap/{self.qualifier}/version"


PLATFORM_BOOTSTRAP = Bootstrap()
"""Unless pipeline/settings.py names another."""


def reserved_stage(name: str) -> str | None:
    """Return why a stage cannot be called so although the name is well formed; None if it can."""
    if f"{name}-".startswith(BRANCH_PREFIX):  # of a stage `branch` the stacks' names begin so
        return f"{BRANCH_PREFIX} begins the names of branch environments, which their roles may change and delete"
    if name.endswith(GATE_SUFFIX):
        return f"{GATE_SUFFIX} ends the names of the pipeline's own stages for approvals, such as prod{GATE_SUFFIX}"
    if name == EVERY_STAGE:
        return "it means all of them where a run says which stages it enters"
    return "the pipeline has a stage of that name itself" if name in PIPELINE_STAGES else None


def release_parameter(pipeline: str, stage: str) -> str:
    """Return the name of the parameter that has what the gate of a stage or wave judges by."""
    return f"/penstock/release/{pipeline}/{stage}"


def release_alarm(stage: str, service: str) -> str:
    """Return the name of the alarm by which releases of a service to a stage are watched."""
    return f"{stage}-{service}-release"


def bake_of(stage: str) -> str:
    """Return the name of the action that watches a stage or wave after its deployment."""
    return f"{BAKE_PREFIX}{stage}"


def gate_of(stage: str) -> str:
    """Return what the pipeline calls its stage for the approval of a stage or wave."""
    return f"{stage}{GATE_SUFFIX}"


def entry_of(pipeline_stage: str) -> str:
    """Return the stage or wave that a stage of the pipeline is for: prod, of prod-gate, of its part prod.1, of prod."""
    return pipeline_stage.removesuffix(GATE_SUFFIX).partition(".")[0]


def stack_of(label: str, service: str) -> str:
    """Return what the CDK calls the stack of a service in a stage, which is given by its label."""
    return f"{label}-{service}"


def parameter(environment: str, published: str) -> str:
    """Return the name of the parameter that holds a published value, `service/value`, in an environment."""
    return f"/penstock/{environment}/{published}"
