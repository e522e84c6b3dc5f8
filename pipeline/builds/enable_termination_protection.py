"""Turn termination protection on after a deployment: a step of the pipeline's own, run by `python -m`.

CDK Pipelines deploys through CloudFormation actions, which cannot set it (aws-cdk 17871). It runs in a build with the
build's own credentials, so it is no `penstock` command: those never act on what they find in the environment.
"""

import argparse
import sys

from pipeline.builds import assumed_role


def main(arguments: list[str]) -> int:
    """Protect each named stack; protecting it twice is once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", required=True, help="the bootstrap deploy role of the stacks' account")
    parser.add_argument("--region", required=True)
    parser.add_argument("stacks", nargs="+")
    chosen = parser.parse_args(arguments)
    cloudformation = assumed_role.client("cloudformation", role=chosen.role, region=chosen.region, session="protect")
    for stack in chosen.stacks:
        cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=True)
        sys.stdout.write(f"{stack}: protected from termination\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
