"""`python -m pipeline.builds.notify_expiry TOPIC`: the daily check's own step that tells of acknowledgements that end.

It runs in a build with the build's own credentials, so it is no `penstock` command: those never act on what they find
in the environment.
"""

import json
import subprocess
import sys

import boto3

SUBJECT = "Acknowledgements need attention"
LONGEST = 200_000
"""SNS takes 262,144 bytes, whatever the characters."""


def main(topic: str) -> int:
    """Validate the checkout, and publish every problem and warning; answers as `penstock validate` does."""
    done = subprocess.run([".venv/bin/penstock", "validate", "--json"], capture_output=True, text=True, check=False)
    sys.stdout.write(done.stdout + done.stderr)
    try:
        problems = [f"{each['file']}: {each['message']}" for each in json.loads(done.stdout)["problems"]]
    except (ValueError, KeyError):
        problems = ["`penstock validate` does not run:", done.stderr]
    if problems:
        boto3.client("sns").publish(TopicArn=topic, Subject=SUBJECT, Message="\n".join(problems)[:LONGEST])
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
