"""The CDK App that each part of a synth is made in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk


def new_app(folder: Path, context: Mapping[str, Any]) -> cdk.App:
    """Return an empty App that writes into this folder.

    Without tree.json, the CDK's own drawing of the constructs, which nothing reads and which grows with all stages.
    """
    return cdk.App(
        outdir=str(folder), context=context, analytics_reporting=False, tree_metadata=False, auto_synth=False
    )
