"""Makes recorded requests again with real clients, and takes a permission out of a role for that."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from pipeline.local.cloud.iam.decision import Principal, Request
from pipeline.local.lifecycle import LocalCloud
from pipeline.operate.session import LocalClients
from tests.testbed.permission_mutations import Permission

Call = Callable[[Any, str], Any]
KEY = {"id": {"S": "x"}}
EVENT = {"Source": "x", "DetailType": "x", "Detail": "{}"}
CALLS: Mapping[str, tuple[str, Call]] = {
    "codebuild:BatchGetBuilds": ("codebuild", lambda client, arn: client.batch_get_builds(ids=[f"{_name(arn)}:0"])),
    "dynamodb:GetItem": ("dynamodb", lambda client, arn: client.get_item(TableName=_name(arn), Key=KEY)),
    "dynamodb:PutItem": ("dynamodb", lambda client, arn: client.put_item(TableName=_name(arn), Item=KEY)),
    "dynamodb:UpdateItem": ("dynamodb", lambda client, arn: client.update_item(TableName=_name(arn), Key=KEY)),
    "events:PutEvents": ("events", lambda client, arn: client.put_events(Entries=[{**EVENT, "EventBusName": arn}])),
    "lambda:InvokeFunction": ("lambda", lambda client, arn: client.invoke(FunctionName=arn, InvocationType="DryRun")),
    "s3:GetObject": ("s3", lambda client, arn: client.get_object(**_object(arn))),
    "s3:PutObject": ("s3", lambda client, arn: client.put_object(**_object(arn), Body=b"")),
    "sns:Publish": ("sns", lambda client, arn: client.publish(TopicArn=arn, Message="x")),
    "sqs:GetQueueAttributes": ("sqs", lambda client, arn: client.get_queue_attributes(QueueUrl=_url(client, arn))),
    "sqs:SendMessage": ("sqs", lambda client, arn: client.send_message(QueueUrl=_url(client, arn), MessageBody="x")),
    "states:StartExecution": ("stepfunctions", lambda client, arn: client.start_execution(stateMachineArn=arn)),
}
"""How a client asks for what an action allows; what it then answers is of no matter."""


def is_denied(cloud: LocalCloud, principal: Principal, request: Request) -> bool:
    """Make a request again as the role that made it, and tell whether IAM denies it."""
    service, call = CALLS[request.action]
    region = request.keys["aws:requestedregion"][0]
    with _assumable(cloud, principal):
        sts = cloud.client("sts", principal.account, region)
        given = sts.assume_role(RoleArn=principal.keys["aws:principalarn"][0], RoleSessionName="again")["Credentials"]
    credentials = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    try:
        call(LocalClients(cloud.endpoint).create(service, region, credentials), _named(request))
    except ClientError as error:
        said = error.response["Error"]
        return "AccessDenied" in said["Code"] and request.action in said["Message"]
    return False


def _named(request: Request) -> str:
    """Return what a client names: for a state machine, which IAM asks about, its version or alias."""
    return ":".join([request.resource, *request.keys.get("states:statemachinequalifier", ())])


@contextmanager
def without(cloud: LocalCloud, permission: Permission, principal: Principal) -> Iterator[None]:
    """Take an action out of a policy of a role, and put it back."""
    iam, role = cloud.client("iam", principal.account), principal.role
    name = permission.policy.removeprefix("the policy ").partition(" of role ")[0]
    if permission.policy.startswith("the policy "):
        whole = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=_less(whole, permission))
        yield
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(whole))
        return
    arn = permission.policy.partition(", attached")[0]
    current = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    whole = iam.get_policy_version(PolicyArn=arn, VersionId=current)["PolicyVersion"]["Document"]
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=_less(whole, permission), SetAsDefault=True)
    yield
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(whole), SetAsDefault=True)
    for version in (current, made["PolicyVersion"]["VersionId"]):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)


@contextmanager
def _assumable(cloud: LocalCloud, principal: Principal) -> Iterator[None]:
    """Let the account assume a role for a moment, which trusts a service alone."""
    iam, role = cloud.client("iam", principal.account), principal.role
    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    mine = {"Effect": "Allow", "Principal": {"AWS": principal.account}, "Action": "sts:AssumeRole"}
    opened = {**trust, "Statement": [*trust["Statement"], mine]}
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(opened))
    yield
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))


def _less(document: Any, permission: Permission) -> str:
    statements = [dict(each) for each in document["Statement"]]
    changed = statements[permission.place]
    actions = [changed["Action"]] if isinstance(changed["Action"], str) else changed["Action"]
    changed["Action"] = [each for each in actions if each != permission.action] or "none:None"
    return json.dumps({**document, "Statement": statements})


def _name(arn: str) -> str:
    return arn.partition("/")[2].partition("/")[0]


def _object(arn: str) -> dict[str, str]:
    bucket, _, key = arn.rpartition(":::")[2].partition("/")
    return {"Bucket": bucket, "Key": key}


def _url(client: Any, arn: str) -> str:
    return str(client.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"])
