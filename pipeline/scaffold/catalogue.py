"""The promotion order with one stage more, and the accounts with what it needs."""

from collections.abc import Callable
from pathlib import Path

import libcst as cst

from pipeline.scaffold.draft import Draft
from pipeline.scaffold.errors import ScaffoldError
from pipeline.scaffold.listing import PythonSource, inserted
from pipeline.scaffold.names import StageName, check_account, check_region
from pipeline.scaffold.stage_file import StageFile
from services.library.contract import names

CATALOGUE = Path("stages/catalogue.py")
ACCOUNTS = Path("stages/accounts.py")
TOOLS_REGION = "TOOLS_REGION"
"""Where the pipeline is: a stage in the same region names the region for its own reasons."""


def add_stage(draft: Draft, stage: StageName, *, after: str) -> None:
    """List a stage right after another one, or after the wave that this is in or that is called so."""
    source = PythonSource(CATALOGUE.as_posix(), draft.read(CATALOGUE))
    listed = dict(source.assigned()).get("STAGES")
    by_hand = (
        f"add `from stages.{stage.module} import {stage.constant}` and list {stage.constant} after {after} by hand."
    )
    if not isinstance(listed, cst.Tuple) or not listed.lpar:
        raise ScaffoldError(f"{CATALOGUE}: STAGES is no tuple in parentheses; {by_hand}")
    for position, element in enumerate(listed.elements):
        if _is(draft, source, element.value, after):
            text = inserted(source, listed, stage.constant, position=position + 1)
            text = PythonSource(CATALOGUE.as_posix(), text).importing(f"stages.{stage.module}", stage.constant)
            draft.edit(CATALOGUE, text)
            return
    raise ScaffoldError(f"{CATALOGUE}: STAGES lists neither a stage {after!r} by its name nor a wave; {by_hand}")


def account_constant(draft: Draft, stage: StageName, account: str) -> str:
    """Return the constant of an account: the one with its id or name, or else a new one with the stage's name."""
    constants = _constants(draft)
    if account in constants and names.ACCOUNT.allows(constants[account]):
        return account
    check_account(account)
    return _constant(draft, stage.constant, account, option="--account", like=names.ACCOUNT.allows)


def region_constant(draft: Draft, stage: StageName, region: str) -> str:
    """Return the constant of a region: the one with its value or name, or else a new one for the stage."""
    constants = _constants(draft)
    if region in constants and names.REGION.allows(constants[region]):
        return region
    check_region(region)
    return _constant(draft, f"{stage.constant}_REGION", region, option="--region", like=names.REGION.allows)


def _is(draft: Draft, source: PythonSource, value: cst.BaseExpression, after: str) -> bool:
    """Return whether an element of the catalogue is the stage, or a wave with it or of its name."""
    if isinstance(value, cst.Name):
        module = next((of for bound, of, _ in source.imports() if bound == value.value), "")
        try:
            found = StageFile(draft, after)
        except ScaffoldError:
            return False
        return found.constant == value.value and module in ("", f"stages.{found.file.stem}")
    if isinstance(value, cst.Call):
        for argument in value.args:
            inner = argument.value
            if isinstance(inner, cst.SimpleString) and inner.evaluated_value == after:
                return True
            if isinstance(inner, cst.Tuple) and any(_is(draft, source, each.value, after) for each in inner.elements):
                return True
    return False


def _constant(draft: Draft, name: str, value: str, *, option: str, like: Callable[[str], bool]) -> str:
    constants = _constants(draft)
    same = sorted((each == TOOLS_REGION, each) for each, of in constants.items() if of == value)
    if same:
        return same[0][1]
    if name in constants:
        raise ScaffoldError(
            f"{option} {value!r}: {ACCOUNTS} has {name} = {constants[name]!r} already. Correct it there, or give"
            f" {option} {name} to use that one."
        )
    source = PythonSource(ACCOUNTS.as_posix(), draft.read(ACCOUNTS))
    end = _end_of_the_last(source, like)
    if end is None:
        raise ScaffoldError(f'{ACCOUNTS} has nothing like it yet: add {name} = "{value}" there by hand, then repeat.')
    at = source.bytes.index(b"\n", end) + 1
    draft.edit(ACCOUNTS, (source.bytes[:at] + f'{name} = "{value}"\n'.encode() + source.bytes[at:]).decode())
    return name


def _end_of_the_last(source: PythonSource, like: Callable[[str], bool]) -> int | None:
    """Return where the last constant of a kind ends, with the docstring below it."""
    found, below = None, False
    for statement in source.module.body:
        each = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
        value = each.value if isinstance(each, cst.Assign | cst.Expr) else None
        text = str(value.evaluated_value) if isinstance(value, cst.SimpleString) else ""
        is_one = isinstance(each, cst.Assign) and like(text)
        if is_one or (below and text and isinstance(each, cst.Expr)):
            found = source.span(statement).end
        below = is_one
    return found


def _constants(draft: Draft) -> dict[str, str]:
    source = PythonSource(ACCOUNTS.as_posix(), draft.read(ACCOUNTS))
    return {
        name: str(value.evaluated_value) for name, value in source.assigned() if isinstance(value, cst.SimpleString)
    }
