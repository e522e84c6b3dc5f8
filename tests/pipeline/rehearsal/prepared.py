"""A pipeline of tiny services that is deployed with one stage alone, whose first release is there to be followed."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch

from pipeline.accounts import role_names
from pipeline.catalogue.model import Stage as CatalogueStage
from pipeline.catalogue.model import Wave
from pipeline.definition import asset_publishing, service_stage
from pipeline.local import bootstrap, first_deployment
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.target import local_target
from pipeline.rehearsal import assembly_files
from pipeline.rehearsal.rehearsal import Rehearsal
from pipeline.rehearsal.script import Script
from pipeline.rehearsal.single_stage import single_stage, source_artifacts, stack_templates
from pipeline.settings import SETTINGS
from services.library.contract.release import ReleaseAlarms
from tests.conftest import ROOT
from tests.testbed import tiny
from tests.testbed.platforms import MAKEFILE

HOME = "eu-west-1"
NAME = "rehearsed"


def watch(stack: cdk.Stack, _settings: ReleaseAlarms, *, name: str) -> None:
    """Add a release alarm over a function's rate of errors; the tiny service has no function."""
    requests, failures = (
        cloudwatch.Metric(
            namespace="AWS/Lambda", metric_name=each, dimensions_map={"FunctionName": "tiny"}, statistic="Sum"
        )
        for each in ("Invocations", "Errors")
    )
    rate = cloudwatch.Alarm(
        stack,
        "Rate",
        metric=cloudwatch.MathExpression(
            expression="100 * (FILL(failures0, 0)) / requests",
            using_metrics={"requests": requests, "failures0": failures},
            period=cdk.Duration.minutes(1),
        ),
        threshold=5,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluation_periods=3,
        datapoints_to_alarm=2,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    cloudwatch.CompositeAlarm(
        stack,
        "Alarm",
        composite_alarm_name=name,
        alarm_rule=cloudwatch.AlarmRule.from_alarm(rate, cloudwatch.AlarmState.ALARM),
    )


def synthesised(folder: Path, *catalogue: CatalogueStage | Wave, tools: str) -> Path:
    """The assembly of a pipeline over these stages, whose release alarms are over a function that is not there."""
    settings = replace(SETTINGS, name=NAME, account=tools, region=HOME)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(service_stage, "watch_release", watch)
        app, _ = tiny.app(folder, settings=settings, catalogue=catalogue)
        app.synth()
    asset_publishing.write_commands(folder, settings.builds)
    return folder


def prepared(
    cloud: LocalCloud,
    assembly: Path,
    stage: str,
    *,
    tools: str,
    places: Mapping[str, tuple[str, str]],
    home: Path,
    is_first_judged: bool,
    first: Script | None = None,
) -> Rehearsal:
    """A rehearsal of a stage or wave. `places`: stage -> its account and region. `first`: of its first release."""
    regions = {HOME, *(region for _, region in places.values())}
    names: dict[tuple[str, str], tuple[str, ...]] = {(tools, region): role_names.PIPELINE for region in regions}
    names |= dict.fromkeys(places.values(), tuple(role_names.of_stage(each) for each in places))
    bootstrap.bootstrap(
        cloud,
        [
            bootstrap.Target(account=account, region=region, role_names=its, keeps_data=account != tools)
            for (account, region), its in names.items()
        ],
        tools_account=tools,
        foundation=bootstrap.checkout_foundation(),
        template=bootstrap.checkout_template(),
        names=SETTINGS.bootstrap,
    )
    target = local_target(cloud.endpoint, secret=cloud.root_secret, account=tools, region=HOME)
    template = assembly_files.read_pipeline(assembly)
    made = Rehearsal(
        cloud=cloud,
        pipeline=Pipeline(target=target, name=NAME),
        stage=stage,
        assembly=assembly,
        stacks=stack_templates(template, stage),
        sources=source_artifacts(template),
    )
    commit = code(home / "code")
    made.prepare(lambda folder: assembly_files.zip_of(commit / folder), first or Script())
    alone = single_stage(template, stage, is_first_judged=is_first_judged)
    first_deployment.run(
        "Pipeline",
        "--app",
        str(assembly_files.copy_with(assembly, alone, home / "assembly")),
        checkout=ROOT,
        output=home / "cdk.out",
        environment=first_deployment.cdk_environment(os.environ, cloud, account=tools, region=HOME, home=home),
        progress=lambda _line: None,
    )
    return made


def code(folder: Path) -> Path:
    """What the steps of a stage run in, with a set-up that takes a moment."""
    shutil.copytree(ROOT / "pipeline/builds", folder / "pipeline/builds", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "Makefile").write_text(MAKEFILE)
    return folder


def ignore(_change: object) -> None:
    """Show nothing."""
