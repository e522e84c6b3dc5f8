"""What tests of several rooms share: one synthesised assembly a run, and local clouds on ports of their own."""

import fcntl
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler.loadfile import LoadFileScheduling  # type: ignore[import-untyped]  # xdist has no types

from pipeline.local.environment import drop_aws_variables
from pipeline.local.lifecycle import CHECKOUT, PARENT, CloudLocation, LocalCloud, start, stop
from pipeline.local.processes import free_port
from pipeline.synthesis import jsii_client

ROOT = Path(__file__).parents[1]
JsonObject = dict[str, Any]
FreshCloud = Callable[..., LocalCloud]
END_TO_END = "tests/end_to_end/"
TOGETHER = tuple(f"{END_TO_END}test_{name}" for name in ("recovery", "push", "round_trip"))
"""Share a platform; what else is there has one of its own."""

# Tests make constructs as a synth does: through the same client of jsii, without the CDK's own validation.
os.environ["CDK_VALIDATION"] = "false"
if "constructs" not in sys.modules:  # a folder's own conftest may have been faster
    jsii_client.enable()


def pytest_collection_finish() -> None:
    """What the tests import stays: the collector of garbage need not walk over the whole CDK again and again."""
    gc.collect()
    gc.freeze()


class OneWorkerAFile(LoadFileScheduling):  # type: ignore[misc]  # as said
    """A file's tests share what it has brought up, so one worker runs them; so do the files that share a platform."""

    def _split_scope(self, nodeid: str) -> str:
        scope: str = super()._split_scope(nodeid)
        return END_TO_END if scope.startswith(TOGETHER) else scope

    def _assign_work_unit(self, node: object) -> None:
        """Give the next file to a worker, and the last one to the last of three: they wait for clouds, it computes."""
        workers: list[object] = self.nodes
        if len(workers) > 2 and node is workers[-1]:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneWorkerAFile:
    """Used whenever there is more than one worker."""
    return OneWorkerAFile(config, log)


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """A cloud assembly on disk."""

    folder: Path

    def template(self, stack: str) -> JsonObject:
        """The template of the stack that CloudFormation will call so, such as `prod-intake`."""
        for manifest in self.folder.rglob("manifest.json"):
            for artifact in json.loads(manifest.read_text())["artifacts"].values():
                properties = artifact.get("properties", {})
                if artifact["type"] == "aws:cloudformation:stack" and stack in (
                    properties.get("stackName"),
                    artifact.get("displayName"),
                ):
                    found: JsonObject = json.loads((manifest.parent / properties["templateFile"]).read_text())
                    return found
        raise LookupError(f"{self.folder} has no stack {stack!r}")

    def resources(self, stack: str, type_: str) -> dict[str, JsonObject]:
        """The resources of one type, by logical id."""
        return {
            name: resource for name, resource in self.template(stack)["Resources"].items() if resource["Type"] == type_
        }


def clean_environment() -> dict[str, str]:
    """This process's environment without anything of AWS's, and with the slow built-in validation off."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "CDK_VALIDATION": "false", "CDK_DISABLE_CLI_TELEMETRY": "true", "CDK_DISABLE_VERSION_CHECK": "1"}


def synth(
    output: Path,
    *,
    checkout: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    within: tuple[str, ...] = (),
    context: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """Run the real `cdk synth` of a checkout; `within` is a command to run it under."""
    given = [word for each in context for word in ("-c", each)]
    return subprocess.run(
        [*within, checkout / ".venv/bin/cdk", "synth", "--quiet", "--output", output, *given],
        cwd=checkout,
        env={**clean_environment(), **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Assembly:
    """The assembly of this checkout, synthesised once however many workers run."""
    base = tmp_path_factory.getbasetemp()
    folder = base / "assembly" if worker_id == "master" else base.parent / "assembly"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            done = synth(folder)
            assert done.returncode == 0, done.stdout + done.stderr
    return Assembly(folder=folder)


@pytest.fixture(scope="session", autouse=True)
def _without_aws_variables() -> None:
    """No test here may meet somebody's credentials, profile or endpoint."""
    drop_aws_variables(os.environ)


@pytest.fixture(scope="session", autouse=True)
def _without_an_identity_of_git() -> None:
    """Git takes a name from these variables before that of a repository, which a test gives its own."""
    for name in [each for each in os.environ if each.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_"))]:
        del os.environ[name]


@pytest.fixture(scope="session", autouse=True)
def _clouds_end_with_this_process() -> None:
    """A run that is killed leaves no cloud behind, neither one that a test starts nor one of a clone's `make up`."""
    os.environ[PARENT] = str(os.getpid())


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """One cloud for all tests that leave it alive: `.endpoint`, `.port`, `.client(service, account, region)`."""
    place = CloudLocation(home=tmp_path_factory.mktemp("cloud"), port=free_port())
    yield start(place, environment=os.environ)
    stop(place)


@pytest.fixture(scope="session")
def equipped_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """One whose builds find the tools of this checkout, as `penstock up` starts it: for whole pipelines."""
    place = CloudLocation(home=tmp_path_factory.mktemp("equipped"), port=free_port())
    tools = (CHECKOUT / ".venv").resolve()
    equipped = {"PENSTOCK_TOOLS": str(tools / "bin"), "PENSTOCK_CACHE": str(tools.parent)}
    yield start(place, environment={**os.environ, **equipped})
    stop(place)


@pytest.fixture
def fresh_cloud(tmp_path: Path) -> Iterator[FreshCloud]:
    """Starts a cloud that the test may kill, and starts it again: `fresh_cloud()`, `fresh_cloud(without=("lambda",))`.

    Each call uses the same place, so that the second finds what the first left. It takes what `start` takes.
    """
    place = CloudLocation(home=tmp_path / "home", port=free_port())

    def begin(**settings: Any) -> LocalCloud:
        return start(place, **({"environment": os.environ} | settings))

    yield begin
    stop(place)
