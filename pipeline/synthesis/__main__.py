"""`make synth`: what `cdk synth --quiet --no-lookups` does, in one process. Answers 1 if something must change."""

import os
import sys

from pipeline.synthesis import messages
from pipeline.synthesis.whole import synthesise

if __name__ == "__main__":
    folder = synthesise(os.environ)
    problems = messages.errors(folder)
    for each in (*problems, *messages.annotations(folder, "warning")):
        sys.stderr.write(f"{each}\n\n")
    if problems:
        sys.exit(f"{len(problems)} to change. The assembly is in {folder}.")
