"""What builds the site of the pages: an environment of its own, since nothing else needs it."""

import hashlib
import sys
from pathlib import Path

from pipeline.toolset import environment, uv

FOLDER = Path("docs/site")
REQUIREMENTS, PACKAGES = FOLDER / "requirements.txt", FOLDER / "package-lock.json"


def install(root: Path, say: environment.Say) -> Path:
    """Install what the site's locks name, unless that is done; return the environment's folder."""
    requirements = root / REQUIREMENTS
    digest = hashlib.sha256(requirements.read_bytes() + (root / PACKAGES).read_bytes() + sys.version.encode())
    target = environment.cache_folder() / f"docs-{digest.hexdigest()[:16]}"
    if not environment.is_complete(target):
        say(f"installing what builds the site into {target}: 32 packages, 130 MB")
        program = root / ".venv/bin/uv"
        uv.run(program, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(target), cwd=root)
        python = ("--python", str(target / "bin/python"))
        uv.run(program, "pip", "sync", "--quiet", "--require-hashes", *python, str(requirements), cwd=root)
        environment.locked_node_packages(root / FOLDER, target / "node", programs=root / ".venv/bin")
        (target / environment.COMPLETE).touch()
    return target
