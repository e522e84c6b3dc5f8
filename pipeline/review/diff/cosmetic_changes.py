"""Changes that say nothing to a reader: they are folded away with their reason, never dropped."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping

from pipeline.review.model import Json
from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.cloudformation.template import Resource
from services.library.cloudformation.values import canonical

CODE = "code changed"
METADATA = "CDK metadata"
NESTED = "nested template"
PUBLISHING = "asset publishing changed"
REVISIONS: Mapping[str, tuple[str, str]] = {
    "AWS::Lambda::Version": ("FunctionName", "Lambda version"),
    "AWS::ApiGateway::Deployment": ("RestApiId", "API deployment"),
    "AWS::ApiGatewayV2::Deployment": ("ApiId", "API deployment"),
}
"""Types that the CDK names by a hash of what they are a revision of: property that names it, and the reason to fold."""
BY_REVISION = frozenset(
    {
        "AWS::ApiGateway::Deployment",
        "AWS::ApiGatewayV2::Deployment",
        "AWS::AutoScaling::LaunchConfiguration",
        "AWS::Batch::JobDefinition",
        "AWS::ECS::TaskDefinition",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::LayerVersionPermission",
        "AWS::Lambda::Permission",
        "AWS::Lambda::Version",
    }
)
"""Types that can only be replaced, because each is a revision, or one statement of a policy that is compared as such: a
replacement of one is how it is changed, and the new one is there before the old one goes.
"""
ASSET_JOB = re.compile(r"(^|/)Assets/(File|Docker)Asset\d*(/|$)")
"""The builds of CDK Pipelines that publish assets."""
HASH = re.compile(r"\b[0-9a-f]{64}\b")
IsAsset = Callable[[str], bool]


def revisions(before: ResolvedTemplate, after: ResolvedTemplate) -> dict[str, str]:
    """New logical id -> old one, of revisions of the same thing that only have another hash in their name."""
    old = _by_subject(before, without=after)
    return {
        new_id: old[subject].pop(0)
        for subject, ids in _by_subject(after, without=before).items()
        for new_id in ids
        if old.get(subject)
    }


def _by_subject(template: ResolvedTemplate, *, without: ResolvedTemplate) -> dict[tuple[str, str], list[str]]:
    found = defaultdict(list)
    for logical_id, resource in template.resources.items():
        if resource.type in REVISIONS and logical_id not in without.resources:
            named, _ = REVISIONS[resource.type]
            found[resource.type, repr(canonical(resource.properties.get(named)))].append(logical_id)
    return found


def erased(value: Json, is_asset: IsAsset) -> Json:
    """Return the value with each asset's hash blanked."""
    if isinstance(value, str):
        return HASH.sub(lambda found: "*" if is_asset(found[0]) else found[0], value)
    if isinstance(value, dict):
        return {key: erased(each, is_asset) for key, each in value.items()}
    return [erased(each, is_asset) for each in value] if isinstance(value, list) else value


def is_publishing(resource: Resource) -> bool:
    """Return whether a build publishes assets. They are numbered in order, so that one more renames the others."""
    return resource.type == "AWS::CodeBuild::Project" and bool(ASSET_JOB.search(resource.path))
