"""What a request is about: its condition keys, and the policy, the owner and the tags of its resource."""

import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions, iam_evaluator, responses
from ministack.services import (
    cloudformation,
    cloudwatch_logs,
    dynamodb,
    eventbridge,
    iam,
    s3,
    tagging,
)

from pipeline.local.cloud.emulator import Json
from pipeline.local.cloud.iam.conditions import Keys
from pipeline.local.cloud.iam.decision import Principal, Request, ResourcePolicy
from pipeline.local.cloud.iam.encryption import BY_ALIAS
from pipeline.local.cloud.iam.key_patches import condition_keys, key_arn, policy_of_key
from pipeline.local.cloud.iam.policies import read_policy, read_several
from pipeline.local.cloud.iam.principal_patches import trust_policy, values
from pipeline.local.cloud.iam.resources_of_requests import unqualified

AS_IAM_SAYS = {
    **{
        f"sqs:{operation}Batch": f"sqs:{operation}"
        for operation in ("ChangeMessageVisibility", "DeleteMessage", "SendMessage")
    },
    "sns:PublishBatch": "sns:Publish",
    "kms:ReEncrypt": "kms:ReEncryptFrom",
}
"""The actions of operations that IAM has no action for."""


def request(asking: Principal, action: str, resource: str, region: str, context: Mapping[str, Any]) -> Request:
    """Return a request as IAM sees it. `context`: the condition keys that are known already."""
    owner = _owner(resource) or asking.account or responses.get_account_id()
    action = AS_IAM_SAYS.get(action, action)
    resource, qualifier = unqualified(resource)
    resource = _stack_id(resource, owner, region)
    named = resource
    if ":alias/" in resource and action in BY_ALIAS:
        resource = key_arn(resource, owner, region)
    keys = {
        "aws:securetransport": ["true"],
        "aws:sourceip": ["127.0.0.1"],
        "aws:requestedregion": [region],
        "aws:viaawsservice": ["false"],
        **_now(),
        **{name.lower(): values(value) for name, value in context.items() if value is not None},
    }
    if qualifier:
        keys["states:statemachinequalifier"] = [qualifier]
    if action.startswith("kms:"):
        keys["kms:calleraccount"] = [asking.account]
        keys |= condition_keys(named, resource, owner, region_of(resource, region))
    held = resource_policy(action, resource, owner, region)
    if _names_tags(asking, held):
        keys |= _tags(resource, owner, region)
    return Request(action=action, resource=resource, owner=owner, keys=keys, resource_policy=held)


def request_of(asking: Principal, action: str, resource: str, keys: Mapping[str, Any]) -> Request:
    """Return a call within the cloud as IAM sees it."""
    return request(asking, action, resource, region_of(resource, responses.get_region()), keys)


def _now() -> Keys:
    now = dt.datetime.now(dt.UTC)
    return {"aws:currenttime": [now.isoformat()], "aws:epochtime": [str(int(now.timestamp()))]}


def _owner(resource: str) -> str:
    """Return the account that has a resource, as its ARN says or, for buckets, as S3 knows."""
    parts = resource.split(":", 5)
    if len(parts) < 6:
        return ""
    if parts[2] == "s3" and not parts[4]:
        return str(s3._bucket_owner_account(parts[5].split("/", 1)[0]) or "")  # noqa: SLF001 - the emulator offers no other way
    return parts[4] if parts[4].isdigit() else ""


def _stack(resource: str, owner: str, region: str) -> Json:
    """Return the emulator's own record of the stack that an ARN names, by its id or by its name alone."""
    if not _STACK.fullmatch(resource):
        return {}
    found = cloudformation._stacks.get_scoped(owner, region_of(resource, region), resource.split("/")[1])  # noqa: SLF001 - as above
    return found or {}


def _stack_id(resource: str, owner: str, region: str) -> str:
    """Return the id of a stack that a request names by its name: policies are about ids."""
    named = resource.endswith("/*")
    return str(_stack(resource, owner, region).get("StackId") or resource) if named else resource


_STACK = re.compile(r"arn:[^:]+:cloudformation:[^:]*:\d{12}:stack/[^/]+/.+")


def _names_tags(asking: Principal, held: ResourcePolicy | None) -> bool:
    policies = [*asking.policies, *(asking.session or ())]
    policies += [policy for policy in (asking.boundary, held.policy if held else None) if policy]
    return any("resourcetag/" in key for policy in policies for key in policy.condition_keys)


def _tags(resource: str, owner: str, region: str) -> Keys:
    found: Mapping[str, str] = {}
    if stack := _stack(resource, owner, region):
        found = {tag["Key"]: tag["Value"] for tag in stack.get("Tags") or ()}
    elif ":role/" in resource:
        role = iam._roles.get_scoped(owner, None, resource.rpartition("/")[2]) or {}  # noqa: SLF001 - as above
        found = {tag["Key"]: tag["Value"] for tag in role.get("Tags") or ()}
    else:
        with responses.request_scope(owner, region_of(resource, region)):
            found = _tags_by_walking(resource)
    return {f"{prefix}:resourcetag/{key.lower()}": [value] for prefix in ("aws", "iam") for key, value in found.items()}


def _tags_by_walking(resource: str) -> Mapping[str, str]:
    """Return the tags that the emulator finds by walking over all resources of a service, which may come and go."""
    while True:
        try:
            return tagging.resource_tags(resource) or {}
        except RuntimeError as error:
            if "changed size during iteration" not in str(error):
                raise


def region_of(resource: str, default: str) -> str:
    """Return the region of a resource, or a default where its ARN has none."""
    parts = resource.split(":", 5)
    return parts[3] if len(parts) == 6 and parts[3] else default


def _bus_policy(name: str) -> Json | None:
    """Return the policy of an event bus. The emulator keeps an account that PutPermission names as it is given."""
    found: Json | None = eventbridge._event_bus_policies.get(name)  # noqa: SLF001 - as above
    if found is None:
        return None
    statements = [
        {**each, "Principal": {"AWS": each["Principal"]}} if str(each["Principal"]).isdigit() else each
        for each in found["Statement"]
    ]
    return {**found, "Statement": statements}


def resource_policy(action: str, resource: str, owner: str, region: str) -> ResourcePolicy | None:
    """Return the policy of a resource; None where it has none, and nobody needs one."""
    service = resource.split(":", 3)[2] if resource.count(":") >= 5 else ""
    if action.startswith("sts:") and service == "iam":
        return trust_policy(owner, resource.rpartition("/")[2])
    if service == "execute-api":
        service = "apigateway"
    with responses.request_scope(owner, region_of(resource, region)):
        if service == "kms":
            return policy_of_key(resource)
        if service == "logs":
            return _policies_of_logs()
        found = iam_evaluator._resource_policy(service, resource)  # noqa: SLF001 - as above
        if ":event-bus/" in resource:
            found = _bus_policy(resource.rpartition("/")[2]), owner
        if service == "dynamodb":
            of_table = dynamodb._resource_policies.get(resource.partition("/index/")[0]) or {}  # noqa: SLF001 - as above
            found = of_table.get("Policy"), owner
    if not found or not found[0]:
        return None
    return ResourcePolicy(policy=read_policy(f"the policy of {resource}", found[0]))


def keep_table_key(name: str, specification: Json | None) -> None:
    """Encrypt a table of `here` as its template says, or with DynamoDB's own key."""
    asked = {**specification, "Enabled": specification.get("SSEEnabled")} if specification else None
    dynamodb._tables[name]["SSEDescription"] = dynamodb._sse_description_from_spec(asked)  # noqa: SLF001 - as above


def _policies_of_logs() -> ResourcePolicy | None:
    """Return the resource policies of `here` for log groups, each of which says which groups it is about."""
    of_account, of_groups = cloudwatch_logs._resource_policies, cloudwatch_logs._log_group_policies  # noqa: SLF001 - as above
    held = [each["policyDocument"] for each in (*of_account.values(), *of_groups.values())]
    return ResourcePolicy(policy=read_several("the resource policies of CloudWatch Logs", *held)) if held else None


def keep_table_policy(name: str, document: Json | None) -> None:
    """Give a table of `here` the policy of its template, or none."""
    arn = dynamodb._tables[name]["TableArn"]  # noqa: SLF001 - as above
    dynamodb._resource_policies.pop(arn, None)  # noqa: SLF001 - as above
    if document:
        dynamodb._put_resource_policy({"ResourceArn": arn, "Policy": json.dumps(document)})  # noqa: SLF001 - as above


def permissions_of(service: str, operation: str, parameters: Json) -> list[tuple[str, str]]:
    """Return the actions that a call of an API of JSON needs in `here`, each with its resource: one for each table."""
    account, region = responses.get_account_id(), responses.get_region()
    action, body = f"{service}:{operation}", json.dumps(parameters).encode()
    if service == "dynamodb":
        in_transaction = iam_actions.dynamodb_transaction_checks(action, body, region, account)
        tables = [(action, arn) for arn in iam_actions.dynamodb_resource_arns(body, region, account)]
        if found := in_transaction or tables:
            return [(str(needed), str(arn)) for needed, arn in found]
    return [(action, resource_of(service, operation, parameters))]


def resource_of(service: str, operation: str, parameters: Json) -> str:
    """Return the ARN of what a call of an API of JSON is about, in `here`; `*` where it names none."""
    account, region = responses.get_account_id(), responses.get_region()
    headers, body = {"x-amz-target": f"{service}.{operation}"}, json.dumps(parameters).encode()
    return str(iam_actions.extract_resource_arn(service, "POST", "/", headers, body, {}, region, account))
