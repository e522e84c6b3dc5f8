"""Which CloudFormation resource types the local cloud takes, and what it does with each. All others fail a template."""

EMULATED: frozenset[str] = frozenset(
    f"AWS::{service}::{name}"
    for service, names in {
        "ApiGateway": (
            "Account ApiKey Authorizer BasePathMapping Deployment DomainName GatewayResponse Method Model "
            "RequestValidator Resource RestApi Stage UsagePlan UsagePlanKey"
        ),
        "CloudFormation": "CustomResource Stack WaitCondition WaitConditionHandle",
        "CloudWatch": "Alarm CompositeAlarm Dashboard",
        "CodeBuild": "Project",
        "CodeCommit": "Repository",
        "CodeDeploy": "Application DeploymentConfig DeploymentGroup",
        "CodeConnections": "Connection",
        "CodePipeline": "Pipeline Webhook",
        "CodeStarConnections": "Connection",
        "DynamoDB": "GlobalTable Table",
        "ECR": "Repository",
        "Events": "EventBus EventBusPolicy Rule",
        "HealthLake": "FHIRDatastore",
        "IAM": "InstanceProfile ManagedPolicy Policy Role User",
        "KMS": "Alias Key",
        "Kinesis": "Stream StreamConsumer",
        "Lambda": (
            "Alias EventInvokeConfig EventSourceMapping Function LayerVersion LayerVersionPermission Permission Url "
            "Version"
        ),
        "Logs": "LogGroup LogStream MetricFilter ResourcePolicy SubscriptionFilter",
        "Pipes": "Pipe",
        "S3": "Bucket BucketPolicy",
        "SNS": "Subscription Topic TopicPolicy",
        "SQS": "Queue QueuePolicy",
        "SSM": "Parameter",
        "Scheduler": "Schedule ScheduleGroup",
        "SecretsManager": "RotationSchedule Secret",
        "StepFunctions": "StateMachine StateMachineAlias StateMachineVersion",
    }.items()
    for name in names.split()
)
"""Deployed and working, as far as each service's `__init__.py` says. (`Custom::` types call their function.)"""

ACCEPTED_ONLY: dict[str, str] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "nothing is scaled",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "nothing is scaled",
    "AWS::Backup::BackupPlan": "nothing is backed up",
    "AWS::Backup::BackupSelection": "nothing is backed up",
    "AWS::Backup::BackupVault": "nothing is backed up",
    "AWS::Budgets::Budget": "nothing is billed",
    "AWS::CDK::Metadata": "says which CDK made the template",
    "AWS::Chatbot::SlackChannelConfiguration": "nobody is notified",
    "AWS::CloudTrail::Trail": "no trail is written",
    "AWS::CodeStarNotifications::NotificationRule": "nobody is notified",
    "AWS::EC2::SecurityGroup": "there is no network but loopback",
    "AWS::EC2::Subnet": "there is no network but loopback",
    "AWS::EC2::VPC": "there is no network but loopback",
    "AWS::EC2::VPCEndpoint": "there is no network but loopback",
    "AWS::Events::Archive": "events are not kept",
    "AWS::IAM::RolePolicy": "IAM is not enforced",
    "AWS::IAM::ServiceLinkedRole": "IAM is not enforced",
    "AWS::Kinesis::ResourcePolicy": "IAM is not enforced",
    "AWS::Lambda::CodeSigningConfig": "signatures are not checked",
    "AWS::Logs::QueryDefinition": "a saved query for the console",
    "AWS::ResourceGroups::Group": "a view for the console",
    "AWS::SNS::TopicInlinePolicy": "IAM is not enforced",
    "AWS::SQS::QueueInlinePolicy": "IAM is not enforced",
    "AWS::SSM::Document": "is never run",
    "AWS::SecretsManager::ResourcePolicy": "IAM is not enforced",
    "AWS::Synthetics::Canary": "never runs",
    "AWS::WAFv2::LoggingConfiguration": "nothing is blocked, and nothing logged",
    "AWS::WAFv2::WebACL": "nothing is blocked",
    "AWS::WAFv2::WebACLAssociation": "nothing is blocked",
    "AWS::XRay::Group": "traces are not kept",
    "AWS::XRay::SamplingRule": "traces are not kept",
}
"""A record with a plausible Ref and plausible attributes, and why nothing happens. Its properties are still checked."""


def supported(type_name: str) -> bool:
    """Tell whether a template may contain this type."""
    return type_name in EMULATED or type_name in ACCEPTED_ONLY or type_name.startswith("Custom::")
