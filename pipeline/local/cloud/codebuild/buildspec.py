"""A buildspec 0.2, read into types, so that a broken one fails before any command runs.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

PhaseName = Literal["install", "pre_build", "build", "post_build"]
PHASES: tuple[PhaseName, ...] = ("install", "pre_build", "build", "post_build")
SHELLS = {"bash": "bash", "/bin/bash": "bash", "sh": "sh", "/bin/sh": "sh"}
ACCEPTED = {"run-as", "proxy", "batch", "reports"}
"""Parts of a buildspec that mean nothing on this machine; the log says that they were left out."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class BuildspecError(Exception):
    """What is wrong with a buildspec, and where."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """The commands of one phase."""

    commands: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    """`finally`: run in any case."""
    on_failure: Literal["ABORT", "CONTINUE"] | None = None


@dataclass(frozen=True, kw_only=True)
class Output:
    """Which files become one artifact."""

    files: tuple[str, ...]
    base_directory: str | None = None
    discard_paths: bool = False
    exclude_paths: tuple[str, ...] = ()
    name: str | None = None
    keep_symlinks: bool = False


@dataclass(frozen=True, kw_only=True)
class Buildspec:
    """What a build does, in its author's order."""

    shell: Literal["bash", "sh"] = "sh"
    variables: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    exported: tuple[str, ...] = ()
    phases: Mapping[PhaseName, Phase]
    artifacts: Output | None = None
    secondary_artifacts: Mapping[str, Output] = field(default_factory=dict)
    cache_paths: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What was accepted without effect, for the log."""


def parse(text: str) -> Buildspec:
    """Read a buildspec, or raise BuildspecError in the words of its author."""
    try:
        # Every scalar stays the text that its author wrote: 3.10 is a version here, and ON may be a variable's name.
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but texts, lists and mappings
    except yaml.YAMLError as error:
        raise BuildspecError(" ".join(str(error).split())) from error
    top = _mapping(document, "the buildspec")
    version = str(top.get("version", ""))
    if version != "0.2":
        raise BuildspecError(f"version: expected 0.2, got {version or 'none'}")
    env = _mapping(top.get("env"), "env")
    phases = _mapping(top.get("phases"), "phases")
    if not phases:
        raise BuildspecError("phases: at least one of install, pre_build, build and post_build is needed")
    unknown = [name for name in phases if name not in PHASES]
    if unknown:
        raise BuildspecError(f"phases: {unknown[0]} is not one of {', '.join(PHASES)}")
    artifacts = _mapping(top.get("artifacts"), "artifacts")
    secondary = _mapping(artifacts.get("secondary-artifacts"), "artifacts/secondary-artifacts")
    cache = _mapping(top.get("cache"), "cache")
    return Buildspec(
        shell=_shell(env.get("shell")),
        variables=_texts(env.get("variables"), "env/variables"),
        parameters=_texts(env.get("parameter-store"), "env/parameter-store"),
        secrets=_texts(env.get("secrets-manager"), "env/secrets-manager"),
        exported=_exported(env.get("exported-variables")),
        phases={name: _phase(phases[name], name) for name in PHASES if name in phases},
        artifacts=_output(artifacts, "artifacts") if artifacts.get("files") else None,
        secondary_artifacts={
            str(name): _output(_mapping(value, f"artifacts/secondary-artifacts/{name}"), str(name))
            for name, value in secondary.items()
        },
        cache_paths=_strings(cache.get("paths"), "cache/paths"),
        notes=tuple(_notes(top, phases)),
    )


def _notes(top: Mapping[Any, Any], phases: Mapping[Any, Any]) -> list[str]:
    notes = [f"buildspec: {part} has no effect on this machine" for part in top if part in ACCEPTED]
    known = {"version", "env", "phases", "artifacts", "cache"} | ACCEPTED
    notes += [f"buildspec: {part} is not known and was ignored" for part in top if part not in known]
    install = phases.get("install") or {}
    versions = _texts(install.get("runtime-versions"), "phases/install/runtime-versions")
    notes += [f"runtime-versions: this machine's own {name} is used, not {wanted}" for name, wanted in versions.items()]
    return notes


def _phase(value: object, name: str) -> Phase:
    phase = _mapping(value, f"phases/{name}")
    on_failure = phase.get("on-failure")
    if on_failure not in ("ABORT", "CONTINUE", None):
        raise BuildspecError(f"phases/{name}/on-failure: ABORT and CONTINUE are emulated, got {on_failure}")
    commands = _commands(phase.get("commands"), f"phases/{name}/commands")
    if not commands and name != "install":
        raise BuildspecError(f"phases/{name}/commands: at least one command is needed")
    return Phase(
        commands=commands, after=_commands(phase.get("finally"), f"phases/{name}/finally"), on_failure=on_failure
    )


def _output(value: Mapping[Any, Any], where: str) -> Output:
    files = _strings(value.get("files"), f"{where}/files")
    if not files:
        raise BuildspecError(f"{where}/files: at least one location is needed")
    return Output(
        files=files,
        base_directory=_text(value.get("base-directory"), f"{where}/base-directory"),
        discard_paths=_yes(value.get("discard-paths"), f"{where}/discard-paths"),
        exclude_paths=_strings(value.get("exclude-paths"), f"{where}/exclude-paths"),
        name=_text(value.get("name"), f"{where}/name"),
        keep_symlinks=_yes(value.get("enable-symlinks"), f"{where}/enable-symlinks"),
    )


def _shell(value: object) -> Literal["bash", "sh"]:
    shell = SHELLS.get(str(value or "sh"))
    if shell is None:
        raise BuildspecError(f"env/shell: bash and /bin/sh exist on this machine, got {value}")
    return "bash" if shell == "bash" else "sh"


def _exported(value: object) -> tuple[str, ...]:
    names = _strings(value, "env/exported-variables")
    for name in names:
        if not NAME.fullmatch(name):
            raise BuildspecError(f"env/exported-variables: {name} is not a variable's name")
    return names


def _commands(value: object, where: str) -> tuple[str, ...]:
    """Commands as AWS takes them: the message is its own for the usual slip, an unquoted colon."""
    for index, item in enumerate(value if isinstance(value, list) else []):
        if not isinstance(item, str):
            raise BuildspecError(
                f"Expected Commands[{index}] of {where} to be of string type: found {type(item).__name__} instead. "
                "A command with a colon and a space needs quotes."
            )
    return _strings(value, where)


def _mapping(value: object, where: str) -> Mapping[Any, Any]:
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise BuildspecError(f"{where}: expected a mapping, got {type(value).__name__}")
    return value


def _texts(value: object, where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, item in _mapping(value, where).items():
        text = _text(item, f"{where}/{name}")
        if not NAME.fullmatch(str(name)):
            raise BuildspecError(f"{where}: {name} is not a variable's name")
        found[str(name)] = text or ""
    return found


def _strings(value: object, where: str) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    items = value if isinstance(value, list) else [value]
    return tuple(_text(item, where) or "" for item in items)


def _text(value: object, where: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise BuildspecError(f"{where}: expected a string, got {type(value).__name__}")


def _yes(value: object, where: str) -> bool:
    answers = {None: False, "no": False, "false": False, "yes": True, "true": True}
    answer = answers.get(_text(value, where))
    if answer is None:
        raise BuildspecError(f"{where}: expected yes or no, got {value}")
    return answer
