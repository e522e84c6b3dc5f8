"""What synths made of the pipeline's own stacks, kept beside the artifacts under a name."""

import json
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

SUFFIX = ".template.json"


def templates(assembly: Path) -> dict[str, Any]:
    """Return the templates of the pipeline's own stacks; those of stages lie in folders."""
    return {file.name: json.loads(file.read_text(encoding="utf-8")) for file in sorted(assembly.glob(f"*{SUFFIX}"))}


def key(name: str) -> str:
    """Return the key of the object."""
    return f"synths/{name}.json"


def read(s3: Any, bucket: str, name: str) -> dict[str, Any] | None:
    """Return what was kept under a name; None if nothing was."""
    try:
        kept: dict[str, Any] = json.loads(s3.get_object(Bucket=bucket, Key=key(name))["Body"].read())
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return None
    return kept


def write(s3: Any, bucket: str, name: str, made: dict[str, Any]) -> None:
    """Keep it."""
    s3.put_object(Bucket=bucket, Key=key(name), Body=json.dumps(made, sort_keys=True).encode())
