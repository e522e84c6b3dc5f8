"""Access beyond policies: found by what a property is called, over all types, and never graded by guessing."""

from typing import Any

import pytest

from pipeline.review.access import changes as access
from pipeline.review.access.properties import is_about_access
from pipeline.review.diff.replacement import known_types
from pipeline.review.model import AccessChange, Direction, StackLocation
from pipeline.review.tests.cases.case import resource, template
from services.library.cloudformation.resolved_template import ResolvedTemplate, resolve
from services.library.cloudformation.template import Template

Json = Any
NOTE = "changed, not graded: what this allows is not compared"
ROLE = "arn:aws:iam::111111111111:role/"


def resolved(resources: Json) -> ResolvedTemplate:
    return resolve(Template(template(resources)), account="111111111111", region="eu-west-1")


def compared(old: Json, new: Json) -> tuple[AccessChange, ...]:
    return access.changes(resolved(old), resolved(new), StackLocation())


# Type, what it has beside, and the property that is not as it was.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
CHANGED: dict[str, tuple[str, Json, Json]] = {
    "a function's role": ("Lambda::Function", {"Role": f"{ROLE}small"}, {"Role": f"{ROLE}admin"}),
    "a task's role": ("ECS::TaskDefinition", {"TaskRoleArn": f"{ROLE}small"}, {"TaskRoleArn": f"{ROLE}admin"}),
    "an instance's role": ("IAM::InstanceProfile", {"Roles": ["small"]}, {"Roles": ["admin"]}),
    "an instance's profile": ("EC2::Instance", {"IamInstanceProfile": "small"}, {"IamInstanceProfile": "admin"}),
    "a profile in a launch template": (
        "EC2::LaunchTemplate",
        {"LaunchTemplateData": {"IamInstanceProfile": {"Name": "small"}}},
        {"LaunchTemplateData": {"IamInstanceProfile": {"Name": "admin"}}},
    ),
    "a state machine's role": (
        "StepFunctions::StateMachine",
        {"RoleArn": f"{ROLE}small"},
        {"RoleArn": f"{ROLE}admin"},
    ),
    "an identity pool's roles": (
        "Cognito::IdentityPoolRoleAttachment",
        {"Roles": {"authenticated": f"{ROLE}small"}},
        {"Roles": {"authenticated": f"{ROLE}admin"}},
    ),
    "a group's members": (
        "IAM::UserToGroupAddition",
        {"GroupName": "Admins", "Users": ["a"]},
        {"GroupName": "Admins", "Users": ["a", "mallory"]},
    ),
    "a user's groups": ("IAM::User", {"Groups": ["Readers"]}, {"Groups": ["Admins"]}),
    "a user's password": ("IAM::User", {}, {"LoginProfile": {"PasswordResetRequired": False}}),
    "whose access key it is": ("IAM::AccessKey", {"UserName": "a"}, {"UserName": "admin"}),
    "who is assigned": ("SSO::Assignment", {"PrincipalId": "a"}, {"PrincipalId": "b"}),
    "where somebody is assigned": (
        "SSO::Assignment",
        {"PrincipalId": "a", "TargetId": "1"},
        {"PrincipalId": "a", "TargetId": "2"},
    ),
    "which permissions are assigned": ("SSO::Assignment", {"PermissionSetArn": "a"}, {"PermissionSetArn": "b"}),
    "a permission set's policies": (
        "SSO::PermissionSet",
        {"CustomerManagedPolicyReferences": [{"Name": "a"}]},
        {"CustomerManagedPolicyReferences": [{"Name": "b"}]},
    ),
    "a cluster's access entry": (
        "EKS::AccessEntry",
        {"PrincipalArn": "a", "KubernetesGroups": ["view"]},
        {"PrincipalArn": "a", "KubernetesGroups": ["system:masters"]},
    ),
    "a cluster's authentication": (
        "EKS::Cluster",
        {"ResourcesVpcConfig": {"EndpointPublicAccess": False}, "AccessConfig": {"AuthenticationMode": "API"}},
        {"ResourcesVpcConfig": {"EndpointPublicAccess": False}, "AccessConfig": {"AuthenticationMode": "CONFIG_MAP"}},
    ),
    "whom something is shared with": ("RAM::ResourceShare", {"Principals": ["1"]}, {"Principals": ["1", "2"]}),
    "a share beyond the organisation": (
        "RAM::ResourceShare",
        {"AllowExternalPrincipals": False},
        {"AllowExternalPrincipals": True},
    ),
    "whom an endpoint service admits": (
        "EC2::VPCEndpointServicePermissions",
        {"AllowedPrincipals": ["arn:aws:iam::1:root"]},
        {"AllowedPrincipals": ["*"]},
    ),
    "a GraphQL API's sign-in": (
        "AppSync::GraphQLApi",
        {"AuthenticationType": "AWS_IAM"},
        {"AuthenticationType": "API_KEY"},
    ),
    "an authorizer": ("ApiGatewayV2::Route", {"RouteKey": "GET /", "AuthorizationType": "JWT", "AuthorizerId": "a"},
                      {"RouteKey": "GET /", "AuthorizationType": "JWT", "AuthorizerId": "b"}),
    "a load balancer's side": (
        "ElasticLoadBalancingV2::LoadBalancer",
        {"Scheme": "internal"},
        {"Scheme": "internet-facing"},
    ),
    "a second factor": ("Cognito::UserPool", {"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True},
                        "MfaConfiguration": "ON"}, {"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True}}),
    "brokers on the internet": (
        "MSK::Cluster",
        {"BrokerNodeGroupInfo": {"ConnectivityInfo": {"PublicAccess": {"Type": "DISABLED"}}}},
        {"BrokerNodeGroupInfo": {"ConnectivityInfo": {"PublicAccess": {"Type": "SERVICE_PROVIDED_EIPS"}}}},
    ),
    "a type of tomorrow": ("Tomorrow::Thing", {"Deep": [{"WorkerRoleArn": "a"}]}, {"Deep": [{"WorkerRoleArn": "b"}]}),
}  # fmt: skip


@pytest.mark.parametrize("id_", CHANGED)
def test_property_about_access_that_changes_is_said_and_not_graded(id_: str) -> None:
    type_, old, new = CHANGED[id_]
    (found,) = compared({"A": resource(type_, old)}, {"A": resource(type_, new)})
    assert (found.logical_id, found.direction) == ("A", Direction.UNKNOWN)
    assert found.evidence.endswith(NOTE)
    assert compared({"A": resource(type_, new)}, {"A": resource(type_, new)}) == ()


# https://docs.aws.amazon.com/cognito/latest/developerguide/identity-pools.html
# https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-admin-create-user-policy.html
# https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html
OPENED: dict[str, tuple[str, Json, Json, str]] = {
    "guests": (
        "Cognito::IdentityPool",
        {"AllowUnauthenticatedIdentities": False},
        {"AllowUnauthenticatedIdentities": True},
        "public",
    ),
    "sign-up": ("Cognito::UserPool", {"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True}}, {}, "public"),
    "a cluster's endpoint": ("EKS::Cluster", {"ResourcesVpcConfig": {"EndpointPublicAccess": False}},
                             {"ResourcesVpcConfig": {}}, "world"),
    "everybody to a cluster": (
        "EKS::Cluster",
        {"ResourcesVpcConfig": {"EndpointPublicAccess": True, "PublicAccessCidrs": ["198.51.100.0/24"]}},
        {"ResourcesVpcConfig": {"EndpointPublicAccess": True, "PublicAccessCidrs": ["0.0.0.0/0"]}},
        "world",
    ),
    "administrators of a permission set": (
        "SSO::PermissionSet",
        {"ManagedPolicies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]},
        {"ManagedPolicies": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
        "admin",
    ),
    "all of a service in a permission set": (
        "SSO::PermissionSet",
        {},
        {"ManagedPolicies": [{"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AmazonS3FullAccess"}]},
        "wildcard",
    ),
    "administrators of a cluster": (
        "EKS::AccessEntry",
        {"PrincipalArn": "a"},
        {
            "PrincipalArn": "a",
            "AccessPolicies": [{"PolicyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"}],
        },
        "wildcard",
    ),
}  # fmt: skip


@pytest.mark.parametrize("id_", OPENED)
def test_property_that_is_known_to_open_is_graded(id_: str) -> None:
    type_, old, new, flag = OPENED[id_]
    (found,) = compared({"A": resource(type_, old)}, {"A": resource(type_, new)})
    raised = {name for name in ("public", "world", "admin", "wildcard") if getattr(found, name)}
    assert (raised, found.direction is Direction.NARROWED) == ({flag}, False)


FUNCTION = {"Code": {"ZipFile": "x"}}
OWN = {"Fn::GetAtt": ["R", "Arn"]}
ROLE_OF_ITS_OWN = {"R": resource("IAM::Role", {"AssumeRolePolicyDocument": {"Statement": []}})}


def test_new_resource_with_a_role_of_its_own_is_said_by_what_the_role_may_do() -> None:
    assert compared({}, {**ROLE_OF_ITS_OWN, "F": resource("Lambda::Function", {**FUNCTION, "Role": OWN})}) == ()


@pytest.mark.parametrize("role", [f"{ROLE}admin", OWN, {"Fn::ImportValue": "role"}, {"Ref": "Role"}])
def test_new_resource_with_a_role_that_was_there_before_is_said(role: Json) -> None:
    function = {"F": resource("Lambda::Function", {**FUNCTION, "Role": role})}
    (found,) = compared(ROLE_OF_ITS_OWN, {**ROLE_OF_ITS_OWN, **function})
    assert (found.logical_id, found.direction) == ("F", Direction.UNKNOWN)


@pytest.mark.parametrize(
    ("type_", "properties", "is_said"),
    [
        ("RAM::ResourceShare", {"AllowExternalPrincipals": True}, True),
        ("IAM::AccessKey", {"UserName": "admin"}, True),
        ("AppSync::GraphQLApi", {"AuthenticationType": "API_KEY"}, True),
        ("AppSync::GraphQLApi", {"AuthenticationType": "AWS_IAM"}, False),
        ("RDS::DBCluster", {"EnableIAMDatabaseAuthentication": True}, False),
        ("S3::AccessPoint", {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}}, False),
        ("Events::Rule", {"InputPathsMap": {"userIdentity-arn": "$.detail"}}, False),
        ("ApiGateway::Stage", {"AccessLogSetting": {"Format": "public"}}, False),
        ("Lambda::Function", {"Environment": {"Variables": {"ROLE_ARN": "a"}}}, False),
        ("IAM::Group", {"GroupName": "Readers"}, False),
        ("WAFv2::WebACL", {"VisibilityConfig": {"CloudWatchMetricsEnabled": True}}, False),
        ("CodeBuild::Project", {"LogsConfig": {"CloudWatchLogs": {"GroupName": "builds"}}}, False),
    ],
)
def test_new_resource_is_said_where_it_leaves_something_open_or_names_somebody(
    type_: str, properties: Json, is_said: bool
) -> None:
    assert bool(compared({}, {"A": resource(type_, properties)})) is is_said


def test_secret_in_a_property_about_access_is_not_shown() -> None:
    settings = [
        {"AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyValue": each}}} for each in ("abcdefgh", "stuvwxyz")
    ]
    (found,) = compared(*({"C": resource("Events::Connection", each)} for each in settings))
    assert "abcdefgh" not in found.evidence
    assert "stuvwxyz" not in found.evidence


def test_every_types_property_that_names_a_role_a_principal_or_a_way_to_sign_in_is_found() -> None:
    who = ("Role", "RoleArn", "RoleARN", "Roles", "Principal", "Principals", "PrincipalArn", "PermissionSetArn")
    how = ("AuthType", "AuthMode", "AuthenticationType", "AuthorizationType", "PubliclyAccessible", "AccessPolicies")
    ends = (*who, *how)
    named = {name for names in known_types().values() for name in names if name.endswith(ends)}
    assert len(named) > 80
    assert {name for name in named if not is_about_access(name)} == set()


def test_most_properties_are_not_about_access() -> None:
    every = [name for names in known_types().values() for name in names]
    assert sum(map(is_about_access, every)) < len(every) * 0.1


@pytest.mark.parametrize(
    ("type_", "name", "value", "is_said"),
    [
        ("Logs::SubscriptionFilter", "DestinationArn", "arn:aws:logs:eu-west-1:222222222222:destination:d", True),
        ("Events::Rule", "Targets", [{"Id": "a", "Arn": "arn:aws:events:eu-west-1:222222222222:event-bus/b"}], True),
        ("SNS::Subscription", "Endpoint", "arn:aws:sqs:eu-west-1:222222222222:q", True),
        ("SNS::Subscription", "Endpoint", "arn:aws:sqs:eu-west-1:111111111111:q", False),
        ("Lambda::Function", "Layers", ["arn:aws:lambda:eu-west-1:464622532012:layer:Datadog:1"], False),
    ],
)
def test_resource_that_sends_to_another_account_is_said(type_: str, name: str, value: Json, is_said: bool) -> None:
    place = StackLocation(stage="dev", service="one", stack="dev-one")
    new = resolved({"A": resource(type_, {name: value})})
    assert bool(access.changes(resolved({}), new, place)) is is_said
    assert access.changes(new, new, place) == ()
