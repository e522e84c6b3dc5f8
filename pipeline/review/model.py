"""The data of a review: what two synths would change, judged. docs/review.md documents its JSON, which is these names.

Frozen and plain, so that every document is a function of it. Nothing in it is a secret: `redact.py` ran before.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

VERSION = 1
"""Of the JSON. A new field keeps it; a field that goes or changes its meaning raises it."""

Json = Any
"""A part of a template: text, number, list, mapping, None. An intrinsic function is a mapping with its one name."""


class Level(StrEnum):
    """How much a finding matters. The order is `rank`'s, not the alphabet's."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for none, 4 for critical."""
        return list(Level).index(self)


class Verdict(StrEnum):
    """What a review says to a merge. Its exit code is beside it."""

    PASS = "pass"  # noqa: S105 - no password
    BLOCKED = "blocked"
    """A finding at or above the threshold that nobody has acknowledged on the base side."""
    INCOMPLETE = "incomplete"
    """Nothing blocks in what could be read, and not all could be."""

    @property
    def exit_code(self) -> int:
        """0 pass, 1 blocked, 2 could not review."""
        return {Verdict.PASS: 0, Verdict.BLOCKED: 1, Verdict.INCOMPLETE: 2}[self]


class ResourceOutcome(StrEnum):
    """What a deployment would do with a resource or a stack, the mildest first."""

    NONE = "NONE"
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    MAY_REPLACE = "MAY_REPLACE"
    WILL_FAIL = "WILL_FAIL"
    """Refused by the service: the deployment fails, and is rolled back."""
    SNAPSHOT = "SNAPSHOT"
    """Deleted, after its last state was kept as a snapshot."""
    ORPHAN = "ORPHAN"
    """Left behind: no longer managed, not deleted, still paid for."""
    REPLACE = "REPLACE"
    DESTROY = "DESTROY"

    @property
    def rank(self) -> int:
        """Return a number that is the larger, the worse the outcome is."""
        return list(ResourceOutcome).index(self)


class Direction(StrEnum):
    """Which way access changed."""

    BROADENED = "broadened"
    NARROWED = "narrowed"
    CHANGED = "changed"
    """Some granted and some taken away, or another condition of which neither includes the other."""
    UNKNOWN = "unknown"
    """Not decidable from the templates."""


class AccessKind(StrEnum):
    """Where access is granted."""

    IDENTITY = "identity"
    RESOURCE = "resource"
    TRUST = "trust"
    KEY = "key"
    BOUNDARY = "boundary"
    MANAGED = "managed"
    FUNCTION_URL = "function-url"
    SECURITY_GROUP = "security-group"


@dataclass(frozen=True, kw_only=True, slots=True)
class StackLocation:
    """Where a change happens. Every row of a review has these four."""

    stage: str = ""
    """The stage's name; empty for the pipeline's own stacks and for bare templates."""
    service: str = ""
    """The service's name; `pipeline` for the pipeline's own stacks."""
    stack: str = ""
    """CloudFormation's name of the stack; `parent/LogicalId` for a nested one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PropertyChange:
    """One property of a resource."""

    path: str
    """Such as `KeySchema` or `EncryptionConfig.KmsKeyId`; `Condition`, `DeletionPolicy` and the like for attributes."""
    old: Json
    """None where there was none. Redacted, if it may be a secret."""
    new: Json
    impact: ResourceOutcome
    """What this change alone does: UPDATE, MAY_REPLACE, WILL_FAIL or REPLACE."""
    sources: tuple[str, ...] = ()
    """Who says so, such as `cfn-lint: create-only`. Two that disagree are both named."""
    keyed_path: str = ""
    """The path with the keys of lists' entries, such as `Stages[prod].Actions[Approve]`; empty if there are none."""


class EndingKind(StrEnum):
    """How data end while their resource stays."""

    EXPIRY = "expiry"
    """They are kept for less time."""
    RECOVERY = "recovery"
    """A backup, a version or a copy of them is gone."""
    SECRET = "secret"  # noqa: S105 - the name of a kind, and no secret
    """The value is replaced by another."""
    ENCRYPTION = "encryption"
    """A key that others share encrypts them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EndingData:
    """What ends with a change of a resource that is neither deleted nor replaced."""

    path: str
    kind: EndingKind
    what: str
    when: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceChange(StackLocation):
    """What happens to one resource in one stage."""

    logical_id: str
    path: str
    """The construct's path below its stack's, so the same in every stage; the logical id without metadata."""
    type: str
    outcome: ResourceOutcome
    data_loss: bool = False
    unknown_data: bool = False
    """Whether it goes, or may go, and nobody has said what its type holds."""
    is_protected: bool = False
    """Whether it leaves its stack and its service refuses to delete it."""
    guard_dropped: bool = False
    """A deletion guard (Retain, Snapshot, deletion protection) is gone, and nothing is lost yet."""
    ending_data: tuple[EndingData, ...] = ()
    """What ends although the resource stays."""
    noise: str = ""
    """Why the row is folded away, such as `asset hash`; empty for a row that people should read."""
    properties: tuple[PropertyChange, ...] = ()
    paired_with: str = ""
    """The logical id that is the other half of a rename: one is deleted, the other created."""
    cause: str = ""
    """The logical id of the resource whose replacement causes this one's."""
    points_at: tuple[str, ...] = ()
    """Other stages whose account its new values name and its old ones did not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentLocation:
    """What CloudFormation calls a stack, and where it lies. Two of these that differ are two stacks."""

    name: str
    account: str
    region: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StackChange(StackLocation):
    """What happens to a whole stack: added, orphaned, or both if it was renamed or moved."""

    path: str
    """The construct's path from the App."""
    outcome: ResourceOutcome
    """CREATE, ORPHAN (CDK Pipelines never deletes a stack), DESTROY (it has a tombstone, so that a step of the pipeline
    deletes it) or REPLACE (a new one is created, the old one orphaned)."""
    before: DeploymentLocation | None
    after: DeploymentLocation | None
    resources: int
    """How many it has: a new stack's are counted here and not listed as changes."""
    stateful: tuple[str, ...] = ()
    """Logical ids of those that hold data, for a stack that is left behind or deleted."""
    lost: tuple[str, ...] = ()
    """Those among them whose data a deletion of the stack deletes."""
    tombstone: str = ""
    """The reason and the owner of its removal, if the step that deletes it is the one that pipelines here have."""
    is_promotion: bool = False
    """Whether a stack is new whose service the base side has in another stage already."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessChange(StackLocation):
    """Who may do what, as it differs."""

    kind: AccessKind
    logical_id: str
    path: str = ""
    direction: Direction
    public: bool = False
    """Anybody with or without an AWS account: a principal `*` that no condition narrows, an open function URL."""
    world: bool = False
    """Any address of the internet: 0.0.0.0/0, ::/0."""
    admin: bool = False
    """Everything, in effect: `*` on `*`, AdministratorAccess and its like."""
    wildcard: bool = False
    """All actions of a service, or all resources for actions that write, and not yet everything."""
    within_stack: bool = False
    """Whether all that is granted stays between resources of its own stack and AWS's services."""
    evidence: str
    """What is now possible and was not, or the other way round, in one sentence or a line for each statement."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """One action of the pipeline."""

    name: str
    category: str
    """Source, Build, Test, Deploy, Approval, Invoke, Compute."""
    provider: str
    order: int
    image: str = ""
    """For a build: what it runs in."""
    privileged: bool = False
    role: str = ""
    """The logical id of the role that a build runs with, or an ARN."""
    variables: str = ""
    """For a build: what the pipeline gives it, such as what a probe calls and expects."""
    target: str = ""
    """The stack that a deployment is for."""

    @property
    def is_approval(self) -> bool:
        """Return whether a person must agree here."""
        return self.category == "Approval"


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineStage:
    """One stage of the pipeline with its actions in running order."""

    name: str
    actions: tuple[Action, ...]
    entry_condition: str = ""
    """What a run is asked before it enters the stage, as JSON."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineDifference:
    """One difference in the pipeline's shape."""

    stage: str
    action: str
    """Empty if it is about the whole stage."""
    what: str
    """`stage added`, `stage removed`, `approval removed`, `approval moved`, `action added`, `image changed`, ..."""
    old: str = ""
    new: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """The pipeline before and after. Both empty if neither side has one."""

    before: tuple[PipelineStage, ...] = ()
    after: tuple[PipelineStage, ...] = ()
    differences: tuple[PipelineDifference, ...] = ()
    self_mutates: bool = False
    """Whether this push updates the pipeline's own stack."""
    restarts: bool = False
    """Whether it changes the pipeline's definition, which then starts anew."""
    rollback_available: bool = True
    """Whether a stage could roll back to an earlier run: only to one of the same pipeline structure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardrailChange(StackLocation):
    """A guardrail's finding, an acknowledgement or an override that is not as it was."""

    kind: str
    """`finding`, `acknowledgement` or `override`."""
    state: str
    """A finding is `new`, `fixed`, `acknowledged`, `decided` or `gone`; others are `added`, `changed` or `removed`.

    `decided`: by the library or the pipeline, so that nobody has to accept it; `gone`: its resource is.
    """
    rule: str
    """The rule's id; an override's dotted name."""
    path: str
    text: str = ""
    """What the guardrail said, who decided and why, or the acknowledgement's reason."""
    owner: str = ""
    expires: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class AssetChange(StackLocation):
    """A file or image whose content is not the same."""

    logical_id: str
    path: str
    kind: str
    """`code` (a function or a layer), `file`, `image` or `template`."""
    old: str
    """Its hash; empty if there was none."""
    new: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What a reader must know before this is merged."""

    rule: str
    """Such as `Review-DataLoss`: rules.json lists them, and an acknowledgement names one."""
    level: Level
    service: str
    stages: tuple[str, ...]
    """In promotion order; empty for the pipeline's own."""
    logical_id: str
    path: str
    """For the acknowledgement: below the service's stack, or from the App."""
    evidence: str
    """What would happen, where, in sentences."""
    advice: str = ""
    """What to do instead, where there is an alternative."""
    accept: str = ""
    """How to accept it, if it blocks and somebody may."""
    follows_stack: bool = False
    """Whether a stack that is new, or removed by its tombstone, always brings it. It is folded unless it blocks."""
    acknowledged: str = ""
    """The reason, if the base side, or a stack's tombstone, accepts it; it does not count for the verdict then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """The whole of it."""

    verdict: Verdict
    risk: Level
    """The highest level of a finding that is not acknowledged."""
    fail_on: Level
    complete: bool
    incomplete: tuple[str, ...]
    """Why it is not complete, a sentence each. A banner in every document."""
    base: str
    """What was compared, for people: a revision, a folder or a file."""
    head: str
    findings: tuple[Finding, ...]
    """The worst first."""
    changes: tuple[ResourceChange, ...]
    """One for each resource and stage, noise included. `group_rows.py` makes rows for people of them."""
    stacks: tuple[StackChange, ...]
    access: tuple[AccessChange, ...]
    pipeline: Pipeline
    guardrails: tuple[GuardrailChange, ...]
    assets: tuple[AssetChange, ...]
    stages: tuple[str, ...] = ()
    """Every stage of either side, in promotion order."""
    irreversible: tuple[str, ...] = ()
    """Why the release cannot be taken back as it was, by its templates, a sentence each."""
    version: int = VERSION

    @property
    def is_empty(self) -> bool:
        """Return whether both sides are the same in all that could be read; `complete` says whether that is all."""
        return not (
            self.findings
            or self.changes
            or self.stacks
            or self.access
            or self.pipeline.differences
            or self.guardrails
            or self.assets
        )

    def to_json(self) -> Mapping[str, Json]:
        """Return the documented JSON."""
        return asdict(self)
