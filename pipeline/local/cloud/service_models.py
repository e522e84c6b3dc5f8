"""What botocore's model of a service says first: by which protocol it is spoken to.

The emulator asks it of every service that answers, for the type of the content, and botocore reads the whole model:
0.05 to 0.4 s of processor time each, in every cloud that starts.
"""

import gzip
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import botocore

DATA = Path(botocore.__file__).parent / "data"
BEGINNING = 16_384
"""Characters in which the metadata of each model ends; they come before its operations."""
_METADATA = re.compile(r'"metadata"\s*:\s*')


@cache
def model(name: str) -> SimpleNamespace | None:
    """Return what stands in for the model of a service, by botocore's name for it: its `metadata` alone."""
    files = sorted((DATA / name).glob("*/service-2.json.gz"))
    return SimpleNamespace(metadata=metadata(files[-1])) if files else None


def metadata(file: Path) -> Mapping[str, object]:
    """Read the metadata of a model.

    Raises:
        LookupError: It does not begin with them.
    """
    with gzip.open(file, "rt", encoding="utf-8") as text:
        beginning = text.read(BEGINNING)
    found = _METADATA.search(beginning)
    if found is None:
        raise LookupError(f"{file} does not begin with its metadata")
    value: Mapping[str, object]
    value, _ = json.JSONDecoder().raw_decode(beginning, found.end())
    return value
