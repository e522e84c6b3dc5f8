"""Stop a run whose synth gives another pipeline than an earlier synth of the same commit, before self-mutation.

Self-mutation deploys what differs and starts the run again; were the next synth to differ once more, that would never
end. One commit may change the pipeline once. What a synth made of the pipeline's own stacks is kept beside the
artifacts, under the commit's name.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

SUFFIX = ".template.json"
SHOWN = 5
LONGEST = 160
MISSING = "nothing"


def main(words: list[str] | None = None) -> None:
    """Compare this build's synth with what an earlier one of its commit gave; keep it if there was none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assembly", type=Path, default=Path("cdk.out"))
    parser.add_argument("--store", required=True, help="the bucket of the pipeline's artifacts")
    arguments = parser.parse_args(words)
    commit = os.environ["CODEBUILD_RESOLVED_SOURCE_VERSION"]
    store = boto3.client("s3")
    place = {"Bucket": arguments.store, "Key": f"synths/{commit}.json"}
    made = templates(arguments.assembly)
    before = _kept(store, place)
    if before is None:
        store.put_object(**place, Body=json.dumps(made, sort_keys=True).encode())
        return
    found = [*islice(differences(before, made), SHOWN)]
    if found:
        sys.exit(
            "\n".join([_sentence(commit), *found, f"(What the earlier synth gave: s3://{'/'.join(place.values())})"])
        )


def templates(assembly: Path) -> dict[str, Any]:
    """Return the templates of the pipeline's own stacks; those of stages lie in folders."""
    return {file.name: json.loads(file.read_text(encoding="utf-8")) for file in sorted(assembly.glob(f"*{SUFFIX}"))}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each value that differs: resource and property, and both values."""
    for file in sorted(before.keys() | after.keys()):
        old, new = (side.get(file, {}) for side in (before, after))
        named = {id_: _path(id_, old, new) for id_ in {**old.get("Resources", {}), **new.get("Resources", {})}}
        for where, left, right in _values(old, new, ()):
            section, id_, *rest = (*where, "", "")
            place = f"{named[id_]} {'.'.join(filter(None, rest))}" if section == "Resources" else ".".join(where)
            yield f"  {file.removesuffix(SUFFIX)}: {place.rstrip()}: {_shown(left, right)} -> {_shown(right, left)}"


def _values(old: Any, new: Any, where: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _values(old.get(key, MISSING), new.get(key, MISSING), (*where, key))
    elif isinstance(old, list) and isinstance(new, list):
        for number, (left, right) in enumerate(zip_longest(old, new, fillvalue=MISSING)):
            yield from _values(left, right, (*where, str(number)))
    elif old != new:
        yield where, old, new


def _path(id_: str, *sides: Mapping[str, Any]) -> str:
    resources = [side.get("Resources", {}).get(id_, {}) for side in sides]
    return next((path for each in resources if (path := each.get("Metadata", {}).get("aws:cdk:path"))), id_)


def _shown(value: Any, other: Any) -> str:
    """Return a value in a line, cut to where it begins to differ from the other one."""
    text, beside = (each if isinstance(each, str) else json.dumps(each, sort_keys=True) for each in (value, other))
    same = next((at for at, (left, right) in enumerate(zip(text, beside, strict=False)) if left != right), 0)
    begin = max(0, same - LONGEST // 2)
    return f"{'...' if begin else ''}{text[begin : begin + LONGEST]}{'...' if len(text) > begin + LONGEST else ''}"


def _kept(store: Any, place: Mapping[str, str]) -> dict[str, Any] | None:
    try:
        kept: dict[str, Any] = json.loads(store.get_object(**place)["Body"].read())
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return None
    return kept


def _sentence(commit: str) -> str:
    return (
        f"Stopped before self-mutation: each synth of {commit[:12]} gives another pipeline. This run would update the"
        " pipeline again, which starts the run again, for ever. A synth may depend on the commit alone: no clock, no"
        " chance, no order of a set. `penstock validate` names the line if it is in stages/. What differs:"
    )


if __name__ == "__main__":
    main()
