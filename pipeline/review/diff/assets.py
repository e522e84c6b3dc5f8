"""Files and images whose content changed, by service."""

from collections.abc import Iterator

from pipeline.review.diff.cosmetic_changes import HASH, IsAsset
from pipeline.review.model import AssetChange, Json, PropertyChange, ResourceChange

CODE_TYPES = frozenset({"AWS::Lambda::Function", "AWS::Lambda::LayerVersion", "AWS::Serverless::Function"})


def changes(row: ResourceChange, is_asset: IsAsset) -> Iterator[AssetChange]:
    """Yield what the properties of one resource say."""
    for each in row.properties:
        old, new = _hash(each.old, is_asset), _hash(each.new, is_asset)
        if old != new:
            yield AssetChange(
                stage=row.stage,
                service=row.service,
                stack=row.stack,
                logical_id=row.logical_id,
                path=row.path,
                kind=_kind(row, each),
                old=old,
                new=new,
            )


def _kind(row: ResourceChange, property_: PropertyChange) -> str:
    if "image" in property_.path.lower():
        return "image"
    if property_.path == "TemplateURL":
        return "template"
    return "code" if row.type in CODE_TYPES else "file"


def _hash(value: Json, is_asset: IsAsset) -> str:
    """The first asset that a value names; empty if it names none."""
    return next((digest for digest in HASH.findall(str(value)) if is_asset(digest)), "")
