"""Every policy of a template, with whom or what it is about: policies about one subject are compared together.

So a statement that moves from one policy of a role to another changes nothing, and a bucket's policy under another
logical id is still that bucket's.
"""

import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from pipeline.review.access.statements import PolicySource
from pipeline.review.model import AccessKind, Json
from services.library.cloudformation.flat_policies import FLAT_POLICIES, flat_policy
from services.library.cloudformation.policy_text import document_text, list_of, policy_text
from services.library.cloudformation.resolved_template import ResolvedTemplate
from services.library.cloudformation.template import Resource

ROOT_OF_OWN_ACCOUNT = {
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": {"Fn::Join": ["", ["arn:aws:iam::", {"Ref": "AWS::AccountId"}, ":root"]]}},
            "Action": "kms:*",
            "Resource": "*",
        }
    ]
}
OPEN = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
WITHOUT_POLICY = {
    "AWS::KMS::Key": ROOT_OF_OWN_ACCOUNT,
    "AWS::EC2::VPCEndpoint": OPEN,
    "AWS::ApiGateway::RestApi": OPEN,
}
"""What a resource allows that has no policy of its own, where that is not nothing.

https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
"""
_PRINCIPALS = {"AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"}
_ATTACHED = {
    "AWS::IAM::Policy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::UserPolicy",
    "AWS::IAM::GroupPolicy",
}
_ATTACHED_TO = ("Roles", "Users", "Groups", "RoleName", "UserName", "GroupName")
_ABOUT = {
    "AWS::S3::BucketPolicy": "Bucket",
    "AWS::SQS::QueuePolicy": "Queues",
    "AWS::SQS::QueueInlinePolicy": "Queue",
    "AWS::SNS::TopicPolicy": "Topics",
    "AWS::SNS::TopicInlinePolicy": "TopicArn",
    "AWS::SecretsManager::ResourcePolicy": "SecretId",
    "AWS::Kinesis::ResourcePolicy": "ResourceArn",
    "AWS::S3Express::BucketPolicy": "Bucket",
    "AWS::Lambda::Permission": "FunctionName",
    "AWS::Lambda::LayerVersionPermission": "LayerVersionArn",
    "AWS::Events::EventBusPolicy": "EventBusName",
}
"""Standalone policy -> the property that names what it is about."""

POLICY_TYPES = frozenset({*FLAT_POLICIES, *_ATTACHED, *_ABOUT})
"""Types that are nothing but a policy, and whom or what it is about."""


@dataclass(frozen=True, slots=True)
class PolicyAttachment:
    """One policy about one subject."""

    subject: str
    source: PolicySource
    document: Json
    condition: str = ""
    """The undecidable condition that the resource may not exist for."""

    @property
    def document_text(self) -> str:
        """Return text that is equal for equal documents."""
        return json.dumps([self.source.kind, self.document], sort_keys=True, default=str)


def policy_attachments(template: ResolvedTemplate, same: Collection[str] = ()) -> Iterator[PolicyAttachment]:
    """Yield every policy; one that is about several subjects comes once for each.

    `same`: resources that the other side has, too. A policy that such a one holds about itself is left out.
    """
    boundaries = {_target(each.properties.get("PermissionsBoundary")) for each in template.resources.values()}
    attached = {
        _target(arn)
        for each in template.resources.values()
        if each.type in _PRINCIPALS
        for arn in list_of(each.properties.get("ManagedPolicyArns"))
    }
    for resource in template.resources.values():
        if resource.type in _PRINCIPALS:
            yield from _of_principal(resource, template)
        elif resource.type in _ATTACHED:
            subjects = _subjects(resource, _ATTACHED_TO)
            if subjects or resource.logical_id not in boundaries | attached:
                yield from _attachments(resource, AccessKind.IDENTITY, subjects or [resource.logical_id])
        elif resource.type in FLAT_POLICIES:
            yield from _attachments(resource, AccessKind.RESOURCE, _about(resource), flat_policy(resource))
        elif resource.logical_id not in same or resource.type in _ABOUT:
            yield from _of_other(resource)


def default(subject: str, template: ResolvedTemplate) -> Iterator[PolicyAttachment]:
    """Yield what a subject that is in the template and has no policy allows."""
    resource = template.resources.get(subject.partition(" ")[0])
    if resource is not None and resource.type in WITHOUT_POLICY:
        kind = AccessKind.KEY if resource.type.startswith("AWS::KMS::") else AccessKind.RESOURCE
        yield PolicyAttachment(
            subject, PolicySource(kind, resource.logical_id), WITHOUT_POLICY[resource.type], resource.condition
        )


def policy_documents(value: Json) -> Iterator[Json]:
    """Yield every policy document within a property."""
    return (document for _, document in _documents(value, ""))


def boundaries(template: ResolvedTemplate) -> Mapping[str, Json]:
    """Logical id of each role and user -> its permission boundary, None if it has none."""
    return {
        each.logical_id: each.properties.get("PermissionsBoundary")
        for each in template.resources.values()
        if each.type in _PRINCIPALS - {"AWS::IAM::Group"}
    }


def _of_principal(resource: Resource, template: ResolvedTemplate) -> Iterator[PolicyAttachment]:
    name = resource.logical_id
    trust = resource.properties.get("AssumeRolePolicyDocument")
    if trust is not None:
        yield PolicyAttachment(f"{name} trust", PolicySource(AccessKind.TRUST, name), trust, resource.condition)
    for policy in list_of(resource.properties.get("Policies")):
        yield PolicyAttachment(name, PolicySource(AccessKind.IDENTITY, name), policy, resource.condition)
    for arn in list_of(resource.properties.get("ManagedPolicyArns")):
        ours = template.resources.get(_target(arn))
        if ours is not None and "PolicyDocument" in ours.properties:
            document = ours.properties["PolicyDocument"]
            yield PolicyAttachment(
                name, PolicySource(AccessKind.IDENTITY, ours.logical_id), document, resource.condition
            )
        else:
            yield PolicyAttachment(name, PolicySource(AccessKind.MANAGED, name), arn, resource.condition)


def _of_other(resource: Resource) -> Iterator[PolicyAttachment]:
    for place, document in _documents(resource.properties, ""):
        about_itself = resource.type not in _ABOUT
        subjects = [f"{resource.logical_id} {place}"] if about_itself else _about(resource)
        if resource.type.startswith("AWS::KMS::"):
            kind = AccessKind.KEY
        elif about_itself and not _names_principals(document):
            kind = AccessKind.IDENTITY
        else:
            kind = AccessKind.RESOURCE
        yield from _attachments(resource, kind, subjects, document)


def _attachments(
    resource: Resource, kind: AccessKind, subjects: Iterable[str], document: Json = None
) -> Iterator[PolicyAttachment]:
    document = resource.properties.get("PolicyDocument") if document is None else document
    for subject in subjects:
        yield PolicyAttachment(subject, PolicySource(kind, resource.logical_id), document, resource.condition)


def _about(resource: Resource) -> list[str]:
    """Apart from what the same resource may do, and from the policy that it holds itself."""
    return [f"{subject} about" for subject in _subjects(resource, (_ABOUT[resource.type],))] or [resource.logical_id]


def _subjects(resource: Resource, properties: Iterable[str]) -> list[str]:
    values = itertools.chain.from_iterable(list_of(resource.properties.get(name)) for name in properties)
    return [_target(value) for value in values]


def _target(value: Json) -> str:
    """The logical id that a reference of any form is to, or the text."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            return name
    return policy_text(value) if value is not None else ""


def _documents(value: Json, place: str) -> Iterator[tuple[str, Json]]:
    """Every policy document within a property, also one that is written as text."""
    if isinstance(value, dict):
        statements = list_of(value.get("Statement"))
        if any(isinstance(each, dict) and ("Effect" in each or "Fn::If" in each) for each in statements):
            yield place, value
        elif "Fn::Join" in value and "Effect" in str(value):  # most are ARNs, and it is dear to spell them all
            yield from _documents(document_text(value), place)
        elif "Fn::If" in value and any(not inner for part in value["Fn::If"][1:] for inner, _ in _documents(part, "")):
            yield place, value  # a document in each branch
        else:
            for key, part in value.items():
                yield from _documents(part, f"{place}.{key}".lstrip("."))
    elif isinstance(value, str):
        if value.lstrip().startswith("{") and '"Effect"' in value:
            yield place, value
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _documents(part, f"{place}[{number}]")


def _names_principals(document: Json) -> bool:
    text = document if isinstance(document, str) else json.dumps(document, default=str)
    return '"Principal"' in text or '"NotPrincipal"' in text
