"""One service of one stage, built and judged by itself, as every synth does it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from pipeline.accounts.execution_policies import DeploymentAccounts
from pipeline.catalogue.model import Stage
from pipeline.definition.service_stage import ServiceStage, checked_stacks
from pipeline.settings import SETTINGS
from services.library.contract.service import Service
from services.library.guardrails.judgement import Guardrails, Judgement
from stages.acknowledgements import ACKNOWLEDGEMENTS

ENGINE = "Pipeline"
"""The pipeline's stack, which stages are below."""


def context(root: Path) -> dict[str, Any]:
    """Return a checkout's context with what the CDK's CLI would add: paths, by which findings are accepted."""
    found: dict[str, Any] = json.loads((root / "cdk.json").read_text(encoding="utf-8"))["context"]
    return found | {"aws:cdk:enable-path-metadata": True, "aws:cdk:enable-asset-metadata": True}


def build(folder: str, given: Mapping[str, Any], stage: Stage, service: Service[Any]) -> tuple[cdk.App, ServiceStage]:
    """Build a service that the stage lists. `given`: the App's context."""
    app = cdk.App(outdir=folder, analytics_reporting=False, tree_metadata=False, auto_synth=False, context=given)
    scope, boundary = Construct(app, ENGINE), SETTINGS.bootstrap.permissions_boundary
    return app, ServiceStage(scope, stage, only=service.name, boundary=boundary)


def judge(app: cdk.App, folder: Path, built: ServiceStage) -> Judgement:
    """Check what was built. That an acknowledgement is not needed takes all stages to say."""
    accounts = DeploymentAccounts.of([built.stage.environment], tools=SETTINGS.account)
    return Guardrails(
        checked_stacks(built), accepted=ACKNOWLEDGEMENTS, execution=accounts.policy, every_stage=False
    ).judge(app, folder)
