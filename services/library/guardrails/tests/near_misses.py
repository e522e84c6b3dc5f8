"""Templates that nearly say what a decision of the library is about: one thing more, or one thing less."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from services.library.constructs.bucket import Replica
from services.library.constructs.token_authorizer import Issuer

IAM5 = "AwsSolutions-IAM5"
Body = dict[str, Any]
Change = Callable[[Body, Body], None]
"""Changes the template, given whole and the one resource's properties."""


def statement(properties: Body, action: str) -> Body:
    """Find the one statement of a policy that allows this action."""
    statements: list[Body] = properties["PolicyDocument"]["Statement"]
    (found,) = (each for each in statements if action in each["Action"])
    return found


def add(properties: Body, **parts: Any) -> None:
    properties["PolicyDocument"]["Statement"].append({"Effect": "Allow", **parts})


def of_type(body: Body, type_: str, path: str = "") -> Body:
    """Find the properties of the first resource of a type."""
    for each in body["Resources"].values():
        if each["Type"] == type_ and path in each["Metadata"]["aws:cdk:path"]:
            found: Body = each["Properties"]
            return found
    raise AssertionError(type_)


def named(body: Body, path: str) -> str:
    """Find the logical id of the one resource whose path ends so."""
    resources: dict[str, Body] = body["Resources"]
    paths = {name: each.get("Metadata", {}).get("aws:cdk:path", "") for name, each in resources.items()}
    (found,) = (name for name, each in paths.items() if each.endswith(path))
    return found


def one_action_more(action: str, more: str) -> Change:
    def change(_body: Body, properties: Body) -> None:
        found = statement(properties, action)
        found["Action"] = [*([found["Action"]] if isinstance(found["Action"], str) else found["Action"]), more]

    return change


def one_statement_more(**parts: Any) -> Change:
    return lambda _body, properties: add(properties, **parts)


def set_to(name: str, value: Any) -> Change:
    return lambda _body, properties: properties.__setitem__(name, value)


def shared_with_another_role(_body: Body, properties: Body) -> None:
    properties["Roles"].append("admin")


def given_to_a_group(_body: Body, properties: Body) -> None:
    properties["Groups"] = ["everybody"]


def role_assumed_by_another_service(body: Body, properties: Body) -> None:
    role = body["Resources"][properties["Roles"][0]["Ref"]]["Properties"]
    role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = {"Service": "ec2.amazonaws.com"}


def role_assumed_by_an_account_too(body: Body, properties: Body) -> None:
    role = body["Resources"][properties["Roles"][0]["Ref"]]["Properties"]
    (first,) = role["AssumeRolePolicyDocument"]["Statement"]
    role["AssumeRolePolicyDocument"]["Statement"].append({**first, "Principal": {"AWS": "222222222222"}})


def effect_known_at_deployment(_body: Body, properties: Body) -> None:
    add(properties, Action="iam:PassRole", Resource="*")
    properties["PolicyDocument"]["Statement"][-1]["Effect"] = {"Fn::If": ["Open", "Allow", "Deny"]}


def allows_all_but_some(_body: Body, properties: Body) -> None:
    found = statement(properties, "xray:PutTraceSegments")
    found["NotAction"] = found.pop("Action")


def versions_of_no_function(_body: Body, properties: Body) -> None:
    found = statement(properties, "lambda:InvokeFunction")
    found["Resource"] = json.loads(json.dumps(found["Resource"]).replace("WorkFunction", "Keys"))


def copies_of_no_table(_body: Body, properties: Body) -> None:
    found = statement(properties, "dynamodb:DeleteBackup")
    found["Resource"] = json.loads(json.dumps(found["Resource"]).replace("CopiedTable", "Keys"))


def function_url(body: Body, _properties: Body) -> None:
    name = named(body, "/Work/Function/Resource")
    target = {"Fn::GetAtt": [name, "Arn"]}
    body["Resources"]["Url"] = {"Type": "AWS::Lambda::Url", "Properties": {"TargetFunctionArn": target}, "Metadata": {}}


def role_with_a_policy_of_awss(body: Body, properties: Body) -> None:
    role = body["Resources"][properties["Role"]["Fn::GetAtt"][0]]["Properties"]
    role["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/PowerUserAccess"]


def consumed(body: Body, _properties: Body) -> None:
    name = named(body, "/DeadLetters/Queue/Resource")
    source = {"EventSourceArn": {"Fn::GetAtt": [name, "Arn"]}, "FunctionName": "f"}
    body["Resources"]["Source"] = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": source, "Metadata": {}}


def unwatched(body: Body, _properties: Body) -> None:
    of_type(body, "AWS::CloudWatch::Alarm", "/DeadLetters/Depth")["AlarmActions"] = []


def written_by_no_workflow(body: Body, _properties: Body) -> None:
    of_type(body, "AWS::StepFunctions::StateMachine")["DefinitionString"] = "{}"


def workflow_that_sends_elsewhere(body: Body, properties: Body) -> None:
    machine = of_type(body, "AWS::StepFunctions::StateMachine")
    machine["DefinitionString"] = json.loads(
        json.dumps(machine["DefinitionString"]).replace("DeadLettersQueue", "AnotherQueue")
    )


def method_without_signature(body: Body, _properties: Body) -> None:
    of_type(body, "AWS::ApiGateway::Method")["AuthorizationType"] = "NONE"


def verified_by_a_service(body: Body, _properties: Body) -> None:
    function = body["Resources"][named(body, "People/Tokens/Code/Function/Resource")]["Properties"]
    function["Handler"] = "services.sample.runtime.authorizer.handle"


def verified_by_a_request(body: Body, _properties: Body) -> None:
    of_type(body, "AWS::ApiGateway::Authorizer")["Type"] = "REQUEST"


def http_backend(body: Body, _properties: Body) -> None:
    of_type(body, "AWS::ApiGateway::Method")["Integration"]["Type"] = "HTTP_PROXY"


def methods_in_a_document(body: Body, _properties: Body) -> None:
    of_type(body, "AWS::ApiGateway::RestApi")["Body"] = {"paths": {}}


def cached_for_one_method(_body: Body, properties: Body) -> None:
    properties["MethodSettings"].append({"HttpMethod": "GET", "ResourcePath": "/x", "CachingEnabled": True})


def second_policy(_body: Body, properties: Body) -> None:
    properties["ManagedPolicyArns"].append("arn:aws:iam::aws:policy/ReadOnlyAccess")


def granted_beside_it(body: Body, _properties: Body) -> None:
    name = named(body, "/Api/Api/CloudWatchRole/Resource")
    policy = {"Roles": [{"Ref": name}], "PolicyDocument": {"Statement": []}}
    body["Resources"]["Beside"] = {"Type": "AWS::IAM::Policy", "Properties": policy, "Metadata": {}}


def role_of_no_account_setting(body: Body, _properties: Body) -> None:
    of_type(body, "AWS::ApiGateway::Account")["CloudWatchRoleArn"] = "arn:aws:iam::111111111111:role/another"


def logs_of_no_bucket(body: Body, _properties: Body) -> None:
    del of_type(body, "AWS::S3::Bucket", "/Documents/Bucket")["LoggingConfiguration"]


def reads_no_stream(body: Body, _properties: Body) -> None:
    of_type(body, "AWS::Lambda::EventSourceMapping", "/Consumer/Source")["EventSourceArn"] = "arn:aws:kinesis:::s"


def in_no_network(body: Body, _properties: Body) -> None:
    del body["Resources"][named(body, "Inside/Function/Resource")]["Properties"]["VpcConfig"]


def reads_no_table(body: Body, _properties: Body) -> None:
    stream = {"Fn::GetAtt": [named(body, "Readings/Stream/Resource"), "Arn"]}
    of_type(body, "AWS::Lambda::EventSourceMapping", "Changes/")["EventSourceArn"] = stream


def another_bucket(prefix: str) -> Change:
    """Writes below the prefix of the service's own bucket, which is spelled alike without its hash."""

    def change(body: Body, properties: Body) -> None:
        found = statement(properties, "s3:PutObject")
        text = json.dumps(found["Resource"])
        names = {
            each["Metadata"]["aws:cdk:path"]: name for name, each in body["Resources"].items() if "Metadata" in each
        }
        own, other = names[f"qa/some/Consumer/{prefix}/Bucket/Resource"], names["qa/some/Documents/Bucket/Resource"]
        found["Resource"] = json.loads(text.replace(own, other))

    return change


def replicated_elsewhere(body: Body, _properties: Body) -> None:
    rules = of_type(body, "AWS::S3::Bucket", "/Replicated/Bucket")["ReplicationConfiguration"]["Rules"]
    rules[0]["Destination"]["Bucket"] = "arn:aws:s3:::another"


def reads_another_bucket(body: Body, properties: Body) -> None:
    found = statement(properties, "s3:GetObjectVersionForReplication")
    text = json.dumps(found["Resource"])
    own, other = (named(body, f"/{name}/Bucket/Resource") for name in ("Replicated", "Documents"))
    found["Resource"] = json.loads(text.replace(own, other))


def of_awss_own_key(body: Body, properties: Body) -> None:
    properties["StreamEncryption"]["KeyId"] = "arn:aws:kms:eu-west-1:111111111111:key/1"


def key_that_does_not_rotate(body: Body, _properties: Body) -> None:
    of_type(body, "AWS::KMS::Key", "/Readings/Key")["EnableKeyRotation"] = False


WORK, WORKFLOW, CONSUMER = (f"{each}/Role/Granted/Resource" for each in ("Work", "Workflow", "Consumer/Consumer"))
PEOPLE = "People/Api/Default/POST/Resource"
STAGE = "Api/Api/DeploymentStage.v1/Resource"
LOG_ROLE = (
    "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]"
)
EVERYWHERE, QUARANTINED, COPIES = (
    f"{IAM5}[Resource::{each}]" for each in ("*", "<*.Arn>/quarantined/*", "<*.Arn>/aws/lambda/*")
)
VERSIONS = f"{IAM5}[Resource::<*.Arn>:*]"
BACKED_UP, BACKUP_ROLE = f"{IAM5}[Resource::<*.Arn>/backup/*]", "Backups/Role/Granted/Resource"
VPC, REPLICATION = "HIPAA.Security-LambdaInsideVPC", "HIPAA.Security-S3BucketReplicationEnabled"
CACHE, TLS = "HIPAA.Security-APIGWCacheEnabledAndEncrypted", "HIPAA.Security-APIGWSSLEnabled"
BACKUP = "HIPAA.Security-DynamoDBInBackupPlan"
QUEUE = "DeadLetters/Queue/Resource"
REPLICA = Replica(
    bucket_arn="arn:aws:s3:::copies", key_arn="arn:aws:kms:eu-central-1:111111111111:key/0f5d1a2b-1111-4222-8333-4444"
)
ISSUER = Issuer(
    issuer="https://login.example.com/", keys_url="https://login.example.com/keys", audiences=("https://orders",)
)
REPLICATED, READ_TO_REPLICATE = (f"{IAM5}[Resource::{each}/*]" for each in (REPLICA.bucket_arn, "<*.Arn>"))
REPLICATION_ROLE = "Replicated/Replication/Granted/Resource"
NEAR_MISSES: Mapping[str, tuple[str, str, Change]] = {
    "a function's statement with one action more": (
        EVERYWHERE,
        WORK,
        one_action_more("xray:PutTraceSegments", "xray:GetTraceSummaries"),
    ),
    "a function in a network that may do more there": (
        EVERYWHERE,
        "Inside/Role/Granted/Resource",
        one_action_more("ec2:CreateNetworkInterface", "ec2:AttachNetworkInterface"),
    ),
    "network interfaces of a function in no network": (EVERYWHERE, "Inside/Role/Granted/Resource", in_no_network),
    "a consumer of a table that may list more than streams": (
        EVERYWHERE,
        "Changes/Consumer/Role/Granted/Resource",
        one_action_more("dynamodb:ListStreams", "dynamodb:ListTables"),
    ),
    "tables' streams listed for one of Kinesis": (
        EVERYWHERE,
        "Changes/Consumer/Role/Granted/Resource",
        reads_no_table,
    ),
    "a function's second statement on everything": (
        EVERYWHERE,
        WORK,
        one_statement_more(Action="iam:PassRole", Resource="*"),
    ),
    "a function's statement on everything among other resources": (
        EVERYWHERE,
        WORK,
        one_statement_more(Action="s3:GetObject", Resource=["arn:aws:s3:::one/x", "*"]),
    ),
    "a function's statement on what is everything at deployment": (
        EVERYWHERE,
        WORK,
        one_statement_more(Action="s3:GetObject", Resource={"Fn::If": ["Open", "*", "none"]}),
    ),
    "a function's statement whose effect is known at deployment": (EVERYWHERE, WORK, effect_known_at_deployment),
    "a function's statement under a condition": (
        EVERYWHERE,
        WORK,
        lambda _body, properties: statement(properties, "xray:PutTraceSegments").update(Condition={"Null": {}}),
    ),
    "a function's statement that excludes actions": (EVERYWHERE, WORK, allows_all_but_some),
    "a function's policy that another role has": (EVERYWHERE, WORK, shared_with_another_role),
    "a function's policy that a group has": (EVERYWHERE, WORK, given_to_a_group),
    "a function's role that another service assumes": (EVERYWHERE, WORK, role_assumed_by_another_service),
    "a function's role that an account assumes": (EVERYWHERE, WORK, role_assumed_by_an_account_too),
    "a function in half a network": (VPC, "Work/Function/Resource", set_to("VpcConfig", {})),
    "a function with a URL": (VPC, "Work/Function/Resource", function_url),
    "a function with a role of elsewhere": (
        VPC,
        "Work/Function/Resource",
        set_to("Role", "arn:aws:iam::111111111111:role/x"),
    ),
    "a function with a policy of AWS's": (VPC, "Work/Function/Resource", role_with_a_policy_of_awss),
    "a workflow's statement with one action more": (
        EVERYWHERE,
        WORKFLOW,
        one_action_more("logs:CreateLogDelivery", "logs:DeleteLogGroup"),
    ),
    "a workflow's role that a function has": (EVERYWHERE, WORKFLOW, role_assumed_by_another_service),
    "a workflow that may change its functions": (
        VERSIONS,
        WORKFLOW,
        one_action_more("lambda:InvokeFunction", "lambda:UpdateFunctionCode"),
    ),
    "a workflow's statement on versions of what is no function": (
        VERSIONS,
        WORKFLOW,
        versions_of_no_function,
    ),
    "a backup plan that may restore its copies": (
        BACKED_UP,
        BACKUP_ROLE,
        one_action_more("dynamodb:DeleteBackup", "dynamodb:RestoreTableFromBackup"),
    ),
    "a backup plan's role that a function has": (BACKED_UP, BACKUP_ROLE, role_assumed_by_another_service),
    "a backup plan of what is no table": (BACKED_UP, BACKUP_ROLE, copies_of_no_table),
    "a workflow that logs nothing": (
        "AwsSolutions-SF1",
        "Workflow/StateMachine/Resource",
        lambda _body, properties: properties["LoggingConfiguration"].update(Level="OFF"),
    ),
    "a workflow that logs payloads": (
        "AwsSolutions-SF1",
        "Workflow/StateMachine/Resource",
        lambda _body, properties: properties["LoggingConfiguration"].update(IncludeExecutionData=True),
    ),
    "a workflow that logs to nowhere": (
        "AwsSolutions-SF1",
        "Workflow/StateMachine/Resource",
        lambda _body, properties: properties["LoggingConfiguration"].update(Destinations=[]),
    ),
    **{
        f"a queue {what}, by {rule}": (rule, QUEUE, change)
        for rule in ("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy")
        for what, change in {
            "that a function works on": consumed,
            "that nobody watches": unwatched,
            "that no workflow writes to": written_by_no_workflow,
            "beside the one that a workflow writes to": workflow_that_sends_elsewhere,
            "that forgets after four days": set_to("MessageRetentionPeriod", 345_600),
        }.items()
    },
    "a method without a signature": (
        "AwsSolutions-COG4",
        "Api/Api/Default/POST/Resource",
        set_to("AuthorizationType", "NONE"),
    ),
    "a method with another authorizer": (
        "AwsSolutions-COG4",
        "Api/Api/Default/POST/Resource",
        set_to("AuthorizationType", "CUSTOM"),
    ),
    "a method with the authorizer of a service": ("AwsSolutions-COG4", PEOPLE, verified_by_a_service),
    "a method with an authorizer of whole requests": ("AwsSolutions-COG4", PEOPLE, verified_by_a_request),
    "an API without a firewall that a service lets people in to": (
        "AwsSolutions-APIG3",
        "People/Api/DeploymentStage.v1/Resource",
        verified_by_a_service,
    ),
    "a log role with a second policy": (LOG_ROLE, "Api/Api/CloudWatchRole/Resource", second_policy),
    "a log role with a policy beside it": (LOG_ROLE, "Api/Api/CloudWatchRole/Resource", granted_beside_it),
    "a log role with a policy in it": (LOG_ROLE, "Api/Api/CloudWatchRole/Resource", set_to("Policies", [{}])),
    "a log role of no account setting": (LOG_ROLE, "Api/Api/CloudWatchRole/Resource", role_of_no_account_setting),
    "a stage with a cache": (CACHE, STAGE, set_to("CacheClusterEnabled", value=True)),
    "a stage with a cache for one method": (CACHE, STAGE, cached_for_one_method),
    "an API with an HTTP backend": (TLS, STAGE, http_backend),
    "an API that a document makes": (TLS, STAGE, methods_in_a_document),
    "an API without a firewall that anybody may call": ("AwsSolutions-APIG3", STAGE, method_without_signature),
    "a table that cannot be restored": (
        BACKUP,
        "Items/Table/Resource",
        set_to("PointInTimeRecoverySpecification", {"PointInTimeRecoveryEnabled": False}),
    ),
    "a stream under a key of elsewhere": ("AwsSolutions-KDS3", "Readings/Stream/Resource", of_awss_own_key),
    "a stream under a key that does not rotate": (
        "AwsSolutions-KDS3",
        "Readings/Stream/Resource",
        key_that_does_not_rotate,
    ),
    "access logs of no bucket": (REPLICATION, "Documents/AccessLogs/Resource", logs_of_no_bucket),
    "access logs without versions": (
        REPLICATION,
        "Documents/AccessLogs/Resource",
        set_to("VersioningConfiguration", {"Status": "Suspended"}),
    ),
    "a replication that deletes": (
        REPLICATED,
        REPLICATION_ROLE,
        one_action_more("s3:ReplicateObject", "s3:ReplicateDelete"),
    ),
    "a replication whose role writes elsewhere": (REPLICATED, REPLICATION_ROLE, replicated_elsewhere),
    "a replication whose role a function has": (REPLICATED, REPLICATION_ROLE, role_assumed_by_another_service),
    "a replication that writes here": (
        READ_TO_REPLICATE,
        REPLICATION_ROLE,
        one_action_more("s3:GetObjectVersionForReplication", "s3:PutObject"),
    ),
    "a replication of another bucket": (READ_TO_REPLICATE, REPLICATION_ROLE, reads_another_bucket),
    "a quarantine without versions": (
        REPLICATION,
        "Consumer/Quarantine/Bucket/Resource",
        set_to("VersioningConfiguration", {"Status": "Suspended"}),
    ),
    "a quarantine beside no stream": (REPLICATION, "Consumer/Quarantine/Bucket/Resource", reads_no_stream),
    "a consumer that may delete what is quarantined": (
        QUARANTINED,
        CONSUMER,
        one_action_more("s3:PutObject", "s3:DeleteObject"),
    ),
    "a consumer that writes below the prefix of another bucket": (QUARANTINED, CONSUMER, another_bucket("Quarantine")),
    "a consumer that may delete copies": (COPIES, CONSUMER, one_action_more("s3:PutObject", "s3:DeleteObject")),
    "a consumer whose copies go to another bucket": (COPIES, CONSUMER, another_bucket("Failures")),
}
