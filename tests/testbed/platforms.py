"""A platform of a tiny service in accounts of its own: the real pipeline, deployed and pushed to as a person would."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.accounts import role_names
from pipeline.build_settings import BuildSettings
from pipeline.catalogue.model import Catalogue, Stage
from pipeline.cli import upstream
from pipeline.definition import asset_publishing
from pipeline.local import bootstrap, first_deployment, origin
from pipeline.local.lifecycle import CloudLocation, LocalCloud
from pipeline.operate.pipeline import Pipeline
from pipeline.operate.run import Run
from pipeline.operate.target import local_target
from pipeline.pipeline_settings import Settings
from pipeline.settings import SETTINGS
from pipeline.source import Source
from services.library.contract.environment import Tier
from tests.testbed import tiny
from tests.testbed.pipelines import until
from tests.testbed.repositories import IDENTITY

HOME = "eu-west-1"
AWAY = "us-east-1"
RUN_SECONDS = 120
MAKEFILE = f"""setup:
\tln -sfn {tiny.ROOT}/.venv .venv
synth:
\tcp -r assembly cdk.out
prove:
\t@true
units:
\techo "No service has unit tests"
evidence:
\tmkdir evidence
\techo "What is known" > evidence/summary.txt
"""
"""Synth is done beforehand: what it is called by is the pipeline's, and what it comes to is real."""


class Platform:
    """One platform. `tools`, `target` and `other` are accounts of its own; the one stage is in `target`."""

    def __init__(self, folder: Path, cloud: LocalCloud, *, number: int, tier: Tier = Tier.SANDBOX) -> None:
        self.cloud = cloud
        self.tools, self.target, self.other = (f"{number:04}{role:08}" for role in (1, 2, 3))
        self.name = f"tiny{number}"
        self.stage = tiny.stage("dev", tier=tier, account=self.target, region=AWAY)
        self.stages: tuple[Stage, ...] = (self.stage,)
        self.checkout = folder / "checkout"
        # An origin of its own beside the shared cloud; its hook finds the cloud by the description of it.
        self._place = CloudLocation(home=folder, port=cloud.port)
        shutil.copy(cloud.place.state_file, self._place.state_file)

    def deploy(self, source: Source, builds: BuildSettings | None = None, *, given: Settings = SETTINGS) -> None:
        """Bootstrap, deploy the pipeline's stack and its support stacks, and connect the origin.

        `given`: the settings, but for those that are this platform's own.
        """
        self.settings = replace(
            given,
            name=self.name,
            account=self.tools,
            region=HOME,
            source=source,
            builds=builds or given.builds,
        )
        self.checkout.mkdir()
        self._git("init", "--quiet", "--initial-branch=main")
        self._write()
        places = {(self.tools, HOME), (self.tools, AWAY), (self.settings.source_account, HOME)}
        ours = [
            bootstrap.Target(account=account, region=region, role_names=role_names.PIPELINE)
            for account, region in places
        ]
        bootstrap.bootstrap(
            self.cloud,
            [*ours, *map(_target, self.stages)],
            tools_account=self.tools,
            foundation=bootstrap.checkout_foundation(),
            template=bootstrap.checkout_template(),
            names=self.settings.bootstrap,
        )
        repository = upstream.prepare(self.cloud, self.settings)
        first_deployment.deploy(
            self.cloud,
            stack="Pipeline",
            account=self.tools,
            region=HOME,
            checkout=self.checkout,
            progress=lambda _line: None,
        )
        origin.create(self._place, checkout=self.checkout, repository=repository)

    @property
    def pipeline(self) -> Pipeline:
        """As `penstock` sees it."""
        return Pipeline(
            target=local_target(self.cloud.endpoint, secret=self.cloud.root_secret, account=self.tools, region=HOME),
            name=self.name,
        )

    @property
    def executions(self) -> int:
        """How many there have been."""
        return len(self.pipeline.executions(100))

    def synthesise(self, value: str) -> None:
        """Have the next commit deploy this value."""
        shutil.rmtree(self.checkout / "assembly", ignore_errors=True)
        app, _ = tiny.app(self.checkout / "assembly", settings=self.settings, catalogue=self.catalogue(value))
        app.synth()
        asset_publishing.write_commands(self.checkout / "assembly", self.settings.builds)

    def catalogue(self, value: str) -> Catalogue:
        """The one stage, with a service that deploys this value."""
        return (replace(self.stage, services=(tiny.Tiny(value=value),)),)

    def commit(self, files: dict[str, str] | None = None) -> str:
        """Commit all there is, and these files; the commit."""
        for name, text in (files or {}).items():
            (self.checkout / name).parent.mkdir(parents=True, exist_ok=True)
            (self.checkout / name).write_text(text)
        self._git("add", "--all")
        self._git(*IDENTITY, "commit", "--quiet", "--allow-empty", "--message", "Change something")
        return self._git("rev-parse", "HEAD")

    def push(self, branch: str = "main") -> None:
        """Push what is committed, as a person would."""
        origin.push(self.checkout, f"HEAD:refs/heads/{branch}", follow=False)

    def run(self, good: Callable[[Run], bool], *, seconds: float = RUN_SECONDS) -> Run:
        """The latest run, once it is good."""
        return until(self.pipeline.read, good, seconds=seconds)

    def deployed(self) -> str:
        """The value that the service has in its stage."""
        ssm: Any = self.cloud.client("ssm", self.target, AWAY)
        return str(ssm.get_parameter(Name=tiny.parameter("dev"))["Parameter"]["Value"])

    def _write(self) -> None:
        (self.checkout / "Makefile").write_text(MAKEFILE)
        (self.checkout / ".gitignore").write_text(".venv\n")
        (self.checkout / "cdk.json").write_text('{"app": "assembly"}')
        without_bytecode = shutil.ignore_patterns("__pycache__")
        shutil.copytree(tiny.ROOT / "pipeline/builds", self.checkout / "pipeline/builds", ignore=without_bytecode)
        (self.checkout / ".venv").symlink_to(tiny.ROOT / ".venv")
        self.synthesise("first")

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.checkout, check=True, capture_output=True, text=True)
        return done.stdout.strip()


def _target(stage: Stage) -> bootstrap.Target:
    environment = stage.environment
    return bootstrap.Target(
        account=environment.account,
        region=environment.region,
        role_names=(role_names.of_stage(stage.label), *stage.role_names),
        keeps_data=environment.keeps_data,
    )
