"""`python -m tests.services.personal_data FOLDER SEED CASES leaking|tight`: one campaign, in a process of its own."""

import json
import logging
import sys
from pathlib import Path

from pipeline.local.cloud.awslambda import worker


def main(folder: Path, seed: int, cases: int, how: str) -> None:
    """Lambda gives the root logger its handler before it imports anything of ours, and that counts."""
    worker.log_to_stdout()
    logging.getLogger().setLevel(logging.INFO)
    from tests.services.personal_data import campaign  # noqa: PLC0415 - as above

    report = campaign.conduct(folder, seed=seed, cases=cases, leaking=how == "leaking")
    (folder / "report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
