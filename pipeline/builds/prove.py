"""What a build asks of its synth before the pipeline may update itself with it: `make prove`.

The build that proves a new definition comes by here too, and has nothing to prove itself.
"""

import argparse
import os
from pathlib import Path

import boto3

from pipeline.builds import cancelled_runs, kept_synths, new_definition, new_self_mutation, proof, same_synth


def main() -> None:
    """Stop with the reason, or say what the update will cancel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assembly", type=Path, default=Path("cdk.out"))
    parser.add_argument("--store", required=True, help="the bucket of the pipeline's artifacts")
    arguments = parser.parse_args()
    if os.environ.get(proof.PROVING):
        return
    before = kept_synths.read(boto3.client("s3"), arguments.store, cancelled_runs.LATEST)
    new_definition.check(arguments.assembly)
    new_self_mutation.check(arguments.assembly, arguments.store, before)
    same_synth.check(arguments.assembly, arguments.store)
    cancelled_runs.tell(arguments.assembly, arguments.store)


if __name__ == "__main__":
    main()
