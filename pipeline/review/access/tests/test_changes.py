"""Pairs of templates and what a review must say of their access: rows 34 to 50 of the cases, and more."""

from collections.abc import Mapping
from typing import Any

import pytest

from pipeline.review.access.changes import changes
from pipeline.review.model import AccessChange, AccessKind, Direction, StackLocation
from services.library.cloudformation.resolved_template import EMPTY, ResolvedTemplate
from services.library.cloudformation.template import Resource

Resources = dict[str, tuple[str, dict[str, Any]]]
OWN_ROOT = {
    "AWS": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::", {"Ref": "AWS::AccountId"}, ":root"]]}
}


def template(resources: Resources, **conditions: str) -> ResolvedTemplate:
    return ResolvedTemplate(
        resources={
            name: Resource(
                logical_id=name,
                type=type_,
                path=name,
                body={"Properties": properties, **({"Condition": conditions[name]} if name in conditions else {})},
            )
            for name, (type_, properties) in resources.items()
        }
    )


def compared(old: Resources, new: Resources) -> tuple[AccessChange, ...]:
    return changes(template(old), template(new), StackLocation(stage="dev", service="intake", stack="dev-intake"))


def allow(action: object, resource: object = "*", **others: object) -> dict[str, object]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **others}


def deny(action: object, resource: object = "*", **others: object) -> dict[str, object]:
    return {**allow(action, resource, **others), "Effect": "Deny"}


def policy(*statements: object) -> Resources:
    return {"P": ("AWS::IAM::Policy", {"Roles": [{"Ref": "Role"}], "PolicyDocument": {"Statement": list(statements)}})}


def role(**properties: object) -> Resources:
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    return {"Role": ("AWS::IAM::Role", {"AssumeRolePolicyDocument": trust, **properties})}


def holder(type_: str, name: str, *statements: object, **properties: object) -> Resources:
    return {"A": (type_, {name: {"Statement": list(statements)}, **properties})}


def queue_policy(**statement: object) -> Resources:
    return holder("AWS::SQS::QueuePolicy", "PolicyDocument", allow("sqs:*", **statement))


BUCKET = "arn:aws:s3:::records"
ADMINISTRATOR = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::aws:policy/AdministratorAccess"]]}
WORLD = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}
OFFICE = {**WORLD, "CidrIp": "203.0.113.0/24"}
SG = "AWS::EC2::SecurityGroup"

BROADENED: Mapping[str, tuple[Resources, Resources, str]] = {
    "34 policy widened to *": (policy(allow("s3:GetObject", BUCKET)), policy(allow("*")), "admin"),
    "37 AdministratorAccess attached": (role(), role(ManagedPolicyArns=[ADMINISTRATOR]), "admin"),
    "38 Deny removed": (policy(allow("s3:*"), deny("s3:DeleteObject")), policy(allow("s3:*")), "wildcard"),
    "39 condition dropped": (
        policy(allow("s3:GetObject", BUCKET, Condition={"StringEquals": {"aws:SourceVpc": "vpc-1"}})),
        policy(allow("s3:GetObject", BUCKET)),
        "",
    ),
    "40 permissions boundary removed": (role(PermissionsBoundary="arn:aws:iam::aws:policy/Limits"), role(), ""),
    "41 key policy opened to everybody": (
        holder("AWS::KMS::Key", "KeyPolicy", allow("kms:*", Principal=OWN_ROOT)),
        holder("AWS::KMS::Key", "KeyPolicy", allow("kms:*", Principal=OWN_ROOT), allow("kms:Decrypt", Principal="*")),
        "public",
    ),
    "42 trust opened to another account": (
        role(),
        role(
            AssumeRolePolicyDocument={
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "lambda.amazonaws.com", "AWS": "arn:aws:iam::999999999999:root"},
                        "Action": "sts:AssumeRole",
                    }
                ]
            }
        ),
        "",
    ),
    "43 queue policy opened": (
        holder("AWS::SQS::QueuePolicy", "PolicyDocument", allow("sqs:SendMessage", Principal=OWN_ROOT), Queues=["q"]),
        holder("AWS::SQS::QueuePolicy", "PolicyDocument", allow("sqs:SendMessage", Principal="*"), Queues=["q"]),
        "public",
    ),
    "43 topic policy opened": (
        holder("AWS::SNS::TopicPolicy", "PolicyDocument", allow("sns:Publish", Principal=OWN_ROOT), Topics=["t"]),
        holder("AWS::SNS::TopicPolicy", "PolicyDocument", allow("sns:Publish", Principal={"AWS": "*"}), Topics=["t"]),
        "public",
    ),
    "43 bucket policy opened": (
        {},
        holder("AWS::S3::BucketPolicy", "PolicyDocument", allow("s3:GetObject", Principal="*"), Bucket={"Ref": "B"}),
        "public",
    ),
    "44 secret's policy opened": (
        holder(
            "AWS::SecretsManager::ResourcePolicy",
            "ResourcePolicy",
            allow("secretsmanager:GetSecretValue", Principal=OWN_ROOT),
            SecretId={"Ref": "S"},
        ),
        holder(
            "AWS::SecretsManager::ResourcePolicy",
            "ResourcePolicy",
            allow("secretsmanager:GetSecretValue", Principal="*"),
            SecretId={"Ref": "S"},
        ),
        "public",
    ),
    "45 function URL without signatures": (
        {"A": ("AWS::Lambda::Url", {"AuthType": "AWS_IAM", "TargetFunctionArn": {"Ref": "F"}})},
        {"A": ("AWS::Lambda::Url", {"AuthType": "NONE", "TargetFunctionArn": {"Ref": "F"}})},
        "public",
    ),
    "45 and the permission for it": (
        {},
        {
            "P": (
                "AWS::Lambda::Permission",
                {
                    "Action": "lambda:InvokeFunctionUrl",
                    "FunctionName": {"Ref": "F"},
                    "FunctionUrlAuthType": "NONE",
                    "Principal": "*",
                },
            )
        },
        "public",
    ),
    "46 security group opened to the world": (
        {"G": (SG, {"SecurityGroupIngress": [OFFICE]})},
        {"G": (SG, {"SecurityGroupIngress": [OFFICE, WORLD]})},
        "world",
    ),
    "47 standalone rule over IPv6": (
        {"G": (SG, {})},
        {
            "G": (SG, {}),
            "I": (
                "AWS::EC2::SecurityGroupIngress",
                {
                    "GroupId": {"Fn::GetAtt": ["G", "GroupId"]},
                    "IpProtocol": "tcp",
                    "FromPort": "22",
                    "ToPort": "22",
                    "CidrIpv6": "::/0",
                },
            ),
        },
        "world",
    ),
    "the world in two halves": (
        {"G": (SG, {})},
        {"G": (SG, {"SecurityGroupIngress": [{**WORLD, "CidrIp": "0.0.0.0/1"}, {**WORLD, "CidrIp": "128.0.0.0/1"}]})},
        "world",
    ),
    "an entry of a prefix list in use": (
        {
            "G": (SG, {"SecurityGroupIngress": [{"IpProtocol": "-1", "SourcePrefixListId": {"Ref": "L"}}]}),
            "L": ("AWS::EC2::PrefixList", {"Entries": [{"Cidr": "10.0.0.0/8"}]}),
        },
        {
            "G": (SG, {"SecurityGroupIngress": [{"IpProtocol": "-1", "SourcePrefixListId": {"Ref": "L"}}]}),
            "L": ("AWS::EC2::PrefixList", {"Entries": [{"Cidr": "10.0.0.0/8"}, {"Cidr": "0.0.0.0/0"}]}),
        },
        "world",
    ),
    "another prefix list": (
        {"G": (SG, {})},
        {"G": (SG, {"SecurityGroupIngress": [{"IpProtocol": "tcp", "SourcePrefixListId": "pl-1"}]})},
        "",
    ),
    "a port range that grows": (
        {"G": (SG, {"SecurityGroupIngress": [OFFICE]})},
        {"G": (SG, {"SecurityGroupIngress": [{**OFFICE, "ToPort": 443}]})},
        "",
    ),
    "everything but a few actions": (
        policy(allow("s3:GetObject", BUCKET)),
        policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
        "admin",
    ),
    "a role that may give itself everything": (
        policy(allow("iam:GetRole")),
        policy(allow(["iam:GetRole", "iam:PutRolePolicy"])),
        "admin",
    ),
    "writing anywhere": (policy(), policy(allow("dynamodb:PutItem")), "wildcard"),
    "writing where no resource can be named": (policy(), policy(allow("xray:PutTraceSegments")), ""),
    "fewer exceptions": (
        policy({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": [BUCKET, f"{BUCKET}/*"]}),
        policy({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": [BUCKET]}),
        "",
    ),
    "fewer principals denied": (
        holder(
            "AWS::S3::BucketPolicy",
            "PolicyDocument",
            allow("s3:GetObject", Principal={"AWS": ["111111111111", "222222222222"]}),
            deny("s3:*", NotPrincipal={"AWS": "111111111111"}),
        ),
        holder(
            "AWS::S3::BucketPolicy",
            "PolicyDocument",
            allow("s3:GetObject", Principal={"AWS": ["111111111111", "222222222222"]}),
        ),
        "",
    ),
    "a policy of text": (
        {"A": ("AWS::Logs::ResourcePolicy", {"PolicyDocument": '{"Statement": []}'})},
        {
            "A": (
                "AWS::Logs::ResourcePolicy",
                {
                    "PolicyDocument": {
                        "Fn::Join": [
                            "",
                            [
                                '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "logs:Put*", ',
                                '"Resource": "',
                                {"Fn::GetAtt": ["Group", "Arn"]},
                                '"}]}',
                            ],
                        ]
                    }
                },
            )
        },
        "public",
    ),
    "a method without its authorizer": (
        {"A": ("AWS::ApiGateway::Method", {"HttpMethod": "POST", "AuthorizationType": "AWS_IAM"})},
        {"A": ("AWS::ApiGateway::Method", {"HttpMethod": "POST", "AuthorizationType": "NONE"})},
        "public",
    ),
    "a wider network in a condition": (
        queue_policy(Principal="*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
        queue_policy(Principal="*", Condition={"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
        "public wildcard",
    ),
}  # fmt: skip

NOT_BROADENED: Mapping[str, tuple[Resources, Resources, Direction | None]] = {
    "35 narrowed from *": (policy(allow("*")), policy(allow("s3:GetObject", BUCKET)), Direction.NARROWED),
    "36 order only": (
        policy(allow(["s3:GetObject", "s3:PutObject"], BUCKET), deny("s3:DeleteObject")),
        policy(deny("s3:DeleteObject"), allow(["s3:PutObject", "s3:GetObject"], [BUCKET])),
        None,
    ),
    "one statement in two": (
        policy(allow(["s3:GetObject", "s3:PutObject"], BUCKET)),
        policy(allow("s3:GetObject", BUCKET), allow("s3:putobject", BUCKET, Sid="Write")),
        None,
    ),
    "48 description of a rule only": (
        {"G": (SG, {"SecurityGroupIngress": [WORLD]})},
        {"G": (SG, {"SecurityGroupIngress": [{**WORLD, "Description": "ssh"}]})},
        None,
    ),
    "a rule that moves out of its group": (
        {"G": (SG, {"SecurityGroupIngress": [WORLD]})},
        {
            "G": (SG, {}),
            "I": ("AWS::EC2::SecurityGroupIngress", {"GroupId": {"Fn::GetAtt": ["G", "GroupId"]}, **WORLD}),
        },
        None,
    ),
    "a statement that moves into the role": (
        {**role(), **policy(allow("s3:GetObject", BUCKET))},
        role(Policies=[{"PolicyName": "p", "PolicyDocument": {"Statement": [allow("s3:GetObject", BUCKET)]}}]),
        None,
    ),
    "a policy under another logical id": (
        policy(allow("s3:GetObject", BUCKET)),
        {"Other": policy(allow("s3:GetObject", BUCKET))["P"]},
        None,
    ),
    "two spellings of one ARN": (
        policy(allow("s3:GetObject", "arn:aws:s3:::records")),
        policy(allow("s3:GetObject", {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::records"]]})),
        None,
    ),
    "an account's role instead of the account": (
        queue_policy(Principal={"AWS": "111111111111"}),
        queue_policy(Principal={"AWS": "arn:aws:iam::111111111111:role/r"}),
        Direction.NARROWED,
    ),
    "a boundary added": (role(), role(PermissionsBoundary="arn:aws:iam::aws:policy/Limits"), Direction.NARROWED),
    "a smaller managed policy": (
        role(ManagedPolicyArns=[ADMINISTRATOR]),
        role(ManagedPolicyArns=["arn:aws:iam::aws:policy/ReadOnlyAccess"]),
        Direction.NARROWED,
    ),
    "a private endpoint's policy": (
        {"A": ("AWS::EC2::VPCEndpoint", {})},
        holder("AWS::EC2::VPCEndpoint", "PolicyDocument", allow("s3:GetObject", Principal="*")),
        Direction.NARROWED,
    ),
    "the default key policy written out": (
        {"A": ("AWS::KMS::Key", {})},
        holder("AWS::KMS::Key", "KeyPolicy", allow("kms:*", Principal=OWN_ROOT)),
        None,
    ),
    "a smaller network": (
        {"G": (SG, {"SecurityGroupIngress": [WORLD]})},
        {"G": (SG, {"SecurityGroupIngress": [OFFICE]})},
        Direction.NARROWED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROADENED)
def test_access_change_is_broadened_and_flagged_by_the_worst_of_it(case: str) -> None:
    old, new, flags = BROADENED[case]
    found = compared(old, new)
    assert {each.direction for each in found} == {Direction.BROADENED}, found
    raised = {name for name in ("public", "world", "admin", "wildcard") if any(getattr(each, name) for each in found)}
    assert raised == set(flags.split()), found
    assert all(each.evidence and each.stage == "dev" for each in found)


@pytest.mark.parametrize("case", BROADENED)
def test_access_change_backwards_is_narrowed(case: str) -> None:
    old, new, _ = BROADENED[case]
    found = compared(new, old)
    assert {each.direction for each in found} == {Direction.NARROWED}
    assert not any(each.public or each.world or each.admin or each.wildcard for each in found)


@pytest.mark.parametrize("case", NOT_BROADENED)
def test_access_change_to_less_or_equal_access_is_not_broadened(case: str) -> None:
    old, new, direction = NOT_BROADENED[case]
    found = compared(old, new)
    assert {each.direction for each in found} == ({direction} if direction else set()), found


@pytest.mark.parametrize("side", ["old", "new"])
def test_access_change_of_a_policy_known_only_at_deployment_is_unknown(side: str) -> None:
    clear, unclear = policy(allow("s3:GetObject")), policy({"Fn::FindInMap": ["M", {"Ref": "P"}, "s"]})
    (found,) = compared(unclear, clear)[:1] if side == "old" else compared(clear, unclear)[:1]
    assert found.direction == Direction.UNKNOWN
    assert "only at deployment" in found.evidence


def test_access_change_of_one_grant_for_another_is_changed() -> None:
    (found,) = compared(policy(allow("s3:GetObject", BUCKET)), policy(allow("s3:PutObject", BUCKET)))
    assert found.direction == Direction.CHANGED
    assert found.evidence == (
        "Role may now perform s3:PutObject (write) on arn:aws:s3:::records\n"
        "Role may no longer perform s3:GetObject (read) on arn:aws:s3:::records"
    )


def test_access_evidence_names_principal_action_resource_and_condition() -> None:
    (found,) = compared(
        holder("AWS::SQS::QueuePolicy", "PolicyDocument", Queues=[{"Ref": "Q"}]),
        holder(
            "AWS::SQS::QueuePolicy",
            "PolicyDocument",
            allow(
                ["sqs:SendMessage", "sqs:AddPermission"],
                {"Fn::GetAtt": ["Q", "Arn"]},
                Principal={"Service": "sns.amazonaws.com"},
                Condition={"ArnEquals": {"aws:SourceArn": {"Ref": "Topic"}}},
            ),
            Queues=[{"Ref": "Q"}],
        ),
    )
    assert found.evidence == (
        "the service sns.amazonaws.com may now perform sqs:AddPermission, sqs:SendMessage"
        " (write, permissions management such as sqs:AddPermission) on <Q.Arn> if arnequals aws:sourcearn = <Topic>"
    )
    assert not found.public


def test_access_change_counts_an_undecided_branch_as_taken() -> None:
    branch = {"Fn::If": ["Open", allow("s3:*"), {"Ref": "AWS::NoValue"}]}
    (found,) = compared(policy(allow("s3:GetObject")), policy(allow("s3:GetObject"), branch))
    assert (found.direction, found.wildcard) == (Direction.BROADENED, True)


def test_access_change_of_a_new_stack_is_all_that_its_policies_grant() -> None:
    found = changes(EMPTY, template({**role(), **policy(allow("s3:GetObject", BUCKET))}), StackLocation())
    assert {(each.logical_id, each.kind) for each in found} == {("P", AccessKind.IDENTITY), ("Role", AccessKind.TRUST)}


def test_access_change_of_a_default_key_policy_is_no_wildcard() -> None:
    (found,) = compared({}, holder("AWS::KMS::Key", "KeyPolicy", allow("kms:*", Principal=OWN_ROOT)))
    assert (found.direction, found.wildcard, found.public) == (Direction.BROADENED, False, False)
    (found,) = compared({}, holder("AWS::KMS::Key", "KeyPolicy", allow("kms:*", Principal="*")))
    assert (found.wildcard, found.public) == (True, True)


def test_access_change_is_reported_for_the_resource_that_has_the_statement() -> None:
    old = {**role(), **policy(allow("s3:GetObject", BUCKET))}
    new = {
        **role(ManagedPolicyArns=["arn:aws:iam::aws:policy/AmazonS3FullAccess"]),
        **policy(allow("s3:PutObject", BUCKET)),
    }
    found = {each.kind: each for each in compared(old, new)}
    assert (found[AccessKind.MANAGED].logical_id, found[AccessKind.MANAGED].wildcard) == ("Role", True)
    assert found[AccessKind.MANAGED].evidence == "Role now has the managed policy AmazonS3FullAccess"
    assert (found[AccessKind.IDENTITY].logical_id, found[AccessKind.IDENTITY].wildcard) == ("P", False)


FILES: Resources = {"B": ("AWS::S3::Bucket", {})}
IN_PLAIN_TEXT = deny("s3:*", Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}})


def bucket_policy(*statements: object) -> Resources:
    document = {"Statement": list(statements)}
    return {**FILES, "P": ("AWS::S3::BucketPolicy", {"Bucket": {"Ref": "B"}, "PolicyDocument": document})}


def test_access_change_by_a_deny_alone_counts_since_policies_of_others_may_allow() -> None:
    (lifted,) = compared(bucket_policy(IN_PLAIN_TEXT), FILES)
    assert lifted.direction is Direction.BROADENED
    assert lifted.evidence == "no Deny forbids any more s3:* on every resource if bool aws:securetransport = false"
    (forbidden,) = compared(FILES, bucket_policy(IN_PLAIN_TEXT))
    assert forbidden.direction is Direction.NARROWED
    (of_role,) = compared(role() | policy(deny("s3:DeleteObject")), role())
    assert of_role.direction is Direction.BROADENED


def test_access_change_by_a_deny_alone_is_none_on_what_comes_or_goes_or_must_allow_itself() -> None:
    assert compared({}, bucket_policy(IN_PLAIN_TEXT)) == compared(bucket_policy(IN_PLAIN_TEXT), {}) == ()
    own, other = allow("kms:*", Principal=OWN_ROOT), deny("kms:*", Principal={"AWS": "222222222222"})
    assert compared(holder("AWS::KMS::Key", "KeyPolicy", own, other), holder("AWS::KMS::Key", "KeyPolicy", own)) == ()


def test_access_change_of_an_empty_value_is_broadened() -> None:
    home, anywhere = ({"StringEquals": {"s3:prefix": each}} for each in (["home/"], ["home/", ""]))
    (found,) = compared(policy(allow("s3:*", Condition=home)), policy(allow("s3:*", Condition=anywhere)))
    assert found.direction is Direction.BROADENED


def test_access_change_by_a_deny_of_a_role_reaches_its_sessions() -> None:
    named = allow("kms:*", Principal={"AWS": "arn:aws:sts::111111111111:assumed-role/reader/work"})
    denied = deny("kms:*", Principal={"AWS": "arn:aws:iam::111111111111:role/team/reader"})
    (found,) = compared(
        holder("AWS::KMS::Key", "KeyPolicy", named, denied), holder("AWS::KMS::Key", "KeyPolicy", named)
    )
    assert found.direction is Direction.BROADENED


def with_variables(*statements: object) -> Resources:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return {"P": ("AWS::IAM::Policy", {"Roles": [{"Ref": "Role"}], "PolicyDocument": document})}


def test_access_change_of_a_variables_default_is_a_change() -> None:
    old, new = (with_variables(allow("s3:*", f"b/${{aws:username, '{default}'}}")) for default in ("a", "b"))
    (found,) = compared(old, new)
    assert found.direction is Direction.CHANGED


def test_access_change_beside_variables_and_exceptions_is_unknown() -> None:
    home, ann = "b/${aws:username}", "b/ann"
    but_home = {"Effect": "Allow", "Action": "s3:*", "NotResource": home}
    for kept, further in ((allow("s3:*", home), deny("s3:*", ann)), (but_home, allow("s3:*", ann))):
        (found,) = compared(with_variables(kept), with_variables(kept, further))
        assert found.direction is Direction.UNKNOWN
        assert "a policy variable may have the value" in found.evidence
    kept = allow("s3:*", home)
    (plain,) = compared(with_variables(kept), with_variables(kept, allow("s3:*", ann)))
    assert plain.direction is Direction.BROADENED


def test_access_change_that_shows_with_three_values_of_a_key_at_once_is_narrowed() -> None:
    asks = {"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}
    forbids = {
        "ForAnyValue:StringEquals": {"aws:TagKeys": ["b", "c"]},
        "ForAnyValue:StringLike": {"aws:TagKeys": ["d*", "e*"]},
        "ForAllValues:StringNotEquals": {"aws:TagKeys": "f"},
    }
    tagged, denied = (make("kms:*", Condition=tests) for make, tests in ((allow, asks), (deny, forbids)))
    sides = (holder("AWS::KMS::Key", "KeyPolicy", *statements) for statements in ((tagged,), (tagged, denied)))
    (found,) = compared(*sides)
    assert found.direction is Direction.NARROWED
