"""Where a service runs: in a stage of the pipeline, or in a branch's environment, which is named like a stage.

No stage may be called `branch` or `branch-...`, so that the name alone says which it is.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pipeline.cli import branch, loading
from pipeline.operate import outputs
from pipeline.operate.branches import Branches
from pipeline.operate.errors import OperateError, suggested
from pipeline.operate.outputs import DeployedStack
from pipeline.operate.pipeline import Pipeline
from services.library.contract import names

if TYPE_CHECKING:
    from services.library.contract.environment import Environment

LEDGER = "stages/deployed.json"
THIS_BRANCH = names.BRANCH_PREFIX.rstrip("-")
"""The stage that means the environment of the branch that is checked out."""


def read(ctx: typer.Context, pipeline: Pipeline, stage: str | None) -> list[DeployedStack]:
    """Return the services of a stage or of a branch's environment, or of all stages."""
    if stage is None or not (stage == THIS_BRANCH or stage.startswith(names.BRANCH_PREFIX)):
        listed = _services(ctx.ensure_object(Path))
        return [
            replace(each, service=listed.get((each.account, each.region, each.stack), each.service))
            for each in outputs.read(pipeline, stage)
        ]
    prefix = branch.here(ctx.ensure_object(Path)).prefix if stage == THIS_BRANCH else stage
    place = branch.place_of_branches(ctx)
    target = replace(pipeline.target, account=place.account, region=place.region)
    there = {each.prefix: each for each in Branches(target=target).read()}
    found = next((each for name, each in there.items() if prefix in (name, f"{name}-{place.name}")), None)
    if found is None:
        raise OperateError(
            f"There is no branch environment {prefix}; there is {', '.join(there) or 'none'}. `penstock branch up`"
            f" makes one of this checkout.{suggested(prefix, there)}"
        )
    return [
        DeployedStack(
            stage=found.prefix,
            service=each.service,
            stack=each.name,
            account=target.account,
            region=target.region,
            status=each.status,
            outputs=each.outputs,
        )
        for each in found.stacks
    ]


def find(ctx: typer.Context, pipeline: Pipeline, service: str, stage: str) -> DeployedStack:
    """Return one service in one stage or branch environment."""
    return outputs.find_in(read(ctx, pipeline, stage), service, stage)


def stack_of(ctx: typer.Context, service: str, stage: str | None) -> DeployedStack:
    """Return where a service is by what the repository says, without asking the pipeline; of no stage: its first.

    For what acts with the credentials of the stage's own account, which may not read the pipeline.
    """
    root = ctx.ensure_object(Path)
    if stage is not None and (stage == THIS_BRANCH or stage.startswith(names.BRANCH_PREFIX)):
        place = branch.place_of_branches(ctx)
        prefix = branch.here(root).prefix if stage == THIS_BRANCH else stage.removesuffix(f"-{place.name}")
        label = f"{prefix}-{place.name}"
        return _by_name(label, service, place, stack=names.stack_of(label, service))
    listed, value = loading.find_entry(root, service, stage or _first_stage(root, service))
    environment = listed.environment
    return _by_name(listed.label, service, environment, stack=value.stack_name(environment))


def _services(root: Path) -> dict[tuple[str, str, str], str]:
    """Return account, region and name of each stack -> its service: the name of an adopted one says nothing of it."""
    ledger = root / LEDGER
    listed = json.loads(ledger.read_text(encoding="utf-8")) if ledger.exists() else []
    return {(each["account"], each["region"], each["stack"]): each["service"] for each in listed}


def _first_stage(root: Path, service: str) -> str:
    """Return the first stage that lists a service and waits for no approval: production has to be named."""
    from pipeline.catalogue.model import stages_of  # noqa: PLC0415 - a second of imports, which `--help` need not wait for

    stages = list(stages_of(loading.whole(root)))
    having = [each for each in stages if any(other.name == service for other in each.services)]
    if not having:
        known = dict.fromkeys(other.name for each in stages for other in each.services)
        raise OperateError(
            f"No stage lists {service}; there is {', '.join(known) or 'none'}.{suggested(service, known)}"
        )
    if (first := next((each.name for each in having if not each.asks_approval), None)) is None:
        raise OperateError(f"{service} is in {having[0].name} alone so far: say so with --stage.")
    return first


def _by_name(label: str, service: str, place: "Environment", *, stack: str) -> DeployedStack:
    return DeployedStack(
        stage=label,
        service=service,
        stack=stack,
        account=place.account,
        region=place.region,
        status="by its name",
        outputs={},
    )
