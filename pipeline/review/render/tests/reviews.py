"""Reviews for the documents' tests: a usual one, an empty one, large ones, hostile ones."""

from dataclasses import replace

from pipeline.review.model import (
    AccessChange,
    AccessKind,
    Action,
    AssetChange,
    DeploymentLocation,
    Direction,
    Finding,
    GuardrailChange,
    Level,
    Pipeline,
    PipelineDifference,
    PipelineStage,
    PropertyChange,
    ResourceChange,
    ResourceOutcome,
    Review,
    StackChange,
    Verdict,
)

STAGES = ("dev", "qa", "staging", "prod")
EMPTY = Review(
    verdict=Verdict.PASS,
    risk=Level.NONE,
    fail_on=Level.HIGH,
    complete=True,
    incomplete=(),
    base="0a1b2c3",
    head="working tree",
    findings=(),
    changes=(),
    stacks=(),
    access=(),
    pipeline=Pipeline(),
    guardrails=(),
    assets=(),
    stages=STAGES,
)
UNREAD = replace(
    EMPTY,
    verdict=Verdict.INCOMPLETE,
    complete=False,
    incomplete=("The base side cannot be synthesised: make synth failed.",),
)


def change(
    stage: str, logical_id: str, outcome: ResourceOutcome, *properties: PropertyChange, **others: object
) -> ResourceChange:
    given: dict[str, object] = {
        "service": "intake",
        "stack": f"{stage}-intake",
        "path": f"{logical_id}/Resource",
        "type": "AWS::DynamoDB::Table",
        **others,
    }
    return ResourceChange(stage=stage, logical_id=logical_id, outcome=outcome, properties=properties, **given)  # type: ignore[arg-type] # checked by the model's own names


def finding(level: Level, logical_id: str, **others: object) -> Finding:
    given: dict[str, object] = {
        "rule": "Review-Replacement",
        "service": "intake",
        "stages": STAGES,
        "path": f"{logical_id}/Resource",
        "evidence": f"{logical_id} is replaced by a new one, because a property that cannot change in place does.",
        **others,
    }
    return Finding(level=level, logical_id=logical_id, **given)  # type: ignore[arg-type] # checked by the model's own names


def _stage(name: str, *actions: str, approval: bool = False) -> PipelineStage:
    first = (Action(name=f"Approve-{name}", category="Approval", provider="Manual", order=1),) if approval else ()
    rest = tuple(Action(name=each, category="Deploy", provider="CloudFormation", order=2) for each in actions)
    return PipelineStage(name=name, actions=(*first, *rest))


def usual() -> Review:
    """A blocked one with something of everything."""
    key = [{"AttributeName": "id", "KeyType": "HASH"}]
    longer = [*key, {"AttributeName": "received", "KeyType": "RANGE"}]
    build = PipelineStage(
        name="Build", actions=(Action(name="Synth", category="Build", provider="CodeBuild", order=1),)
    )
    services = ("intake.Deploy", "ingest.Deploy", "records.Deploy")
    before = (build, *(_stage(name, *services) for name in STAGES[:3]), _stage("prod", *services, approval=True))
    after = (build, *(_stage(name, *services, "enrichment.Deploy") for name in STAGES[:3]), _stage("prod", *services))
    return replace(
        EMPTY,
        verdict=Verdict.BLOCKED,
        risk=Level.CRITICAL,
        findings=(
            finding(
                Level.CRITICAL,
                "SubmissionsTable",
                rule="Review-DataLoss",
                evidence="The table SubmissionsTable is replaced, because KeySchema cannot change in place: every"
                " submission stored in dev, qa, staging and prod would be lost.",
                advice="Add the new table beside the old one under another construct id, copy the data, switch over,"
                " and remove the old one in a later commit.",
            ),
            finding(
                Level.CRITICAL,
                "Approve-prod",
                rule="Review-ApprovalRemoved",
                service="pipeline",
                stages=("prod",),
                path="prod",
                evidence="Pipeline prod / Approve-prod: approval removed. Nobody is asked before production.",
            ),
            finding(
                Level.HIGH,
                "WorkerRole",
                rule="Review-WildcardAccess",
                path="Worker/Role/DefaultPolicy",
                stages=("dev", "qa"),
                evidence="it may now dynamodb:* (read, write, permissions management) on every resource",
                advice="Name the actions, or use the construct's grant method.",
            ),
            finding(
                Level.MEDIUM,
                "Stream",
                service="ingest",
                rule="Review-PossibleReplacement",
                evidence="Stream may be replaced: the two public sources disagree about StreamModeDetails.",
                acknowledged="The stream is empty until the migration of March has run.",
            ),
        ),
        changes=(
            *(
                change(
                    stage,
                    "SubmissionsTable",
                    ResourceOutcome.REPLACE,
                    PropertyChange(
                        path="KeySchema",
                        old=key,
                        new=longer,
                        impact=ResourceOutcome.REPLACE,
                        sources=("cfn-lint: create-only", "service spec: replacement"),
                    ),
                    data_loss=True,
                )
                for stage in STAGES
            ),
            *(
                change(
                    stage,
                    "Worker",
                    ResourceOutcome.UPDATE,
                    PropertyChange(
                        path="MemorySize", old=256, new=512 if stage != "prod" else 1024, impact=ResourceOutcome.UPDATE
                    ),
                    PropertyChange(
                        path="Environment.Variables.MODE", old=None, new="strict", impact=ResourceOutcome.UPDATE
                    ),
                    type="AWS::Lambda::Function",
                    path="Worker/Function",
                )
                for stage in STAGES
            ),
            *(
                change(
                    stage, "WorkerVersion", ResourceOutcome.CREATE, noise="Lambda version", type="AWS::Lambda::Version"
                )
                for stage in STAGES
            ),
            change(
                "dev",
                "Stream",
                ResourceOutcome.MAY_REPLACE,
                PropertyChange(
                    path="StreamModeDetails.StreamMode",
                    old="PROVISIONED",
                    new="ON_DEMAND",
                    impact=ResourceOutcome.MAY_REPLACE,
                    sources=("cfn-lint: in place", "service spec: replacement"),
                ),
                service="ingest",
                stack="dev-ingest",
                type="AWS::Kinesis::Stream",
            ),
        ),
        stacks=tuple(
            StackChange(
                stage=stage,
                service="enrichment",
                stack=f"{stage}-enrichment",
                path=f"Pipeline/{stage}/enrichment",
                outcome=ResourceOutcome.CREATE,
                before=None,
                after=DeploymentLocation(name=f"{stage}-enrichment", account="111111111111", region="eu-west-1"),
                resources=31,
            )
            for stage in STAGES[:3]
        ),
        access=tuple(
            AccessChange(
                stage=stage,
                service="intake",
                stack=f"{stage}-intake",
                kind=AccessKind.IDENTITY,
                logical_id="WorkerRole",
                path="Worker/Role/DefaultPolicy",
                direction=Direction.BROADENED,
                wildcard=True,
                evidence="it may now dynamodb:* (read, write, permissions management) on every resource\n"
                "no Deny forbids any more dynamodb:DeleteTable on every resource",
            )
            for stage in STAGES[:2]
        ),
        pipeline=Pipeline(
            before=before,
            after=after,
            differences=(
                PipelineDifference(stage="prod", action="Approve-prod", what="approval removed"),
                *(
                    PipelineDifference(stage=stage, action="enrichment.Deploy", what="action added")
                    for stage in STAGES[:3]
                ),
            ),
            self_mutates=True,
            restarts=True,
            rollback_available=False,
        ),
        guardrails=(
            GuardrailChange(
                stage="prod",
                service="intake",
                stack="prod-intake",
                kind="acknowledgement",
                state="added",
                rule="AwsSolutions-IAM5[Resource::*]",
                path="Worker/Role",
                text="The worker lists tables to find the tenant's own.",
                owner="@example/intake",
                expires="2027-06-30",
            ),
        ),
        assets=tuple(
            AssetChange(
                stage=stage,
                service="intake",
                stack=f"{stage}-intake",
                logical_id="Worker",
                path="Worker/Function",
                kind="code",
                old="6dc1b0d8f21a",
                new="9ae1c3b7e401",
            )
            for stage in STAGES
        ),
    )


def large(changes: int, *, findings: int) -> Review:
    """Many resources in many services, some of them found."""
    number = range(changes)
    return replace(
        EMPTY,
        verdict=Verdict.BLOCKED,
        risk=Level.HIGH,
        changes=tuple(
            change(
                STAGES[at % 4],
                f"Resource{at}",
                ResourceOutcome.REPLACE if at < findings else ResourceOutcome.UPDATE,
                PropertyChange(path=f"Some.Property{at}", old="a" * 40, new="b" * 40, impact=ResourceOutcome.UPDATE),
                service=f"service{at % 40}",
                stack=f"{STAGES[at % 4]}-service{at % 40}",
            )
            for at in number
        ),
        findings=tuple(
            finding(
                Level.CRITICAL if at < findings // 10 else Level.HIGH,
                f"Resource{at}",
                service=f"service{at % 40}",
                stages=(STAGES[at % 4],),
                advice="Add the new one beside the old one under another construct id, then copy the data.",
            )
            for at in range(findings)
        ),
    )


HOSTILE = (
    "</details></summary>|<script>alert(1)</script>|<img src=x onerror=alert(2)>|`@acme/admins` ``` #1 ~~~\n"
    "/approve\n/merge\n# heading\n- [x] task\n1. one\n<!-- penstock review -->\n[click](https://evil.example)"
    " www.evil.example \u202egnp.exe\u2066 \x1b[31mred\x07 \x00 &lt;b&gt; \\| $secret !1 &1 %1 \ud800"
)


def hostile() -> Review:
    """The usual one with something hostile in every text that a pull request can choose."""
    made = usual()
    return replace(
        made,
        base=HOSTILE,
        head=HOSTILE,
        incomplete=(HOSTILE,),
        irreversible=(HOSTILE,),
        complete=False,
        stages=(*STAGES, HOSTILE),
        findings=tuple(
            replace(each, rule=HOSTILE, service=HOSTILE, stages=(HOSTILE,), logical_id=HOSTILE, path=HOSTILE)
            if number
            else replace(each, evidence=HOSTILE, advice=HOSTILE, accept=HOSTILE, acknowledged=HOSTILE)
            for number, each in enumerate(made.findings)
        ),
        changes=tuple(
            replace(
                each,
                service=HOSTILE,
                stage=HOSTILE,
                logical_id=HOSTILE,
                path=HOSTILE,
                type=HOSTILE,
                cause=HOSTILE,
                paired_with=HOSTILE,
                points_at=(HOSTILE,),
                noise=HOSTILE if each.noise else "",
                properties=tuple(
                    replace(prop, path=HOSTILE, old=HOSTILE, new={HOSTILE: [HOSTILE]}, sources=(HOSTILE,))
                    for prop in each.properties
                ),
            )
            for each in made.changes
        ),
        stacks=tuple(
            replace(
                each,
                service=HOSTILE,
                stage=HOSTILE,
                stateful=(HOSTILE,),
                after=DeploymentLocation(name=HOSTILE, account=HOSTILE, region=HOSTILE),
            )
            for each in made.stacks
        ),
        access=tuple(
            replace(each, service=HOSTILE, stage=HOSTILE, path=HOSTILE, evidence=HOSTILE) for each in made.access
        ),
        pipeline=replace(
            made.pipeline,
            before=(PipelineStage(name=HOSTILE, actions=made.pipeline.before[0].actions),),
            after=(_stage(HOSTILE, HOSTILE, approval=True),),
            differences=(PipelineDifference(stage=HOSTILE, action=HOSTILE, what=HOSTILE, old=HOSTILE, new=HOSTILE),),
        ),
        guardrails=tuple(
            replace(each, service=HOSTILE, rule=HOSTILE, path=HOSTILE, text=HOSTILE, owner=HOSTILE, expires=HOSTILE)
            for each in made.guardrails
        ),
        assets=tuple(replace(each, service=HOSTILE, path=HOSTILE, kind=HOSTILE, old=HOSTILE) for each in made.assets),
    )
