"""`python -m pipeline.review.render REVIEW.json FOLDER`: every document of a review that was made before."""

import argparse
import sys
from pathlib import Path

from pipeline.review.render import data, markdown, page, terminal


def main(arguments: list[str]) -> int:
    """Write review.html, review.md and review.txt."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.review.render", description=__doc__)
    parser.add_argument("review", type=Path, help="what `penstock review --format json --out` wrote")
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args(arguments)
    try:
        review = data.read(chosen.review.read_text())
    except (OSError, data.ReviewFormatError) as error:
        sys.stderr.write(f"{chosen.review}: {error}\n")
        return 2
    chosen.folder.mkdir(parents=True, exist_ok=True)
    documents = {"html": page.render(review), "md": markdown.render(review), "txt": terminal.render(review)}
    for name, text in documents.items():
        (chosen.folder / f"review.{name}").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
