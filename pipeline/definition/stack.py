"""The pipeline itself: synth, self-mutation, assets, then one deployment for each stage."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines
from constructs import Construct

from pipeline.build_settings import BuildSettings
from pipeline.catalogue.model import Catalogue, Removal, Stage, Wave, stages_of
from pipeline.catalogue.release import (
    approves_unchanged,
    asks_approval,
    has_gate,
    removed_last,
    watched_alone,
)
from pipeline.catalogue.release import bakes as bakes_in
from pipeline.definition import (
    approval_timeout,
    bakes,
    decided_findings,
    entry_conditions,
    failed_creations,
    gate_evidence,
    gates,
    node_tools,
    pipeline_size,
    release_rules,
    rollback_conditions,
    steps,
    unchanged_approval,
    unit_tests,
    wave_names,
)
from pipeline.definition.artifacts import ArtifactStore, stores
from pipeline.definition.bootstrap_roles import bootstrap_role_arn, deploy_role_arn, lookup_role_arn
from pipeline.definition.branch_cleanup import branch_cleanup
from pipeline.definition.build_environment import RUNTIMES, build_environment
from pipeline.definition.build_network import BuildNetwork
from pipeline.definition.expiry_check import expiry_check
from pipeline.definition.notifications import Notifications
from pipeline.definition.pull_request_builds import PullRequestReviews, WebhookReview
from pipeline.definition.scheduled_build import ScheduledBuild
from pipeline.definition.service_stage import BuiltStage, ServiceStage
from pipeline.definition.shared_build import SharedBuild
from pipeline.definition.source_action import add_trigger, grant_connection, source_action
from pipeline.pipeline_settings import Settings
from pipeline.source import CodeCommitSource, ConnectionSource
from services.library.contract.environment import Environment
from services.library.contract.names import REMOVALS_STAGE, gate_of
from services.library.contract.steps import Step

StageFactory = Callable[[Construct, Stage], BuiltStage]


class PipelineStack(cdk.Stack):
    """One self-mutating pipeline over a catalogue of stages. `removals`: stacks that it is to delete."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        catalogue: Catalogue,
        removals: Sequence[Removal] = (),
        branches: Environment | None = None,
        make_stage: StageFactory | None = None,
    ) -> None:
        """`branches`: where branch environments are, of which those that are over go each night.

        `make_stage`: makes a stage with its services' stacks; a synth puts in what it has made of each service already.
        """
        size = pipeline_size.actions(catalogue, removals)
        super().__init__(
            scope,
            id_,
            env=cdk.Environment(account=settings.account, region=settings.region),
            description="The self-mutating pipeline that deploys every service to every stage",
            termination_protection=True,
            permissions_boundary=cdk.PermissionsBoundary.from_name(settings.bootstrap.permissions_boundary),
            suppress_template_indentation=size > pipeline_size.INDENTED_ACTIONS,
        )
        if warning := pipeline_size.warning(size):
            cdk.Annotations.of(self).add_warning_v2("penstock:pipelineQuota", warning)
        self._boundary = settings.bootstrap.permissions_boundary
        self._make_stage = make_stage or partial(ServiceStage, boundary=self._boundary)
        self._pipeline_name = settings.name
        stages = list(stages_of(catalogue))
        self._built = {stage.label: self._make_stage(self, stage) for stage in stages}
        catalogue = tuple(entry.with_stages(self._as_watched) for entry in catalogue)
        self.decided_findings = decided_findings.decisions(
            self, settings, [stage.environment.region for stage in stages]
        )
        """What this stack always causes, for the guardrails."""
        self._artifacts = artifacts = ArtifactStore(self, "Artifacts", name=settings.name)
        pipeline = codepipeline.Pipeline(
            self,
            "Pipeline",
            pipeline_name=settings.name,
            pipeline_type=codepipeline.PipelineType.V2,
            execution_mode=codepipeline.ExecutionMode.SUPERSEDED,
            restart_execution_on_update=True,
            variables=entry_conditions.variables(),
            cross_account_keys=True,
            cross_region_replication_buckets=stores(
                artifacts, name=settings.name, regions=[stage.environment.region for stage in stages]
            ),
        )
        self._builds = steps.StepBuilds(
            self,
            "StepBuilds",
            artifacts=artifacts,
            pipeline_role=pipeline.role,
            bootstrap=settings.bootstrap,
            deploy_roles=[
                deploy_role_arn(
                    self,
                    settings.bootstrap,
                    account=stage.environment.account,
                    region=stage.environment.region,
                )
                for stage in stages
                if stage.environment.keeps_data
            ],
            gated=gates.GatedStages.of(catalogue, settings),
            removals=removals,
        )
        self._evidence = self._evidence_build(stages) if any(map(asks_approval, catalogue)) else None
        self._unchanged = self._unchanged_build([each for each in catalogue if approves_unchanged(each)])
        self._source = source_action(self, settings.source)
        synth = self._synth()
        self._programs = synth.add_output_directory(steps.PROGRAMS)
        self._engine = pipelines.CodePipeline(
            self,
            "Engine",
            code_pipeline=pipeline,
            synth=synth,
            # Unpinned, the CDK asks for the newest, which may refuse our assembly.
            cli_version=node_tools.locked("aws-cdk"),
            cdk_assets_cli_version=node_tools.locked("cdk-assets"),
            # One asset job whatever the number of assets: a change of code alone then leaves the pipeline as it is.
            publish_assets_in_parallel=False,
            # A change set for each stack would double the actions, of which a pipeline has a limited number.
            use_change_sets=False,
            code_build_defaults=pipelines.CodeBuildOptions(
                build_environment=build_environment(),
                partial_build_spec=codebuild.BuildSpec.from_object(
                    {"phases": {"install": {"runtime-versions": RUNTIMES}}}
                ),
            ),
        )
        self._removals = removals
        first = next((entry for entry in catalogue if any(stage.services for stage in entry.stages)), None)
        for entry in catalogue:
            self._add(entry, tests=self._unit_tests() if entry is first else None)
        self._remove_last(catalogue)
        self._engine.build_pipeline()
        self._install_locked_tools(settings.builds)
        self._let_build_prove_its_successor()
        grant_connection(pipeline, settings.source)
        self.notifications = Notifications(self, "Notifications", pipeline=pipeline)
        scheduled = {"DailyCheck": expiry_check(self.notifications)}
        if branches is not None:
            scheduled["BranchSweep"] = branch_cleanup(branches, partition=self.partition)
        for name, build in scheduled.items():
            ScheduledBuild(
                self,
                name,
                settings=build,
                pipeline=pipeline,
                notifications=self.notifications,
                builds=self._builds,
            )
        cdk.CfnOutput(
            self,
            "NotificationsTopic",
            value=self.notifications.topic.topic_arn,
            description="Subscribe here to hear of failed runs and of those that wait for approval",
        )
        template = pipeline.node.default_child
        assert isinstance(template, codepipeline.CfnPipeline)  # noqa: S101 - what every L2 pipeline is made of
        add_trigger(
            self,
            pipeline,
            settings.source,
            undelivered=self.notifications.undelivered,
            support=self._support_of(settings.source_account),
        )
        if settings.reviews_pull_requests and isinstance(settings.source, CodeCommitSource):
            PullRequestReviews(
                self,
                "PullRequests",
                source=settings.source,
                artifacts=artifacts,
                undelivered=self.notifications.undelivered,
            )
        elif isinstance(settings.source, ConnectionSource) and settings.source.review_webhook:
            WebhookReview(self, "PullRequests", source=settings.source, key=artifacts.key)
        names = wave_names.name_waves(template, [stage.stage_name for stage in pipeline.stages], catalogue)
        rollback_conditions.add_conditions(template, names, catalogue)
        approval_timeout.set_timeouts(template, catalogue)
        entry_conditions.add_conditions(template, names, catalogue, besides=[REMOVALS_STAGE])
        failed_creations.replace_failed_stacks(template, names, catalogue)
        if settings.builds != BuildSettings():
            BuildNetwork(self, "BuildNetwork", settings=settings.builds)

    def _evidence_build(self, stages: Sequence[Stage]) -> SharedBuild:
        roles = [lookup_role_arn(self, self._builds.bootstrap, stage.environment) for stage in stages]
        return self._builds.shared_build(
            "Evidence",
            content=gate_evidence.CONTENT,
            statements=gate_evidence.statements(self, self._pipeline_name, self._artifacts, lookup_roles=roles),
        )

    def _unchanged_build(self, entries: Sequence[Stage | Wave]) -> SharedBuild | None:
        if not entries:
            return None
        stages = stages_of(tuple(entries))
        return self._builds.shared_build(
            "Unchanged",
            content=unchanged_approval.content(self._pipeline_name, looking=self._builds.looking),
            statements=unchanged_approval.statements(
                self,
                self._pipeline_name,
                approvals=[(each.label, gates.approval_of(each.label)) for each in entries],
                lookup_roles=[lookup_role_arn(self, self._builds.bootstrap, each.environment) for each in stages],
            ),
        )

    def _support_of(self, account: str) -> cdk.Stack:
        """This stack; or the one that the CDK made in another account, for the role that its action acts in."""
        if account == self.account:
            return self
        support = self.node.root.node.find_child(f"cross-account-support-stack-{account}")
        assert isinstance(support, cdk.Stack)  # noqa: S101 - every action in another account makes one
        boundary = iam.ManagedPolicy.from_managed_policy_name(support, "Boundary", self._boundary)
        iam.PermissionsBoundary.of(support).apply(boundary)
        # CDK Pipelines lets self-mutation assume roles of the pipeline's account alone.
        self._engine.self_mutation_project.add_to_role_policy(
            iam.PolicyStatement(
                actions=["sts:AssumeRole"],
                resources=[
                    bootstrap_role_arn(self, self._builds.bootstrap, role, account=account, region=self.region)
                    for role in ("deploy", "file-publishing", "lookup")
                ],
            )
        )
        return support

    def _install_locked_tools(self, builds: BuildSettings) -> None:
        """Let self-mutation install what the locks name; the asset job's commands are in a file of the assembly."""
        assembly = cdk.Stage.of(self)
        assert assembly is not None  # noqa: S101 - every stack is in one, the App if no other
        node_tools.write_locks(Path(assembly.outdir))
        project = self._engine.self_mutation_project.node.default_child
        assert isinstance(project, codebuild.CfnProject)  # noqa: S101 - what every L2 project is made of
        assert isinstance(project.source, codebuild.CfnProject.SourceProperty)  # noqa: S101 - as CDK Pipelines makes it
        spec = json.loads(self.resolve(project.source.build_spec))
        spec["phases"]["install"]["commands"] = node_tools.install_commands(registry=builds.npm_registry)
        project.source = codebuild.CfnProject.SourceProperty(
            type=project.source.type, build_spec=json.dumps(spec, indent=2)
        )

    def _let_build_prove_its_successor(self) -> None:
        """Let Build run once more with the definition that its commit has for it, and say whom an update cancels."""
        project = self._engine.synth_project
        project.add_to_role_policy(
            iam.PolicyStatement(
                actions=["codebuild:BatchGetBuilds", "codebuild:StartBuild"], resources=[project.project_arn]
            )
        )
        # By its name: the pipeline needs the project, whose role needs this.
        pipeline = self.format_arn(service="codepipeline", resource=self._pipeline_name)
        project.add_to_role_policy(iam.PolicyStatement(actions=["codepipeline:GetPipelineState"], resources=[pipeline]))

    def _synth(self) -> pipelines.CodeBuildStep:
        """Guardrails decide here what may be deployed; `make check` decided before what may be merged."""
        return pipelines.CodeBuildStep(
            "Synth",
            input=self._source,
            install_commands=[steps.SETUP],
            commands=["make synth", steps.PROVE],
            env={"PENSTOCK_ARTIFACTS": self._artifacts.bucket.bucket_name},
            primary_output_directory="cdk.out",
        )

    def _unit_tests(self) -> pipelines.Step:
        content, statements = unit_tests.content(self._artifacts), unit_tests.statements(self._artifacts)
        build = self._builds.shared_build("UnitTests", content=content, statements=statements)
        return unit_tests.step(source=self._source, build=build)

    def _approval_builds(self, entry: Stage | Wave) -> gates.ApprovalBuilds | None:
        """Return what an approval takes; None if nobody is asked."""
        if self._evidence is None or not asks_approval(entry):
            return None
        unchanged = self._unchanged if approves_unchanged(entry) else None
        return gates.ApprovalBuilds(source=self._source, evidence=self._evidence, unchanged=unchanged)

    def _add(self, entry: Stage | Wave, *, tests: pipelines.Step | None) -> None:
        """Add a stage or wave, and its gate if it has one. `tests`: before, or beside, its deployments."""
        gate: pipelines.Wave | None = None
        if has_gate(entry):
            gate = self._engine.add_wave(gate_of(entry.label))
            release_rules.add_parameters(self, entry, pipeline=self._pipeline_name, bootstrap=self._builds.bootstrap)
            gate.add_pre(
                *gates.steps(
                    entry.label,
                    assembly=self._engine.cloud_assembly_file_set,
                    build=self._builds.gates,
                    pipeline=self._pipeline_name,
                    approval=self._approval_builds(entry),
                )
            )
        wave = self._engine.add_wave(entry.label)
        if tests is not None:
            (gate or wave).add_pre(tests)
        last = removed_last((entry,), self._removals)
        for stage in entry.stages:
            built = self._built[stage.label]
            removing = [
                self._removal(each, keeps_data=stage.environment.keeps_data)
                for each in self._removals
                if each.shipped.stage == stage.environment.label and each not in last
            ]
            if not built.stacks:
                wave.add_post(*removing)
                continue
            protected = [stack for stack in built.stacks.values() if stack.termination_protection]
            wave.add_stage(
                built,
                stack_steps=[
                    pipelines.StackSteps(
                        stack=stack,
                        pre=self._steps(service.before, stack=None),
                        post=self._steps(service.after, stack=stack),
                    )
                    for service, stack in zip(stage.services, built.stacks.values(), strict=True)
                    if service.before or service.after
                ],
                post=[
                    *steps.protect_from_termination(protected, programs=self._programs, builds=self._builds),
                    *removing,
                ],
            )
        self._bake(entry, wave)

    def _as_watched(self, stage: Stage) -> Stage:
        return watched_alone(stage, self._built[stage.label].watched)

    def _bake(self, entry: Stage | Wave, wave: pipelines.Wave) -> None:
        if bakes_in(entry):
            bakes.require_alarms(entry)
        if self._builds.bakes is not None and bakes_in(entry):
            assembly = self._engine.cloud_assembly_file_set
            wave.add_post(
                bakes.step(entry.label, assembly=assembly, build=self._builds.bakes, pipeline=self._pipeline_name)
            )

    def _steps(self, declared: Sequence[Step], *, stack: cdk.Stack | None) -> list[pipelines.Step]:
        return steps.to_pipeline_steps(
            declared, stack=stack, source=self._source, programs=self._programs, builds=self._builds
        )

    def _remove_last(self, catalogue: Catalogue) -> None:
        """Remove the stacks that a person is asked about by themselves; of gone stages as carefully as production's."""
        keeps_data = {each.environment.label: each.environment.keeps_data for each in stages_of(catalogue)}
        removing = [
            self._removal(each, keeps_data=keeps_data.get(each.shipped.stage, True))
            for each in removed_last(catalogue, self._removals)
        ]
        if removing:
            self._engine.add_wave(REMOVALS_STAGE).add_post(*steps.agreed_to(removing))

    def _removal(self, removal: Removal, *, keeps_data: bool) -> pipelines.Step:
        return steps.remove_stack(removal, keeps_data=keeps_data, stack=self, source=self._source, builds=self._builds)
