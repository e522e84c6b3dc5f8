"""How much single resources protect: what cannot be told counts as the least that it may be."""

from typing import Any

import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.baseline.compare import guards_of
from services.library.guardrails.finding import DeploymentLocation

PLACE = DeploymentLocation(keeps_data=True)
KEY = {"Fn::GetAtt": ["Key", "Arn"]}
UNKNOWN = {"Ref": "Read"}
NOTHING = {"Ref": "AWS::NoValue"}
REDIRECT = {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "StatusCode": "HTTP_301"}}
FORWARD = {"Type": "forward", "TargetGroupArn": "any"}
WRITES = {"Effect": "Allow", "Action": "xray:Put*", "Resource": "*"}


def either(first: object, second: object) -> dict[str, Any]:
    return {"Fn::If": ["Perhaps", first, second]}


def levels(**resources: tuple[str, dict[str, Any]]) -> dict[str, str]:
    """What each resource's guards say in a word, by `<logical id> <guard>`."""
    body = {
        name: {"Type": f"AWS::{type_}", "Properties": properties} for name, (type_, properties) in resources.items()
    }
    body |= {"Key": {"Type": "AWS::KMS::Key"}}
    parameters = {"Read": {"Type": "AWS::SSM::Parameter::Value<String>"}}
    guards = guards_of([Template({"Resources": body, "Parameters": parameters})], PLACE)
    return {f"{guard.resource.logical_id} {guard.name}": guard.given for guard in guards.values()}


@pytest.mark.parametrize(
    ("properties", "given"),
    [
        ({"Replicas": [{"SSESpecification": {"KMSMasterKeyId": KEY}}]}, "own-key"),
        ({"Replicas": [{"SSESpecification": {"KMSMasterKeyId": KEY}}, {"Region": "eu-west-1"}]}, "aws-key"),
        ({"Replicas": [{"SSESpecification": {"KMSMasterKeyId": UNKNOWN}}]}, "own-key"),
        ({"Replicas": [{"SSESpecification": {"KMSMasterKeyId": "{{resolve:ssm:/key}}"}}]}, "unknown"),
        ({"Replicas": ["text"]}, "aws-key"),
        ({"Replicas": []}, "unknown"),
        ({"Replicas": NOTHING}, "unknown"),
        ({}, "unknown"),
        ({"SSESpecification": {}, "Replicas": [{"SSESpecification": {"KMSMasterKeyId": KEY}}]}, "none"),
    ],
)
def test_a_global_table_is_as_encrypted_as_its_weakest_replica(properties: dict[str, Any], given: str) -> None:
    table = {"SSESpecification": {"SSEEnabled": True}, **properties}
    assert levels(Table=("DynamoDB::GlobalTable", table))["Table SSESpecification"] == given


@pytest.mark.parametrize(
    ("rules", "given"),
    [
        ([{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}}], "own-key"),
        ([{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}], "aws-key"),
        ([{"ServerSideEncryptionByDefault": {"SSEAlgorithm": UNKNOWN, "KMSMasterKeyID": KEY}}], "aws-key"),
        (["text"], "aws-key"),
        ([], "aws-key"),
    ],
)
def test_a_bucket_has_its_own_key_only_if_every_rule_says_so(rules: list[Any], given: str) -> None:
    bucket = {"BucketEncryption": {"ServerSideEncryptionConfiguration": rules}}
    assert levels(Bucket=("S3::Bucket", bucket))["Bucket BucketEncryption"] == given


@pytest.mark.parametrize(
    ("spec", "rotates"), [({}, "off"), ({"KeySpec": "RSA_2048"}, None), ({"KeySpec": "HMAC_256"}, None)]
)
def test_only_keys_that_can_rotate_are_asked_to(spec: dict[str, Any], rotates: str | None) -> None:
    assert levels(Mine=("KMS::Key", spec)).get("Mine EnableKeyRotation") == rotates


@pytest.mark.parametrize(
    ("listener", "given"),
    [
        ({"Protocol": "HTTPS", "DefaultActions": [FORWARD]}, "on"),
        ({"Protocol": "TLS"}, "on"),
        ({"Protocol": "HTTP", "DefaultActions": [FORWARD]}, "off"),
        ({"Protocol": "HTTP", "DefaultActions": []}, "off"),
        ({"Protocol": "HTTP", "DefaultActions": ["text"]}, "off"),
        ({"Protocol": UNKNOWN, "DefaultActions": [FORWARD]}, "unknown"),
        ({"Protocol": "HTTP", "DefaultActions": [REDIRECT, FORWARD]}, "off"),
        ({"Protocol": "HTTP", "DefaultActions": [{"RedirectConfig": {"Protocol": "HTTP"}}]}, "off"),
        ({"Protocol": "HTTP", "DefaultActions": [{"RedirectConfig": {"Port": "443"}}]}, "off"),
        ({"Protocol": "HTTP", "DefaultActions": [either(REDIRECT, FORWARD)]}, "off"),
        # Nobody is served over plain text.
        ({"Protocol": "HTTP", "DefaultActions": [REDIRECT]}, None),
    ],
)
def test_a_listener_without_tls_may_only_redirect(listener: dict[str, Any], given: str | None) -> None:
    assert levels(Web=("ElasticLoadBalancingV2::Listener", listener)).get("Web Protocol") == given


@pytest.mark.parametrize(
    ("action", "of", "given"), [(FORWARD, "Web", "off"), (REDIRECT, "Web", None), (FORWARD, "Other", None)]
)
def test_a_rule_of_a_listener_may_serve_what_its_default_redirects(
    action: dict[str, Any], of: str, given: str | None
) -> None:
    found = levels(
        Web=("ElasticLoadBalancingV2::Listener", {"Protocol": "HTTP", "DefaultActions": [REDIRECT]}),
        Rule=("ElasticLoadBalancingV2::ListenerRule", {"ListenerArn": {"Ref": of}, "Actions": [action]}),
    )
    assert found.get("Web Protocol") == given


@pytest.mark.parametrize(
    ("policy", "given"),
    [
        ("TLS_1_2", "on"),
        (NOTHING, "on"),
        ("TLS_1_0", "off"),
        (UNKNOWN, "unknown"),
        (either("TLS_1_2", "TLS_1_0"), "off"),
    ],
)
def test_a_domain_speaks_the_oldest_tls_that_it_may(policy: object, given: str) -> None:
    found = levels(Domain=("ApiGateway::DomainName", {"SecurityPolicy": policy}))
    assert found["Domain SecurityPolicy"] == given


@pytest.mark.parametrize(
    ("rate", "reservoir", "given"),
    [
        (0.05, 0, "on"),
        ("0.05", 0, "on"),
        (0, 1, "on"),
        (0, 0, "nothing"),
        (UNKNOWN, 0, "nothing"),
        (0, UNKNOWN, "nothing"),
        (either(0.05, 0), 0, "nothing"),
        ("often", 0, "nothing"),
    ],
)
def test_a_sampling_rule_is_silent_unless_it_surely_samples(rate: object, reservoir: object, given: str) -> None:
    rule = {"SamplingRule": {"FixedRate": rate, "ReservoirSize": reservoir}}
    assert levels(Rule=("XRay::SamplingRule", rule))["Rule SamplingRule"] == given


@pytest.mark.parametrize(
    ("statements", "given"),
    [
        ([WRITES], "on"),
        ([{**WRITES, "Resource": KEY}], "off"),
        ([{**WRITES, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}], "off"),
        ([{**WRITES, "Effect": UNKNOWN}], "off"),
        ([WRITES, {**WRITES, "Effect": UNKNOWN}], "off"),
        ([WRITES, {**WRITES, "Effect": "Deny", "Resource": KEY}], "off"),
        ([WRITES, {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}], "off"),
        ([WRITES, {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}], "on"),
        ([either(WRITES, NOTHING)], "off"),
    ],
)
def test_a_role_may_write_traces_only_if_it_surely_may(statements: list[Any], given: str) -> None:
    found = levels(
        Function=("Lambda::Function", {"Role": {"Fn::GetAtt": ["Role", "Arn"]}}),
        Role=("IAM::Role", {"Policies": [{"PolicyDocument": {"Statement": statements}}]}),
    )
    assert found["Function MayWriteTraces"] == given


def test_nothing_is_said_for_a_role_that_stands_elsewhere() -> None:
    assert "Function MayWriteTraces" not in levels(Function=("Lambda::Function", {"Role": "arn:aws:iam::1:role/a"}))
