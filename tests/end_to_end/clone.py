"""A clone of this repository with a local cloud of its own, and what a person does there."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.local.lifecycle import CloudLocation, LocalCloud, find
from pipeline.local.processes import free_port
from tests.testbed.checkout import ROOT, copy_of_the_checkout

HOSTILE = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "of-somebody",
    "AWS_SESSION_TOKEN": "of-somebody",
    "AWS_PROFILE": "production",
    "AWS_CONFIG_FILE": "/nonexistent/config",
    "AWS_REGION": "ap-south-2",
    "AWS_DEFAULT_REGION": "ap-south-2",
    "AWS_ENDPOINT_URL": "http://192.0.2.1:1",
    "AWS_ENDPOINT_URL_CLOUDFORMATION": "http://192.0.2.1:1",
}
"""What nothing here may ever use. (192.0.2.0/24 is nobody's, so a call to it hangs or fails.)"""
PERSON = {
    f"GIT_{role}_{field_}": value
    for role in ("AUTHOR", "COMMITTER")
    for field_, value in (("NAME", "A Person"), ("EMAIL", "person@example.com"))
}
GIT_MARKS = re.compile(r"^remote: (.*?) *$", re.MULTILINE)
"""How git marks the lines that a hook printed."""
PAUSE_SECONDS = 0.05
TOOLS_ACCOUNT, TOOLS_REGION = "999999999999", "eu-west-1"
PRODUCTION_ACCOUNT, PRODUCTION_REGION = "444444444444", "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Run:
    """What `penstock status --wait --json` said, and its exit code."""

    exit_code: int
    found: Mapping[str, Any]

    @property
    def execution(self) -> str:
        """Its id."""
        return str(self.found["execution"])

    @property
    def stages(self) -> dict[str, str]:
        """Stage -> status."""
        return {stage["name"]: stage["status"] for stage in self.found["stages"]}

    @property
    def actions(self) -> dict[str, str]:
        """Stage/action -> status."""
        return {
            f"{stage['name']}/{action['name']}": action["status"]
            for stage in self.found["stages"]
            for action in stage["actions"]
        }

    def intake(self, stage: str, action: str) -> str:
        """The status of one of intake's actions, which bear its name where a stage has several services."""
        return self.actions.get(f"{stage}/intake.{action}") or self.actions[f"{stage}/{action}"]


@dataclass(kw_only=True)
class Clone:
    """One checkout: edit, commit, push, and see what comes of it."""

    checkout: Path
    environment: dict[str, str]
    port: int
    said: str = field(default="", init=False)
    """What the first `make up` printed."""

    @property
    def cloud(self) -> LocalCloud:
        """Its local cloud, which must run."""
        cloud = find(CloudLocation(home=self.checkout / ".penstock", port=self.port))
        assert cloud is not None, "the local cloud does not run"
        return cloud

    def client(self, service: str, account: str = TOOLS_ACCOUNT, region: str = TOOLS_REGION) -> Any:
        """A boto3 client of the local cloud, by default where the pipeline is."""
        return self.cloud.client(service, account=account, region=region)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the checkout."""
        return subprocess.run(
            command, cwd=self.checkout, env=self.environment, capture_output=True, text=True, check=False, timeout=900
        )

    def penstock(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `penstock` as its user would."""
        return self.run(".venv/bin/penstock", *arguments)

    def up(self, *variables: str) -> subprocess.CompletedProcess[str]:
        """Run `make up`, with variables such as APPROVE=auto."""
        return self.run("make", "up", *variables)

    def edit(self, file: str, *changes: tuple[str, str]) -> None:
        """Replace text that stands there exactly once."""
        path = self.checkout / file
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times"
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")

    def write(self, file: str, text: str) -> None:
        """Make a file anew, or another."""
        (self.checkout / file).write_text(text, encoding="utf-8")

    def commit(self, message: str) -> str:
        """Commit what was edited, or nothing; returns the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def undo(self) -> None:
        """Take the last commit back by another one, as one does with what is on main."""
        self.git("revert", "--no-edit", "HEAD")

    def git(self, *arguments: str) -> str:
        """Run git, which must succeed."""
        done = self.run("git", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def push(self) -> str:
        """`git push local main`, which must be accepted; returns what was printed. It follows the run to its end."""
        done = self.run("git", "push", "local", "main")
        assert done.returncode == 0, done.stdout + done.stderr
        return GIT_MARKS.sub(r"\1", done.stdout + done.stderr)

    def push_and_leave(self) -> None:
        """Push without following the run."""
        done = self.run("env", "PENSTOCK_DO_NOT_FOLLOW=1", "git", "push", "--quiet", "local", "main")
        assert done.returncode == 0, done.stdout + done.stderr

    def wait(self) -> Run:
        """The latest run once it ended or waits for approval; it must be that of the last commit."""
        done = self.penstock("status", "--wait", "--json")
        assert done.stdout, done.stderr
        run = Run(exit_code=done.returncode, found=json.loads(done.stdout))
        assert run.found["commit"] in ("", self.git("rev-parse", "HEAD"))
        return run

    def pipeline_template(self) -> Any:
        """The template that the pipeline was last deployed with."""
        return self.client("cloudformation").get_template(StackName="Pipeline")["TemplateBody"]

    def intake_resource(
        self, kind: str, stage: str = "prod", account: str = PRODUCTION_ACCOUNT, region: str = PRODUCTION_REGION
    ) -> str:
        """The physical id of intake's only resource of a type."""
        formation = self.client("cloudformation", account, region)
        found = formation.describe_stack_resources(StackName=f"{stage}-intake")["StackResources"]
        (resource,) = [each["PhysicalResourceId"] for each in found if each["ResourceType"] == kind]
        return str(resource)

    def workflow(self, submission: str) -> dict[str, Any]:
        """The execution of production's workflow that intake named in its answer, once it has ended."""
        states = self.client("stepfunctions", PRODUCTION_ACCOUNT, PRODUCTION_REGION)
        machine = self.intake_resource("AWS::StepFunctions::StateMachine")
        execution = f"{machine.replace(':stateMachine:', ':execution:')}:{submission}"
        found: dict[str, Any] = {}

        def ended() -> bool:
            found.update(states.describe_execution(executionArn=execution))
            return bool(found["status"] != "RUNNING")

        until(ended)
        return found

    def rows(self) -> dict[str, Any]:
        """The submissions that production keeps, by id."""
        tables = self.client("dynamodb", PRODUCTION_ACCOUNT, PRODUCTION_REGION)
        table = self.intake_resource("AWS::DynamoDB::Table")
        return {item["id"]["S"]: item for item in tables.scan(TableName=table)["Items"]}


def make(folder: Path) -> Clone:
    """A fresh clone of this checkout, of someone whose home is empty and whose environment is hostile."""
    checkout = copy_of_the_checkout(folder / "clone")
    for tests in checkout.glob("services/*/tests"):  # which every push that changes a service would run once more
        shutil.rmtree(tests)
    clone = _of(folder, checkout)
    clone.git("init", "--quiet", "--initial-branch=main")
    clone.commit("Everything")
    return clone


def with_history(folder: Path, revision: str) -> Clone:
    """A clone that `git clone` made, whose main is an earlier revision; its branch `next` is what is committed here."""
    checkout = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(checkout)], check=True)
    (checkout / ".venv").symlink_to((ROOT / ".venv").resolve())
    clone = _of(folder, checkout)
    clone.git("branch", "next")
    clone.git("checkout", "--quiet", "-B", "main", revision)
    return clone


def _of(folder: Path, checkout: Path) -> Clone:
    home = folder / "home"
    home.mkdir()
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GIT_", "CDK_"))}
    environment |= HOSTILE | PERSON
    environment |= {
        "HOME": str(home),
        "PENSTOCK_PORT": str(port),
        "PENSTOCK_CACHE": str((checkout / ".venv").resolve().parent),  # what is installed already
    }
    return Clone(checkout=checkout, environment=environment, port=port)


def narrow(clone: Clone, *services: str) -> None:
    """Leave dev and prod, and these services in both: what a test says nothing about costs it time at every push."""
    clone.edit("stages/catalogue.py", ("(DEV, QA, STAGING, PROD)", "(DEV, PROD)"))
    listed = f"services=({', '.join(services)},),\n)"
    for stage in ("dev", "prod"):
        file = clone.checkout / f"stages/{stage}.py"
        text, count = re.subn(r"services=\((.|\n)*\),\n\)", listed, file.read_text(encoding="utf-8"))
        assert count == 1, file
        file.write_text(text, encoding="utf-8")
    for file_ in ("catalogue", "dev", "prod"):  # without the imports that nothing needs any more
        clone.run(".venv/bin/ruff", "check", "--quiet", "--fix", "--select", "F401", f"stages/{file_}.py")
        clone.run(".venv/bin/ruff", "format", "--quiet", f"stages/{file_}.py")
    clone.write("stages/deployed.json", "[]\n")
    assert clone.penstock("ledger").returncode == 0
    clone.commit("Leave two stages")


def until(condition: Callable[[], bool], seconds: float = 180.0) -> None:
    """Wait for what another process does."""
    pause = threading.Event()
    for _ in range(int(seconds / PAUSE_SECONDS)):
        if condition():
            return
        pause.wait(PAUSE_SECONDS)
    raise AssertionError("it did not happen in time")
