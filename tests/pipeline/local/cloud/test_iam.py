"""IAM decides requests to the local cloud and calls within it, and explains what it denies.

What a decision is made of has its own cases: `pipeline/local/cloud/iam/tests/decision_cases.py`.
"""

import base64
import functools
import itertools
import json
import subprocess
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from pipeline.local.lifecycle import LocalCloud
from pipeline.local.permissions import access, denials, recorded
from pipeline.operate.session import LocalClients
from tests.conftest import ROOT, FreshCloud
from tests.testbed.consumers import Queue, Stream
from tests.testbed.functions import ACCOUNT, REGION, Functions, until, with_boto3
from tests.testbed.permission_mutations import Permission, judge, read
from tests.testbed.roles import EVERYTHING, role

pytestmark = pytest.mark.cloud

READ = "s3:GetObject"
SESSIONS_IN_FOUR_THREADS = """
import sys, threading
from pipeline.local.cloud.iam import patches, principal_patches

def start(thread):
    for number in range(400):
        principal_patches.start_session("arn:aws:iam::111111111111:role/any", f"{thread}-{number}")

patches.replace_decisions(lambda principal, request: None)
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=start, args=(number,)) for number in range(4)]
for each in threads: each.start()
for each in threads: each.join()
"""
"""In the emulator's own Python: no request can hit the moment in which the emulator looks for sessions that ended."""
_numbers = itertools.count()


def fresh(kind: str) -> str:
    return f"iam-{kind}-{next(_numbers)}"


def as_role(cloud: LocalCloud, arn: str, service: str, **asked: Any) -> Any:
    """A client in a session of a role."""
    sts = cloud.client("sts", ACCOUNT, REGION)
    made = sts.assume_role(RoleArn=arn, RoleSessionName="session", **asked)["Credentials"]
    return LocalClients(cloud.endpoint).create(
        service,
        REGION,
        {
            "aws_access_key_id": made["AccessKeyId"],
            "aws_secret_access_key": made["SecretAccessKey"],
            "aws_session_token": made["SessionToken"],
        },
    )


def a_role(cloud: LocalCloud, **statement: Any) -> str:
    """A role that the account may assume."""
    return role(cloud, fresh("role"), "lambda.amazonaws.com", principals=(ACCOUNT,), **statement)


def a_bucket(cloud: LocalCloud) -> str:
    s3, name = cloud.client("s3", ACCOUNT, REGION), fresh("bucket")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="a", Body=b"text")
    return name


def document(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def refusal(call: Any, **asked: Any) -> str:
    """The message with which a call is denied."""
    with pytest.raises(ClientError) as raised:
        call(**asked)
    assert "AccessDenied" in raised.value.response["Error"]["Code"]
    return str(raised.value.response["Error"]["Message"])


def deploy(cloud: LocalCloud, resources: dict[str, Any]) -> str:
    stacks, name = cloud.client("cloudformation", ACCOUNT, REGION), fresh("stack")
    stacks.create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": resources}), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    return name


class TestRequests:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"""

    def test_a_role_may_do_what_its_policy_says(self, cloud: LocalCloud) -> None:
        bucket = a_bucket(cloud)
        s3 = as_role(cloud, a_role(cloud, Action=READ, Resource=f"arn:aws:s3:::{bucket}/*"), "s3")
        assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"text"

    def test_a_denial_says_who_may_not_do_what_and_why(self, cloud: LocalCloud) -> None:
        """ "User: arn:... is not authorized to perform: ... because no identity-based policy allows the ... action"."""
        bucket, arn = a_bucket(cloud), a_role(cloud, Action=READ)
        said = refusal(as_role(cloud, arn, "s3").put_object, Bucket=bucket, Key="a", Body=b"")
        who = arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/session"
        assert said == (
            f"User: {who} is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::{bucket}/a "
            "because no identity-based policy allows the s3:PutObject action"
        )

    def test_a_session_policy_limits_its_session(self, cloud: LocalCloud) -> None:
        bucket = a_bucket(cloud)
        policy = document({"Effect": "Allow", "Action": READ, "Resource": "*"})
        s3 = as_role(cloud, a_role(cloud), "s3", Policy=policy)
        assert s3.get_object(Bucket=bucket, Key="a")
        assert "because no session policy allows" in refusal(s3.put_object, Bucket=bucket, Key="a", Body=b"")

    def test_a_request_of_which_nobody_knows_the_action_is_denied(self, cloud: LocalCloud) -> None:
        """One that names no operation; the role may do anything that has a name."""
        sts = cloud.client("sts", ACCOUNT, REGION)
        made = sts.assume_role(RoleArn=a_role(cloud), RoleSessionName="session")["Credentials"]
        request = AWSRequest("POST", f"{cloud.endpoint}/", headers={"Content-Type": "application/json"}, data=b"{}")
        credentials = Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
        SigV4Auth(credentials, "dynamodb", REGION).add_auth(request)
        answer = httpx.post(f"{cloud.endpoint}/", content=b"{}", headers=dict(request.headers.items()), trust_env=False)
        assert (answer.status_code, "AccessDenied" in answer.text) == (403, True), answer.text
        assert any("a request to dynamodb" in each["resource"] for each in denials(cloud.port).found)

    def test_the_root_of_an_account_may_do_anything_in_it(self, cloud: LocalCloud) -> None:
        assert cloud.client("s3", ACCOUNT, REGION).list_objects_v2(Bucket=a_bucket(cloud))["KeyCount"] == 1

    def test_a_role_that_does_not_trust_the_account_is_not_assumed(self, cloud: LocalCloud) -> None:
        arn = role(cloud, fresh("role"), "lambda.amazonaws.com")
        assert "sts:AssumeRole" in refusal(
            cloud.client("sts", ACCOUNT, REGION).assume_role, RoleArn=arn, RoleSessionName="session"
        )


AS_ROOT = """
    import boto3
    from botocore.exceptions import ClientError

    def handle(event, context):
        found = {}
        for service, operation in event["calls"].items():
            for secret in event["secrets"]:
                client = boto3.client(service, aws_access_key_id=event["account"], aws_secret_access_key=secret)
                try:
                    getattr(client, operation)()
                    found[service] = "allowed"
                except ClientError as error:
                    found.setdefault(service, error.response["Error"]["Code"])
        return found
"""


class TestRoot:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

    "If the signatures match, the request is processed; otherwise, the request is denied."
    """

    def test_a_function_is_not_the_root_by_the_number_of_its_account(self, cloud: LocalCloud) -> None:
        calls = {
            "sts": "get_caller_identity",
            "s3": "list_buckets",
            "sqs": "list_queues",
            "iam": "list_roles",
            "dynamodb": "list_tables",
            "cloudformation": "list_stacks",
            "codepipeline": "list_pipelines",
            "lambda": "list_functions",
        }
        asked = {"account": ACCOUNT, "calls": calls, "secrets": ["local", "test", ACCOUNT]}
        found, _ = Functions(cloud).run({"app.py": AS_ROOT, **with_boto3()}, asked)
        assert found.keys() == calls.keys(), found
        assert set(found.values()) <= {"SignatureDoesNotMatch", "InvalidSignatureException"}, found

    def test_a_person_is_the_root_by_the_secret_of_the_cloud(self, cloud: LocalCloud) -> None:
        assert cloud.client("sts", ACCOUNT).get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
        assert cloud.place.root_secret.stat().st_mode & 0o777 == 0o600

    def test_a_url_is_signed_with_the_secret(self, cloud: LocalCloud) -> None:
        bucket = a_bucket(cloud)
        url = cloud.client("s3", ACCOUNT, REGION).generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a"})
        asked = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "local"}
        guessed = LocalClients(cloud.endpoint).create("s3", REGION, asked)
        wrong = guessed.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a"})
        with httpx.Client(trust_env=False) as client:
            assert client.get(url).text == "text"
            assert client.get(wrong).status_code == 403
            query = wrong.partition("?")[2]
            for path in ("", "v20180820/tags/x"):
                answer = client.get(f"{cloud.endpoint}/{path}?{query}", headers={"Authorization": "Bearer x"})
                assert answer.status_code in (400, 403), answer.text


def made_role(cloud: LocalCloud, trust: dict[str, Any], **asked: Any) -> str:
    """A role that may do anything, with a statement of trust."""
    iam, name = cloud.client("iam", ACCOUNT), fresh("role")
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}, **trust}
    arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(statement), **asked)["Role"]["Arn"])
    iam.put_role_policy(RoleName=name, PolicyName="May", PolicyDocument=document(EVERYTHING))
    return arn


class TestSessions:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html"""

    def test_a_role_is_assumed_with_its_external_id(self, cloud: LocalCloud) -> None:
        arn = made_role(cloud, {"Condition": {"StringEquals": {"sts:ExternalId": "of-a-partner"}}})
        assert as_role(cloud, arn, "sts", ExternalId="of-a-partner").get_caller_identity()
        sts = cloud.client("sts", ACCOUNT, REGION)
        asked = {"RoleArn": arn, "RoleSessionName": "session"}
        assert "sts:AssumeRole" in refusal(sts.assume_role, **asked)
        assert "sts:AssumeRole" in refusal(sts.assume_role, **asked, ExternalId="of-another")

    def test_a_role_is_assumed_by_the_name_of_its_session(self, cloud: LocalCloud) -> None:
        arn = made_role(cloud, {"Condition": {"StringEquals": {"sts:RoleSessionName": "session"}}})
        assert as_role(cloud, arn, "sts").get_caller_identity()

    def test_tags_of_a_session_need_an_action_of_their_own(self, cloud: LocalCloud) -> None:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_permissions-required"""
        tags = [{"Key": "team", "Value": "blue"}]
        sts = cloud.client("sts", ACCOUNT, REGION)
        said = refusal(sts.assume_role, RoleArn=made_role(cloud, {}), RoleSessionName="session", Tags=tags)
        assert "sts:TagSession" in said
        arn = made_role(cloud, {"Action": ["sts:AssumeRole", "sts:TagSession"]})
        assert as_role(cloud, arn, "sts", Tags=tags).get_caller_identity()

    def test_a_role_has_its_path_in_conditions(self, cloud: LocalCloud) -> None:
        """ "For IAM roles, the request context returns the ARN of the role", which has its path."""
        bucket, arn = a_bucket(cloud), made_role(cloud, {}, Path="/team/")
        assert ":role/team/" in arn
        condition = {"ArnNotLike": {"aws:PrincipalArn": [f"arn:aws:iam::{ACCOUNT}:role/team/*"]}}
        cloud.client("s3", ACCOUNT, REGION).put_bucket_policy(
            Bucket=bucket,
            Policy=document(
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": READ,
                    "Resource": f"arn:aws:s3:::{bucket}/*",
                    "Condition": condition,
                }
            ),
        )
        assert as_role(cloud, arn, "s3").get_object(Bucket=bucket, Key="a")
        other = as_role(cloud, made_role(cloud, {}), "s3")
        assert "explicit deny" in refusal(other.get_object, Bucket=bucket, Key="a")

    def test_a_token_of_a_trusted_provider_needs_no_signature(self, cloud: LocalCloud) -> None:
        """https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html"""
        provider = "https://tokens.example.com"
        arn = cloud.client("iam", ACCOUNT).create_open_id_connect_provider(Url=provider)["OpenIDConnectProviderArn"]
        trusted = {"Action": "sts:AssumeRoleWithWebIdentity", "Principal": {"Federated": arn}}
        sts = cloud.client("sts", ACCOUNT, REGION)
        claims = base64.urlsafe_b64encode(json.dumps({"iss": provider, "sub": "me"}).encode()).decode().rstrip("=")
        asked = {"RoleSessionName": "session", "WebIdentityToken": f"e30.{claims}.e30"}
        assert sts.assume_role_with_web_identity(RoleArn=made_role(cloud, trusted), **asked)["Credentials"]
        said = refusal(sts.assume_role_with_web_identity, RoleArn=made_role(cloud, {}), **asked)
        assert "sts:AssumeRoleWithWebIdentity" in said


@pytest.mark.parametrize("authorization", ["Bearer text", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/sqs/x"])
def test_nobody_is_the_root_by_a_key_that_names_no_account(cloud: LocalCloud, authorization: str) -> None:
    headers = {
        "Authorization": authorization,
        "X-Amz-Target": "AmazonSQS.ListQueues",
        "Content-Type": "application/x-amz-json-1.0",
    }
    with httpx.Client(trust_env=False) as client:
        assert client.post(cloud.endpoint, content=b"{}", headers=headers).status_code in (400, 403)


class TestNames:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html"""

    def test_a_batch_of_messages_needs_what_one_needs(self, cloud: LocalCloud) -> None:
        """ "To specify ... SendMessageBatch, use sqs:SendMessage": IAM has no action for batches."""
        queue = cloud.client("sqs", ACCOUNT, REGION).create_queue(QueueName=fresh("queue"))["QueueUrl"]
        one = as_role(cloud, a_role(cloud, Action=["sqs:SendMessage", "sqs:ReceiveMessage"]), "sqs")
        entry = {"Id": "1", "MessageBody": "text"}
        assert one.send_message_batch(QueueUrl=queue, Entries=[entry])["Successful"]
        receipt = one.receive_message(QueueUrl=queue)["Messages"][0]["ReceiptHandle"]
        entries = [{"Id": "1", "ReceiptHandle": receipt}]
        assert "sqs:DeleteMessage on" in refusal(one.delete_message_batch, QueueUrl=queue, Entries=entries)

    def test_a_batch_for_a_topic_needs_what_one_message_needs(self, cloud: LocalCloud) -> None:
        topic = cloud.client("sns", ACCOUNT, REGION).create_topic(Name=fresh("topic"))["TopicArn"]
        sns = as_role(cloud, a_role(cloud, Action="sns:Publish", Resource=topic), "sns")
        entries = [{"Id": "1", "Message": "text"}]
        assert sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)["Successful"]

    def test_a_key_is_the_same_by_its_alias(self, cloud: LocalCloud) -> None:
        """https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html"""
        keys, alias = cloud.client("kms", ACCOUNT, REGION), f"alias/{fresh('key')}"
        key = keys.create_key()["KeyMetadata"]
        keys.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
        kms = as_role(cloud, a_role(cloud, Action="kms:Encrypt", Resource=key["Arn"]), "kms")
        assert kms.encrypt(KeyId=alias, Plaintext=b"text")["CiphertextBlob"]
        by_alias = a_role(cloud, Action="kms:Encrypt", Resource=key["Arn"].replace(f"key/{key['KeyId']}", alias))
        assert f"kms:Encrypt on resource: {key['Arn']}" in refusal(
            as_role(cloud, by_alias, "kms").encrypt, KeyId=alias, Plaintext=b"text"
        )


class TestRequestsOfS3:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html"""

    @pytest.mark.parametrize("host", ["{bucket}.s3.localhost", ""], ids=["by host", "by path"])
    def test_what_is_no_operation_is_denied(self, cloud: LocalCloud, host: str) -> None:
        bucket = a_bucket(cloud)
        made = cloud.client("sts", ACCOUNT, REGION).assume_role(RoleArn=a_role(cloud), RoleSessionName="session")
        given = made["Credentials"]
        url = f"{cloud.endpoint}/a" if host else f"{cloud.endpoint}/{bucket}/a"
        headers = {"Host": f"{host.format(bucket=bucket)}:{cloud.port}"} if host else {}
        signed = AWSRequest("PATCH", url, headers={**headers, "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, data=b"")
        keys = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        SigV4Auth(keys, "s3", REGION).add_auth(signed)
        with httpx.Client(trust_env=False) as client:
            for sent in (dict(signed.headers.items()), headers):
                answer = client.request("PATCH", url, headers=sent)
                assert (answer.status_code, "AccessDenied" in answer.text) == (403, True), answer.text

    def test_a_tasks_copy_needs_its_source(self, cloud: LocalCloud) -> None:
        """ "If the source object is in a general purpose bucket, you must have s3:GetObject permission to read the
        source object". https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
        """
        source, target = a_bucket(cloud), a_bucket(cloud)
        parameters = {"Bucket": target, "Key": "b", "CopySource": f"{source}/a"}
        task = {"Resource": "arn:aws:states:::aws-sdk:s3:copyObject", "Parameters": parameters}
        writes = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{target}/b"}
        reads = {"Effect": "Allow", "Action": READ, "Resource": f"arn:aws:s3:::{source}/a"}
        for statements, status in (((writes,), "FAILED"), ((writes, reads), "SUCCEEDED")):
            name = fresh("role")
            may = role(cloud, name, "states.amazonaws.com")
            cloud.client("iam", ACCOUNT).put_role_policy(
                RoleName=name, PolicyName="May", PolicyDocument=document(*statements)
            )
            assert ended(cloud, fresh("machine"), may, task) == status


def test_a_tasks_transaction_needs_what_each_of_its_items_needs(cloud: LocalCloud) -> None:
    """ "you can use the ... PutItem, UpdateItem, DeleteItem, and ConditionCheckItem permissions".

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
    """
    tables = [a_table(cloud), a_table(cloud)]
    items = [{"Put": {"TableName": each.rpartition("/")[2], "Item": {"id": {"S": "1"}}}} for each in tables]
    task = {
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:transactWriteItems",
        "Parameters": {"TransactItems": items},
    }
    for allowed, status in ((tables[:1], "FAILED"), (tables, "SUCCEEDED")):
        may = role(cloud, fresh("role"), "states.amazonaws.com", Action="dynamodb:PutItem", Resource=allowed)
        assert ended(cloud, fresh("machine"), may, task) == status


def a_table(cloud: LocalCloud) -> str:
    made = cloud.client("dynamodb", ACCOUNT, REGION).create_table(
        TableName=fresh("table"),
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    return str(made["TableDescription"]["TableArn"])


def test_a_rules_targets_are_passed_their_roles(cloud: LocalCloud) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html"""
    rule, passed = fresh("rule"), a_role(cloud)
    cloud.client("events", ACCOUNT, REGION).put_rule(Name=rule, ScheduleExpression="rate(1 day)")
    machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:m"
    targets = [{"Id": "a", "Arn": machine}, {"Id": "b", "Arn": machine, "RoleArn": passed}]
    without = as_role(cloud, a_role(cloud, Action="events:*"), "events")
    assert f"iam:PassRole on resource: {passed}" in refusal(without.put_targets, Rule=rule, Targets=targets)
    to_events = {"StringEqualsIfExists": {"iam:PassedToService": "events.amazonaws.com"}}
    able = a_role(cloud, Action=["events:*", "iam:PassRole"], Condition=to_events)
    assert not as_role(cloud, able, "events").put_targets(Rule=rule, Targets=targets)["FailedEntryCount"]


TARGET = {"Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"}


@pytest.mark.parametrize(
    ("service", "operation", "asked"),
    [
        ("cloudformation", "rollback_stack", lambda role: {"StackName": "s", "RoleARN": role}),
        ("events", "put_rule", lambda role: {"Name": "r", "ScheduleExpression": "rate(1 day)", "RoleArn": role}),
        (
            "logs",
            "put_subscription_filter",
            lambda role: {
                "logGroupName": "g",
                "filterName": "f",
                "filterPattern": "",
                "destinationArn": TARGET["Arn"],
                "roleArn": role,
            },
        ),
        (
            "scheduler",
            "create_schedule",
            lambda role: {
                "Name": "s",
                "ScheduleExpression": "rate(1 day)",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {**TARGET, "RoleArn": role},
            },
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_whoever_names_a_role_that_a_service_is_to_act_in_passes_it(
    service: str, operation: str, asked: Callable[[str], dict[str, Any]], cloud: LocalCloud
) -> None:
    passed = a_role(cloud)
    without = as_role(cloud, a_role(cloud, Action=f"{service}:*"), service)
    assert f"iam:PassRole on resource: {passed}" in refusal(getattr(without, operation), **asked(passed))


def test_a_tables_policy_is_obeyed(cloud: LocalCloud) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/access-control-resource-based.html"""
    tables, arn, reader = cloud.client("dynamodb", ACCOUNT, REGION), a_table(cloud), made_role(cloud, {})
    statement = {"Effect": "Deny", "Principal": {"AWS": reader}, "Action": "dynamodb:GetItem", "Resource": arn}
    tables.put_resource_policy(ResourceArn=arn, Policy=document(statement))
    asked = {"TableName": arn.rpartition("/")[2], "Key": {"id": {"S": "1"}}}
    assert "explicit deny in a resource-based policy" in refusal(as_role(cloud, reader, "dynamodb").get_item, **asked)
    assert as_role(cloud, made_role(cloud, {}), "dynamodb").get_item(**asked)


def test_the_policy_of_a_templates_table_is_kept_and_obeyed(cloud: LocalCloud) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-dynamodb-table-resourcepolicy.html"""
    reader, name = made_role(cloud, {}), fresh("table")
    statement = {"Effect": "Deny", "Principal": {"AWS": reader}, "Action": "dynamodb:GetItem", "Resource": "*"}
    properties = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "ResourcePolicy": {"PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}},
    }
    deploy(cloud, {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": properties}})
    said = refusal(as_role(cloud, reader, "dynamodb").get_item, TableName=name, Key={"id": {"S": "1"}})
    assert "explicit deny in a resource-based policy" in said


def test_the_boundary_of_a_templates_role_is_kept_and_obeyed(cloud: LocalCloud) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html"""
    bucket, name = a_bucket(cloud), fresh("role")
    statement = {"Effect": "Allow", "Action": READ, "Resource": "*"}
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    deploy(
        cloud,
        {
            "Boundary": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}},
            },
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": name,
                    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
                    "PermissionsBoundary": {"Ref": "Boundary"},
                    "Policies": [
                        {
                            "PolicyName": "May",
                            "PolicyDocument": {"Version": "2012-10-17", "Statement": [everything]},
                        }
                    ],
                },
            },
        },
    )
    s3 = as_role(cloud, f"arn:aws:iam::{ACCOUNT}:role/{name}", "s3")
    assert s3.get_object(Bucket=bucket, Key="a")
    said = refusal(s3.put_object, Bucket=bucket, Key="a", Body=b"")
    assert "because no permissions boundary allows the s3:PutObject action" in said


class TestKeys:
    """https://docs.aws.amazon.com/kms/latest/developerguide/services-kms.html"""

    def a_key(self, cloud: LocalCloud) -> str:
        return str(cloud.client("kms", ACCOUNT, REGION).create_key()["KeyMetadata"]["Arn"])

    def test_an_encrypted_bucket_asks_for_its_key(self, cloud: LocalCloud) -> None:
        bucket, key = fresh("bucket"), self.a_key(cloud)
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
        encryption = {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": default}]}
        deploy(
            cloud,
            {
                "Bucket": {
                    "Type": "AWS::S3::Bucket",
                    "Properties": {"BucketName": bucket, "BucketEncryption": encryption},
                }
            },
        )
        without = as_role(cloud, a_role(cloud, Action="s3:*"), "s3")
        said = refusal(without.put_object, Bucket=bucket, Key="a", Body=b"")
        assert f"kms:GenerateDataKey on resource: {key}" in said
        through = {"StringEqualsIfExists": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
        s3 = as_role(cloud, a_role(cloud, Action=["s3:*", "kms:*"], Condition=through), "s3")
        s3.put_object(Bucket=bucket, Key="a", Body=b"text")
        assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"text"

    def test_a_table_of_a_template_asks_for_its_key(self, cloud: LocalCloud) -> None:
        """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html"""
        name, key = fresh("table"), self.a_key(cloud)
        table = {
            "TableName": name,
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
        }
        deploy(cloud, {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": table}})
        asked = {"TableName": name, "Key": {"id": {"S": "1"}}}
        without = as_role(cloud, a_role(cloud, Action="dynamodb:*"), "dynamodb")
        assert f"kms:Decrypt on resource: {key}" in refusal(without.get_item, **asked)
        assert as_role(cloud, a_role(cloud, Action=["dynamodb:*", "kms:Decrypt"]), "dynamodb").get_item(**asked)

    def test_a_key_is_known_by_its_own_tags_beneath_what_it_encrypts(self, cloud: LocalCloud) -> None:
        kms = cloud.client("kms", ACCOUNT, REGION)
        for tag, allowed in (("mine", True), ("others", False)):
            key = kms.create_key(Tags=[{"TagKey": "whose", "TagValue": tag}])["KeyMetadata"]["Arn"]
            queue = Queue(cloud, fresh("queue"), KmsMasterKeyId=key)
            cloud.client("sqs", ACCOUNT, REGION).tag_queue(QueueUrl=queue.url, Tags={"whose": "mine"})
            mine = {"StringEquals": {"aws:ResourceTag/whose": "mine"}}
            sqs = as_role(cloud, a_role(cloud, Action=["sqs:*", "kms:*"], Condition=mine), "sqs")
            if allowed:
                sqs.send_message(QueueUrl=queue.url, MessageBody="x")
            else:
                with pytest.raises(ClientError, match="kms:GenerateDataKey"):
                    sqs.send_message(QueueUrl=queue.url, MessageBody="x")

    def test_an_object_asks_for_its_own_key(self, cloud: LocalCloud) -> None:
        """ "you must have permission to use the specified key", whatever the bucket has by default.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-kms-encryption.html
        """
        bucket, key = a_bucket(cloud), self.a_key(cloud)
        own = {"Bucket": bucket, "Key": "b", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
        without = as_role(cloud, a_role(cloud, Action="s3:*"), "s3")
        assert f"kms:GenerateDataKey on resource: {key}" in refusal(without.put_object, **own, Body=b"text")
        cloud.client("s3", ACCOUNT, REGION).put_object(**own, Body=b"text")
        assert f"kms:Decrypt on resource: {key}" in refusal(without.get_object, Bucket=bucket, Key="b")
        assert without.get_object(Bucket=bucket, Key="a")

    def test_an_upload_in_parts_decrypts_besides(self, cloud: LocalCloud) -> None:
        """ "To perform a multipart upload with encryption by using an AWS KMS key, the requester must have permission
        to the kms:Decrypt and kms:GenerateDataKey actions on the key."

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
        """
        bucket, key = a_bucket(cloud), self.a_key(cloud)
        own = {"Bucket": bucket, "Key": "b", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
        writes = as_role(cloud, a_role(cloud, Action=["s3:*", "kms:GenerateDataKey"]), "s3")
        assert writes.put_object(**own, Body=b"text")
        assert f"kms:Decrypt on resource: {key}" in refusal(writes.create_multipart_upload, **own)
        both = as_role(cloud, a_role(cloud, Action=["s3:*", "kms:GenerateDataKey", "kms:Decrypt"]), "s3")
        upload = {"Bucket": bucket, "Key": "b", "UploadId": both.create_multipart_upload(**own)["UploadId"]}
        assert "kms:Decrypt" in refusal(writes.upload_part, **upload, PartNumber=1, Body=b"text")
        part = both.upload_part(**upload, PartNumber=1, Body=b"text")["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
        assert both.complete_multipart_upload(**upload, MultipartUpload=parts)

    def test_a_direct_call_has_its_encryption_context_and_its_account(self, cloud: LocalCloud) -> None:
        """https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-encryption-context"""
        key = self.a_key(cloud)
        mine = {"kms:EncryptionContext:whose": "mine", "kms:CallerAccount": ACCOUNT}
        kms = as_role(cloud, a_role(cloud, Action="kms:Encrypt", Condition={"StringEquals": mine}), "kms")
        assert kms.encrypt(KeyId=key, Plaintext=b"text", EncryptionContext={"whose": "mine"})
        for context in ({"whose": "others"}, {}):
            assert "kms:Encrypt" in refusal(kms.encrypt, KeyId=key, Plaintext=b"text", EncryptionContext=context)

    def test_an_old_version_of_an_object_asks_for_its_own_key(self, cloud: LocalCloud) -> None:
        """ "Amazon S3 ... checks the permission to use the key with which the object is encrypted", each version's."""
        bucket, old, new = fresh("bucket"), self.a_key(cloud), self.a_key(cloud)
        s3 = cloud.client("s3", ACCOUNT, REGION)
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        object_ = {"Bucket": bucket, "Key": "a"}
        encrypted = {**object_, "Body": b"text", "ServerSideEncryption": "aws:kms"}
        version = s3.put_object(**encrypted, SSEKMSKeyId=old)["VersionId"]
        s3.put_object(**encrypted, SSEKMSKeyId=new)
        reader = a_role(cloud, Action=["s3:*", "kms:Decrypt"], Resource=["arn:aws:s3:::*", new])
        reads = as_role(cloud, reader, "s3")
        assert reads.get_object(**object_)
        assert f"kms:Decrypt on resource: {old}" in refusal(reads.get_object, **object_, VersionId=version)

    def test_a_key_is_known_by_its_aliases_and_its_kind(self, cloud: LocalCloud) -> None:
        """ "kms:RequestAlias ... the alias that identifies that key in the request", "kms:ResourceAliases ... the
        aliases that are associated with the KMS key".

        https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
        """
        keys, key, alias = cloud.client("kms", ACCOUNT, REGION), self.a_key(cloud), f"alias/{fresh('key')}"
        keys.create_alias(AliasName=alias, TargetKeyId=key)
        named = {"StringEquals": {"kms:RequestAlias": alias, "kms:KeySpec": "SYMMETRIC_DEFAULT"}}
        by_request = as_role(cloud, a_role(cloud, Action="kms:Encrypt", Condition=named), "kms")
        assert by_request.encrypt(KeyId=alias, Plaintext=b"text")
        assert "kms:Encrypt" in refusal(by_request.encrypt, KeyId=key, Plaintext=b"text")
        has = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}}
        by_key = as_role(cloud, a_role(cloud, Action=["kms:Encrypt", "sqs:SendMessage"], Condition=has), "kms")
        assert by_key.encrypt(KeyId=key, Plaintext=b"text")
        assert "kms:Encrypt" in refusal(by_key.encrypt, KeyId=self.a_key(cloud), Plaintext=b"text")

    def test_re_encryption_is_decided_on_both_keys(self, cloud: LocalCloud) -> None:
        """ "kms:ReEncryptFrom permission on the source KMS key", "kms:ReEncryptTo permission on the destination".

        https://docs.aws.amazon.com/kms/latest/APIReference/API_ReEncrypt.html
        """
        keys, one, other = cloud.client("kms", ACCOUNT, REGION), self.a_key(cloud), self.a_key(cloud)
        alias = f"alias/{fresh('key')}"
        keys.create_alias(AliasName=alias, TargetKeyId=other)
        context = {"whose": "mine"}
        given = {
            "CiphertextBlob": keys.encrypt(KeyId=one, Plaintext=b"text", EncryptionContext=context)["CiphertextBlob"],
            "SourceEncryptionContext": context,
            "DestinationKeyId": alias,
            "DestinationEncryptionContext": {"whose": "yours"},
        }
        source = {"Action": "kms:ReEncryptFrom", "Resource": one}
        mine = {"StringEquals": {"kms:EncryptionContext:whose": "mine"}}
        reads = as_role(cloud, a_role(cloud, **source, Condition=mine), "kms")
        assert f"kms:ReEncryptTo on resource: {other}" in refusal(reads.re_encrypt, **given)
        writes = as_role(cloud, a_role(cloud, Action="kms:ReEncryptTo", Resource=other), "kms")
        assert f"kms:ReEncryptFrom on resource: {one}" in refusal(writes.re_encrypt, **given)
        both = as_role(cloud, a_role(cloud, Action="kms:ReEncrypt*", Resource=[one, other]), "kms")
        made = both.re_encrypt(**given)
        assert (made["SourceKeyId"], made["KeyId"]) == (one, other)
        read = keys.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"whose": "yours"})
        assert (read["Plaintext"], read["KeyId"]) == (b"text", other)

    def test_a_grant_allows_its_operations(self, cloud: LocalCloud) -> None:
        """ "A grant is a policy instrument that allows AWS principals to use KMS keys in cryptographic operations."

        https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
        """
        key, keys, grantee = self.a_key(cloud), cloud.client("kms", ACCOUNT, REGION), a_role(cloud, Action="sqs:*")
        kms, given = as_role(cloud, grantee, "kms"), {"Plaintext": b"text", "KeyId": key}
        assert "kms:Encrypt" in refusal(kms.encrypt, **given)
        granted = keys.create_grant(
            KeyId=key,
            GranteePrincipal=grantee,
            Operations=["Encrypt"],
            Constraints={"EncryptionContextEquals": {"whose": "mine"}},
        )
        assert kms.encrypt(**given, EncryptionContext={"whose": "mine"})
        assert "kms:Encrypt" in refusal(kms.encrypt, **given, EncryptionContext={"whose": "mine", "more": "x"})
        assert "kms:Encrypt" in refusal(kms.encrypt, **given)
        keys.revoke_grant(KeyId=key, GrantId=granted["GrantId"])
        assert "kms:Encrypt" in refusal(kms.encrypt, **given, EncryptionContext={"whose": "mine"})

    def test_an_encrypted_queue_asks_for_its_key(self, cloud: LocalCloud) -> None:
        queue = Queue(cloud, fresh("queue"), KmsMasterKeyId=self.a_key(cloud))
        sqs = as_role(cloud, a_role(cloud, Action="sqs:*"), "sqs")
        with pytest.raises(ClientError, match="kms:GenerateDataKey"):
            sqs.send_message(QueueUrl=queue.url, MessageBody="x")


class TestTrustInAService:
    """https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html

    "We recommend using the aws:SourceArn and aws:SourceAccount global condition context keys in resource-based
    policies."
    """

    @pytest.mark.parametrize(("name", "status"), [("trusted", "SUCCEEDED"), ("distrusted", "FAILED")])
    def test_a_role_trusts_one_state_machine(self, cloud: LocalCloud, name: str, status: str) -> None:
        allowed = {"ArnLike": {"aws:SourceArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:trusted*"}}
        condition = {**allowed, "StringEquals": {"aws:SourceAccount": ACCOUNT}}
        trusted = {"Principal": {"Service": "states.amazonaws.com"}, "Condition": condition}
        task = {"Resource": "arn:aws:states:::aws-sdk:s3:listObjectsV2", "Parameters": {"Bucket": a_bucket(cloud)}}
        assert ended(cloud, f"{name}-{fresh('machine')}", made_role(cloud, trusted), task) == status


def all_denied(cloud: LocalCloud) -> list[dict[str, Any]]:
    return denials(cloud.port).found


def denied(cloud: LocalCloud, who: str, action: str, resource: str) -> bool:
    """Whether this was denied."""
    return any((each["who"], each["action"], each["resource"]) == (who, action, resource) for each in all_denied(cloud))


def ended(cloud: LocalCloud, name: str, role_arn: str, task: dict[str, Any]) -> str:
    """How a workflow of one task ends."""
    definition = {"StartAt": "Do", "States": {"Do": {"Type": "Task", "End": True, **task}}}
    machines = cloud.client("stepfunctions", ACCOUNT, REGION)
    machine = machines.create_state_machine(name=name, roleArn=role_arn, definition=json.dumps(definition))
    execution = machines.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]

    def status() -> str:
        return str(machines.describe_execution(executionArn=execution)["status"])

    return str(until(status, lambda each: each != "RUNNING"))


@pytest.mark.parametrize(
    ("operation", "action", "resource", "parameters"),
    [
        ("listObjectsV2", "s3:ListBucket", "", {}),
        ("deleteObject", "s3:DeleteObject", "/a", {"Key": "a"}),
        ("headObject", "s3:GetObject", "/a", {"Key": "a"}),
    ],
)
def test_a_task_needs_what_its_call_of_s3_needs(
    cloud: LocalCloud, operation: str, action: str, resource: str, parameters: dict[str, str]
) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html"""
    bucket = a_bucket(cloud)
    task = {
        "Resource": f"arn:aws:states:::aws-sdk:s3:{operation}",
        "Parameters": {"Bucket": bucket, **parameters},
    }
    for allowed, status in ((f"arn:aws:s3:::{bucket}{resource}", "SUCCEEDED"), ("arn:aws:s3:::other", "FAILED")):
        may = role(cloud, fresh("role"), "states.amazonaws.com", Action=action, Resource=allowed)
        assert ended(cloud, fresh("machine"), may, task) == status


class TestCallsWithin:
    """Services call each other as roles, or as themselves."""

    def test_a_task_acts_as_the_state_machines_role(self, cloud: LocalCloud) -> None:
        """https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html"""
        name = Functions(cloud).make("def handle(event, context): return 1")
        task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": name}}
        definition = json.dumps({"StartAt": "Call", "States": {"Call": {**task, "End": True}}})
        states = cloud.client("stepfunctions", ACCOUNT, REGION)
        for allowed, status in (("sqs:*", "FAILED"), ("lambda:InvokeFunction", "SUCCEEDED")):
            acting = role(cloud, fresh("role"), "states.amazonaws.com", Action=allowed)
            machine = states.create_state_machine(name=fresh("machine"), definition=definition, roleArn=acting)
            started = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
            found = until(
                functools.partial(states.describe_execution, executionArn=started),
                lambda each: each["status"] != "RUNNING",
            )
            assert found["status"] == status, found
        assert any(each["action"] == "lambda:InvokeFunction" for each in denials(cloud.port).found)

    def test_a_rule_needs_the_queues_policy(self, cloud: LocalCloud) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html"""
        closed, kept = Queue(cloud, fresh("queue"), Policy=""), Queue(cloud, fresh("queue"))
        events, rule = cloud.client("events", ACCOUNT, REGION), fresh("rule")
        events.put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))
        target = {"Id": "1", "Arn": closed.arn, "DeadLetterConfig": {"Arn": kept.arn}}
        events.put_targets(Rule=rule, Targets=[target])
        events.put_events(Entries=[{"Source": rule, "DetailType": "x", "Detail": "{}"}])
        assert kept.take(1)[0]["source"] == rule
        assert closed.counts() == (0, 0)

    @pytest.mark.parametrize("source", ["queue", "stream"])
    def test_a_mapping_reads_as_the_functions_role(self, cloud: LocalCloud, source: str) -> None:
        """Also after it was created: the role is asked whenever there is something to read.

        https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
        """
        name = fresh("role")
        acting = role(cloud, name, "lambda.amazonaws.com")
        function = Functions(cloud).make("def handle(event, context): pass", Role=acting)
        made: Any = Queue(cloud, fresh("queue")) if source == "queue" else Stream(cloud=cloud, name=fresh("s")).make()
        settings = {} if source == "queue" else {"StartingPosition": "TRIM_HORIZON"}
        lambda_ = cloud.client("lambda", ACCOUNT, REGION)
        mapping = lambda_.create_event_source_mapping(FunctionName=function, EventSourceArn=made.arn, **settings)[
            "UUID"
        ]
        logs = document({"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
        cloud.client("iam", ACCOUNT, REGION).put_role_policy(RoleName=name, PolicyName="May", PolicyDocument=logs)

        def tried() -> str:
            """What comes of one more record; what was decided before holds for a second."""
            (made.send if source == "queue" else made.put)([{"n": 1}])
            return str(lambda_.get_event_source_mapping(UUID=mapping).get("LastProcessingResult", ""))

        result = until(tried, lambda said: said.startswith("PROBLEM: User"))
        assert ("sqs:ReceiveMessage" if source == "queue" else "kinesis:DescribeStream") in result

    @pytest.mark.parametrize("service", ["s3", "sns"])
    def test_who_calls_a_function_needs_its_policy(self, cloud: LocalCloud, service: str) -> None:
        """https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html"""
        functions, kept, principal = Functions(cloud), Queue(cloud, fresh("queue")), f"{service}.amazonaws.com"
        code = """
            import boto3

            def handle(event, context):
                boto3.client("sqs").send_message(QueueUrl=QUEUE, MessageBody="1")
        """
        function = functions.make({"app.py": code.replace("QUEUE", repr(kept.url)), **with_boto3()})
        functions.permit(function, principal)
        arn = functions.lambda_.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
        if service == "s3":
            s3, bucket = cloud.client("s3", ACCOUNT, REGION), a_bucket(cloud)
            told = [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}]
            s3.put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": told}
            )
            happen = functools.partial(s3.put_object, Bucket=bucket, Key="b", Body=b"")
        else:
            sns = cloud.client("sns", ACCOUNT, REGION)
            topic = sns.create_topic(Name=fresh("topic"))["TopicArn"]
            sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
            happen = functools.partial(sns.publish, TopicArn=topic, Message="x")
        happen()
        assert kept.take(1)
        functions.lambda_.remove_permission(FunctionName=function, StatementId=service)
        happen()
        until(lambda: denied(cloud, principal, "lambda:InvokeFunction", arn), bool)
        assert kept.counts() == (0, 0)

    def test_a_function_logs_and_tells_of_failures_as_its_role(self, cloud: LocalCloud) -> None:
        """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
        functions, kept = Functions(cloud), Queue(cloud, fresh("queue"))
        logs = cloud.client("logs", ACCOUNT, REGION)
        code = "def handle(event, context):\n    print('said')\n    raise ValueError"
        for allowed in ("s3:*", ["logs:*", "sqs:*"]):
            name = fresh("role")
            acting = role(cloud, name, "lambda.amazonaws.com", Action="sqs:*")
            function = functions.make(code, Role=acting, DeadLetterConfig={"TargetArn": kept.arn})
            may = document({"Effect": "Allow", "Action": allowed, "Resource": "*"})
            cloud.client("iam", ACCOUNT).put_role_policy(RoleName=name, PolicyName="May", PolicyDocument=may)
            logs.create_log_group(logGroupName=f"/aws/lambda/{function}")
            functions.lambda_.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=0)
            functions.lambda_.invoke(FunctionName=function, InvocationType="Event")
            streams = functools.partial(logs.describe_log_streams, logGroupName=f"/aws/lambda/{function}")
            if allowed == "s3:*":
                session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{function}"
                until(functools.partial(denied, cloud, session, "sqs:SendMessage", kept.arn), bool)
                assert any(each["who"] == session and each["action"].startswith("logs:") for each in all_denied(cloud))
                assert not streams()["logStreams"]
            else:
                assert kept.take(1)
                assert streams()["logStreams"]

    def test_a_function_needs_a_role_that_trusts_lambda(self, cloud: LocalCloud) -> None:
        """ "The role defined for the function cannot be assumed by Lambda."

        https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html
        """
        name, functions = fresh("role"), Functions(cloud)
        function = functions.make(
            "def handle(event, context): return 1", Role=role(cloud, name, "lambda.amazonaws.com")
        )
        trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
        iam = cloud.client("iam", ACCOUNT, REGION)
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=document(trust))
        answer, _ = functions.call(function)
        assert "cannot be assumed by Lambda" in answer["errorMessage"]


def test_a_denial_is_explained(cloud: LocalCloud) -> None:
    name, table = fresh("role"), fresh("table")
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    properties = {"RoleName": name, "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}
    path = {"aws:cdk:path": "dev/intake/Role/Resource"}
    stack = deploy(cloud, {"Role": {"Type": "AWS::IAM::Role", "Properties": properties, "Metadata": path}})
    dynamodb = as_role(cloud, f"arn:aws:iam::{ACCOUNT}:role/{name}", "dynamodb")
    for _ in range(2):
        refusal(dynamodb.get_item, TableName=table, Key={"id": {"S": "1"}})
    (found,) = (each for each in denials(cloud.port).found if table in each["resource"])
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"
    assert found["times"] == 2
    assert found["statement"] == {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": arn}
    assert (found["stack"], found["path"]) == (stack, "dev/intake/Role/Resource")
    assert found["because"].startswith("no Allow in any policy")


def test_used_and_unused_actions_of_a_role_are_told_apart(cloud: LocalCloud) -> None:
    bucket, name = a_bucket(cloud), fresh("role")
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": [READ, "sqs:SendMessage"], "Resource": "*"}
    properties = {
        "RoleName": name,
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "Policies": [{"PolicyName": "May", "PolicyDocument": {"Version": "2012-10-17", "Statement": [may]}}],
    }
    stack = deploy(cloud, {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}})
    as_role(cloud, f"arn:aws:iam::{ACCOUNT}:role/{name}", "s3").get_object(Bucket=bucket, Key="a")
    (found,) = access(cloud.port, stack)
    assert (found["used"], found["unused"]) == ({READ: 1}, ["sqs:SendMessage"])


def test_each_permission_is_needed_redundant_or_unused(cloud: LocalCloud) -> None:
    """What a recording says of a permission is so when it is taken out for real."""
    keys, bucket, name = cloud.client("kms", ACCOUNT, REGION), a_bucket(cloud), fresh("role")
    iam, key = cloud.client("iam", ACCOUNT), keys.create_key()["KeyMetadata"]["Arn"]
    arn = role(cloud, name, "lambda.amazonaws.com", principals=(ACCOUNT,), Action="kms:*", Resource=key)
    twice = [READ, "s3:Get*", "s3:PutObject", "sqs:SendMessage"]
    for policy, statements in (("Bucket", [twice]), ("Limit", [[READ, "kms:*"], ["s3:PutObject", "sqs:*"]])):
        written = document(*({"Effect": "Allow", "Action": actions, "Resource": "*"} for actions in statements))
        if policy == "Bucket":
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=written)
        else:
            limit = iam.create_policy(PolicyName=f"{name}-limit", PolicyDocument=written)["Policy"]["Arn"]
            iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=limit)
    recorded(cloud.port)
    s3 = as_role(cloud, arn, "s3")
    s3.put_object(Bucket=bucket, Key="b", Body=b"text", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    s3.get_object(Bucket=bucket, Key="b")
    found = judge(read(recorded(cloud.port)))
    mine, boundary = f"the policy Bucket of role {name}", f"the boundary {limit}"

    def verdict(policy: str, action: str, place: int = 0) -> str:
        return found[Permission(policy=policy, place=place, action=action)].value

    assert {action: verdict(mine, action) for action in twice} == {
        READ: "redundant",
        "s3:Get*": "redundant",
        "s3:PutObject": "needed",
        "sqs:SendMessage": "unused",
    }
    assert verdict(mine, "") == verdict(f"the policy May of role {name}", "kms:*") == "needed"
    assert verdict(f"the policy of {key}", "kms:*") == "needed"
    assert [verdict(boundary, action, place) for place, action in ((0, READ), (1, "s3:PutObject"), (1, "sqs:*"))] == [
        "needed",
        "needed",
        "unused",
    ]
    less = document({"Effect": "Allow", "Action": [READ, "sqs:SendMessage"], "Resource": "*"})
    iam.put_role_policy(RoleName=name, PolicyName="Bucket", PolicyDocument=less)
    assert s3.get_object(Bucket=bucket, Key="b")
    assert "s3:PutObject" in refusal(s3.put_object, Bucket=bucket, Key="b", Body=b"")


def test_an_audit_lets_pass_and_notes(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud(iam="audit")
    bucket = a_bucket(cloud)
    as_role(cloud, a_role(cloud, Action=READ), "s3").put_object(Bucket=bucket, Key="b", Body=b"")
    cloud.save()
    found = denials(cloud.port)
    assert not found.enforced
    assert [each["action"] for each in found.found] == ["s3:PutObject"]


def test_without_iam_a_denial_names_no_resource(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud(without=("iam",))
    bucket, arn = a_bucket(cloud), a_role(cloud, Action=READ)
    said = refusal(as_role(cloud, arn, "s3").put_object, Bucket=bucket, Key="b", Body=b"")
    assert "on resource" not in said


def test_roles_that_services_assume_in_many_threads_at_once() -> None:
    """A build of a stage with 25 services ended as FAULT, since another one assumed its role at the same moment."""
    python = str(ROOT / ".venv/emulator/bin/python")
    done = subprocess.run(
        [python, "-c", SESSIONS_IN_FOUR_THREADS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "RuntimeError" not in done.stderr
