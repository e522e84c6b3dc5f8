"""What a stage's gate judges by, as parameters of the pipeline's stack: no action changes with a freeze.

A change of the pipeline's actions cancels runs that wait for approval, and leaves no run to roll back to.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from pipeline.catalogue.model import Stage, Wave
from pipeline.catalogue.problem import MistakeError
from pipeline.catalogue.release import release_of, requests_of, watched_services
from pipeline.definition.bootstrap_roles import bootstrap_role_arn
from services.library.contract.names import Bootstrap, release_alarm, release_parameter, stack_of

LONGEST = 8_192
"""Bytes of an advanced parameter. None can become a standard one again, so that each is advanced from the beginning.
https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"""
LONGEST_PIECE = 1_000
"""Bytes of the names of an account's and region's alarms that stay together where one parameter is too small."""
OF_ALARMS = ("requests", "stacks")
"""What is said of single alarms, by their names."""
ALARMS, MORE = "alarms", "more"
"""In the rules: the alarms, and each further parameter of alarms with the digest of what it holds."""


def add_parameters(scope: Construct, entry: Stage | Wave, *, pipeline: str, bootstrap: Bootstrap) -> None:
    """Add the parameter of a stage or wave, which may be without any rule; and more of them if it has many alarms."""
    texts = parameters(entry, cdk.Stack.of(scope), pipeline=pipeline, bootstrap=bootstrap)
    for number, (name, text) in enumerate(texts.items(), start=1):
        ssm.StringParameter(
            scope,
            f"Release-{entry.label}" if number == 1 else f"Release-{entry.label}-{number}",
            parameter_name=name,
            string_value=text,
            description=f"When {entry.label} may be released to, by stages/",
            tier=ssm.ParameterTier.ADVANCED,
        )


def parameters(entry: Stage | Wave, stack: cdk.Stack, *, pipeline: str, bootstrap: Bootstrap) -> dict[str, str]:
    """Return what each parameter of a stage or wave holds, by its name; the first is the one that builds are given."""
    rules, name = _rules(entry, stack, bootstrap), release_parameter(pipeline, entry.label)
    if _bytes(rules) <= LONGEST:
        return {name: _json(rules)}
    pieces = [piece for place in rules[ALARMS] for piece in _pieces(place)]
    further = {f"{name}/{number}": _json(group) for number, group in enumerate(_groups(pieces), start=2)}
    rules |= {ALARMS: [], MORE: {each: hashlib.sha256(text.encode()).hexdigest() for each, text in further.items()}}
    if (length := _bytes(rules)) > LONGEST:
        raise MistakeError(
            f"{entry.label} has {length:,} characters of windows and freezes, and a parameter holds {LONGEST:,}; remove"
            f" freezes that are over from the release of {', '.join(_freezing(entry)) or 'its stages'}."
        )
    return {name: _json(rules), **further}


def lookup_roles(entry: Stage | Wave, stack: cdk.Stack, bootstrap: Bootstrap) -> set[str]:
    """Return the roles by which the gate looks at the alarms of a stage or wave."""
    return {each["role"] for each in _places(entry, stack, bootstrap)}


def _rules(entry: Stage | Wave, stack: cdk.Stack, bootstrap: Bootstrap) -> dict[str, Any]:
    release, bake = release_of(entry), release_of(entry).bake
    rules: dict[str, Any] = {
        "windows": [{"hours": each.value.hours, "zone": each.value.zone, "who": each.who} for each in release.windows],
        "freezes": [
            {
                "begins": each.value.begins,
                "ends": each.value.ends,
                "zone": each.value.zone,
                "why": each.value.why,
                "who": each.who,
            }
            for each in release.freezes
        ],
        ALARMS: [*_places(entry, stack, bootstrap)],
    }
    return rules | ({"bake": {"minutes": bake.minutes, "requests": bake.requests}} if bake else {})


def _places(entry: Stage | Wave, stack: cdk.Stack, bootstrap: Bootstrap) -> Iterator[dict[str, Any]]:
    """Yield the accounts and regions of the entry's stages, each with the alarms that block."""
    bake = release_of(entry).bake
    for stage in entry.stages:
        blockers = [each.value for each in release_of(stage).blockers]
        stacks = {each.name: each.stack_name(stage.environment) for each in watched_services(stage)}
        requests = requests_of(entry, stage)
        watched = {release_alarm(stage.label, name): count for name, count in requests.items() if name in stacks}
        if blockers or watched:
            account, region = stage.environment.account, stage.environment.region
            role = bootstrap_role_arn(stack, bootstrap, "lookup", account=account, region=region)
            place = {"account": account, "region": region, "role": role, "release": [*watched], "blockers": blockers}
            # What needs fewer requests than the bake asks for.
            fewer = {name: count for name, count in watched.items() if bake and count < bake.requests}
            # What was there before the platform has another name than its alarm's.
            adopted = {
                release_alarm(stage.label, name): stack_name
                for name, stack_name in stacks.items()
                if stack_name != stack_of(stage.label, name)
            }
            yield place | ({"requests": fewer} if fewer else {}) | ({"stacks": adopted} if adopted else {})


def _pieces(place: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the alarms of an account and region in parts, each with where they are."""
    where = {name: place[name] for name in ("account", "region", "role")}
    for kind in ("release", "blockers"):
        group: list[str] = []
        for name in place[kind]:
            if group and _bytes([*group, name]) > LONGEST_PIECE:
                yield where | _piece(kind, group, place)
                group = []
            group.append(name)
        if group:
            yield where | _piece(kind, group, place)


def _piece(kind: str, names: list[str], place: Mapping[str, Any]) -> dict[str, Any]:
    piece: dict[str, Any] = {"release": [], "blockers": [], kind: names}
    of_alarms = {
        name: {alarm: place[name][alarm] for alarm in names if alarm in place[name]}
        for name in OF_ALARMS
        if name in place
    }
    return piece | {name: found for name, found in of_alarms.items() if found}


def _groups(pieces: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the pieces that fit one parameter, in their order."""
    group: list[dict[str, Any]] = []
    for piece in pieces:
        if group and _bytes([*group, piece]) > LONGEST:
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def _freezing(entry: Stage | Wave) -> list[str]:
    return sorted({each.who for each in release_of(entry).freezes})


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _bytes(value: object) -> int:
    return len(_json(value).encode())
