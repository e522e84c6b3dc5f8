"""A platform of one tiny service, around the real pipeline: what tests of whole pipelines are about."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import aws_cdk as cdk
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from pipeline.catalogue import toolkit
from pipeline.catalogue.model import Catalogue, Removal, Stage
from pipeline.definition.stack import PipelineStack
from pipeline.pipeline_settings import Settings
from pipeline.settings import SETTINGS
from services.library.contract.environment import Environment, Tier
from services.library.contract.service import Service, ServiceStack
from stages import accounts

ROOT = Path(__file__).parents[2]


class TinyStack(ServiceStack):
    """A parameter that says what was deployed, and a file so that there is something to publish."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, value: str) -> None:
        super().__init__(scope, id_, environment=environment, description="tiny")
        assets.Asset(self, "File", path=str(ROOT / "cdk.json"))
        ssm.StringParameter(self, "Value", parameter_name=parameter(environment.name), string_value=value)


@dataclass(frozen=True, kw_only=True)
class Tiny(Service[TinyStack]):
    """Deploys in a moment."""

    name: ClassVar[str] = "tiny"
    owner: ClassVar[str] = "@example/tiny"
    handles_personal_data: ClassVar[bool] = False
    value: str = "first"

    def build(self, scope: Construct, environment: Environment) -> TinyStack:
        return TinyStack(scope, self.name, environment=environment, value=self.value)


def parameter(stage: str) -> str:
    """Where the service writes its value."""
    return f"/tiny/{stage}"


def stage(
    name: str,
    *services: Service[TinyStack],
    tier: Tier = Tier.SANDBOX,
    account: str = accounts.DEV,
    region: str = accounts.SECOND_REGION,
) -> Stage:
    """A stage outside the pipeline's region, unless told otherwise."""
    environment = Environment(name=name, tier=tier, account=account, region=region)
    return Stage(environment=environment, services=services or (Tiny(),))


def app(
    outdir: Path,
    *,
    settings: Settings = SETTINGS,
    catalogue: Catalogue,
    removals: tuple[Removal, ...] = (),
    branches: Environment | None = None,
) -> tuple[cdk.App, PipelineStack]:
    """The App as app.py makes it under the CDK's CLI, with the same flags, over this catalogue."""
    flags = json.loads((ROOT / toolkit.FILE).read_text())["context"] | {"aws:cdk:enable-path-metadata": True}
    made = cdk.App(outdir=str(outdir), context=flags | {toolkit.QUALIFIER: settings.bootstrap.qualifier})
    stack = PipelineStack(
        made, "Pipeline", settings=settings, catalogue=catalogue, removals=removals, branches=branches
    )
    return made, stack
