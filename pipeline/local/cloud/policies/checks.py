"""What each service refuses of the policies that it is given, with its own error."""

import fnmatch
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.local.cloud.emulator import AwsError
from pipeline.local.cloud.policies import grammar
from pipeline.local.cloud.policies.principals import Exists, invalid_principal

Known = Callable[[str], bool]

MANAGED = Path(__file__).with_name("managed_policies.json")
AWS_MANAGED = "arn:aws:iam::aws:policy/"
TOPIC_ACTIONS = frozenset(
    {
        "sns:addpermission",
        "sns:deletetopic",
        "sns:getdataprotectionpolicy",
        "sns:gettopicattributes",
        "sns:listsubscriptionsbytopic",
        "sns:listtagsforresource",
        "sns:publish",
        "sns:putdataprotectionpolicy",
        "sns:receive",
        "sns:removepermission",
        "sns:settopicattributes",
        "sns:subscribe",
    }
)
"""https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-language-api-permissions-reference.html"""
_OBJECT_ACTION = re.compile(
    r"s3:(?:AbortMultipartUpload|ListMultipartUploadParts|RestoreObject|(?:Get|Put|Delete)Object(?:Acl|Tagging|Version)?)"
)
_BUCKET_ACTION = re.compile(
    r"s3:(?:ListBucket(?:MultipartUploads|Versions)?|(?:Get|Put|Delete)BucketPolicy|GetBucket(?:Acl|Location|Versioning))"
)
"""Those of either kind that policies name, of
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
"""


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocument", message)


def check_identity(document: Any, *, managed: bool = False) -> None:
    """Refuse a policy of a role, a user or a group."""
    if (problem := grammar.identity_problem(document, managed=managed)) is not None:
        raise _malformed(problem)


def check_trust(document: Any, exists: Exists) -> None:
    """Refuse a trust policy."""
    if (problem := grammar.trust_problem(document)) is not None:
        raise _malformed(problem)
    if (found := invalid_principal(grammar.parsed(document) or {}, exists)) is not None:
        kind, principal = found
        raise _malformed(f'Invalid principal in policy: "{kind.upper()}":"{principal}"')


def check_bucket(bucket: str, document: Any, exists: Exists) -> None:
    """Refuse a bucket policy.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
    """
    if (problem := grammar.resource_problem(document) or _bucket_problem(bucket, document)) is not None:
        raise AwsError("MalformedPolicy", problem)
    if invalid_principal(grammar.parsed(document) or {}, exists) is not None:
        raise AwsError("MalformedPolicy", "Invalid principal in policy")


def _bucket_problem(bucket: str, document: Any) -> str | None:
    for statement in grammar.statements(grammar.parsed(document) or {}):
        resources = grammar.listed(statement.get("Resource", statement.get("NotResource")))
        if not resources:
            return "Statement is missing required element"
        if any(not _is_of(bucket, resource) for resource in resources):
            return "Policy has invalid resource"
        actions = grammar.listed(statement.get("Action"))
        if any(not action.lower().startswith("s3") and action != "*" for action in actions):
            return "Policy has invalid action"
        objects = any("/" in resource or resource.endswith("*") for resource in resources)
        whole = any("/" not in resource for resource in resources)
        of_objects = bool(actions) and all(map(_OBJECT_ACTION.fullmatch, actions))
        of_buckets = bool(actions) and all(map(_BUCKET_ACTION.fullmatch, actions))
        if (of_objects and not objects) or (of_buckets and not whole):
            return "Action does not apply to any resource(s) in statement"
    return None


def _is_of(bucket: str, resource: str) -> bool:
    """Tell whether a resource is the bucket or something in it: "*" is neither."""
    prefix, colon, name = resource.rpartition(":::")
    return bool(colon) and prefix.endswith(":s3") and fnmatch.fnmatchcase(bucket, name.partition("/")[0])


def check_queue(document: Any, exists: Exists) -> None:
    """Refuse a queue policy; SQS says no more than that.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
    """
    if _refused(document, "sqs", exists):
        raise AwsError("InvalidAttributeValue", "Invalid value for the parameter Policy.")


def check_topic(document: Any, exists: Exists) -> None:
    """Refuse a topic policy.

    https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html
    """
    if any(action.lower() not in TOPIC_ACTIONS and "*" not in action for action in _actions(document)):
        raise AwsError("InvalidParameter", "Invalid parameter: Policy statement action out of service scope!")
    if _refused(document, "sns", exists):
        raise AwsError("InvalidParameter", "Invalid parameter: Policy Error: null")


def check_key(document: Any, exists: Exists) -> None:
    """Refuse a key policy.

    https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html
    """
    problem = grammar.resource_problem(document)
    policy = grammar.parsed(document) or {}
    if problem is None and not all(
        grammar.listed(each.get("Resource", each.get("NotResource"))) for each in grammar.statements(policy)
    ):
        problem = "Policy statement must contain resources."
    if problem is not None:
        raise AwsError("MalformedPolicyDocumentException", problem)
    if invalid_principal(policy, exists) is not None:
        raise AwsError(
            "MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals."
        )


def _refused(document: Any, service: str, exists: Exists) -> bool:
    return (
        grammar.resource_problem(document) is not None
        or any(not action.lower().startswith(f"{service}:") and action != "*" for action in _actions(document))
        or invalid_principal(grammar.parsed(document) or {}, exists) is not None
    )


def _actions(document: Any) -> Iterator[str]:
    """List the actions of a policy; none, if its grammar is wrong."""
    if grammar.resource_problem(document) is None:
        for statement in grammar.statements(grammar.parsed(document) or {}):
            yield from grammar.listed(statement.get("Action"))


@cache
def managed_policies() -> tuple[str, frozenset[str]]:
    """Return the path and name of each of AWS's managed policies, after their day. (`distil.py` makes the file.)"""
    document = json.loads(MANAGED.read_text(encoding="utf-8"))
    return document["day"], frozenset(document["policies"])


def check_attached(arn: str, exists: Known) -> None:
    """Refuse to attach a managed policy that there is not; `exists` knows those of the accounts here.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html
    """
    if not isinstance(arn, str) or not arn.startswith("arn:"):
        raise AwsError("InvalidInput", f"ARN {arn} is not valid.")
    if arn.startswith(f"{AWS_MANAGED}aws-service-role/"):
        raise AwsError("PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role.")
    message = f"Policy {arn} does not exist or is not attachable."
    if arn.startswith(AWS_MANAGED):
        day, known = managed_policies()
        if arn.removeprefix(AWS_MANAGED) not in known:
            raise AwsError("NoSuchEntity", f"{message} (The local cloud knows AWS's policies of {day}.)", status=404)
    elif not exists(arn):
        raise AwsError("NoSuchEntity", message, status=404)
