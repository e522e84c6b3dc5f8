"""The end of a removal: what the pipeline's records say is gone leaves the repository, too."""

import json
import subprocess
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipeline.catalogue import ledger
from pipeline.catalogue.model import Catalogue, Shipped, stages_of
from pipeline.cli import loading, plans
from pipeline.cli.plans import Plan
from pipeline.operate.next_step import penstock
from pipeline.operate.target import Target
from pipeline.scaffold import owners, tombstones
from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.service import runbook
from stages.removed import REMOVED


def finish(root: Path, target: Target, name: str | None, *, delete_code: bool) -> tuple[Plan, bool]:
    """Take out the tombstones and ledger lines of deleted stacks; return the plan, and whether any stack is left."""
    catalogue = loading.whole(root)
    plan = Plan(draft=Draft(root=root))
    before = ledger.read()
    after, pending = set(before), []
    for each in (removal.shipped for removal in ledger.removals(catalogue, before, REMOVED)):
        if name not in (None, each.service):
            continue
        record = _record(target, each)
        # The record may be of an earlier removal, of a stack that came back since.
        if record is None or _is_there(target, each):
            pending.append(each)
            plan.said.append(f"still there  {each.stack}  {each.account}  {each.region}")
            continue
        after.remove(each)
        plan.said.append(f"removed  {each.stack}  {each.account}  {each.region}")
        plan.said += [f"  kept, and no longer anybody's: {kept}" for kept in record["kept"]]
    removed = set(before) - after
    if removed:
        remaining = {(each.stage, each.service) for each in pending}
        tombstones.drop(plan.draft, {(each.stage, each.service) for each in removed} - remaining)
        plan.draft.generate(plans.LEDGER, ledger.text_of(after))
    services = {each.service for each in removed} | ({name} if name else set())
    for service in sorted(services - _in_use(catalogue, after)):
        _forget(plan, root, service, delete_code=delete_code)
    if delete_code and name in _in_use(catalogue, after):
        plan.said.append(f"The folder of {name} stays: it is in a stage, or its stacks are not gone yet.")
    if plan.draft.changes():
        plan.next.insert(0, "make check    # then commit")
    elif not pending and not plan.said:
        plan.said.append("There is nothing to finish.")
    if pending:
        plan.next.append(f"{penstock('status')}    # once the run has passed every stage, give this command again")
    return plan, bool(pending)


def _in_use(catalogue: Catalogue, shipped: set[Shipped]) -> set[str]:
    """Return the services that a stage lists or that have a stack."""
    return {service.name for stage in stages_of(catalogue) for service in stage.services} | {
        each.service for each in shipped
    }


def _forget(plan: Plan, root: Path, service: str, *, delete_code: bool) -> None:
    """Delete the folder of a service that is nowhere any more, if git has all of it and that was asked for."""
    folder = Path("services") / service.replace("-", "_")
    if not (root / folder).is_dir():
        return
    if not delete_code:
        plan.next.append(
            f"{penstock('remove', service, '--finish --delete-code')}    # unless {folder} is still of use"
        )
        return
    its = (str(folder), str(runbook(service)))
    files = _git(root, "ls-files", "-z", "--", *its).split("\0")[:-1]
    if not files or _git(root, "status", "--porcelain", "--", *its):
        raise ScaffoldError(
            f"{folder} has something that is not committed, and would be lost: commit or delete it first."
        )
    for file in files:
        plan.draft.delete(Path(file))
    owners.generate(plan.draft)
    plan.said.append(f"{' and '.join(its)} are deleted; `git log -- {folder}` still has them.")
    if f"\n{service} = [" in (root / "pyproject.toml").read_text(encoding="utf-8"):
        plan.next.append(f"make lock setup    # once the dependency group {service} is out of pyproject.toml")


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ScaffoldError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def _is_there(target: Target, stack: Shipped) -> bool:
    """Return whether the account of a stack still has it."""
    client = target.client("cloudformation", account=stack.account, region=stack.region)
    try:
        client.describe_stacks(StackName=stack.stack)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return False
        raise
    return True


def _record(target: Target, stack: Shipped) -> dict[str, Any] | None:
    """Return what the removal of a stack wrote down, if it has ended."""
    try:
        value = target.client("ssm").get_parameter(Name=stack.removal_record)["Parameter"]["Value"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterNotFound":
            return None
        raise
    record: dict[str, Any] = json.loads(value)
    return record
