"""What an override does to finished resources: found if they protect less than before, and not if they protect more."""

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.baseline.compare import lowered
from services.library.guardrails.finding import DeploymentLocation, TierBaseline

PLACE = DeploymentLocation(
    keeps_data=True, tier=TierBaseline(log_retention_days=365, key_pending_days=30, web_firewall=True), account="1" * 12
)
NOTHING = {"Ref": "AWS::NoValue"}
TLS = {"Bool": {"aws:SecureTransport": "false"}}
BUCKET = {"Fn::GetAtt": ["Bucket", "Arn"]}
OBJECTS = {"Fn::Join": ["", [BUCKET, "/*"]]}
GROUP = "AWSManagedRulesCommonRuleSet"
STAGE_ARN = {"Fn::Join": ["", ["arn:aws:apigateway:eu-west-1::/restapis/api/stages/", {"Ref": "Stage"}]]}


def either(first: object, second: object) -> dict[str, Any]:
    return {"Fn::If": ["Perhaps", first, second]}


def deny(**changed: Any) -> dict[str, Any]:
    plain = {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "s3:*",
        "Resource": [BUCKET, OBJECTS],
        "Condition": TLS,
    }
    return {name: value for name, value in (plain | changed).items() if value is not None}


def kept(**changed: Any) -> dict[str, Any]:
    """Another Deny than the one of TLS."""
    return deny(
        **{
            "Action": ["s3:DeleteObject", "s3:PutBucketPolicy"],
            "Condition": {"StringNotEquals": {"aws:PrincipalArn": ["arn:aws:iam::111111111111:role/a"]}},
            **changed,
        }
    )


def let_in(**changed: Any) -> dict[str, Any]:
    plain = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": OBJECTS,
        "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::source"}},
    }
    return {name: value for name, value in (plain | changed).items() if value is not None}


def policy(*statements: object) -> dict[str, Any]:
    return {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": {"Statement": [*statements]}}


def managed(**changed: Any) -> dict[str, Any]:
    """A rule of AWS's own, as the library writes it."""
    plain = {
        "Name": GROUP,
        "Priority": 1,
        "OverrideAction": {"None": {}},
        "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": GROUP}},
    }
    return plain | changed


def rule(action: str, priority: object, **changed: Any) -> dict[str, Any]:
    matched = {"GeoMatchStatement": {"CountryCodes": ["CH"]}}
    return {"Name": "Ours", "Priority": priority, "Action": {action: {}}, "Statement": matched} | changed


def group_with(**changed: Any) -> dict[str, Any]:
    return {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": GROUP, **changed}}


def acl(*rules: object, **changed: Any) -> dict[str, Any]:
    return {"DefaultAction": {"Allow": {}}, "Rules": [*rules], **changed}


def in_front(of: object = STAGE_ARN, acl: str = "Acl") -> dict[str, Any]:
    return {"ResourceArn": of, "WebACLArn": {"Fn::GetAtt": [acl, "Arn"]}}


PERMISSION = {
    "Action": "lambda:InvokeFunction",
    "Principal": "s3.amazonaws.com",
    "SourceArn": "arn:aws:s3:::source",
    "SourceAccount": "111111111111",
}
EXPIRING = {
    "Rules": [
        {"Status": "Enabled", "Prefix": "kept/", "ExpirationInDays": 7},
        {"Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 30}},
    ]
}
PLAN = {
    "BackupPlan": {
        "BackupPlanRule": [
            {"RuleName": "Daily", "ScheduleExpression": "cron(0 3 * * ? *)", "TargetBackupVault": {"Ref": "Vault"}}
        ]
    }
}
BEFORE: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "Bucket": ("AWS::S3::Bucket", {"LifecycleConfiguration": EXPIRING}),
    "Policy": ("AWS::S3::BucketPolicy", policy(deny(), kept(), let_in())),
    "Stage": ("AWS::ApiGateway::Stage", {"TracingEnabled": True, "AccessLogSetting": {"DestinationArn": "a"}}),
    "Api": ("AWS::ApiGateway::RestApi", {"EndpointConfiguration": {"Types": ["PRIVATE"]}}),
    "Acl": ("AWS::WAFv2::WebACL", acl(managed(), rule("Block", 2))),
    "Firewall": ("AWS::WAFv2::WebACLAssociation", in_front()),
    "Key": ("AWS::KMS::Key", {"EnableKeyRotation": True}),
    "Topic": ("AWS::SNS::Topic", {"KmsMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]}}),
    "Permission": ("AWS::Lambda::Permission", PERMISSION),
    "Table": ("AWS::DynamoDB::Table", {"TimeToLiveSpecification": {"AttributeName": "until", "Enabled": True}}),
    "Vault": ("AWS::Backup::BackupVault", {}),
    "Plan": ("AWS::Backup::BackupPlan", PLAN),
    "Selection": (
        "AWS::Backup::BackupSelection",
        {"BackupPlanId": {"Ref": "Plan"}, "BackupSelection": {"Resources": [{"Fn::GetAtt": ["Table", "Arn"]}]}},
    ),
    "Role": ("AWS::IAM::Role", {}),
    "Granted": (
        "AWS::IAM::ManagedPolicy",
        {
            "Roles": [{"Ref": "Role"}],
            "PolicyDocument": {
                "Statement": [{"Effect": "Allow", "Action": ["xray:PutTraceSegments"], "Resource": "*"}]
            },
        },
    ),
    "Logs": ("AWS::Logs::LogGroup", {"RetentionInDays": 365, "KmsKeyId": {"Fn::GetAtt": ["Key", "Arn"]}}),
    "Logging": ("AWS::WAFv2::LoggingConfiguration", {"LogDestinationConfigs": ["a"]}),
    "Archive": ("AWS::Events::Archive", {"RetentionDays": 30, "EventPattern": {"account": ["111111111111"]}}),
    "Url": ("AWS::Lambda::Url", {"AuthType": "AWS_IAM"}),
    "Queue": (
        "AWS::SQS::Queue",
        {"KmsMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]}, "KmsDataKeyReusePeriodSeconds": 86_400},
    ),
    "QueuePolicy": (
        "AWS::SQS::QueuePolicy",
        {
            "Queues": [{"Ref": "Queue"}],
            "PolicyDocument": {"Statement": [deny(Action="sqs:*", Resource={"Fn::GetAtt": ["Queue", "Arn"]})]},
        },
    ),
    "Function": ("AWS::Lambda::Function", {"Role": {"Fn::GetAtt": ["Role", "Arn"]}}),
}


def template(resources: Mapping[str, tuple[str, Mapping[str, Any]]]) -> Template:
    body = {name: {"Type": type_, "Properties": properties} for name, (type_, properties) in resources.items()}
    parameters = {"Read": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/any"}}
    return Template({"Resources": deepcopy(body), "Parameters": parameters})


def found(**changed: Any) -> set[str]:
    """Rule, path and detail of what the change lowers; a resource as its properties, None for one that is gone."""
    after = dict(BEFORE)
    for name, value in changed.items():
        if value is None:
            del after[name]
        else:
            after[name] = value if isinstance(value, tuple) else (BEFORE[name][0], value)
    said = set()
    for each in lowered([template(BEFORE)], [template(after)], PLACE):
        detail = each.rule.partition("[")[2].rstrip("]")
        base = each.base_rule.removeprefix("Penstock-Baseline")
        said.add(f"{base} {each.path} {detail.partition('-')[0] if '=narrowed-' in detail else detail}")
    return said


def names(said: set[str]) -> set[str]:
    """Return findings without the value that each names."""
    return {each.partition("=")[0] for each in said}


WITH = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": OBJECTS}
MANY = [{"Fn::If": [f"C{number}", f"s3:Get{number}", f"s3:Put{number}"]} for number in range(7)]
DENY, KEPT = "PublicAccess Policy Deny.s3:*", "PublicAccess Policy Deny.s3:DeleteObject,s3:PutBucketPolicy"
LOOSER = "PublicAccess Policy Allow.s3:PutObject"
WALL = "PublicAccess Acl WebFirewall"
OTHER = "PublicAccess Firewall WebFirewall"
OPEN, EVERYTHING, UNKNOWN = (f"PublicAccess Policy {actions}" for actions in ("s3:GetObject", "s3:*", "unknown"))
EXPIRES = "Retention Bucket ExpirationInDays"
TLS_ALONE = "Encryption Bucket TlsAlone"


@pytest.mark.parametrize(
    ("statements", "wanted"),
    [
        # What a Deny is about.
        ((deny(Resource=OBJECTS), kept(), let_in()), {DENY, TLS_ALONE}),
        ((deny(Principal={"AWS": "arn:aws:iam::111111111111:root"}), kept(), let_in()), {DENY, TLS_ALONE}),
        ((deny(Action="s3:PutObject"), kept(), let_in()), {DENY, TLS_ALONE}),
        ((deny(Condition=TLS | {"StringEquals": {"aws:PrincipalTag/a": "b"}}), kept(), let_in()), {DENY, TLS_ALONE}),
        ((deny(Principal=None, NotPrincipal={"AWS": "a"}), kept(), let_in()), {DENY, TLS_ALONE}),
        ((deny(Action=None, NotAction="s3:GetObject"), kept(), let_in()), {DENY, TLS_ALONE}),
        ((deny(Resource=None, NotResource=OBJECTS), kept(), let_in()), {DENY, TLS_ALONE}),
        ((deny(Resource=["$*", "Bucket.Arn", "*Bucket*"]), kept(), let_in()), {DENY, TLS_ALONE}),
        ((deny(), kept(Action="s3:DeleteObject"), let_in()), {KEPT}),
        ((deny(), kept(Resource=OBJECTS), let_in()), {KEPT}),
        ((deny(), kept(Principal={"AWS": "arn:aws:iam::111111111111:root"}), let_in()), {KEPT}),
        ((deny(), let_in()), {KEPT}),
        (
            (deny(), kept(Condition={"StringNotEquals": {"aws:PrincipalArn": ["*", "arn:aws:iam::1:role/b"]}})),
            {KEPT},
        ),
        (
            (
                deny(),
                kept(
                    Condition={
                        "StringNotEquals": {
                            "aws:PrincipalArn": ["arn:aws:iam::111111111111:role/a", "arn:aws:iam::111111111111:role/b"]
                        }
                    }
                ),
            ),
            {KEPT},
        ),
        # What may be is not what is.
        ((deny(Effect=either("Deny", "Allow")), kept(), let_in()), {DENY, TLS_ALONE, LOOSER, EVERYTHING}),
        ((deny(Condition=either(TLS, {"Bool": {"a": "b"}})), kept(), let_in()), {DENY, TLS_ALONE}),
        ((either(deny(), NOTHING), kept(), let_in()), {DENY, TLS_ALONE}),
        ((deny(Principal={"AWS": {"Ref": "Read"}}), kept(), let_in()), {DENY, TLS_ALONE}),
        ((deny(Resource=[either(BUCKET, "a"), OBJECTS]), kept(), let_in()), {DENY, TLS_ALONE}),
        ((deny(), kept(Action=MANY), let_in()), {DENY, KEPT, TLS_ALONE, UNKNOWN}),
        # Who is let in, and on which conditions.
        ((deny(), kept(), let_in(Condition=None)), {LOOSER}),
        ((deny(), kept(), let_in(), let_in(Condition=None)), {LOOSER}),
        ((deny(), kept(), let_in(Condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}})), {LOOSER}),
        ((deny(), kept(), let_in(Condition={"ArnLikeIfExists": {"aws:SourceArn": "arn:aws:s3:::source"}})), {LOOSER}),
        ((deny(), kept(), let_in(Condition={"Bool": {"aws:SecureTransport": "true"}})), {LOOSER}),
        (
            (deny(), kept(), let_in(Condition=either({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::source"}}, {}))),
            {LOOSER},
        ),
        ((deny(), kept(), let_in(), WITH), {OPEN}),
        ((deny(), kept(), let_in(), WITH | {"Effect": either("Allow", "Deny")}), {OPEN}),
        ((deny(), kept(), let_in(), WITH | {"Principal": {"AWS": {"Ref": "Read"}}}), {OPEN}),
        ((deny(), kept(), let_in(), json.dumps({"Statement": WITH})), {OPEN}),
        # No less than before.
        ((deny(), kept(), let_in()), set()),
        ((let_in(), kept(), deny()), set()),
        ((deny(Resource="*", Action="*"), kept(), let_in()), set()),
        ((deny(), kept(Action="s3:*"), let_in()), set()),
        ((deny(), kept(Condition=None), let_in()), set()),
        ((deny(), kept(Condition={"StringNotEqualsIfExists": {"aws:PrincipalArn": []}}), let_in()), set()),
        ((deny(), kept(), let_in(), deny(Action="s3:PutObject", Condition=None)), set()),
        ((deny(), kept()), set()),
        (
            (deny(), kept(), let_in(), let_in(Principal={"AWS": "arn:aws:iam::111111111111:root"}, Condition=None)),
            set(),
        ),
        ((either(deny(), deny(Resource="*")), kept(), let_in()), set()),
        # One that is split up, whole and not.
        ((deny(), kept(Action="s3:DeleteObject"), kept(Action="s3:PutBucketPolicy"), let_in()), set()),
        ((deny(), kept(Action="s3:DeleteObject", Condition=None), kept(Action=["s3:Put*"]), let_in()), set()),
        ((deny(), kept(Action="s3:DeleteObject"), kept(Action="s3:PutObject"), let_in()), {KEPT}),
        (
            (deny(), kept(Action="s3:DeleteObject"), kept(Action="s3:PutBucketPolicy", Resource=OBJECTS), let_in()),
            {KEPT},
        ),
        ((deny(), kept(), let_in(), WITH | {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}), set()),
    ],
)
def test_lowered_finds_a_policy_that_denies_less_or_allows_on_less(
    statements: tuple[object, ...], wanted: set[str]
) -> None:
    assert names(found(Policy=policy(*statements))) == wanted


def test_lowered_finds_a_removed_or_replaced_policy() -> None:
    assert names(found(Policy=None)) == {DENY, KEPT, TLS_ALONE}
    assert names(found(Policy=("AWS::SSM::Parameter", BEFORE["Policy"][1]))) == {DENY, KEPT, TLS_ALONE}
    alone = ("AWS::S3::BucketPolicy", policy(let_in()))
    said = {each.replace("Second", "Policy") for each in names(found(Second=alone))}
    assert said == {DENY, KEPT, TLS_ALONE}
    assert names(found(Second=("AWS::S3::BucketPolicy", policy(deny(), kept())))) == set()
    assert names(found(Policy=None, Second=("AWS::S3::BucketPolicy", policy(deny(), kept(), let_in())))) == set()
    assert names(found(Second=("AWS::S3::BucketPolicy", policy(let_in()) | {"Bucket": "another"}))) == set()


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        ((managed(), rule("Block", 2), rule("Allow", 0, Name="First")), {WALL}),
        ((managed(), rule("Block", 2), rule("Allow", {"Ref": "Read"}, Name="First")), {WALL}),
        ((managed(), rule("Block", 2), rule("Allow", 1, Name="Between")), {WALL}),
        ((managed(OverrideAction={"Count": {}}), rule("Block", 2)), {WALL}),
        ((managed(OverrideAction=either({"None": {}}, {"Count": {}})), rule("Block", 2)), {WALL}),
        ((managed(), rule("Count", 2)), {WALL}),
        ((managed(), rule("Block", 2, Statement={"GeoMatchStatement": {"CountryCodes": ["DE"]}})), {WALL}),
        ((managed(),), {WALL}),
        ((), {WALL}),
        ((managed(Statement=group_with(ExcludedRules=[{"Name": "a"}])), rule("Block", 2)), {WALL}),
        (
            (
                managed(Statement=group_with(RuleActionOverrides=[{"Name": "a", "ActionToUse": {"Count": {}}}])),
                rule("Block", 2),
            ),
            {WALL},
        ),
        (
            (
                managed(Statement=group_with(RuleActionOverrides=[{"Name": "a", "ActionToUse": {"Allow": {}}}])),
                rule("Block", 2),
            ),
            {WALL},
        ),
        (
            (managed(Statement=group_with(ScopeDownStatement=rule("Block", 1)["Statement"])), rule("Block", 2)),
            {WALL},
        ),
        (
            (
                managed(),
                rule("Block", 2),
                {
                    "Name": "Theirs",
                    "Priority": 0,
                    "OverrideAction": {"None": {}},
                    "Statement": {"RuleGroupReferenceStatement": {"Arn": "arn:aws:wafv2:any"}},
                },
            ),
            {WALL},
        ),
        # No less than before.
        ((managed(), rule("Block", 2), rule("Block", 0, Name="First")), set()),
        ((managed(), rule("Block", 2), rule("Count", 0, Name="First")), set()),
        ((managed(), rule("Block", 2), rule("Allow", 9, Name="Last")), set()),
        ((rule("Block", 0), managed()), set()),
        ((managed(Priority=5), rule("Block", 6)), set()),
        (
            (
                managed(Statement=group_with(RuleActionOverrides=[{"Name": "a", "ActionToUse": {"Block": {}}}])),
                rule("Block", 2),
            ),
            set(),
        ),
    ],
)
def test_lowered_finds_a_firewall_that_refuses_less(rules: tuple[object, ...], wanted: set[str]) -> None:
    assert names(found(Acl=acl(*rules))) == wanted


def test_lowered_finds_an_api_without_its_firewall_or_one_as_strong() -> None:
    empty, same = (
        ("AWS::WAFv2::WebACL", acl(*rules)) for rules in ((), (managed(), rule("Block", 2), rule("Block", 3, Name="M")))
    )
    moved = in_front(acl="Second")
    assert names(found(Second=empty, Firewall=moved)) == {"PublicAccess Second WebFirewall"}
    assert names(found(Second=empty, More=("AWS::WAFv2::WebACLAssociation", moved))) == {
        "PublicAccess Second WebFirewall"
    }
    assert names(found(Firewall=in_front() | {"WebACLArn": "arn:aws:wafv2:any"})) == {OTHER}
    assert names(found(Acl=("AWS::SSM::Parameter", BEFORE["Acl"][1]))) == {OTHER}
    assert names(found(Firewall=in_front() | {"WebACLArn": either({"Fn::GetAtt": ["Acl", "Arn"]}, "any")})) == {OTHER}
    unsure = {"PublicAccess Stage WebFirewall", OTHER}
    assert names(found(Firewall=in_front(of=either(STAGE_ARN, "any")))) == unsure
    another = {"Fn::Join": ["", ["arn:aws:apigateway:eu-west-1::/restapis/another/stages/", {"Ref": "Stage"}]]}
    assert names(found(Firewall=in_front(of=another))) == {OTHER}
    assert names(found(Firewall=None)) == {"PublicAccess Stage WebFirewall"}
    assert names(found(Second=same, Firewall=moved)) == set()


def test_lowered_follows_what_a_firewall_looks_up() -> None:
    balancer = ("AWS::ElasticLoadBalancingV2::LoadBalancer", {"Scheme": "internal"})
    blocked = {"IPSetReferenceStatement": {"Arn": {"Fn::GetAtt": ["Set", "Arn"]}}}
    before = {
        "Set": ("AWS::WAFv2::IPSet", {"Addresses": ["192.0.2.0/24"]}),
        "Acl": ("AWS::WAFv2::WebACL", acl(rule("Block", 1, Statement=blocked))),
        "Balancer": balancer,
        "Firewall": ("AWS::WAFv2::WebACLAssociation", in_front(of={"Ref": "Balancer"})),
    }
    for changed, wanted in (
        ({"Set": ("AWS::WAFv2::IPSet", {"Addresses": []})}, {("Acl", "weakened")}),
        ({"Firewall": balancer}, {("Firewall", "left")}),
        ({}, set()),
    ):
        findings = lowered([template(before)], [template(before | changed)], PLACE)
        assert {(each.path, each.rule.partition("=")[2].partition("-")[0]) for each in findings} == wanted


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"SourceArn": NOTHING, "SourceAccount": NOTHING}, {"PublicAccess Permission Source"}),
        ({"SourceArn": "*", "SourceAccount": either("1" * 12, NOTHING)}, {"PublicAccess Permission Source"}),
        ({"SourceArn": "arn:aws:s3:::*", "SourceAccount": "*"}, {"PublicAccess Permission Source"}),
        (
            {"SourceArn": NOTHING, "SourceAccount": NOTHING, "Principal": "*"},
            {"PublicAccess Permission Source", "PublicAccess Permission Principal"},
        ),
        ({"SourceArn": NOTHING}, set()),
        ({"SourceAccount": NOTHING}, set()),
        ({"SourceArn": "arn:aws:execute-api:eu-west-1:111111111111:api/*/GET/"}, set()),
    ],
)
def test_lowered_finds_a_permission_for_more_callers(changed: dict[str, Any], wanted: set[str]) -> None:
    assert names(found(Permission=PERMISSION | changed)) == wanted


@pytest.mark.parametrize(
    ("lifecycle", "wanted"),
    [
        ([{"Status": either("Enabled", "Disabled"), "ExpirationInDays": 1}], {EXPIRES}),
        ([{"Status": "Enabled", "ExpirationInDays": 8}], {EXPIRES}),
        ([{"Status": "Enabled", "Prefix": "kept/", "ExpirationInDays": 6}], {EXPIRES}),
        ([{"Status": "Enabled", "Prefix": "kept/", "ExpirationInDays": {"Ref": "Read"}}], {EXPIRES}),
        ([{"Status": "Enabled", "ExpirationDate": "2026-12-01"}], {"Retention Bucket ExpirationDate"}),
        ([either({"Status": "Enabled", "ExpirationInDays": 1}, NOTHING)], {EXPIRES}),
        (
            [{"Status": "Enabled", "NoncurrentVersionExpirationInDays": 1}],
            {"Retention Bucket NoncurrentVersionExpirationInDays"},
        ),
        ([{"Status": "Disabled", "ExpirationInDays": 1}], set()),
        ([{"Status": "Enabled", "Prefix": "kept/", "ExpirationInDays": 8}], set()),
        ([{"Status": "Enabled", "Prefix": "kept/below/", "ExpirationInDays": 7}], set()),
        ([{"Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 60}}], set()),
        ([], set()),
    ],
)
def test_lowered_finds_objects_that_expire_earlier(lifecycle: list[Any], wanted: set[str]) -> None:
    assert names(found(Bucket={"LifecycleConfiguration": {"Rules": lifecycle}})) == wanted


@pytest.mark.parametrize(
    ("known", "now", "goes"),
    [
        ({"newer": 5}, {"newer": 50}, False),
        ({"newer": 5}, {"newer": "5"}, False),
        ({"newer": 5}, {"newer": 1}, True),
        ({"newer": 5}, {}, True),
        ({}, {"newer": 1}, False),
        ({}, {"newer": {"Ref": "Read"}}, False),
        ({"newer": 5}, {"newer": {"Ref": "Read"}}, True),
        ({"newer": {"Ref": "Read"}}, {"newer": {"Ref": "Read"}}, False),
        ({"newer": {"Ref": "Read"}}, {"newer": 50}, True),
        ({"above": 1024}, {"above": "4096"}, False),
        ({"above": 1024}, {"above": "512"}, True),
        ({"above": 1024}, {}, True),
        ({"below": "4096"}, {"below": 1024}, False),
        ({"below": "4096"}, {"below": 8192}, True),
        ({"below": "4096"}, {}, True),
        ({}, {"below": 8192, "above": 1}, False),
        ({"above": 1024}, {"below": 1024}, True),
    ],
)
def test_lowered_finds_a_lifecycle_rule_for_more_objects(
    known: dict[str, Any], now: dict[str, Any], *, goes: bool
) -> None:
    def bucket(**amounts: Any) -> list[Template]:
        expiring = {"NoncurrentDays": 30, "NewerNoncurrentVersions": amounts.get("newer")}
        rule = {
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {name: value for name, value in expiring.items() if value is not None},
            "ObjectSizeGreaterThan": amounts.get("above"),
            "ObjectSizeLessThan": amounts.get("below"),
        }
        rules = [{name: value for name, value in rule.items() if value is not None}]
        return [template({"Bucket": ("AWS::S3::Bucket", {"LifecycleConfiguration": {"Rules": rules}})})]

    rules = [each.base_rule for each in lowered(bucket(**known), bucket(**now), PLACE)]
    assert rules == (["Penstock-BaselineRetention"] if goes else [])


def plan(**changed: Any) -> dict[str, Any]:
    (daily,) = PLAN["BackupPlan"]["BackupPlanRule"]
    return {"BackupPlan": {"BackupPlanRule": [daily | changed]}}


def selection(plan: str = "Plan", **changed: Any) -> dict[str, Any]:
    return {"BackupPlanId": {"Ref": plan}, "BackupSelection": BEFORE["Selection"][1]["BackupSelection"] | changed}


def function(**variables: Any) -> dict[str, Any]:
    return {"Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Environment": {"Variables": variables}}


def sampled(share: float, first: int) -> tuple[str, dict[str, Any]]:
    return ("AWS::XRay::SamplingRule", {"SamplingRule": {"FixedRate": share, "ReservoirSize": first}})


def inline(*statements: object) -> tuple[str, dict[str, Any]]:
    document = {"Statement": [*statements]}
    return ("AWS::SQS::QueueInlinePolicy", {"Queue": {"Ref": "Queue"}, "PolicyDocument": document})


def but(resource: str, **changed: object) -> dict[str, Any]:
    return {**BEFORE[resource][1], **changed}


def writes(*statements: object) -> dict[str, Any]:
    return {"Roles": [{"Ref": "Role"}], "PolicyDocument": {"Statement": [*statements]}}


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        (
            {"Table": {"TimeToLiveSpecification": {"AttributeName": "made", "Enabled": True}}},
            {"Retention Table TimeToLive"},
        ),
        ({"Plan": plan(ScheduleExpression="cron(0 3 1 1 ? *)")}, {"Retention Plan Daily"}),
        ({"Plan": plan(ScheduleExpression=either("cron(0 3 * * ? *)", NOTHING))}, {"Retention Plan Daily"}),
        ({"Plan": plan(TargetBackupVault="another")}, {"Retention Plan Daily"}),
        ({"Plan": plan(ScheduleExpression="cron(30 5 * * ? *)")}, set()),
        ({"Selection": selection(NotResources=[{"Fn::GetAtt": ["Table", "Arn"]}])}, {"Retention Table Backup"}),
        ({"Selection": selection(NotResources=["arn:aws:dynamodb:*"])}, {"Retention Table Backup"}),
        ({"Selection": selection(Conditions={"StringEquals": []})}, {"Retention Table Backup"}),
        ({"Selection": selection(Conditions=either(NOTHING, {"StringEquals": []}))}, {"Retention Table Backup"}),
        (
            {"Selection": selection(Resources=either([{"Fn::GetAtt": ["Table", "Arn"]}], []))},
            {"Retention Table Backup"},
        ),
        (
            {"Selection": selection("Second"), "Second": ("AWS::Backup::BackupPlan", plan())},
            {"Retention Selection BackupPlanId"},
        ),
        ({"Granted": writes()}, {"Tracing Function MayWriteTraces"}),
        (
            {"Granted": writes({"Effect": either("Allow", "Deny"), "Action": "xray:*", "Resource": "*"})},
            {"Tracing Function MayWriteTraces"},
        ),
        (
            {"Granted": writes({"Effect": "Allow", "Action": "xray:*", "Resource": "*", "Condition": {"Bool": {}}})},
            {"Tracing Function MayWriteTraces"},
        ),
        (
            {"Second": ("AWS::IAM::Policy", writes({"Effect": "Deny", "Action": "xray:P*", "Resource": "*"}))},
            {"Tracing Function MayWriteTraces"},
        ),
        (
            {"Second": ("AWS::IAM::Policy", writes({"Effect": "Deny", "Action": "s3:*", "Resource": "*"}))},
            set(),
        ),
        (
            {"Function": function(AWS_XRAY_DAEMON_ADDRESS="127.0.0.1:1")},
            {"Tracing Function Environment.Variables.AWS_"},
        ),
        (
            {"Function": function(POWERTOOLS_TRACE_DISABLED={"Ref": "Read"})},
            {"Tracing Function Environment.Variables.P"},
        ),
        ({"Function": function(ANY="127.0.0.1:1")}, set()),
        ({"Logging": None}, {"Tracing Logging LogDestinationConfigs"}),
        ({"Sampled": sampled(0.0001, 0)}, {"Tracing Sampled SamplingRule"}),
        ({"Sampled": sampled(0.1, 0)}, set()),
        ({"Archive": None}, {"Retention Archive RetentionDays"}),
        ({"Archive": {"EventPattern": {"account": ["1"]}}}, {"Retention Archive EventPattern"}),
        ({"Archive": {}}, set()),
        ({"Logs": but("Logs", LogGroupClass="DELIVERY")}, {"Retention Logs LogGroupClass"}),
        ({"Logs": but("Logs", LogGroupClass="INFREQUENT_ACCESS")}, set()),
        (
            {"Logs": but("Logs", RetentionInDays="{{resolve:ssm:/days}}")},
            {"Retention Logs RetentionInDays"},
        ),
        ({"Logs": but("Logs", KmsKeyId="{{resolve:ssm:/key}}")}, {"Encryption Logs KmsKeyId"}),
        ({"Url": {"AuthType": "{{resolve:ssm:/auth}}"}}, {"PublicAccess Url AuthType"}),
        ({"Queue": but("Queue", KmsDataKeyReusePeriodSeconds=300)}, set()),
        ({"Queue": {"KmsMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]}}}, set()),
        (
            {"Straight": ("AWS::ApiGateway::Deployment", {"RestApiId": {"Ref": "Api"}, "StageName": "open"})},
            {"PublicAccess Straight StageName"},
        ),
        ({"Straight": ("AWS::ApiGateway::Deployment", {"RestApiId": {"Ref": "Api"}})}, set()),
        ({"More": inline()}, {"Encryption Queue TlsAlone", "PublicAccess More Deny.sqs:*"}),
        (
            {"More": inline(deny(Action="sqs:*", Resource={"Fn::GetAtt": ["Queue", "Arn"]})), "QueuePolicy": None},
            set(),
        ),
        ({"Stage": {"TracingEnabled": True}}, {"Tracing Stage AccessLogSetting.DestinationArn"}),
        ({"Api": {"EndpointConfiguration": {"Types": ["REGIONAL"]}}}, {"PublicAccess Api EndpointConfiguration"}),
        (
            {"Topic": {"KmsMasterKeyId": {"Fn::Sub": ["${a}/aws/sns", {"a": "alias"}]}}},
            {"Encryption Topic KmsMasterKeyId"},
        ),
        (
            {"Topic": {"KmsMasterKeyId": {"Fn::Join": ["/", {"Fn::Split": ["!", "alias!aws!sns"]}]}}},
            {"Encryption Topic KmsMasterKeyId"},
        ),
        (
            {
                "Topic": {"KmsMasterKeyId": {"Fn::GetAtt": ["Said", "Value"]}},
                "Said": ("AWS::SSM::Parameter", {"Value": "alias/aws/sns"}),
            },
            {"Encryption Topic KmsMasterKeyId"},
        ),
        ({"Topic": {"KmsMasterKeyId": {"Fn::GetAtt": ["Stage", "Arn"]}}}, {"Encryption Topic KmsMasterKeyId"}),
        ({"Heard": ("AWS::SNS::Subscription", {"Protocol": "http"})}, {"Encryption Heard Protocol"}),
        ({"Heard": ("AWS::SNS::Subscription", {"Protocol": "https"})}, set()),
        (
            {"Bus": ("AWS::Events::EventBusPolicy", {"Principal": "*", "Action": "events:PutEvents"})},
            {"PublicAccess Bus events:PutEvents"},
        ),
        (
            {
                "Layer": (
                    "AWS::Lambda::LayerVersionPermission",
                    {"Principal": "*", "Action": "lambda:GetLayerVersion", "OrganizationId": "o-1"},
                )
            },
            set(),
        ),
        (
            {"Method": ("AWS::ApiGateway::Method", {"HttpMethod": "OPTIONS", "Integration": {"Type": "AWS_PROXY"}})},
            {"PublicAccess Method AuthorizationType"},
        ),
        (
            {"World": ("AWS::EC2::SecurityGroupIngress", {"CidrIp": {"Ref": "Read"}})},
            {"PublicAccess World CidrIp"},
        ),
        ({"Inside": ("AWS::EC2::SecurityGroupIngress", {"CidrIp": {"Fn::GetAtt": ["Vpc", "CidrBlock"]}})}, set()),
    ],
)
def test_lowered_finds_every_other_protection_that_is_less(changed: dict[str, Any], wanted: set[str]) -> None:
    said = names(found(**changed))
    assert len(said) == len(wanted)
    assert all(any(each.startswith(one) for one in wanted) for each in said), said


def test_lowered_finds_a_deny_that_is_detached() -> None:
    document = {"Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
    policy_type = "AWS::IAM::ManagedPolicy"
    held = {"AWS::IAM::Role": {"ManagedPolicyArns": [{"Ref": "Held"}]}}
    before: dict[str, tuple[str, dict[str, Any]]] = {
        "One": ("AWS::IAM::Role", {}),
        "Two": ("AWS::IAM::Role", held["AWS::IAM::Role"]),
        "Named": (policy_type, {"Roles": [{"Ref": "One"}], "PolicyDocument": document}),
        "Held": (policy_type, {"PolicyDocument": document}),
        "Perhaps": (policy_type, {"PolicyDocument": either(document, {"Statement": []})}),
    }

    def said(**changed: tuple[str, dict[str, Any]]) -> set[str]:
        return {each.path for each in lowered([template(before)], [template(before | changed)], PLACE)}

    assert said() == set()
    assert said(Named=(policy_type, {"Roles": [{"Ref": "Two"}], "PolicyDocument": document})) == {"Named"}
    assert said(Named=(policy_type, {"Roles": either([{"Ref": "One"}], []), "PolicyDocument": document})) == {"Named"}
    both = [{"Ref": "Two"}, {"Ref": "One"}]
    assert said(Named=(policy_type, {"Roles": both, "PolicyDocument": document})) == set()
    assert said(Two=("AWS::IAM::Role", {})) == {"Held"}


def at_path(path: str, type_: str, **body: Any) -> dict[str, Any]:
    """A resource whose metadata says that it is somewhere."""
    return {"Type": type_, "Metadata": {"aws:cdk:path": path}, **body}


def test_lowered_pairs_resources_by_logical_id_and_not_by_claimed_path() -> None:
    kept = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    plain, guarded = ({"Properties": {"KmsKeyId": key, "RetentionInDays": 400}} for key in ("alias/aws/logs", "any"))
    one, two = at_path("S/One", "AWS::Kinesis::Stream", **kept), at_path("S/Two", "AWS::Kinesis::Stream", **kept)
    logs = at_path("S/Logs", "AWS::Logs::LogGroup", **guarded)
    before = {"One": one, "Two": two, "Logs": logs}

    def said(**changed: Any) -> set[str]:
        after = {name: body for name, body in (before | changed).items() if body is not None}
        was, now = ([Template({"Resources": each}, stack_path="S", file="S.json")] for each in (before, after))
        return {f"{each.path} {each.rule.partition('[')[2]}".rstrip("]") for each in lowered(was, now, PLACE)}

    lost = {"S/One DeletionPolicy=left-out", "S/One UpdateReplacePolicy=left-out"}
    assert said() == set()
    assert said(One=None, Two=two | {"Metadata": one["Metadata"]}) == lost
    assert said(One=None, Other=one) == lost
    assert said(Logs=at_path("S/Two", "AWS::Logs::LogGroup", **plain)) == {"S/Two KmsKeyId=aws-key"}
    assert said(Logs=at_path("S/Two", "AWS::Logs::LogGroup", **plain), More=logs) == {"S/Two KmsKeyId=aws-key"}
