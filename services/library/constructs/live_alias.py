"""The alias by which a function is called where its traffic is shifted from version to version."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.role import Role
from services.library.contract.release import AllAtOnce, Canary, Linear, ReleaseAlarms, Traffic

NAME = "live"
PLATFORM = "Lambda"
ROLLBACK_EVENTS = ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST")
"""All of them: a deployment that a person stops would leave the alias with two versions, and the next one would fail.
https://docs.aws.amazon.com/codedeploy/latest/userguide/troubleshooting-deployments-lambda.html"""


class TrafficShifting(Construct):
    """What a stack has once for all of its aliases: CodeDeploy's application, how fast it shifts, and its role."""

    def __init__(self, scope: Construct, id_: str, *, traffic: Traffic) -> None:
        from aws_cdk import aws_codedeploy as codedeploy  # noqa: PLC0415 - an import that few services need to wait for

        super().__init__(scope, id_)
        self.application = codedeploy.CfnApplication(self, "Application", compute_platform=PLATFORM)
        # Not the managed policy that the CDK would attach: it may change every alias of the account.
        self.role = Role(self, "Role", service="codedeploy.amazonaws.com")
        self.configuration_name = _predefined(traffic) or self._configuration(traffic)

    @classmethod
    def of(cls, scope: Construct, *, traffic: Traffic) -> "TrafficShifting":
        """Return the stack's own, made when the first alias asks for it."""
        stack = cdk.Stack.of(scope)
        found = stack.node.try_find_child("TrafficShifting")
        return found if isinstance(found, cls) else cls(stack, "TrafficShifting", traffic=traffic)

    def _configuration(self, traffic: Traffic) -> str:
        from aws_cdk import aws_codedeploy as codedeploy  # noqa: PLC0415 - as above

        kinds = codedeploy.CfnDeploymentConfig
        match traffic:
            case Canary(percent=percent, minutes=minutes):
                canary = kinds.TimeBasedCanaryProperty(canary_percentage=percent, canary_interval=minutes)
                routing = kinds.TrafficRoutingConfigProperty(type="TimeBasedCanary", time_based_canary=canary)
            case Linear(percent=percent, minutes=minutes):
                linear = kinds.TimeBasedLinearProperty(linear_percentage=percent, linear_interval=minutes)
                routing = kinds.TrafficRoutingConfigProperty(type="TimeBasedLinear", time_based_linear=linear)
            case AllAtOnce():
                raise ValueError(f"{self.node.path}: {traffic!r} has a configuration in every account.")
        # None of its properties can be changed, so another speed is another resource.
        id_ = f"{type(traffic).__name__}{percent}Percent{minutes}Minutes"
        return kinds(self, id_, compute_platform=PLATFORM, traffic_routing_config=routing).ref


class LiveAlias(Construct):
    """The alias `live`: CodeDeploy moves it to a new version step by step, and back when that version fails."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        function: lambda_.Function,
        traffic: Traffic,
        alarms_to: NotificationTopic,
    ) -> None:
        from aws_cdk import aws_codedeploy as codedeploy  # noqa: PLC0415 - as above

        super().__init__(scope, id_)
        shifting = TrafficShifting.of(self, traffic=traffic)
        self.alias = lambda_.Alias(self, "Alias", alias_name=NAME, version=function.current_version)
        self.failures = alarms_to.add_rate_alarm(
            self,
            "Failures",
            expression="100 * failures / requests",
            metrics={
                "failures": _of_new_version(function, "Errors"),
                "requests": _of_new_version(function, "Invocations"),
            },
            percent=ReleaseAlarms().error_percent,
        )
        group = codedeploy.CfnDeploymentGroup(
            self,
            "Group",
            application_name=shifting.application.ref,
            deployment_config_name=shifting.configuration_name,
            service_role_arn=shifting.role.role_arn,
            deployment_style=codedeploy.CfnDeploymentGroup.DeploymentStyleProperty(
                deployment_type="BLUE_GREEN", deployment_option="WITH_TRAFFIC_CONTROL"
            ),
            alarm_configuration=codedeploy.CfnDeploymentGroup.AlarmConfigurationProperty(
                enabled=True,
                alarms=[codedeploy.CfnDeploymentGroup.AlarmProperty(name=self.failures.alarm_name)],
            ),
            auto_rollback_configuration=codedeploy.CfnDeploymentGroup.AutoRollbackConfigurationProperty(
                enabled=True, events=list(ROLLBACK_EVENTS)
            ),
        )
        self._grant(shifting.role, function)
        group.node.add_dependency(shifting.role)
        made = self.alias.node.default_child
        assert isinstance(made, lambda_.CfnAlias)  # noqa: S101 - what every Alias is made of
        made.cfn_options.update_policy = cdk.CfnUpdatePolicy(
            code_deploy_lambda_alias_update=cdk.CfnCodeDeployLambdaAliasUpdate(
                application_name=shifting.application.ref, deployment_group_name=group.ref
            )
        )
        made.node.add_dependency(group)

    def _grant(self, role: Role, function: lambda_.Function) -> None:
        """Grant what CodeDeploy does for this alias. By its name: the alias itself comes after the group.

        https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCodeDeployRoleForLambdaLimited.html
        """
        arn = function.function_arn
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"],
                resources=[arn, f"{arn}:{NAME}"],
            )
        )
        role.add_to_principal_policy(
            iam.PolicyStatement(actions=["cloudwatch:DescribeAlarms"], resources=[self.failures.alarm_arn])
        )


def _predefined(traffic: Traffic) -> str | None:
    """Return the name of the configuration that every account has for this; None if there is none.

    https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
    """
    match traffic:
        case AllAtOnce():
            return "CodeDeployDefault.LambdaAllAtOnce"
        case Canary(percent=10, minutes=5 | 10 | 15 | 30 as minutes):
            return f"CodeDeployDefault.LambdaCanary10Percent{minutes}Minutes"
        case Linear(percent=10, minutes=1):
            return "CodeDeployDefault.LambdaLinear10PercentEvery1Minute"
        case Linear(percent=10, minutes=2 | 3 | 10 as minutes):
            return f"CodeDeployDefault.LambdaLinear10PercentEvery{minutes}Minutes"
    return None


def _of_new_version(function: lambda_.Function, metric_name: str) -> cloudwatch.Metric:
    """Return a metric of the new version's share alone: in all of the traffic a canary's failures would be few."""
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name=metric_name,
        statistic="Sum",
        period=cdk.Duration.minutes(1),
        dimensions_map={
            "FunctionName": function.function_name,
            "Resource": f"{function.function_name}:{NAME}",
            "ExecutedVersion": function.current_version.version,
        },
    )
