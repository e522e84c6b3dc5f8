"""Assets are published by one process of a build, which is the package's own code, and says what its command says."""

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.cloud.codebuild.npm import link
from pipeline.local.cloud.codebuild.processes import end_processes
from pipeline.local.lifecycle import LocalCloud
from tests.testbed.checkout import ROOT

pytestmark = pytest.mark.cloud

ACCOUNT = "111111111111"
PACKAGE = (ROOT / ".venv/node/node_modules/cdk-assets").resolve()
NODE = """\
#!/bin/sh
echo "$1" >> {starts}
exec {node} "$@"
"""


@dataclass(frozen=True, kw_only=True)
class AssetBuild:
    """What a build's shell has: the tool that it installed, and a `node` that counts its starts."""

    folder: Path
    bucket: str
    environment: dict[str, str]

    def manifest(self, name: str, bucket: str = "") -> str:
        (self.folder / name).write_text(name)
        destination = {"bucketName": bucket or self.bucket, "objectKey": name, "region": "us-east-1"}
        files = {name: {"source": {"path": name, "packaging": "file"}, "destinations": {"here": destination}}}
        manifest = self.folder / f"{name}.assets.json"
        manifest.write_text(json.dumps({"version": "54.0.0", "files": files}))
        return manifest.name

    def run(self, *arguments: str, command: str | Path = "cdk-assets", **variables: str) -> tuple[int, str]:
        """Exit status and what was printed, both streams in their order."""
        program = shutil.which(command, path=self.environment["PATH"]) or str(command)
        done = subprocess.run(
            [program, *arguments],
            cwd=self.folder,
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout

    @property
    def starts(self) -> list[str]:
        """The programs that Node was started for."""
        file = self.folder / "starts"
        return [Path(line).name for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def build(cloud: LocalCloud, tmp_path: Path) -> Iterator[AssetBuild]:
    bucket = f"assets-{uuid.uuid4().hex[:12]}"
    client: Any = cloud.client("s3", ACCOUNT)
    client.create_bucket(Bucket=bucket)
    link(PACKAGE, "cdk-assets", tmp_path / "tools/lib/node_modules", tmp_path / "tools/bin")
    node = tmp_path / "tools/bin/node"
    node.write_text(NODE.format(starts=tmp_path / "starts", node=ROOT / ".venv/bin/node"))
    node.chmod(0o755)
    (tmp_path / "tmp").mkdir()
    yield AssetBuild(
        folder=tmp_path,
        bucket=bucket,
        environment={
            "PATH": os.pathsep.join((str(tmp_path / "tools/bin"), os.environ["PATH"])),
            "TMPDIR": str(tmp_path / "tmp"),
            "HOME": str(tmp_path),
            "CODEBUILD_SRC_DIR": str(tmp_path),
            "AWS_ENDPOINT_URL": cloud.endpoint,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": cloud.root_secret,
            "AWS_REGION": "us-east-1",
        },
    )
    end_processes(f"CODEBUILD_SRC_DIR={tmp_path}")


def test_cdk_assets_starts_node_once_for_all_manifests_of_a_build(build: AssetBuild, cloud: LocalCloud) -> None:
    for name in ("one", "two", "three"):
        status, printed = build.run("--path", build.manifest(name), "--verbose", "publish", f"{name}:here")
        assert status == 0, printed
    assert build.starts == ["asset_publisher.cjs"]
    client: Any = cloud.client("s3", ACCOUNT)
    assert {each["Key"] for each in client.list_objects_v2(Bucket=build.bucket)["Contents"]} == {"one", "two", "three"}


def test_cdk_assets_prints_and_answers_what_the_package_does(build: AssetBuild) -> None:
    build.run("--path", build.manifest("there"), "publish", "there:here")
    for arguments in (
        ("--path", "there.assets.json", "--verbose", "publish", "there:here"),
        ("--path", "there.assets.json", "publish"),
    ):
        own = build.run(*arguments, command=PACKAGE / "bin/cdk-assets")
        assert own[0] == 0
        assert build.run(*arguments) == own


def test_cdk_assets_fails_where_the_package_fails_and_goes_on(build: AssetBuild) -> None:
    missing = build.manifest("lost", bucket=f"no-{build.bucket}")
    status, printed = build.run("--path", missing, "--verbose", "publish", "lost:here")
    assert (status, "No bucket named" in printed) == (1, True), printed
    status, printed = build.run("--path", "nowhere.json", "--verbose", "publish", "lost:here")
    assert (status, "ENOENT" in printed) == (1, True), printed
    assert build.run("--path", build.manifest("good"), "publish", "good:here")[0] == 0


def test_cdk_assets_acts_with_the_credentials_of_each_call(build: AssetBuild) -> None:
    manifest = build.manifest("mine")
    assert build.run("--path", manifest, "publish", "mine:here")[0] == 0
    status, printed = build.run("--path", manifest, "publish", "mine:here", AWS_ACCESS_KEY_ID="222222222222")
    assert status == 1, printed


def test_cdk_assets_does_all_else_itself(build: AssetBuild) -> None:
    assert build.run("--version")[1].strip() == json.loads((PACKAGE / "package.json").read_text())["version"]
    status, printed = build.run("ls", "--path", build.manifest("listed"))
    assert (status, "listed" in printed) == (0, True)
    assert "asset_publisher.cjs" not in build.starts


def test_cdk_assets_of_a_package_that_ends_otherwise_is_run_as_it_is(build: AssetBuild) -> None:
    other = build.folder / "other"
    (other / "bin").mkdir(parents=True)
    (other / "package.json").write_text(json.dumps({"name": "cdk-assets", "bin": {"cdk-assets": "bin/cdk-assets"}}))
    (other / "bin/cdk-assets.js").write_text("console.log('of another version')")
    (other / "bin/cdk-assets").write_text("#!/usr/bin/env node\nrequire('./cdk-assets.js')")
    (other / "bin/cdk-assets").chmod(0o755)
    link(other, "cdk-assets", build.folder / "tools/lib/node_modules", build.folder / "tools/bin")
    assert build.run("--path", "any.json", "publish", "x:y") == (0, "of another version\n")
