"""Deploys stacks of real constructs to a local cloud, assets included, without the CDK's command line."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from pipeline.local.lifecycle import LocalCloud
from services.library.contract.environment import Environment, Tier
from tests.testbed.functions import until

ACCOUNT, REGION = "111111111111", "eu-west-1"
ASSETS = f"assets-{ACCOUNT}-{REGION}"
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]


def environment(name: str) -> Environment:
    """A sandbox that tests may call as they like."""
    return Environment(name=name, tier=Tier.SANDBOX, account=ACCOUNT, region=REGION)


HERE = environment("here")


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A stack as it runs."""

    cloud: LocalCloud
    name: str
    outputs: dict[str, str]

    def client(self, service: str) -> Any:
        return self.cloud.client(service, ACCOUNT, REGION)

    def ids(self, type_: str) -> list[str]:
        """The physical ids of its resources of one type."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.name)
        found = (resource for page in pages for resource in page["StackResourceSummaries"])
        return [resource["PhysicalResourceId"] for resource in found if resource["ResourceType"] == type_]


def deploy(
    cloud: LocalCloud,
    folder: Path,
    build: Callable[[cdk.Stage], object],
    *,
    environment: Environment = HERE,
    **more: Any,
) -> dict[str, Deployed]:
    """Synthesise what `build` puts into a stage, and create its stacks in their order; by construct id.

    `more` are parameters of the call, such as RoleARN.
    """
    return {
        name: _create(cloud, stack, template, more)
        for name, stack, template in _synthesised(cloud, folder, build, environment)
    }


def update(
    cloud: LocalCloud, folder: Path, build: Callable[[cdk.Stage], object], *, environment: Environment = HERE
) -> list[str]:
    """Synthesise likewise, and begin to update the stacks; their names."""
    formation = cloud.client("cloudformation", ACCOUNT, REGION)
    found = []
    for _, stack, template in _synthesised(cloud, folder, build, environment):
        formation.update_stack(StackName=stack, TemplateBody=json.dumps(template), Capabilities=_CAPABILITIES)
        found.append(stack)
    return found


def _synthesised(
    cloud: LocalCloud, folder: Path, build: Callable[[cdk.Stage], object], environment: Environment
) -> list[tuple[str, str, dict[str, Any]]]:
    """The construct id, the name and the template of each stack, whose assets are there already."""
    app = cdk.App(
        outdir=str(folder),
        default_stack_synthesizer=cdk.DefaultStackSynthesizer(
            file_assets_bucket_name=ASSETS, generate_bootstrap_version_rule=False
        ),
    )
    build(cdk.Stage(app, environment.name, env=environment.to_cdk()))
    (nested,) = app.synth().nested_assemblies
    _upload(cloud, Path(nested.nested_assembly.directory))
    return [
        (stack.stack_name.removeprefix(f"{environment.name}-"), stack.stack_name, stack.template)
        for stack in nested.nested_assembly.stacks
    ]


def _create(cloud: LocalCloud, name: str, template: dict[str, Any], more: dict[str, Any]) -> Deployed:
    formation = cloud.client("cloudformation", ACCOUNT, REGION)
    formation.create_stack(
        StackName=name, TemplateBody=json.dumps(template), Capabilities=_CAPABILITIES, OnFailure="DO_NOTHING", **more
    )

    def described() -> dict[str, Any]:
        found: dict[str, Any] = formation.describe_stacks(StackName=name)["Stacks"][0]
        return found

    made = until(described, lambda found: not found["StackStatus"].endswith("IN_PROGRESS"), 60)
    assert made["StackStatus"] == "CREATE_COMPLETE", _failures(formation, name)
    return Deployed(
        cloud=cloud,
        name=name,
        outputs={output["OutputKey"]: output["OutputValue"] for output in made.get("Outputs", [])},
    )


def _failures(formation: Any, name: str) -> list[str]:
    events = formation.describe_stack_events(StackName=name)["StackEvents"]
    return [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in events]


def _upload(cloud: LocalCloud, assembly: Path) -> None:
    s3 = cloud.client("s3", ACCOUNT, REGION)
    if ASSETS not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=ASSETS, CreateBucketConfiguration={"LocationConstraint": REGION})
    for manifest in assembly.glob("*.assets.json"):
        for asset in json.loads(manifest.read_text())["files"].values():
            source = assembly / asset["source"]["path"]
            if source.is_dir():
                source = Path(shutil.make_archive(str(source), "zip", source))
            for destination in asset["destinations"].values():
                s3.put_object(Bucket=ASSETS, Key=destination["objectKey"], Body=source.read_bytes())
