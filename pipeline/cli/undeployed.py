"""The end of a service that was never deployed: nothing runs that a pipeline would have to delete."""

import json
from pathlib import Path
from typing import Any

from pipeline.catalogue import ledger
from pipeline.catalogue.model import stages_of
from pipeline.cli import loading, upstream
from pipeline.cli.plans import LEDGER, Plan, unlisted
from pipeline.cli.process import output_of
from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.stage_file import StageFile
from pipeline.settings import SETTINGS


def forget(root: Path, name: str) -> Plan:
    """Take a service out of its stages and of the ledger, without a tombstone."""
    catalogue = loading.whole(root)
    listing = {
        stage.name: service for stage in stages_of(catalogue) for service in stage.services if service.name == name
    }
    shipped = ledger.read()
    if not listing and name not in {each.service for each in shipped}:
        raise unlisted(name, catalogue, shipped)
    _refuse_pushed(root, name)
    plan = Plan(draft=Draft(root=root))
    for stage, service in listing.items():
        StageFile(plan.draft, stage).remove(type(service).__module__.split(".")[1])
        plan.said.append(f"{name} leaves {stage}, where it was never deployed.")
    plan.draft.generate(LEDGER, ledger.text_of(each for each in shipped if each.service != name))
    plan.next.append("make check    # then commit; the service's folder and runbook are yours to keep or delete")
    return plan


def _refuse_pushed(root: Path, name: str) -> None:
    """Raise if the pipeline may have seen it: it is in the ledger of a branch that a pipeline follows."""
    pattern = f"refs/remotes/*/{upstream.branch_of(SETTINGS.source)}"
    for branch in (output_of(root, "git", "for-each-ref", "--format=%(refname)", pattern) or "").split():
        text = output_of(root, "git", "show", f"{branch}:{LEDGER.as_posix()}")
        pushed: list[dict[str, Any]] = json.loads(text) if text else []
        if any(each["service"] == name for each in pushed):
            raise ScaffoldError(
                f"{name} is on {branch.removeprefix('refs/remotes/')}, so that a run may have deployed it. Give --why"
                " in the place of --never-deployed: the pipeline then looks, and deletes what there is."
            )
