"""The deployments that the pipeline does not do: its own first one, and branches', with the real CDK command."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.local import stacks
from pipeline.local.errors import LocalCloudError
from pipeline.local.lifecycle import LocalCloud

LINES_SHOWN = 40


def is_deployed(cloud: LocalCloud, *, stack: str, account: str, region: str) -> bool:
    """Whether the pipeline is there; from then on it updates itself."""
    found = stacks.find(cloud.client("cloudformation", account, region), stack)
    return found is not None and found["StackStatus"] in stacks.DEPLOYED


def deploy(
    cloud: LocalCloud, *, stack: str, account: str, region: str, checkout: Path, progress: Callable[[str], None]
) -> None:
    """Run `cdk deploy` for the pipeline's stack, in the environment of the local cloud alone."""
    home = cloud.place.home / "home"
    home.mkdir(parents=True, exist_ok=True)
    environment = cdk_environment(os.environ, cloud, account=account, region=region, home=home)
    run(stack, checkout=checkout, output=cloud.place.home / "cdk.out", environment=environment, progress=progress)


def run(
    stacks: str,
    *more: str,
    checkout: Path,
    output: Path,
    environment: Mapping[str, str],
    progress: Callable[[str], None],
) -> None:
    """Run `cdk deploy` for these stacks, a name or a pattern; raises with the end of what it said."""
    words = ["--require-approval", "never", "--progress", "events", "--ci", "--output", str(output), *more]
    lines: list[str] = []
    with subprocess.Popen(
        [str(checkout / ".venv/bin/cdk"), "deploy", stacks, *words],
        cwd=checkout,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C ends whoever waits for a deployment, not one that goes on
    ) as running:
        assert running.stdout is not None  # noqa: S101 - asked for above
        for line in running.stdout:
            lines.append(line.rstrip())
            if "deploying..." in line or "✅" in line:
                progress(line.strip())
    if running.returncode != 0:
        shown = "\n".join(lines[-LINES_SHOWN:])
        raise LocalCloudError(f"`cdk deploy {stacks}` failed:\n{shown}\nMend what it names, then the same again.")


def cdk_environment(
    given: Mapping[str, str], cloud: LocalCloud, *, account: str, region: str, home: Path
) -> dict[str, str]:
    """What the CDK command gets: nothing of the person's AWS set-up, and a home of its own for its account cache."""
    kept = {name: value for name, value in given.items() if not name.startswith(("AWS_", "CDK_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {
        **kept,
        "HOME": str(home),
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": cloud.root_secret,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_VALIDATION": "false",
        "CDK_DISABLE_VERSION_CHECK": "1",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
