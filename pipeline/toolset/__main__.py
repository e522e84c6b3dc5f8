"""`python3 -I pipeline/toolset`: install the locked tools and link them as .venv. Needs the standard library alone."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # -I leaves the checkout out, and with it everything else that could get in the way

from pipeline.toolset.command import main  # noqa: E402 - needs the line above

if __name__ == "__main__":
    sys.exit(main(ROOT, sys.argv[1:]))
