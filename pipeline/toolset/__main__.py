"""`python3 -I pipeline/toolset`: install the locked tools and link them as .venv. Needs the standard library alone."""

import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - an older Python gets here, and cannot even read our other modules
    sys.stderr.write("setup: Python " + sys.version.split()[0] + " is too old: Penstock needs python3 3.11 or newer.\n")
    sys.exit(1)

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # -I leaves the checkout out, and with it everything else that could get in the way

from pipeline.toolset.command import main  # noqa: E402 - needs the line above

if __name__ == "__main__":
    sys.exit(main(ROOT, sys.argv[1:]))
