"""`penstock`: finds the checkout that it was called for, since one environment serves them all."""

import sys
from pathlib import Path


def checkout() -> Path | None:
    """The folder whose .venv/bin/penstock was called, or else the one around the current folder."""
    called = Path(sys.argv[0]).absolute()
    candidates = [called.parents[2], Path.cwd(), *Path.cwd().parents]
    return next(
        (folder for folder in candidates if (folder / "cdk.json").exists() and (folder / "stages").is_dir()), None
    )


if __name__ == "__main__":
    root = checkout()
    if root is None:
        sys.exit("penstock: not in a checkout (no cdk.json and stages/ here or above). Change into one and try again.")
    sys.path.insert(0, str(root))
    try:
        from pipeline.cli.main import main
    except ValueError as error:  # the commands need the pipeline's settings, which somebody has to mend first
        from pipeline.catalogue.error_reporting import problem_of

        found = problem_of(error)
        if found is None:
            raise
        sys.exit(f"penstock: {found}")

    main(root)
