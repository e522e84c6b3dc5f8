"""Writes cloud assemblies for tests: an App with a pipeline, stages, and a stack for each service in them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pipeline.review import engine
from pipeline.review.judge.review_baseline import ReviewBaseline
from pipeline.review.model import Level, Review
from pipeline.review.read import assembly

Json = Any
ACCOUNTS = {"dev": "111111111111", "qa": "222222222222", "prod": "444444444444"}
TODAY = date(2026, 11, 24)


@dataclass(frozen=True, kw_only=True)
class StackOf:
    """One stack of a test's assembly."""

    template: Json
    name: str = ""
    """Default: stage and service."""
    account: str = ""
    region: str = "eu-west-1"
    protected: bool = False
    metadata: Mapping[str, Json] = field(default_factory=dict)
    nested: Mapping[str, Json] = field(default_factory=dict)
    """File -> template."""


def with_paths(stack_path: str, template: Json) -> Json:
    """The template as the CDK writes it, with the construct path beside each resource that has none."""
    resources = {
        name: {**body, "Metadata": {"aws:cdk:path": f"{stack_path}/{name}/Resource", **body.get("Metadata", {})}}
        for name, body in template["Resources"].items()
    }
    return {**template, "Resources": resources}


def write(
    folder: Path,
    stages: Mapping[str, Mapping[str, StackOf]],
    *,
    pipeline: Json = None,
    assets: Sequence[str] = (),
    missing: Sequence[str] = (),
    guardrails: Json = None,
    report: Json = None,
) -> Path:
    """An assembly on disk. `stages`: name -> service -> its stack; `pipeline`: the template of the pipeline's stack."""
    folder.mkdir(parents=True)
    artifacts: dict[str, Json] = {}
    for stage, services in stages.items():
        name = f"assembly-Pipeline-{stage}"
        artifacts[name] = {
            "type": "cdk:cloud-assembly",
            "properties": {"directoryName": name, "displayName": f"Pipeline/{stage}"},
        }
        inner = {}
        (folder / name).mkdir()
        for service, stack in services.items():
            inner[f"Pipeline{stage}{service}"] = _stack(folder / name, f"Pipeline/{stage}/{service}", stage, stack)
            inner[f"Pipeline{stage}{service}.assets"] = _asset_manifest(folder / name, f"{stage}{service}", assets)
        _save(folder / name / "manifest.json", {"version": "54.0.0", "artifacts": inner})
    if pipeline:
        artifacts["Pipeline"] = _stack(
            folder, "Pipeline", "", StackOf(template=pipeline, name="Pipeline", account="999999999999")
        )
    lookups = [{"provider": each, "key": f"{each}:key", "props": {}} for each in missing]
    _save(folder / "manifest.json", {"version": "54.0.0", "artifacts": artifacts, "missing": lookups})
    for name, content in (("guardrails.json", guardrails), ("validation-report.json", report)):
        if content is not None:
            _save(folder / name, content)
    return folder


def review(base: Path, head: Path, *, fail_on: Level = Level.HIGH) -> Review:
    """The review of two written assemblies."""
    return engine.review(assembly.read(base), assembly.read(head), ReviewBaseline(today=TODAY, fail_on=fail_on))


def _stack(folder: Path, path: str, stage: str, stack: StackOf) -> Json:
    name = path.replace("/", "")
    _save(folder / f"{name}.template.json", with_paths(path, stack.template))
    for file, template in stack.nested.items():
        _save(folder / file, template)
    return {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://{stack.account or ACCOUNTS[stage]}/{stack.region}",
        "properties": {
            "templateFile": f"{name}.template.json",
            "terminationProtection": stack.protected,
            "stackName": stack.name or f"{stage}-{path.rpartition('/')[2]}",
        },
        "metadata": dict(stack.metadata),
        "displayName": path,
    }


def _asset_manifest(folder: Path, name: str, assets: Sequence[str]) -> Json:
    file = f"{name}.assets.json"
    _save(folder / file, {"version": "54.0.0", "files": {each: {} for each in assets}, "dockerImages": {}})
    return {"type": "cdk:asset-manifest", "properties": {"file": file}}


def _save(file: Path, content: Json) -> None:
    file.write_text(json.dumps(content))


def digest(of: str) -> str:
    """A hash like that of an asset."""
    return hashlib.sha256(of.encode()).hexdigest()
