"""What a file assigns to its constants, and arguments of the calls that make them, replaced; all else stays."""

import json
from collections.abc import Mapping
from pathlib import Path

import libcst as cst

from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.listing import PythonSource, spliced


def set_texts(draft: Draft, file: Path, values: Mapping[str, str]) -> None:
    """Set constants that are texts, such as an account's id."""
    for name, value in values.items():
        source = PythonSource(file.as_posix(), draft.read(file))
        found = dict(source.assigned()).get(name)
        if not isinstance(found, cst.SimpleString):
            raise ScaffoldError(f'{file} says no {name} = "...", so that it cannot be set; write it there by hand.')
        if str(found.evaluated_value) != value:
            draft.edit(file, spliced(source, found, json.dumps(value, ensure_ascii=False)))


def argument(draft: Draft, file: Path, constant: str, name: str) -> str:
    """Return an argument, as it is written, of the call that makes a constant."""
    source = PythonSource(file.as_posix(), draft.read(file))
    return source.code(_argument(source, constant, name))


def set_argument(draft: Draft, file: Path, constant: str, name: str, text: str) -> None:
    """Write an argument of the call that makes a constant, as Python."""
    source = PythonSource(file.as_posix(), draft.read(file))
    draft.edit(file, spliced(source, _argument(source, constant, name), text))


def _argument(source: PythonSource, constant: str, name: str) -> cst.BaseExpression:
    made = dict(source.assigned()).get(constant)
    for each in made.args if isinstance(made, cst.Call) else ():
        if each.keyword and each.keyword.value == name:
            return each.value
    raise ScaffoldError(f"{source.file} makes no {constant} with {name}=..., so that it cannot be set; do so by hand.")
