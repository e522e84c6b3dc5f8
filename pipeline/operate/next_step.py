"""What to type next, so that it works as it is printed."""

import shutil


def penstock(*words: str) -> str:
    """Return a command of ours: by its name where the shell finds it, else by its path in the checkout."""
    return " ".join(("penstock" if shutil.which("penstock") else ".venv/bin/penstock", *words))
