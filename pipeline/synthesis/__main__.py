"""`make synth`: what `cdk synth --quiet --no-lookups` does, in one process. Answers 1 if something must change."""

import os
import sys

from pipeline.synthesis.whole import synthesise

if __name__ == "__main__":
    outcome = synthesise(os.environ)
    for each in (*outcome.errors, *outcome.warnings):
        sys.stderr.write(f"{each}\n\n")
    if outcome.errors:
        sys.exit(f"{len(outcome.errors)} to change. The assembly is in {outcome.folder}.")
