"""Changes of a function that CodeDeploy cannot shift its traffic over.

https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html: "Both versions must have the same execution
role", "the same dead-letter queue configuration".
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.cloudformation.template import Resource

ALIAS = "AWS::Lambda::Alias"
POLICY = "CodeDeployLambdaAliasUpdate"
ALL_AT_ONCE = "CodeDeployDefault.LambdaAllAtOnce"
SAME = {"Role": "execution role", "DeadLetterConfig": "dead-letter queue"}
"""What both versions of an alias must have in common."""


class UnshiftableChange(NamedTuple):
    """A function whose traffic is shifted, and what of it changes."""

    function: Resource
    what: str


def unshiftable(old: ResolvedTemplate, new: ResolvedTemplate) -> Iterator[UnshiftableChange]:
    """Yield the functions of aliases that are there on both sides, whose next version an alias cannot route to."""
    for logical_id, alias in new.resources.items():
        function = _referenced(alias.properties.get("FunctionName"), new)
        if logical_id not in old.resources or function is None or function.logical_id not in old.resources:
            continue
        before = old.resources[function.logical_id].properties
        changed = [said for name, said in SAME.items() if before.get(name) != function.properties.get(name)]
        if changed and _is_shifted(alias, new):
            yield UnshiftableChange(function, " and ".join(changed))


def _is_shifted(alias: Resource, template: ResolvedTemplate) -> bool:
    """Tell whether an alias has two versions for a while. All at once, it never has."""
    policy = alias.body.get("UpdatePolicy")
    if alias.type != ALIAS or not isinstance(policy, Mapping) or not isinstance(policy.get(POLICY), Mapping):
        return False
    group = _referenced(policy[POLICY].get("DeploymentGroupName"), template)
    return group is None or group.properties.get("DeploymentConfigName") != ALL_AT_ONCE


def _referenced(value: object, template: ResolvedTemplate) -> Resource | None:
    match value:
        case {"Ref": str(logical_id)}:
            return template.resources.get(logical_id)
    return None
