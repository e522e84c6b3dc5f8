"""Cases of access: who something runs as, how somebody gets in, what a policy means.

They were written before the pages were read, and compared with excerpts of them on `READ`, but for the `UNCONFIRMED`.
A page says what a setting means; that a change of it is a finding, and by which name, is this review's. The templates
hold the part that changes.
"""

import json
from dataclasses import replace

from pipeline.review.tests.cases.access import document, statement
from pipeline.review.tests.cases.documented import DOCS, DocumentedCase, Json, Subject, between, said

IAM = f"{DOCS}/IAM/latest/UserGuide"
KEYS = f"{IAM}/reference_policies_condition-keys.html"
CONDITION = f"{IAM}/reference_policies_elements_condition.html"
LOGIC = f"{IAM}/reference_policies_condition-logic-multiple-context-keys-or-values.html"
SETS = f"{IAM}/reference_policies_condition-single-vs-multi-valued-context-keys.html"
OPERATORS = f"{IAM}/reference_policies_elements_condition_operators.html"
PRINCIPALS = f"{IAM}/reference_policies_elements_principal.html"
PUBLIC = f"{DOCS}/AmazonS3/latest/userguide/access-control-block-public-access.html"
"""Which conditions keep a bucket's policy from being public: fixed values of the keys that it lists."""
COPIES = {
    f"{DOCS}/AWSCloudFormation/": "the properties' descriptions in aws-cdk-lib and the schemas of cfn-lint, which"
    " are made from AWS's own; of Fn::ImportValue, a copy of the page",
    f"{IAM}/": "the repository awsdocs/iam-user-guide, and copies of the pages that are newer than it",
    PUBLIC: "the repository of AWS's guide to S3",
    f"{DOCS}/vpc/": "the repository awsdocs/amazon-vpc-user-guide",
    f"{DOCS}/organizations/": "the repository awsdocs/aws-organizations-docs; of attaching, a copy of the page",
    f"{DOCS}/rolesanywhere/": "a copy of the page",
    f"{DOCS}/eks/": "a copy of the page",
    f"{DOCS}/elasticloadbalancing/": "a copy of the page",
    f"{DOCS}/apigateway/": "a copy of the page, of private endpoints in Chinese",
    f"{DOCS}/opensearch-service/": "a copy of the page, of network policies in Japanese",
    f"{DOCS}/AmazonCloudFront/": "a copy of the page",
}
"""Where excerpts of the pages were read, by how their addresses begin."""
READ = "2026-11-30"
UNCONFIRMED = {
    "a source's organisation": "Only pages of other services were found to say what aws:SourceOrgID is.",
}
"""Cases that no page was seen to confirm, and why."""
ROLE = "arn:aws:iam::111111111111:role/"
OURS = {"AWS": "arn:aws:iam::111111111111:root"}


def bucket(*statements: Json) -> Json:
    return {
        "P": {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": "b", "PolicyDocument": document(*statements)}}
    }


def role(*statements: Json) -> Json:
    trust = document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}})
    policies = [{"PolicyName": "p", "PolicyDocument": document(*statements)}]
    return {"R": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust, "Policies": policies}}}


def trusting(*statements: Json) -> Json:
    return {"R": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document(*statements)}}}


def everybody(**condition: Json) -> Json:
    more: dict[str, Json] = {"Condition": condition} if condition else {}
    return {**statement("s3:GetObject", Principal="*"), **more}


def assumed(principal: Json, **condition: Json) -> Json:
    more = {"Condition": condition} if condition else {}
    return {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **more}


OWN = statement("s3:GetObject", Principal=OURS)

ROLES = (
    *(
        said(Subject.ROLE, f"{name} of {type_}", type_, {name: f"{ROLE}small"}, {name: f"{ROLE}admin"}, "AccessUnknown")
        for type_, name in (
            ("Glue::Job", "Role"),
            ("SageMaker::NotebookInstance", "RoleArn"),
            ("Batch::ComputeEnvironment", "ServiceRole"),
            ("Synthetics::Canary", "ExecutionRoleArn"),
            ("Config::ConfigurationRecorder", "RoleARN"),
            ("Pipes::Pipe", "RoleArn"),
            ("IoT::RoleAlias", "RoleArn"),
            ("CodeBuild::Project", "ServiceRole"),
            ("ECS::TaskDefinition", "ExecutionRoleArn"),
            ("Transfer::User", "Role"),
            ("EMR::Cluster", "JobFlowRole"),
            ("EKS::Nodegroup", "NodeRole"),
        )
    ),
    said(
        Subject.ROLE,
        "roles that a cluster may use",
        "Redshift::Cluster",
        {"IamRoles": [f"{ROLE}small"]},
        {"IamRoles": [f"{ROLE}admin"]},
        "AccessUnknown",
    ),
    said(
        Subject.ROLE,
        "a schedule's target runs as another role",
        "Scheduler::Schedule",
        {"Target": {"Arn": "a", "RoleArn": f"{ROLE}small"}},
        {"Target": {"Arn": "a", "RoleArn": f"{ROLE}admin"}},
        "AccessUnknown",
    ),
    said(
        Subject.ROLE,
        "a target of a rule runs as another role",
        "Events::Rule",
        {"Targets": [{"Id": "a", "Arn": "a", "RoleArn": f"{ROLE}small"}]},
        {"Targets": [{"Id": "a", "Arn": "a", "RoleArn": f"{ROLE}admin"}]},
        "AccessUnknown",
    ),
    said(
        Subject.ROLE,
        "a pod runs as another role",
        "EKS::PodIdentityAssociation",
        {"ClusterName": "c", "RoleArn": f"{ROLE}small"},
        {"ClusterName": "c", "RoleArn": f"{ROLE}admin"},
        "AccessUnknown",
    ),
    said(
        Subject.ROLE,
        "whom certificates of an anchor become",
        "RolesAnywhere::Profile",
        {"Name": "p", "RoleArns": [f"{ROLE}small"]},
        {"Name": "p", "RoleArns": [f"{ROLE}small", f"{ROLE}admin"]},
        "AccessUnknown",
        page=f"{DOCS}/rolesanywhere/latest/userguide/introduction.html",
    ),
    said(
        Subject.ROLE,
        "an instance of an auto scaling group",
        "AutoScaling::LaunchConfiguration",
        {"IamInstanceProfile": "small"},
        {"IamInstanceProfile": "admin"},
        "AccessUnknown",
    ),
)

SIGN_IN = (
    said(
        Subject.SIGN_IN,
        "whose certificates an anchor trusts",
        "RolesAnywhere::TrustAnchor",
        {"Name": "a", "Source": {"SourceType": "CERTIFICATE_BUNDLE", "SourceData": {"X509CertificateData": "a"}}},
        {"Name": "a", "Source": {"SourceType": "CERTIFICATE_BUNDLE", "SourceData": {"X509CertificateData": "b"}}},
        "AccessUnknown",
        page=f"{DOCS}/rolesanywhere/latest/userguide/introduction.html",
    ),
    said(
        Subject.SIGN_IN,
        "audiences of a provider",
        "IAM::OIDCProvider",
        {"ClientIdList": ["a"]},
        {"ClientIdList": ["a", "b"]},
        "AccessUnknown",
    ),
    said(
        Subject.SIGN_IN,
        "whose certificate a provider has",
        "IAM::OIDCProvider",
        {"ThumbprintList": ["a" * 40]},
        {"ThumbprintList": ["b" * 40]},
        "AccessUnknown",
    ),
    said(
        Subject.SIGN_IN,
        "who signs for a provider",
        "IAM::SAMLProvider",
        {"SamlMetadataDocument": "<a/>"},
        {"SamlMetadataDocument": "<b/>"},
        "AccessUnknown",
    ),
    said(
        Subject.SIGN_IN,
        "whose users a pool takes",
        "Cognito::UserPoolIdentityProvider",
        {"ProviderName": "a", "ProviderDetails": {"oidc_issuer": "https://a"}},
        {"ProviderName": "a", "ProviderDetails": {"oidc_issuer": "https://b"}},
        "AccessUnknown",
    ),
    *(
        said(
            Subject.SIGN_IN,
            f"{name} of an identity pool",
            "Cognito::IdentityPool",
            {name: old},
            {name: new},
            "AccessUnknown",
        )
        for name, old, new in (
            ("SamlProviderARNs", ["a"], ["a", "b"]),
            ("OpenIdConnectProviderARNs", ["a"], ["a", "b"]),
            ("SupportedLoginProviders", {"accounts.google.com": "a"}, {"accounts.google.com": "b"}),
            ("CognitoIdentityProviders", [{"ClientId": "a"}], [{"ClientId": "b"}]),
        )
    ),
    *(
        said(
            Subject.SIGN_IN,
            f"{name} of a client",
            "Cognito::UserPoolClient",
            {"UserPoolId": "p", name: old},
            {"UserPoolId": "p", name: new},
            "AccessUnknown",
        )
        for name, old, new in (
            ("CallbackURLs", ["https://a"], ["https://a", "https://b"]),
            ("AllowedOAuthFlows", ["code"], ["implicit"]),
            ("ExplicitAuthFlows", ["ALLOW_USER_SRP_AUTH"], ["ALLOW_USER_PASSWORD_AUTH"]),
            ("SupportedIdentityProviders", ["COGNITO"], ["COGNITO", "Google"]),
        )
    ),
    said(
        Subject.SIGN_IN,
        "a pool's passwords",
        "Cognito::UserPool",
        {
            "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True},
            "Policies": {"PasswordPolicy": {"MinimumLength": 14}},
        },
        {
            "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True},
            "Policies": {"PasswordPolicy": {"MinimumLength": 6}},
        },
        "AccessUnknown",
    ),
    said(
        Subject.SIGN_IN,
        "a pool's second factors",
        "Cognito::UserPool",
        {"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True}, "EnabledMfas": ["SOFTWARE_TOKEN_MFA"]},
        {"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True}, "EnabledMfas": ["SMS_MFA"]},
        "AccessUnknown",
    ),
    said(
        Subject.SIGN_IN,
        "everybody of a directory reaches a network",
        "EC2::ClientVpnAuthorizationRule",
        {"ClientVpnEndpointId": "e", "TargetNetworkCidr": "10.0.0.0/8", "AuthorizeAllGroups": False},
        {"ClientVpnEndpointId": "e", "TargetNetworkCidr": "10.0.0.0/8", "AuthorizeAllGroups": True},
        "AccessUnknown",
    ),
    said(
        Subject.SIGN_IN,
        "a method needs no signature",
        "ApiGateway::Method",
        {"HttpMethod": "GET", "AuthorizationType": "AWS_IAM"},
        {"HttpMethod": "GET", "AuthorizationType": "NONE"},
        "OpenToTheWorld",
    ),
    said(
        Subject.SIGN_IN,
        "a listener's users",
        "ElasticLoadBalancingV2::ListenerRule",
        {"Actions": [{"Type": "authenticate-oidc", "AuthenticateOidcConfig": {"Issuer": "https://a"}}]},
        {"Actions": [{"Type": "authenticate-oidc", "AuthenticateOidcConfig": {"Issuer": "https://b"}}]},
        "AccessUnknown",
        page=f"{DOCS}/elasticloadbalancing/latest/application/listener-authenticate-users.html",
    ),
    said(
        Subject.SIGN_IN,
        "a listener asks nobody any more",
        "ElasticLoadBalancingV2::Listener",
        {"DefaultActions": [{"Type": "authenticate-oidc", "Order": 1}, {"Type": "forward", "Order": 2}]},
        {"DefaultActions": [{"Type": "forward", "Order": 2}]},
        "AccessUnknown",
        page=f"{DOCS}/elasticloadbalancing/latest/application/listener-authenticate-users.html",
    ),
    said(
        Subject.SIGN_IN,
        "an authorizer trusts another issuer",
        "ApiGatewayV2::Authorizer",
        {"Name": "a", "AuthorizerType": "JWT", "JwtConfiguration": {"Issuer": "https://a"}},
        {"Name": "a", "AuthorizerType": "JWT", "JwtConfiguration": {"Issuer": "https://b"}},
        "AccessUnknown",
    ),
    said(
        Subject.SIGN_IN,
        "what an authorizer of a REST API runs",
        "ApiGateway::Authorizer",
        {"Name": "a", "Type": "TOKEN", "AuthorizerUri": "a"},
        {"Name": "a", "Type": "TOKEN", "AuthorizerUri": "b"},
        "AccessUnknown",
    ),
    said(
        Subject.SIGN_IN,
        "who a role is in a cluster",
        "EKS::AccessEntry",
        {"PrincipalArn": "a", "Username": "reader"},
        {"PrincipalArn": "a", "Username": "admin"},
        "AccessUnknown",
        page=f"{DOCS}/eks/latest/userguide/set-custom-username.html",
    ),
    said(
        Subject.SIGN_IN,
        "what a Cedar policy permits",
        "VerifiedPermissions::Policy",
        {
            "PolicyStoreId": "s",
            "Definition": {"Static": {"Statement": 'permit(principal == U::"a", action, resource);'}},
        },
        {"PolicyStoreId": "s", "Definition": {"Static": {"Statement": "permit(principal, action, resource);"}}},
        "AccessUnknown",
    ),
    said(
        Subject.SIGN_IN,
        "who may use a cache",
        "ElastiCache::User",
        {"UserName": "a", "AccessString": "on ~app:* +get"},
        {"UserName": "a", "AccessString": "on ~* +@all"},
        "AccessUnknown",
    ),
)

ENDPOINTS = (
    said(
        Subject.ENDPOINT,
        "a private API becomes one of the internet",
        "ApiGateway::RestApi",
        {"Name": "a", "EndpointConfiguration": {"Types": ["PRIVATE"]}},
        {"Name": "a", "EndpointConfiguration": {"Types": ["REGIONAL"]}},
        "AccessUnknown",
        page=f"{DOCS}/apigateway/latest/developerguide/api-gateway-api-endpoint-types.html",
    ),
    said(
        Subject.ENDPOINT,
        "a server for files leaves its network",
        "Transfer::Server",
        {"EndpointType": "VPC"},
        {"EndpointType": "PUBLIC"},
        "AccessUnknown",
    ),
    *(
        said(Subject.ENDPOINT, f"{name} of {type_}", type_, old, new, "AccessUnknown")
        for type_, name, old, new in (
            (
                "SageMaker::NotebookInstance",
                "internet",
                {"DirectInternetAccess": "Disabled"},
                {"DirectInternetAccess": "Enabled"},
            ),
            ("EC2::Subnet", "addresses", {"MapPublicIpOnLaunch": False}, {"MapPublicIpOnLaunch": True}),
            (
                "ECS::Service",
                "addresses",
                {"NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "DISABLED"}}},
                {"NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "ENABLED"}}},
            ),
            ("RedshiftServerless::Workgroup", "endpoint", {"PubliclyAccessible": False}, {"PubliclyAccessible": True}),
            ("AmazonMQ::Broker", "endpoint", {"PubliclyAccessible": False}, {"PubliclyAccessible": True}),
            (
                "AppRunner::Service",
                "endpoint",
                {"NetworkConfiguration": {"IngressConfiguration": {"IsPubliclyAccessible": False}}},
                {"NetworkConfiguration": {"IngressConfiguration": {"IsPubliclyAccessible": True}}},
            ),
            (
                "MWAA::Environment",
                "web server",
                {"WebserverAccessMode": "PRIVATE_ONLY"},
                {"WebserverAccessMode": "PUBLIC_ONLY"},
            ),
            ("NeptuneGraph::Graph", "endpoint", {"PublicConnectivity": False}, {"PublicConnectivity": True}),
        )
    ),
    said(
        Subject.ENDPOINT,
        "a network gets a way to the internet",
        "EC2::Route",
        {"RouteTableId": "t", "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "n"},
        {"RouteTableId": "t", "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"},
        "AccessBroadened",
        page=f"{DOCS}/vpc/latest/userguide/VPC_Internet_Gateway.html",
    ),
    said(
        Subject.ENDPOINT,
        "a network's list lets everybody in",
        "EC2::NetworkAclEntry",
        {"NetworkAclId": "a", "RuleNumber": 1, "Protocol": 6, "RuleAction": "allow", "CidrBlock": "10.0.0.0/8"},
        {"NetworkAclId": "a", "RuleNumber": 1, "Protocol": 6, "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"},
        "AccessBroadened",
        page=f"{DOCS}/vpc/latest/userguide/vpc-network-acls.html",
    ),
    said(
        Subject.ENDPOINT,
        "a firewall lets through what it did not name",
        "WAFv2::WebACL",
        {"Scope": "REGIONAL", "DefaultAction": {"Block": {}}},
        {"Scope": "REGIONAL", "DefaultAction": {"Allow": {}}},
        "AccessBroadened",
    ),
    said(
        Subject.ENDPOINT,
        "a database's port for the world",
        "EC2::SecurityGroup",
        {"SecurityGroupIngress": [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "CidrIp": "10.0.0.0/16"}]},
        {"SecurityGroupIngress": [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "CidrIp": "0.0.0.0/0"}]},
        "OpenToTheWorld",
    ),
    said(
        Subject.ENDPOINT,
        "collections are reached from everywhere",
        "OpenSearchServerless::SecurityPolicy",
        {"Name": "n", "Type": "network", "Policy": json.dumps([{"AllowFromPublic": False, "SourceVPCEs": ["vpce-1"]}])},
        {"Name": "n", "Type": "network", "Policy": json.dumps([{"AllowFromPublic": True}])},
        "AccessUnknown",
        page=f"{DOCS}/opensearch-service/latest/developerguide/serverless-network.html",
    ),
    *(
        said(Subject.ENDPOINT, f"{name} of {type_}", type_, {name: old}, {name: new}, "AccessUnknown")
        for type_, name, old, new in (
            ("RDS::DBInstance", "VPCSecurityGroups", ["sg-1"], ["sg-2"]),
            ("ElasticLoadBalancingV2::LoadBalancer", "SecurityGroups", ["sg-1"], ["sg-1", "sg-2"]),
            ("ElastiCache::ReplicationGroup", "SecurityGroupIds", ["sg-1"], ["sg-2"]),
            ("ApiGateway::RestApi", "DisableExecuteApiEndpoint", True, False),
            ("ElastiCache::User", "NoPasswordRequired", False, True),
            ("ElasticLoadBalancingV2::TrustStore", "CaCertificatesBundleS3Key", "a", "b"),
            ("IoT::CACertificate", "CACertificatePem", "a", "b"),
            ("WAFv2::IPSet", "Addresses", ["198.51.100.0/24"], ["0.0.0.0/1"]),
            (
                "NetworkFirewall::RuleGroup",
                "RuleGroup",
                {"RulesSource": {"RulesString": "drop"}},
                {"RulesSource": {"RulesString": "pass"}},
            ),
            ("CloudTrail::EventDataStore", "FederationEnabled", False, True),
            (
                "Lambda::CodeSigningConfig",
                "AllowedPublishers",
                {"SigningProfileVersionArns": ["a"]},
                {"SigningProfileVersionArns": ["a", "b"]},
            ),
            ("MediaConnect::FlowSource", "WhitelistCidr", "198.51.100.0/24", "0.0.0.0/0"),
            (
                "S3::Bucket",
                "OwnershipControls",
                {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                {"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
            ),
        )
    ),
    said(
        Subject.ENDPOINT,
        "a distribution has no firewall any more",
        "CloudFront::Distribution",
        {"DistributionConfig": {"Enabled": True, "WebACLId": "arn:a"}},
        {"DistributionConfig": {"Enabled": True}},
        "AccessUnknown",
        page=f"{DOCS}/AmazonCloudFront/latest/DeveloperGuide/distribution-web-awswaf.html",
    ),
)

SHARES = (
    said(
        Subject.SHARE,
        "who reads a collection",
        "OpenSearchServerless::AccessPolicy",
        {"Name": "n", "Type": "data", "Policy": json.dumps([{"Principal": [f"{ROLE}a"], "Rules": []}])},
        {"Name": "n", "Type": "data", "Policy": json.dumps([{"Principal": [f"{ROLE}b"], "Rules": []}])},
        "AccessUnknown",
        page=f"{DOCS}/opensearch-service/latest/developerguide/serverless-data-access.html",
    ),
    *(
        said(Subject.SHARE, f"{name} of {type_}", type_, {**beside, name: old}, {**beside, name: new}, "AccessUnknown")
        for type_, name, beside, old, new in (
            ("QuickSight::Dashboard", "Permissions", {}, [{"Principal": "a"}], [{"Principal": "b"}]),
            (
                "LakeFormation::PrincipalPermissions",
                "Principal",
                {},
                {"DataLakePrincipalIdentifier": "a"},
                {"DataLakePrincipalIdentifier": "b"},
            ),
            (
                "LakeFormation::DataLakeSettings",
                "Admins",
                {},
                [{"DataLakePrincipalIdentifier": "a"}],
                [{"DataLakePrincipalIdentifier": "b"}],
            ),
            ("S3::AccessGrant", "Grantee", {}, {"GranteeIdentifier": "a"}, {"GranteeIdentifier": "b"}),
            ("ServiceCatalog::PortfolioShare", "AccountId", {}, "111111111111", "222222222222"),
            ("EC2::VPCPeeringConnection", "PeerOwnerId", {}, "111111111111", "222222222222"),
            ("EC2::VPCEndpointService", "AcceptanceRequired", {}, True, False),
            ("Redshift::EndpointAuthorization", "Account", {"ClusterIdentifier": "c"}, "111111111111", "222222222222"),
        )
    ),
    said(
        Subject.SHARE,
        "an organisation's Deny goes",
        "Organizations::Policy",
        {"Name": "p", "Type": "SERVICE_CONTROL_POLICY", "Content": document(statement("s3:DeleteBucket", "*", "Deny"))},
        {"Name": "p", "Type": "SERVICE_CONTROL_POLICY", "Content": document(statement("s3:DeleteBucket", "x", "Deny"))},
        "AccessBroadened",
        page=f"{DOCS}/organizations/latest/userguide/orgs_manage_policies_scps.html",
    ),
    said(
        Subject.SHARE,
        "whom an organisation's policy is for",
        "Organizations::Policy",
        {"Name": "p", "Type": "SERVICE_CONTROL_POLICY", "TargetIds": ["r-1"]},
        {"Name": "p", "Type": "SERVICE_CONTROL_POLICY", "TargetIds": []},
        "AccessUnknown",
        page=f"{DOCS}/organizations/latest/userguide/orgs_policies_attach.html",
    ),
)

POLICIES = (
    between(Subject.POLICY, "no condition", bucket(OWN), bucket(OWN, everybody()), "OpenToTheWorld", page=PRINCIPALS),
    *(
        between(Subject.POLICY, id_, bucket(OWN), bucket(OWN, everybody(**condition)), "OpenToTheWorld", page=page)
        for id_, condition, page in (
            ("all of no organisations", {"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": ["o-1/r-1/*"]}}, SETS),
            ("all of no names", {"ForAllValues:StringLike": {"aws:PrincipalArn": [f"{ROLE}a"]}}, SETS),
            ("an account or none", {"StringEqualsIfExists": {"aws:PrincipalAccount": "222222222222"}}, OPERATORS),
            ("no account at all", {"Null": {"aws:PrincipalAccount": "true"}}, OPERATORS),
            ("every account but one", {"StringNotEquals": {"aws:PrincipalAccount": "222222222222"}}, OPERATORS),
            ("a day", {"DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}}, PUBLIC),
            ("a region", {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, PUBLIC),
            ("a version of TLS", {"NumericGreaterThanEquals": {"s3:TlsVersion": "1.2"}}, PUBLIC),
            ("a service's call", {"Bool": {"aws:PrincipalIsAWSService": "false"}}, PUBLIC),
            ("an organisation that a wildcard ends", {"StringLike": {"aws:PrincipalOrgID": "o-a1*"}}, PUBLIC),
            ("a fixed account beside any", {"StringLike": {"aws:PrincipalAccount": ["222222222222", "*"]}}, PUBLIC),
            (
                "a small network beside a large one",
                {"IpAddress": {"aws:SourceIp": ["198.51.100.0/24", "0.0.0.0/2"]}},
                PUBLIC,
            ),
            ("the owner's tag", {"StringEquals": {"aws:ResourceTag/owner": "a"}}, PUBLIC),
            ("any name of any account", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:*"}}, OPERATORS),
            ("a wildcard instead of a colon", {"StringLike": {"aws:SourceArn": "arn:aws:s3*111111111111*"}}, OPERATORS),
        )
    ),
    *(
        between(Subject.POLICY, id_, bucket(OWN), bucket(OWN, everybody(**condition)), "AccessBroadened", page=page)
        for id_, condition, page in (
            ("one of two organisations", {"StringEquals": {"aws:PrincipalOrgID": ["o-1", "o-2"]}}, PUBLIC),
            (
                "an organisation, written in any case",
                {"StringEqualsIgnoreCase": {"AWS:principalorgid": "o-1"}},
                CONDITION,
            ),
            (
                "an account and a day",
                {
                    "StringEquals": {"aws:PrincipalAccount": "222222222222"},
                    "DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"},
                },
                LOGIC,
            ),
            ("a source's account", {"StringEquals": {"aws:SourceAccount": "222222222222"}}, PUBLIC),
            ("a source's organisation", {"StringEquals": {"aws:SourceOrgID": "o-1"}}, KEYS),
            ("an endpoint's network", {"StringEquals": {"aws:SourceVpc": "vpc-1"}}, PUBLIC),
            ("an address", {"IpAddress": {"aws:SourceIp": "198.51.100.7"}}, PUBLIC),
        )
    ),
    between(
        Subject.POLICY,
        "everybody but one",
        bucket(OWN),
        bucket(
            OWN, {"Effect": "Allow", "NotPrincipal": OURS, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}
        ),
        "OpenToTheWorld",
        page=f"{IAM}/reference_policies_elements_notprincipal.html",
    ),
    between(
        Subject.POLICY,
        "whoever has an account of a social network",
        bucket(OWN),
        bucket(OWN, statement("s3:PutObject", Principal={"Federated": "graph.facebook.com"})),
        "OpenToTheWorld",
        page=PUBLIC,
    ),
    between(
        Subject.POLICY,
        "whoever uses an app with an account of a social network",
        bucket(OWN),
        bucket(
            OWN,
            statement(
                "s3:PutObject",
                Principal={"Federated": "graph.facebook.com"},
                Condition={"StringEquals": {"graph.facebook.com:app_id": "1"}},
            ),
        ),
        "AccessBroadened",
        page=f"{IAM}/reference_policies_iam-condition-keys.html",
    ),
    between(
        Subject.POLICY,
        "an account by its number or as its root",
        bucket(statement("s3:GetObject", Principal={"AWS": "111111111111"})),
        bucket(OWN),
        page=PRINCIPALS,
    ),
    between(
        Subject.POLICY,
        "everything but one action",
        role(statement("s3:GetObject")),
        role(statement("s3:GetObject"), {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
        "AdministratorAccess",
        page=f"{IAM}/reference_policies_elements_notaction.html",
    ),
    between(
        Subject.POLICY,
        "the means to become anybody",
        role(statement("s3:GetObject")),
        role(statement("s3:GetObject"), statement("iam:*", "*")),
        "AdministratorAccess",
        page=f"{IAM}/access_policies_managed-vs-inline.html",
    ),
    between(
        Subject.POLICY,
        "everything but one resource",
        role(statement("s3:GetObject")),
        role({"Effect": "Allow", "Action": "s3:DeleteObject", "NotResource": "arn:aws:s3:::b/*"}),
        "WildcardAccess",
        page=f"{IAM}/reference_policies_elements_notresource.html",
    ),
    between(
        Subject.POLICY,
        "actions of two statements in one",
        role(statement("s3:GetObject"), statement("s3:PutObject")),
        role(statement(["s3:PutObject", "s3:GetObject"])),
        page=f"{IAM}/reference_policies_elements_statement.html",
    ),
    between(
        Subject.POLICY,
        "a wildcard that says what two names said",
        role(statement(["s3:GetObject", "s3:GetObjectAcl"])),
        role(statement("s3:GetObject*")),
        "AccessBroadened",
        page=f"{IAM}/reference_policies_elements_action.html",
    ),
    between(
        Subject.POLICY,
        "a Deny with a condition more",
        role(statement(["s3:GetObject", "s3:DeleteObject"]), statement("s3:DeleteObject", effect="Deny")),
        role(
            statement(["s3:GetObject", "s3:DeleteObject"]),
            statement("s3:DeleteObject", effect="Deny", Condition={"Bool": {"aws:MultiFactorAuthPresent": "false"}}),
        ),
        "AccessBroadened",
        page=f"{IAM}/reference_policies_evaluation-logic_AccessPolicyLanguage_Interplay.html",
    ),
    between(
        Subject.POLICY,
        "a second factor asked with IfExists",
        role(statement("s3:GetObject", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})),
        role(statement("s3:GetObject", Condition={"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}})),
        "AccessBroadened",
        page=OPERATORS,
    ),
    between(
        Subject.POLICY,
        "one more of several values",
        role(statement("s3:GetObject", Condition={"StringEquals": {"aws:PrincipalTag/team": ["a"]}})),
        role(statement("s3:GetObject", Condition={"StringEquals": {"aws:PrincipalTag/team": ["a", "b"]}})),
        "AccessBroadened",
        page=LOGIC,
    ),
    between(
        Subject.POLICY,
        "any role of another account",
        trusting(assumed(OURS)),
        trusting(assumed(OURS), assumed({"AWS": "arn:aws:iam::222222222222:root"})),
        "AccessBroadened",
        page=PRINCIPALS,
    ),
    between(
        Subject.POLICY,
        "an external id goes",
        trusting(assumed({"AWS": "222222222222"}, StringEquals={"sts:ExternalId": "a"})),
        trusting(assumed({"AWS": "222222222222"})),
        "AccessBroadened",
        page=f"{IAM}/id_roles_common-scenarios_third-party.html",
    ),
    between(
        Subject.POLICY,
        "anybody assumes a role",
        trusting(assumed(OURS)),
        trusting(assumed({"AWS": "*"})),
        "OpenToTheWorld",
        page=PRINCIPALS,
    ),
    between(
        Subject.POLICY,
        "sessions with tags of the caller's",
        trusting(assumed(OURS)),
        trusting(assumed(OURS), {**assumed(OURS), "Action": "sts:TagSession"}),
        "AccessBroadened",
        page=f"{IAM}/id_session-tags.html",
    ),
    *(
        between(
            Subject.POLICY,
            f"{name} of {type_} that only the deployment knows",
            {"A": {"Type": f"AWS::{type_}", "Properties": {**beside, name: document(OWN)}}},
            {"A": {"Type": f"AWS::{type_}", "Properties": {**beside, name: {"Fn::ImportValue": "policy"}}}},
            "AccessUnknown",
            page=f"{DOCS}/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-importvalue.html",
        )
        for type_, name, beside in (
            ("S3::BucketPolicy", "PolicyDocument", {"Bucket": "b"}),
            ("KMS::Key", "KeyPolicy", {}),
            ("ECR::Repository", "RepositoryPolicyText", {}),
            ("EFS::FileSystem", "FileSystemPolicy", {}),
            ("SecretsManager::ResourcePolicy", "ResourcePolicy", {"SecretId": "s"}),
        )
    ),
    between(
        Subject.SIGN_IN,
        "a new user with a password",
        {},
        {"A": {"Type": "AWS::IAM::User", "Properties": {"LoginProfile": {"Password": "{{resolve:ssm-secure:/a}}"}}}},
        "AccessUnknown",
        page=f"{IAM}/id_credentials_passwords_admin-change-user.html",
    ),
)


def read(case: DocumentedCase) -> DocumentedCase:
    """Return the case with where its page was read."""
    where = (
        "" if case.id in UNCONFIRMED else next(copy for start, copy in COPIES.items() if case.page.startswith(start))
    )
    return replace(case, confirmed=where and f"{READ}: {where}")


ACCESS_CASES = tuple(read(case) for case in (*ROLES, *SIGN_IN, *ENDPOINTS, *SHARES, *POLICIES))
