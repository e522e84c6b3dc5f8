"""Bootstraps the local accounts as `cdk bootstrap` does: with its own template, but all at once and in a second."""

import hashlib
import json
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from pipeline.local.errors import LocalCloudError
from pipeline.local.lifecycle import CHECKOUT, LocalCloud

STACK_NAME = "CDKToolkit"
QUALIFIER = "hnb659fds"
EXECUTION_POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"
PARALLEL = 8
POLLING = {"Delay": 0.2, "MaxAttempts": 300}
DEPLOYED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})


@dataclass(frozen=True, order=True, kw_only=True)
class Target:
    """One account in one region."""

    account: str
    region: str


def bootstrap(cloud: LocalCloud, targets: Iterable[Target], *, tools_account: str, template: str) -> list[Target]:
    """Make every target ready for deployments from the tools account; returns those that were not ready before."""
    wanted = sorted(set(targets))
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        changed = pool.map(lambda target: _bootstrap_one(cloud, target, tools_account, template), wanted)
        return [target for target, was_changed in zip(wanted, changed, strict=True) if was_changed]


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


def _bootstrap_one(cloud: LocalCloud, target: Target, tools_account: str, template: str) -> bool:
    client = cloud.client("cloudformation", account=target.account, region=target.region)
    parameters = _parameters(tools_account)
    fingerprint = hashlib.sha256(json.dumps([template, parameters]).encode()).hexdigest()
    stack = _stack(client)
    if stack is not None and stack["StackStatus"] in DEPLOYED and _fingerprint(stack) == fingerprint:
        return False
    if stack is not None and stack["StackStatus"] not in DEPLOYED:
        client.delete_stack(StackName=STACK_NAME)
        client.get_waiter("stack_delete_complete").wait(StackName=STACK_NAME, WaiterConfig=POLLING)
        stack = None
    send, waiter = (
        (client.create_stack, "stack_create_complete")
        if stack is None
        else (client.update_stack, "stack_update_complete")
    )
    send(
        StackName=STACK_NAME,
        TemplateBody=template,
        Parameters=parameters,
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Tags=[{"Key": "penstock:bootstrap", "Value": fingerprint}],
    )
    try:
        client.get_waiter(waiter).wait(StackName=STACK_NAME, WaiterConfig=POLLING)
    except WaiterError as error:
        raise LocalCloudError(f"Bootstrapping {target.account} in {target.region} failed: {_why(client)}") from error
    return True


def _parameters(tools_account: str) -> list[dict[str, str]]:
    """What `cdk bootstrap --trust TOOLS --cloudformation-execution-policies POLICY` passes."""
    values = {
        "TrustedAccounts": tools_account,
        "TrustedAccountsForLookup": tools_account,
        "CloudFormationExecutionPolicies": EXECUTION_POLICY,
        "FileAssetsBucketKmsKeyId": "AWS_MANAGED_KEY",
        "PublicAccessBlockConfiguration": "true",
        "Qualifier": QUALIFIER,
    }
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


def _stack(client: Any) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = client.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    return found


def _fingerprint(stack: dict[str, Any]) -> str | None:
    return next((tag["Value"] for tag in stack.get("Tags", []) if tag["Key"] == "penstock:bootstrap"), None)


def _why(client: Any) -> str:
    events = client.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
    reasons = [
        f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED") and "ResourceStatusReason" in event
    ]
    return "; ".join(reasons) or "the stack's events give no reason"
