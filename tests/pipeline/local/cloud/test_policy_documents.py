"""Policies that services refuse; `policies/tests/test_grammar.py` has what the grammar refuses.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.deployments import ACCOUNT, deploy
from tests.testbed.functions import Functions
from tests.testbed.roles import role

pytestmark = pytest.mark.cloud

SYNTAX = "Syntax errors in policy."
NOBODY = f"arn:aws:iam::{ACCOUNT}:role/nobody"
TRUST = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}


def policy(statement: dict[str, Any], **elements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement | elements]}


def code(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return refused.value.response["Error"]["Code"]


@pytest.fixture
def name() -> str:
    return f"n-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def entity(cloud: LocalCloud) -> str:
    """The name of a role."""
    return role(cloud, "somebody", "ec2.amazonaws.com").rpartition("/")[2]


class TestIdentityPolicies:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html: "MalformedPolicyDocument: The request
    was rejected because the policy document was malformed. The error message describes the specific error."
    """

    def test_an_inline_policy(self, cloud: LocalCloud, entity: str) -> None:
        with pytest.raises(ClientError, match=SYNTAX) as refused:
            cloud.client("iam").put_role_policy(
                RoleName=entity, PolicyName="p", PolicyDocument=json.dumps(policy(READ, Effect="Alow"))
            )
        assert code(refused) == "MalformedPolicyDocument"

    def test_a_managed_policy(self, cloud: LocalCloud, name: str) -> None:
        with pytest.raises(ClientError, match="Resource bucket must be in ARN format"):
            cloud.client("iam").create_policy(
                PolicyName=name, PolicyDocument=json.dumps(policy(READ, Resource="bucket"))
            )

    @pytest.mark.parametrize("type_name", ["Policy", "ManagedPolicy"])
    def test_a_policy_of_a_stack(self, cloud: LocalCloud, entity: str, type_name: str) -> None:
        properties = {"PolicyName": "p"} if type_name == "Policy" else {}
        document = policy(READ, Action="GetObject")
        resource = {
            "Type": f"AWS::IAM::{type_name}",
            "Properties": {**properties, "Roles": [entity], "PolicyDocument": document},
        }
        deployed = deploy(cloud, {"Policy": resource})
        assert deployed.status == "ROLLBACK_COMPLETE"
        assert "Actions/Conditions must be prefaced by a vendor" in deployed.reason("Policy")


class TestTrustPolicies:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html"""

    @pytest.mark.usefixtures("entity")
    def test_a_principal_that_does_not_exist(self, cloud: LocalCloud, name: str) -> None:
        """ "the service transforms the role's ARN to its unique ID when you save the policy", which needs the role.

        The words: https://github.com/hashicorp/terraform-provider-aws/issues/8905
        """
        with pytest.raises(ClientError, match=f'Invalid principal in policy: "AWS":"{NOBODY}"') as refused:
            cloud.client("iam").create_role(
                RoleName=name, AssumeRolePolicyDocument=json.dumps(policy(TRUST, Principal={"AWS": NOBODY}))
            )
        assert code(refused) == "MalformedPolicyDocument"

    def test_a_role_of_an_account_that_nobody_uses_here_is_taken(self, cloud: LocalCloud, name: str) -> None:
        vendor = policy(TRUST, Principal={"AWS": "arn:aws:iam::999999999999:role/Integration"})
        cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(vendor))

    def test_a_change(self, cloud: LocalCloud, entity: str) -> None:
        with pytest.raises(ClientError, match="Has prohibited field Resource"):
            cloud.client("iam").update_assume_role_policy(
                RoleName=entity, PolicyDocument=json.dumps(policy(TRUST, Resource="*"))
            )

    def test_a_role_of_a_stack(self, cloud: LocalCloud) -> None:
        document = policy(TRUST, Principal={"Service": "lambda"})
        resource = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document}}
        assert 'Invalid principal in policy: "SERVICE":"lambda"' in deploy(cloud, {"Role": resource}).reason("Role")


class TestManagedPolicies:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html: NoSuchEntity. The words:
    https://github.com/getmoto/moto/pull/6482
    """

    @pytest.mark.parametrize(
        "arn",
        [
            "arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole",  # it is below service-role/
            "arn:aws:iam::aws:policy/AdministratorsAccess",
            f"arn:aws:iam::{ACCOUNT}:policy/none",
        ],
    )
    def test_one_that_does_not_exist(self, cloud: LocalCloud, entity: str, arn: str) -> None:
        with pytest.raises(ClientError, match=f"Policy {arn} does not exist or is not attachable") as refused:
            cloud.client("iam").attach_role_policy(RoleName=entity, PolicyArn=arn)
        assert code(refused) == "NoSuchEntity"

    def test_one_of_a_service_linked_role(self, cloud: LocalCloud, entity: str) -> None:
        """https://github.com/aws/aws-cdk/issues/6131"""
        arn = "arn:aws:iam::aws:policy/aws-service-role/AmazonElasticsearchServiceRolePolicy"
        with pytest.raises(ClientError, match="Cannot attach a Service Role Policy to a Customer Role") as refused:
            cloud.client("iam").attach_role_policy(RoleName=entity, PolicyArn=arn)
        assert code(refused) == "PolicyNotAttachable"

    def test_one_that_does_not_exist_fails_a_stack(self, cloud: LocalCloud) -> None:
        properties = {
            "AssumeRolePolicyDocument": policy(TRUST),
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecution"],
        }
        deployed = deploy(cloud, {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}})
        assert "does not exist or is not attachable" in deployed.reason("Role")

    def test_those_that_exist_are_attached(self, cloud: LocalCloud, entity: str, name: str) -> None:
        iam = cloud.client("iam")
        own = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(policy(READ)))["Policy"]["Arn"]
        for arn in (own, "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"):
            iam.attach_role_policy(RoleName=entity, PolicyArn=arn)


class TestBucketPolicies:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshooting-bucket-policies.html"""

    @pytest.mark.usefixtures("entity")  # without anybody in the account, nobody's absence would be known
    @pytest.mark.parametrize(
        ("elements", "answer"),
        [
            # https://github.com/noobaa/noobaa-core/issues/10058
            ({"Resource": "*"}, "Policy has invalid resource"),
            # https://github.com/aws-samples/aws-serverless-appsync-app/issues/4
            ({"Resource": "arn:aws:s3:::another/*"}, "Policy has invalid resource"),
            # https://github.com/versity/versitygw/issues/645
            ({"Resource": "arn:aws:s3:::{bucket}"}, r"Action does not apply to any resource\(s\) in statement"),
            # https://github.com/versity/versitygw/issues/649
            ({"Principal": {"AWS": "me"}}, "Invalid principal in policy"),
            ({"Principal": {"AWS": NOBODY}}, "Invalid principal in policy"),
        ],
    )
    def test_one_that_s3_refuses(self, cloud: LocalCloud, name: str, elements: dict[str, Any], answer: str) -> None:
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket=name)
        document = json.dumps(policy(READ | {"Principal": "*", "Resource": f"arn:aws:s3:::{name}/*"}, **elements))
        with pytest.raises(ClientError, match=answer) as refused:
            s3.put_bucket_policy(Bucket=name, Policy=document.replace("{bucket}", name))
        assert code(refused) == "MalformedPolicy"

    def test_one_without_a_resource_fails_a_stack(self, cloud: LocalCloud) -> None:
        """https://github.com/aws/aws-cdk/issues/6708"""
        document = policy({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "s3:*"})
        resources = {
            "Bucket": {"Type": "AWS::S3::Bucket"},
            "Policy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": document},
            },
        }
        assert "Statement is missing required element" in deploy(cloud, resources).reason("Policy")

    def test_one_for_bucket_and_objects_is_taken(self, cloud: LocalCloud, name: str) -> None:
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket=name)
        resources = [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": resources}
        insecure = {"Bool": {"aws:SecureTransport": "false"}}
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy(deny, Condition=insecure)))


@pytest.mark.usefixtures("entity")
def test_a_queue_policy_with_a_principal_that_does_not_exist(cloud: LocalCloud, name: str) -> None:
    """https://github.com/aws/aws-cdk/issues/15602"""
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    document = policy({"Effect": "Allow", "Principal": {"AWS": NOBODY}, "Action": "sqs:SendMessage", "Resource": "*"})
    with pytest.raises(ClientError, match="Invalid value for the parameter Policy") as refused:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(document)})
    assert code(refused) == "InvalidAttributeValue"


@pytest.mark.parametrize("action", ["sqs:SendMessage", "sns:CreateTopic"])
def test_a_topic_policy_with_an_action_that_is_no_topics(cloud: LocalCloud, name: str, action: str) -> None:
    """https://github.com/hashicorp/terraform/issues/12740"""
    sns = cloud.client("sns")
    arn = sns.create_topic(Name=name)["TopicArn"]
    document = policy({"Effect": "Allow", "Principal": "*", "Action": action, "Resource": arn})
    with pytest.raises(ClientError, match="Policy statement action out of service scope!") as refused:
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(document))
    assert code(refused) == "InvalidParameter"


@pytest.mark.usefixtures("entity")
def test_a_key_policy_with_a_principal_that_does_not_exist(cloud: LocalCloud) -> None:
    """https://github.com/aws-samples/siem-on-amazon-opensearch-service/issues/32"""
    document = policy({"Effect": "Allow", "Principal": {"AWS": NOBODY}, "Action": "kms:*", "Resource": "*"})
    with pytest.raises(ClientError, match="one or more invalid principals") as refused:
        cloud.client("kms").create_key(Policy=json.dumps(document))
    assert code(refused) == "MalformedPolicyDocumentException"
    deployed = deploy(cloud, {"Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": document}}})
    assert "one or more invalid principals" in deployed.reason("Key")


class TestNotifications:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html: S3
    "must have permission" to invoke the function; and https://github.com/aws/aws-cdk/issues/18090
    """

    def notify(self, cloud: LocalCloud, bucket: str, function: str) -> None:
        arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}"
        cloud.client("s3").put_bucket_notification_configuration(
            Bucket=bucket,
            NotificationConfiguration={
                "LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}]
            },
        )

    def test_a_function_that_does_not_let_s3_in(self, cloud: LocalCloud, name: str) -> None:
        functions = Functions(cloud)
        cloud.client("s3").create_bucket(Bucket=name)
        function = functions.make("def handle(event, context): return event")
        for source in (None, "arn:aws:s3:::another"):
            if source:
                functions.lambda_.add_permission(
                    FunctionName=function,
                    StatementId="s3",
                    Action="lambda:InvokeFunction",
                    Principal="s3.amazonaws.com",
                    SourceArn=source,
                )
            with pytest.raises(ClientError, match="Unable to validate the following destination configurations"):
                self.notify(cloud, name, function)

    def test_a_function_that_does(self, cloud: LocalCloud, name: str) -> None:
        functions = Functions(cloud)
        cloud.client("s3").create_bucket(Bucket=name)
        function = functions.make("def handle(event, context): return event")
        functions.lambda_.add_permission(
            FunctionName=function,
            StatementId="s3",
            Action="lambda:InvokeFunction",
            Principal="s3.amazonaws.com",
            SourceArn=f"arn:aws:s3:::{name}",
            SourceAccount=ACCOUNT,
        )
        self.notify(cloud, name, function)


def test_without_the_service_these_policies_are_taken(fresh_cloud: Callable[..., LocalCloud], name: str) -> None:
    iam = fresh_cloud(without=("policies",)).client("iam")
    iam.create_role(RoleName="somebody", AssumeRolePolicyDocument=json.dumps(policy(TRUST)))
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy(TRUST, Principal={"AWS": NOBODY})))
    iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorsAccess")
