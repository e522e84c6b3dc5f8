"""Prepares the local accounts as docs/aws.md prepares real ones, but all at once and in a second.

First the foundation, whose policies CloudFormation deploys with; then `cdk bootstrap`'s own template.
"""

import json
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pipeline.local import stacks
from pipeline.local.errors import LocalCloudError
from pipeline.local.lifecycle import CHECKOUT, LocalCloud
from services.library.contract.names import PLATFORM_BOOTSTRAP, Bootstrap

FOUNDATION_STACK = "penstock-foundation"
BRANCHES_STACK = "penstock-branches"
EXECUTION_POLICY = "penstock-execution"
PARALLEL = 8
Item = TypeVar("Item")


@dataclass(frozen=True, order=True, kw_only=True)
class Target:
    """One account in one region."""

    account: str
    region: str
    role_names: tuple[str, ...]
    """Patterns of what the roles of the stacks there are called: pipeline/accounts/role_names.py."""
    keeps_data: bool = False
    """Whether a production stage is there."""


def bootstrap(
    cloud: LocalCloud,
    targets: Iterable[Target],
    *,
    tools_account: str,
    foundation: str,
    template: str,
    names: Bootstrap = PLATFORM_BOOTSTRAP,
) -> list[Target]:
    """Make every target ready for deployments from the tools account; returns those that were not ready before.

    `foundation`: the template pipeline/accounts/foundation.yaml; `template`: that of `cdk bootstrap`; `names`: what it
    is given there. The boundary of an organisation, which its accounts have, is made here as the foundation's.
    """
    wanted = sorted(set(targets))
    accounts: dict[str, list[Target]] = {}
    for target in wanted:
        accounts.setdefault(target.account, []).append(target)
    foundations = {account: _foundation_of(each, tools_account, names) for account, each in accounts.items()}
    _side_by_side(lambda account: _found(cloud, accounts[account], foundation, foundations[account]), sorted(accounts))
    places = {(target.account, target.region): target for target in wanted}
    changed = _side_by_side(lambda place: _bootstrap_one(cloud, *place, tools_account, template, names), sorted(places))
    return [places[place] for place in changed]


def prepare_for_branches(
    cloud: LocalCloud,
    *,
    account: str,
    region: str,
    deployers: Iterable[str],
    roles: str,
    names: Bootstrap = PLATFORM_BOOTSTRAP,
) -> bool:
    """Make an account ready for branch environments; whether it was not before.

    `roles`: the template pipeline/accounts/branches.yaml.
    """
    client = cloud.client("cloudformation", account=account, region=region)
    parameters = {"Deployers": ",".join(deployers), "Qualifier": names.qualifier}
    return stacks.bring_to(client, BRANCHES_STACK, template=roles, parameters=parameters)


def bootstrap_template(cdk: Path, package: Path, cache: Path) -> str:
    """The pinned CLI's own template. Asking for it takes a second, so it is kept under the CLI's version.

    `cdk` is the command, `package` its package.json.
    """
    version = json.loads(package.read_text(encoding="utf-8"))["version"]
    kept = cache / f"bootstrap-{version}.yaml"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        shown = subprocess.run([cdk, "bootstrap", "--show-template"], capture_output=True, check=False, cwd=cache)
        if shown.returncode != 0:
            raise LocalCloudError(f"`cdk bootstrap --show-template` failed:\n{shown.stderr.decode(errors='replace')}")
        written = kept.with_suffix(".new")
        written.write_bytes(shown.stdout)
        written.replace(kept)
    return kept.read_text(encoding="utf-8")


def checkout_template(checkout: Path = CHECKOUT) -> str:
    """The template of the CLI that this checkout pins."""
    tools = checkout / ".venv"
    package = tools / "node/node_modules/aws-cdk/package.json"
    return bootstrap_template(tools / "bin/cdk", package, checkout / ".penstock/bootstrap")


def checkout_foundation(checkout: Path = CHECKOUT) -> str:
    """The foundation's template."""
    return (checkout / "pipeline/accounts/foundation.yaml").read_text(encoding="utf-8")


def checkout_branches(checkout: Path = CHECKOUT) -> str:
    """The template of the roles of branch environments."""
    return (checkout / "pipeline/accounts/branches.yaml").read_text(encoding="utf-8")


def _side_by_side(work: Callable[[Item], bool], items: Sequence[Item]) -> list[Item]:
    """The items for which the work changed something."""
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        return [item for item, changed in zip(items, pool.map(work, items), strict=True) if changed]


def _found(cloud: LocalCloud, targets: Sequence[Target], foundation: str, parameters: Mapping[str, str]) -> bool:
    """IAM knows no regions, so an account has its foundation once, in the first of its regions."""
    client = cloud.client("cloudformation", account=targets[0].account, region=targets[0].region)
    return stacks.bring_to(client, FOUNDATION_STACK, template=foundation, parameters=parameters)


def _foundation_of(targets: Sequence[Target], tools_account: str, names: Bootstrap) -> Mapping[str, str]:
    """Return what the foundation of one account is deployed with."""
    return {
        "HoldsPipeline": str(targets[0].account == tools_account).lower(),
        "KeepsData": str(any(each.keeps_data for each in targets)).lower(),
        "RoleNames": ",".join(sorted({name for each in targets for name in each.role_names})),
        "Qualifiers": names.qualifier,
        "BoundaryName": names.permissions_boundary,
    }


def _bootstrap_one(
    cloud: LocalCloud, account: str, region: str, tools_account: str, template: str, names: Bootstrap
) -> bool:
    """As `cdk bootstrap --trust TOOLS --trust-for-lookup TOOLS --cloudformation-execution-policies POLICY`."""
    client = cloud.client("cloudformation", account=account, region=region)
    parameters = {
        "TrustedAccounts": tools_account,
        "TrustedAccountsForLookup": tools_account,
        "CloudFormationExecutionPolicies": f"arn:aws:iam::{account}:policy/{EXECUTION_POLICY}",
        "FileAssetsBucketKmsKeyId": "AWS_MANAGED_KEY",
        "PublicAccessBlockConfiguration": "true",
        "Qualifier": names.qualifier,
    }
    return stacks.bring_to(client, names.toolkit_stack, template=template, parameters=parameters)
