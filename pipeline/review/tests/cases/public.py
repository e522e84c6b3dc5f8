"""Cases of what keeps strangers out, and what only looks as if it did: conditions of an Allow for everybody.

A bucket: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html, "The meaning of
public". Any other resource: https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-concepts.html
"""

from pipeline.review.tests.cases.access import document, role, statement
from pipeline.review.tests.cases.case import Json, resource

IDENTITY_PROVIDER = "arn:aws:iam::111111111111:oidc-provider/"
GITHUB = "token.actions.githubusercontent.com"


def bucket(condition: Json = None, principal: Json = "*") -> Json:
    """A bucket that everybody may read who meets a condition; without one, that one account may read."""
    allowed = [statement("s3:GetObject", Principal={"AWS": "111111111111"})]
    if condition is not None:
        allowed.append(statement("s3:GetObject", Principal=principal, Condition=condition))
    return {"A": resource("S3::BucketPolicy", {"Bucket": "b", "PolicyDocument": document(*allowed)})}


def trust(provider: str, condition: Json) -> Json:
    """A role that whoever has a provider's token may assume who meets a condition."""
    federated = provider if provider.endswith(".com") and "arn:" not in provider else f"{IDENTITY_PROVIDER}{provider}"
    allowed = statement("sts:AssumeRoleWithWebIdentity", "*", Principal={"Federated": federated}, Condition=condition)
    del allowed["Resource"]
    return {"Role": resource("IAM::Role", {"AssumeRolePolicyDocument": document(allowed)})}


def equals(key: str, *values: str) -> Json:
    return {"StringEquals": {key: [*values]}}


def like(key: str, *values: str) -> Json:
    return {"StringLike": {key: [*values]}}


def arn_like(key: str, *values: Json) -> Json:
    return {"ArnLike": {key: [*values]}}


PUBLIC = {
    "nothing": {},
    "any role Reader": arn_like("aws:PrincipalArn", "arn:aws:iam::*:role/Reader"),
    "any role Reader, as text": like("aws:PrincipalArn", "arn:aws:iam::*:role/Reader"),
    "an account that a wildcard reaches over": like("aws:SourceArn", "arn:aws:sns:*:111111111111:t"),
    "any topic": arn_like("aws:SourceArn", "arn:aws:sns:*:*:*"),
    "part of an account": arn_like("aws:SourceArn", "arn:aws:sns:eu-west-1:1111*:t"),
    "part of a bucket's name": arn_like("aws:SourceArn", "arn:aws:s3:::logs-*"),
    "any organisation": like("aws:PrincipalOrgID", "o-*"),
    "any organisation's path": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-*/r-1/*"]}},
    "an organisation or none": {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}},
    "some organisation": {"Null": {"aws:PrincipalOrgID": "false"}},
    "another organisation": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}},
    "any endpoint": like("aws:SourceVpce", "vpce-*"),
    "any network": like("aws:SourceVpc", "vpc-*"),
    "any user": like("aws:userid", "*:alice"),
    "a role's sessions": like("aws:userid", "AROAEXAMPLE:*"),
    "any account": like("aws:SourceAccount", "1?1111111111"),
    "the caller's own account": equals("aws:SourceAccount", "${aws:PrincipalAccount}"),
    "through a service": equals("kms:ViaService", "s3.eu-west-1.amazonaws.com"),
    "through any service": {"Bool": {"aws:ViaAWSService": "true"}},
    "for a service": {"ForAnyValue:StringEquals": {"aws:CalledVia": ["athena.amazonaws.com"]}},
    "a kind of caller": equals("aws:PrincipalType", "AssumedRole"),
    "a tag": equals("aws:PrincipalTag/team", "ours"),
    "a browser": equals("aws:UserAgent", "ours"),
    "a referring page": like("aws:Referer", "https://example.com/*"),
    "encryption": {"Bool": {"aws:SecureTransport": "true"}},
    "a second factor": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    "half of all addresses": {"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}},
    "a wide network of IPv6": {"IpAddress": {"aws:SourceIp": "2000::/16"}},
    "a private address": {"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/24"}},
    "no mount target": {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "false"}},
}
KNOWN = {
    "a role": arn_like("aws:PrincipalArn", "arn:aws:iam::222222222222:role/Reader"),
    "any role of an account": arn_like("aws:PrincipalArn", "arn:aws:iam::222222222222:role/*"),
    "a topic": {"ArnEquals": {"aws:SourceArn": "arn:aws:sns:eu-west-1:222222222222:t"}},
    "an account's topics in any region": arn_like("aws:SourceArn", "arn:aws:sns:*:222222222222:*"),
    "a bucket": arn_like("aws:SourceArn", "arn:aws:s3:::logs"),
    "an access point's account": like("s3:DataAccessPointArn", "arn:aws:s3:eu-west-1:222222222222:accesspoint/*"),
    "an organisation": equals("aws:PrincipalOrgID", "o-1"),
    "an organisation's path": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-1/r-1/*"]}},
    "an endpoint": equals("aws:SourceVpce", "vpce-1"),
    "a network": equals("aws:SourceVpc", "vpc-1"),
    "a user": equals("aws:userid", "AROAEXAMPLE:alice"),
    "an account": equals("aws:PrincipalAccount", "222222222222"),
    "an account of the caller of a key": equals("kms:CallerAccount", "222222222222"),
    "a small network": {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}},
    "a small network of IPv6": {"IpAddress": {"aws:SourceIp": "2001:db8::/32"}},
    "a mount target": {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}},
    "a topic of the stack": {"ArnEquals": {"aws:SourceArn": {"Ref": "T"}}},
    "the stack's account": arn_like("aws:SourceArn", {"Fn::Sub": "arn:aws:sns:*:${AWS::AccountId}:*"}),
    "an account, through a service": {
        **equals("kms:CallerAccount", "222222222222"),
        **like("kms:ViaService", "s3.*.amazonaws.com"),
    },
}

# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
# https://docs.github.com/en/actions/reference/security/oidc
ANY_TOKEN = {
    "no condition": (GITHUB, {}),
    "an audience alone": (GITHUB, equals(f"{GITHUB}:aud", "sts.amazonaws.com")),
    "an audience of its own": (GITHUB, equals(f"{GITHUB}:aud", "https://github.com/ours")),
    "any subject": (GITHUB, like(f"{GITHUB}:sub", "*")),
    "any repository": (GITHUB, like(f"{GITHUB}:sub", "repo:*")),
    "any owner that begins so": (GITHUB, like(f"{GITHUB}:sub", "repo:ours*")),
    "any owner's repository": (GITHUB, like(f"{GITHUB}:sub", "repo:*/platform:ref:refs/heads/main")),
    "a subject or none": (GITHUB, {"StringEqualsIfExists": {f"{GITHUB}:sub": "repo:ours/app:ref:refs/heads/main"}}),
    "a workflow": (GITHUB, equals(f"{GITHUB}:job_workflow_ref", "ours/app/.github/workflows/a.yml@main")),
    "a group of any name": ("gitlab.com", like("gitlab.com:sub", "project_path:*/app:ref_type:branch:ref:main")),
    "no pool": ("cognito-identity.amazonaws.com", equals("cognito-identity.amazonaws.com:amr", "authenticated")),
    "no app": ("accounts.google.com", {}),
    "another provider's subject": (GITHUB, equals("saml:sub", "repo:ours/app")),
}
OWN_TOKEN = {
    "a branch": (GITHUB, equals(f"{GITHUB}:sub", "repo:ours/app:ref:refs/heads/main")),
    "any branch": (GITHUB, like(f"{GITHUB}:sub", "repo:ours/app:*")),
    "any repository of an owner": (GITHUB, like(f"{GITHUB}:sub", "repo:ours/*")),
    "a repository's number": (GITHUB, equals(f"{GITHUB}:repository_id", "4242")),
    "a project": ("gitlab.com", like("gitlab.com:sub", "project_path:ours/app:*")),
    "a service account": (
        "oidc.eks.eu-west-1.amazonaws.com/id/A",
        equals("oidc.eks.eu-west-1.amazonaws.com/id/A:sub", "system:serviceaccount:apps:web"),
    ),
    "a pool": ("cognito-identity.amazonaws.com", equals("cognito-identity.amazonaws.com:aud", "eu-west-1:1-2")),
    "a whole subject": ("login.example.com", equals("login.example.com:sub", "4242")),
    "an app": ("accounts.google.com", equals("accounts.google.com:aud", "1.apps.googleusercontent.com")),
}
NO_ROLE = role()
