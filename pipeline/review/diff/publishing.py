"""What the builds run that publish assets: a line for each asset, which says nothing, and whatever else there is."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.review.diff import cosmetic_changes, pipeline_settings
from pipeline.review.diff.pipeline_shape import ASSETS_STAGE, PROJECT
from pipeline.review.model import Json, PipelineDifference
from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.cloudformation.template import Resource
from services.library.cloudformation.values import canonical

PUBLISHES = re.compile(
    r'\w+: cdk-assets --path "[\w./-]+\.assets\.json"( --verbose)? publish( "[0-9a-f]{64}:[\w.-]+")+'
)
"""The line that publishes the assets of a stack, whose content is compared as such."""
FILE = re.compile(r"buildspec-[\w.-]+\.yaml")
"""What CDK Pipelines calls a buildspec that lies beside the template, as JSON."""
Folders = tuple[Path | None, Path | None]


def changed(before: ResolvedTemplate, after: ResolvedTemplate, folders: Folders) -> Iterator[PipelineDifference]:
    """Yield what else these builds run than they did, and what they are run in."""
    old, new = ([*_builds(side)] for side in (before, after))
    if [*unseen(before, after, folders)]:
        return
    lines = [
        "\n".join(dict.fromkeys(line for each in side for line in _lines(each, folder)))
        for side, folder in zip((old, new), folders, strict=True)
    ]
    if lines[0] != lines[1]:
        yield PipelineDifference(
            stage=ASSETS_STAGE, action="", what=pipeline_settings.COMMANDS, old=lines[0], new=lines[1]
        )
    known = [_run_in(each) for each in old]
    for each in new:
        if old and each.logical_id not in before.resources and _run_in(each) not in known:
            path = each.path.removesuffix("/Resource")
            yield PipelineDifference(stage=ASSETS_STAGE, action=path, what="added build runs otherwise")


def unseen(before: ResolvedTemplate, after: ResolvedTemplate, folders: Folders) -> Iterator[str]:
    """Yield a sentence for each buildspec that lies elsewhere, so that nobody knows whether it is the same."""
    if folders[0] == folders[1]:
        return
    for side, folder in zip((before, after), folders, strict=True):
        for build in _builds(side):
            spec = _spec(build)
            if isinstance(spec, str) and FILE.fullmatch(spec) and not (folder and _read(folder / spec)):
                yield f"{spec}, by which assets are published, is not beside its template: what it runs is not known."


def _builds(template: ResolvedTemplate) -> Iterator[Resource]:
    for each in template.resources.values():
        if each.type == PROJECT and cosmetic_changes.is_publishing(each):
            yield each


def _run_in(build: Resource) -> Json:
    kept = {key: each for key, each in build.properties.items() if key not in {"Source", "Description", "Tags"}}
    return canonical(kept)


def _lines(build: Resource, folder: Path | None) -> Iterator[str]:
    """The lines of one build that do not publish; the name of a buildspec that is not at hand."""
    spec = _spec(build)
    if isinstance(spec, str) and FILE.fullmatch(spec) and folder:
        spec = _read(folder / spec) or spec
    found = pipeline_settings.commands({"Source": {"BuildSpec": spec}})
    text = spec if isinstance(spec, str) else json.dumps(spec, sort_keys=True, default=str)
    yield from (line for line in found or [text] if not PUBLISHES.fullmatch(line))


def _spec(build: Resource) -> Json:
    source = build.properties.get("Source")
    return source.get("BuildSpec") if isinstance(source, Mapping) else None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
