"""A production stack with every guard, and overrides that take them away or nearly do.

A line that weakens something ends in the finding that it must cause: `# rule[detail] path below the stack`.
"""
# ruff: noqa: E501 - one way a line, with its finding beside it

from dataclasses import dataclass
from typing import Any, ClassVar

import aws_cdk as cdk
import jsii
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_backup as backup
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_wafv2 as wafv2
from aws_cdk import aws_xray as xray
from constructs import Construct, IConstruct

from services.library.constructs.backup_plan import BackupPlan
from services.library.constructs.bucket import Bucket
from services.library.constructs.key import Key
from services.library.constructs.log_group import LogGroup
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.queue import Queue
from services.library.constructs.role import Role
from services.library.constructs.stream import Stream
from services.library.constructs.table import Table
from services.library.constructs.workflow import Workflow
from services.library.contract.environment import Environment
from services.library.contract.service import Service, ServiceStack

COPIES = ("One", "Two", "Three", "Four", "Five")


class GuardedStack(ServiceStack):
    """Several of each, so that an override can weaken each in another way."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_, environment=environment, description="guarded")
        self.alarms = NotificationTopic(self, "Alarms", environment=environment)
        self.key = Key(self, "Key", environment=environment, description="Data")
        self.build(environment)

    def build(self, environment: Environment) -> None:
        """Make what this test is about."""


class Stores(GuardedStack):
    """Buckets, tables, a stream, queues, log groups, backups."""

    def build(self, environment: Environment) -> None:
        self.buckets = {
            name: Bucket(self, f"Bucket{name}", environment=environment, encryption_key=self.key) for name in COPIES[:3]
        }
        self.tables = {
            name: Table(self, f"Table{name}", environment=environment, partition_key="id", encryption_key=self.key)
            for name in COPIES
        }
        self.stream = Stream(self, "Stream", environment=environment)
        self.queues = {
            name: Queue(self, f"Queue{name}", encryption_key=self.key, alarms_to=self.alarms) for name in COPIES[:2]
        }
        self.logs = {name: LogGroup(self, f"Logs{name}", environment=environment) for name in COPIES[:3]}
        self.backups = BackupPlan(
            self, "Backups", environment=environment, tables=list(self.tables.values()), alarms_to=self.alarms
        )


class Runs(GuardedStack):
    """Functions, workflows and an API."""

    def build(self, environment: Environment) -> None:
        self.functions = {name: self._function(f"Function{name}", environment) for name in COPIES}
        self.workflow = Workflow(
            self,
            "Workflow",
            environment=environment,
            definition=sfn.Pass(self, "Done"),
            timeout=cdk.Duration.minutes(1),
            alarms_to=self.alarms,
        )
        self.api = apigateway.RestApi(
            self,
            "Api",
            default_method_options=apigateway.MethodOptions(authorization_type=apigateway.AuthorizationType.IAM),
            deploy_options=apigateway.StageOptions(tracing_enabled=True),
        )
        self.method = self.api.root.add_method("POST", apigateway.MockIntegration())
        acl = wafv2.CfnWebACL(
            self,
            "Acl",
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=wafv2.CfnWebACL.VisibilityConfigProperty(
                metric_name="acl", cloud_watch_metrics_enabled=True, sampled_requests_enabled=False
            ),
        )
        cfn_rules(acl, managed())
        wafv2.CfnWebACLAssociation(
            self, "Firewall", resource_arn=self.api.deployment_stage.stage_arn, web_acl_arn=acl.attr_arn
        )
        self.bucket = Bucket(self, "Bucket", environment=environment, encryption_key=self.key)
        self.acl = acl
        self.group = ec2.CfnSecurityGroup(self, "Group", group_description="guarded", vpc_id="vpc-1")

    def _function(self, id_: str, environment: Environment) -> lambda_.Function:
        return lambda_.Function(
            self,
            id_,
            code=lambda_.Code.from_inline("def handle(event, context): ..."),
            handler="index.handle",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            role=Role(self, f"{id_}Role", service="lambda.amazonaws.com"),
            log_group=LogGroup(self, f"{id_}Logs", environment=environment),
            tracing=lambda_.Tracing.ACTIVE,
        )


@dataclass(frozen=True, kw_only=True)
class Storing(Service[Stores]):
    """A double for services that store."""

    name: ClassVar[str] = "stores"
    owner: ClassVar[str] = "@example/stores"
    handles_personal_data: ClassVar[bool] = False

    def build(self, scope: Construct, environment: Environment) -> Stores:
        return Stores(scope, self.name, environment=environment)


@dataclass(frozen=True, kw_only=True)
class Running(Service[Runs]):
    """A double for services that run."""

    name: ClassVar[str] = "runs"
    owner: ClassVar[str] = "@example/runs"
    handles_personal_data: ClassVar[bool] = False

    def build(self, scope: Construct, environment: Environment) -> Runs:
        return Runs(scope, self.name, environment=environment)


def cfn(construct: IConstruct) -> Any:
    """What a construct becomes in the template."""
    return construct.node.default_child


def child(construct: IConstruct, *names: str) -> Any:
    """A construct below another one."""
    return child(construct.node.find_child(names[0]), *names[1:]) if names else construct


def cfn_rules(acl: wafv2.CfnWebACL, *rules: dict[str, Any]) -> None:
    """A firewall's rules, as CloudFormation has them."""
    acl.add_property_override("Rules", list(rules))


def managed(priority: int = 5) -> dict[str, Any]:
    """A group of AWS's own."""
    statement = {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "Common"}}
    return {"Name": "Common", "Priority": priority, "OverrideAction": {"None": {}}, "Statement": statement}


def one_country(action: str, priority: int) -> dict[str, Any]:
    """What a firewall does with its requests."""
    statement = {"GeoMatchStatement": {"CountryCodes": ["CH"]}}
    return {"Name": "Country", "Priority": priority, "Action": {action: {}}, "Statement": statement}


def sampling(stack: ServiceStack, id_: str, reservoir: int) -> xray.CfnSamplingRule:
    """A rule that traces this many requests a second and no more."""
    every = dict.fromkeys(("host", "http_method", "resource_arn", "service_name", "service_type", "url_path"), "*")
    rule = xray.CfnSamplingRule.SamplingRuleProperty(**every, fixed_rate=0, reservoir_size=reservoir, priority=1)  # type: ignore[arg-type]  # all of them texts
    return xray.CfnSamplingRule(stack, id_, sampling_rule=rule)


@jsii.implements(cdk.IAspect)
class Each:
    """Changes every construct at one path below the stack, at synth."""

    def __init__(self, path: str, **properties: object) -> None:
        self._path, self._properties = path, properties

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, cdk.CfnResource) and node.node.path.endswith(self._path):
            for name, value in self._properties.items():
                node.add_property_override(name, value)


# fmt: off
def weakens_encryption(stack: Stores, environment: Environment) -> None:
    """Five ways and more."""
    sqs.Queue(stack, "Plain", enforce_ssl=True)  # Penstock-BaselineEncryption[KmsMasterKeyId=aws-key] Plain/Resource
    cfn(stack.queues["One"].queue).kms_master_key_id = "alias/aws/sqs"  # Penstock-BaselineEncryption[KmsMasterKeyId=aws-key] QueueOne/Queue/Resource
    cfn(stack.tables["One"].table).add_property_override("SSESpecification.SSEEnabled", False)  # Penstock-BaselineEncryption[SSESpecification=none] TableOne/Table/Resource
    cfn(stack.buckets["One"].bucket).add_property_deletion_override("BucketEncryption")  # Penstock-BaselineEncryption[BucketEncryption=aws-key] BucketOne/Bucket/Resource
    dynamodb.CfnTable(stack, "Added", key_schema=[], deletion_protection_enabled=True, point_in_time_recovery_specification={"pointInTimeRecoveryEnabled": True}).apply_removal_policy(cdk.RemovalPolicy.RETAIN)  # Penstock-BaselineEncryption[SSESpecification=none] Added
    stack.buckets["Two"].bucket.node.try_remove_child("Policy")  # Penstock-BaselineEncryption[TlsAlone=off] BucketTwo/Bucket/Resource
    cdk.Aspects.of(stack).add(Each("LogsOne/Resource", KmsKeyId={"Ref": "AWS::NoValue"}))  # Penstock-BaselineEncryption[KmsKeyId=aws-key] LogsOne/Resource
    cfn(stack.key.key).enable_key_rotation = False  # Penstock-BaselineEncryption[EnableKeyRotation=off] Key/Key/Resource
    stack.stream.stream.node.try_remove_child("Resource")
    kinesis.CfnStream(stack.stream.stream, "Resource", shard_count=1, retention_period_hours=168).apply_removal_policy(cdk.RemovalPolicy.RETAIN)  # Penstock-BaselineEncryption[StreamEncryption=none] Stream/Stream/Resource
    cfn(stack.queues["Two"].queue.node.find_child("Policy")).cfn_options.condition = cdk.CfnCondition(stack, "Never", expression=cdk.Fn.condition_equals("a", "b"))  # Penstock-BaselineEncryption[TlsAlone=off] QueueTwo/Queue/Resource
    cfn(stack.backups.vault).add_property_deletion_override("EncryptionKeyArn")  # Penstock-BaselineEncryption[EncryptionKeyArn=aws-key] Backups/Vault/Resource


def weakens_retention(stack: Stores, environment: Environment) -> None:
    """Five ways and more."""
    stack.buckets["One"].bucket.add_lifecycle_rule(expiration=cdk.Duration.days(1))  # Penstock-BaselineRetention[ExpirationInDays=1] BucketOne/Bucket/Resource
    cfn(stack.logs["One"]).retention_in_days = 7  # Penstock-BaselineRetention[RetentionInDays=7] LogsOne/Resource
    cfn(stack.logs["Two"]).add_property_override("RetentionInDays", {"Fn::If": ["Never", 365, 30]})  # Penstock-BaselineRetention[RetentionInDays=30] LogsTwo/Resource
    cdk.CfnCondition(stack, "Never", expression=cdk.Fn.condition_equals("a", "b"))
    cfn(stack.queues["One"].dead_letters.queue).add_property_deletion_override("MessageRetentionPeriod")  # Penstock-BaselineRetention[MessageRetentionPeriod=345600] QueueOne/DeadLetters/Queue/Resource
    cfn(stack.buckets["Two"].bucket).add_property_deletion_override("VersioningConfiguration")  # Penstock-BaselineRetention[VersioningConfiguration.Status=off] BucketTwo/Bucket/Resource
    logs.CfnLogGroup(stack, "Short", retention_in_days=90, kms_key_id=stack.key.key.key_arn)  # Penstock-BaselineRetention[RetentionInDays=90] Short
    stack.backups.node.try_remove_child("Selection")  # Penstock-BaselineRetention[Backup=none] TableOne/Table/Resource
    cdk.Aspects.of(stack).add(Each("LogsThree/Resource", RetentionInDays=1))  # Penstock-BaselineRetention[RetentionInDays=1] LogsThree/Resource
    cfn(stack.tables["Two"].table).time_to_live_specification = {"attributeName": "gone", "enabled": True}  # Penstock-BaselineRetention[TimeToLiveSpecification.Enabled=on] TableTwo/Table/Resource
    cfn(stack.backups.node.find_child("Plan")).add_property_override("BackupPlan.BackupPlanRule.1.Lifecycle.DeleteAfterDays", 40)  # Penstock-BaselineRetention[Monthly.DeleteAfterDays=40] Backups/Plan/Resource
    cfn(stack.stream.stream).retention_period_hours = 24  # Penstock-StreamRetention Stream/Stream/Resource


def opens_to_the_public(stack: Runs, environment: Environment) -> None:
    """Five ways and more."""
    stack.functions["One"].add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)  # Penstock-BaselinePublicAccess[AuthType=on] FunctionOne/FunctionUrl/Resource
    stack.alarms.topic.grant_publish(iam.AnyPrincipal())  # Penstock-BaselinePublicAccess[sns:Publish=open] Alarms/Topic/Policy/Resource
    cfn(stack.bucket.bucket).add_property_override("PublicAccessBlockConfiguration.BlockPublicPolicy", False)  # Penstock-BaselinePublicAccess[PublicAccessBlockConfiguration=3-of-4] Bucket/Bucket/Resource
    cfn(stack.bucket.node.find_child("AccessLogs")).add_property_deletion_override("PublicAccessBlockConfiguration")  # Penstock-BaselinePublicAccess[PublicAccessBlockConfiguration=0-of-4] Bucket/AccessLogs/Resource
    cfn(stack.method).add_property_override("AuthorizationType", "NONE")  # Penstock-BaselinePublicAccess[AuthorizationType=NONE] Api/Default/POST/Resource
    ec2.CfnSecurityGroupIngress(stack, "World", ip_protocol="tcp", group_id=stack.group.ref, cidr_ip="0.0.0.0/0")  # Penstock-BaselinePublicAccess[CidrIp=0.0.0.0/0] World
    lambda_.CfnPermission(stack, "Anybody", action="lambda:InvokeFunction", function_name="f", principal="*")  # Penstock-BaselinePublicAccess[Principal=open] Anybody
    stack.node.try_remove_child("Firewall")  # Penstock-BaselinePublicAccess[WebFirewall=off] Api/DeploymentStage.prod/Resource
    cdk.Aspects.of(stack).add(Each("Group", SecurityGroupIngress=[{"IpProtocol": "-1", "CidrIpv6": "::/0"}]))  # Penstock-BaselinePublicAccess[CidrIpv6=::/0] Group
    s3.CfnBucketPolicy(stack, "Shared", bucket="other", policy_document={"Statement": [{"Effect": "Allow", "Principal": {"AWS": {"Fn::If": ["Never", "arn:aws:iam::111111111111:root", "*"]}}, "Action": "s3:GetObject", "Resource": "*"}]})  # Penstock-BaselinePublicAccess[s3:GetObject=open] Shared
    cdk.CfnCondition(stack, "Never", expression=cdk.Fn.condition_equals("a", "b"))
    cfn(stack.key.key).add_property_override("KeyPolicy.Statement.0.Principal", "*")  # Penstock-BaselinePublicAccess[kms:*=open] Key/Key/Resource


def stops_tracing(stack: Runs, environment: Environment) -> None:
    """Five ways and more."""
    sfn.StateMachine(stack, "Dark", definition_body=sfn.DefinitionBody.from_string("{}"), role=Role(stack, "DarkRole", service="states.amazonaws.com"))  # Penstock-BaselineTracing[TracingConfiguration.Enabled=off] Dark/Resource
    cfn(stack.functions["One"]).tracing_config = {"mode": "PassThrough"}  # Penstock-BaselineTracing[TracingConfig.Mode=off] FunctionOne/Resource
    cfn(stack.api.deployment_stage).add_property_override("TracingEnabled", False)  # Penstock-BaselineTracing[TracingEnabled=off] Api/DeploymentStage.prod/Resource
    cfn(stack.workflow.state_machine).add_property_deletion_override("TracingConfiguration")  # Penstock-BaselineTracing[TracingConfiguration.Enabled=off] Workflow/StateMachine/Resource
    sampling(stack, "Nothing", 0)  # Penstock-BaselineTracing[SamplingRule=nothing] Nothing
    stack.node.find_child("FunctionTwoRole").node.try_remove_child("Granted")  # Penstock-BaselineTracing[MayWriteTraces=off] FunctionTwo/Resource
    cdk.Aspects.of(stack).add(Each("FunctionThree/Resource", **{"TracingConfig.Mode": "PassThrough"}))  # Penstock-BaselineTracing[TracingConfig.Mode=off] FunctionThree/Resource
    stack.functions["Four"].add_environment("POWERTOOLS_TRACE_DISABLED", "true")  # Penstock-BaselineTracing[Environment.Variables.POWERTOOLS_TRACE_DISABLED=on] FunctionFour/Resource
    cfn(stack.functions["Five"]).override_logical_id("Renamed")
    cfn(stack.functions["Five"]).add_property_deletion_override("TracingConfig")  # Penstock-BaselineTracing[TracingConfig.Mode=off] FunctionFive/Resource


def lifts_deletion_guards(stack: Stores, environment: Environment) -> None:
    """Five ways and more."""
    stack.tables["One"].table.apply_removal_policy(cdk.RemovalPolicy.DESTROY)  # Penstock-Retained TableOne/Table/Resource
    cfn(stack.tables["Two"].table).deletion_protection_enabled = False  # Penstock-BaselineDeletionGuard[DeletionProtectionEnabled=off] TableTwo/Table/Resource
    cfn(stack.tables["Three"].table).add_property_override("PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled", "false")  # Penstock-BaselineDeletionGuard[PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled=off] TableThree/Table/Resource
    cfn(stack.tables["Four"].table).add_property_deletion_override("PointInTimeRecoverySpecification")  # Penstock-BaselineDeletionGuard[PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled=off] TableFour/Table/Resource
    cfn(stack.logs["One"]).add_deletion_override("DeletionPolicy")  # Penstock-BaselineDeletionGuard[DeletionPolicy=left-out] LogsOne/Resource
    kms.CfnKey(stack, "Hasty", pending_window_in_days=7, enable_key_rotation=True, key_policy={}).apply_removal_policy(cdk.RemovalPolicy.RETAIN)  # Penstock-BaselineDeletionGuard[PendingWindowInDays=7] Hasty
    stack.node.try_remove_child("BucketThree")  # Penstock-BaselineDeletionGuard[DeletionPolicy=left-out] BucketThree/Bucket/Resource
    cdk.Aspects.of(stack).add(Each("TableFive/Table/Resource", DeletionProtectionEnabled=False))  # Penstock-BaselineDeletionGuard[DeletionProtectionEnabled=off] TableFive/Table/Resource
    cfn(stack.buckets["Two"].bucket).cfn_options.update_replace_policy = cdk.CfnDeletionPolicy.DELETE  # Penstock-Retained BucketTwo/Bucket/Resource
    backup.CfnBackupVault(stack, "Bare", backup_vault_name="bare", encryption_key_arn=stack.key.key.key_arn)  # Penstock-Retained Bare
    stack.termination_protection = False  # Penstock-BaselineDeletionGuard[TerminationProtection=off]


def lets_more_in(stack: Runs, environment: Environment) -> None:
    """By what stands, and does less than it did."""
    cfn_rules(stack.acl, managed(), one_country("Allow", 0))  # Penstock-BaselinePublicAccess[WebFirewall=weakened-f1b2bd3f] Acl
    stack.functions["One"].add_permission("Any", principal=iam.ServicePrincipal("s3.amazonaws.com"))  # Penstock-BaselinePublicAccess[Source=anybody's] FunctionOne/Any
    cdk.Aspects.of(stack).add(Each("Bucket/Bucket/Policy/Resource", **{"PolicyDocument.Statement.0.Resource": "arn:aws:s3:::other"}))  # Penstock-BaselineEncryption[TlsAlone=off] Bucket/Bucket/Resource
    s3.CfnBucketPolicy(stack, "Second", bucket=child(stack.bucket, "AccessLogs").bucket_name, policy_document={"Statement": []})  # Penstock-BaselinePublicAccess[Deny.s3:*=left-out] Second
    stack.alarms.topic.node.try_remove_child("Policy")  # Penstock-BaselineEncryption[TlsAlone=off] Alarms/Topic/Resource
    cfn(child(stack, "OperationsKey").key).add_property_deletion_override("KeyPolicy.Statement.1.Condition")  # Penstock-BaselinePublicAccess[Allow.kms:Decrypt,kms:DescribeKey,kms:Encrypt,kms:GenerateDataKey,kms:GenerateDataKeyWithoutPlaintext,kms:ReEncryptFrom,kms:ReEncryptTo=loosened-3067bb9c] OperationsKey/Key/Resource
    sns.CfnSubscription(stack, "Heard", protocol="http", topic_arn=stack.alarms.topic.topic_arn)  # Penstock-BaselineEncryption[Protocol=http] Heard
    child(stack, "FunctionTwoRole").add_to_principal_policy(iam.PolicyStatement(effect=iam.Effect.DENY, actions=["xray:*"], resources=["*"]))  # Penstock-BaselineTracing[MayWriteTraces=off] FunctionTwo/Resource
    cfn(child(stack, "FunctionThreeRole", "Granted")).add_property_override("PolicyDocument.Statement.0.Effect", {"Fn::If": ["Never", "Allow", "Deny"]})  # Penstock-BaselineTracing[MayWriteTraces=off] FunctionThree/Resource
    cdk.CfnCondition(stack, "Never", expression=cdk.Fn.condition_equals("a", "b"))


def hides_what_it_does(stack: Stores, environment: Environment) -> None:
    """Ways around a comparison of resources."""
    stack.add_transform("AWS::LanguageExtensions")  # Penstock-Unseen[Transform]
    cdk.CfnStack(stack, "Elsewhere", template_url="https://example.com/any.json")  # Penstock-Unseen[TemplateURL] Elsewhere
    cdk.CustomResource(stack, "Late", service_token="arn:aws:lambda:eu-west-1:111111111111:function:any")  # Penstock-Unseen[AWS::CloudFormation::CustomResource] Late/Default
    cfn(stack.queues["One"].queue).message_retention_period = 60
    cfn(stack.queues["One"].queue).add_override("Metadata.aws:cdk:path", "Pipeline/prod/stores/Other")  # Penstock-BaselineRetention[MessageRetentionPeriod=60] Other
    cfn(stack.logs["One"]).add_override("Type", "AWS::SSM::Parameter")  # Penstock-BaselineEncryption[KmsKeyId=left-out] LogsOne/Resource
    cfn(stack.backups.vault).add_property_deletion_override("LockConfiguration")  # Penstock-BaselineRetention[LockConfiguration.MinRetentionDays=0] Backups/Vault/Resource
    nested = cdk.NestedStack(stack, "Nested")
    logs.CfnLogGroup(nested, "Logs", retention_in_days=1, kms_key_id="arn:aws:kms:eu-west-1:111111111111:key/1")  # Penstock-BaselineRetention[RetentionInDays=1] Nested/Logs
    cfn(stack.buckets["One"].bucket.node.find_child("Policy")).add_property_override("PolicyDocument.Statement.0.Condition.Bool.aws:SecureTransport", "true")  # Penstock-BaselineEncryption[TlsAlone=off] BucketOne/Bucket/Resource
# fmt: on


def nearly_weakens_what_is_stored(stack: Stores, environment: Environment) -> None:
    """Changes beside the guards, and stronger ones."""
    other = Key(stack, "Other", environment=environment, description="Another key of its own")
    cfn(stack.queues["One"].queue).kms_master_key_id = other.key.key_arn
    cfn(stack.logs["One"]).retention_in_days = 400
    cfn(stack.logs["Two"]).add_property_deletion_override("RetentionInDays")
    cfn(stack.stream.stream).retention_period_hours = 200
    cfn(stack.tables["One"].table).billing_mode = "PROVISIONED"
    cfn(stack.tables["Two"].table).cfn_options.deletion_policy = cdk.CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE
    stack.buckets["One"].bucket.add_lifecycle_rule(
        transitions=[
            s3.Transition(storage_class=s3.StorageClass.INFREQUENT_ACCESS, transition_after=cdk.Duration.days(30))
        ]
    )
    stack.queues["Two"].node.try_remove_child("Age")
    sns.Topic(stack, "More", master_key=other.key, enforce_ssl=True)
    sqs.Queue(
        stack, "Fine", encryption_master_key=other.key, enforce_ssl=True, retention_period=cdk.Duration.minutes(5)
    )


def nearly_weakens_what_runs(stack: Runs, environment: Environment) -> None:
    """Narrow permissions, private networks, other tags."""
    stack.functions["One"].add_function_url(auth_type=lambda_.FunctionUrlAuthType.AWS_IAM)
    stack.functions["Two"].add_environment("POWERTOOLS_TRACE_DISABLED", "false")
    lambda_.CfnPermission(
        stack,
        "Mine",
        action="lambda:InvokeFunction",
        function_name="f",
        principal="*",
        principal_org_id="o-1",
    )
    stack.alarms.topic.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["sns:Publish"],
            principals=[iam.AnyPrincipal()],
            resources=[stack.alarms.topic.topic_arn],
            conditions={"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
        )
    )
    ec2.CfnSecurityGroupIngress(stack, "Inside", ip_protocol="tcp", group_id=stack.group.ref, cidr_ip="10.0.0.0/8")
    sampling(stack, "Some", 1)
    cfn_rules(stack.acl, managed(3), one_country("Block", 0))
    stack.bucket.bucket.add_to_resource_policy(
        iam.PolicyStatement(
            effect=iam.Effect.DENY,
            actions=["s3:DeleteObject"],
            principals=[iam.AnyPrincipal()],
            resources=[stack.bucket.bucket.arn_for_objects("*")],
        )
    )
    stack.functions["Three"].add_permission(
        "Mine", principal=iam.ServicePrincipal("s3.amazonaws.com"), source_arn=stack.bucket.bucket.bucket_arn
    )
    child(stack, "FunctionFourRole").add_to_principal_policy(
        iam.PolicyStatement(effect=iam.Effect.DENY, actions=["s3:*"], resources=["*"])
    )
    cdk.Tags.of(stack).add("cost", "shared")
    cfn(stack.api.deployment_stage).cache_cluster_enabled = False
