"""An API that starts a workflow and answers at once, with no function in between."""

import json
from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from services.library import async_api_mapping as mapping
from services.library import defaults
from services.library.environment import Environment
from services.library.log_group import LogGroup
from services.library.notification_topic import NotificationTopic
from services.library.role import Role
from services.library.workflow import Workflow

JSON = "application/json"
STAGE = "v1"
ACCESS_LOG = {
    "requestId": "$context.requestId",
    "method": "$context.httpMethod",
    "path": "$context.resourcePath",
    "status": "$context.status",
    "milliseconds": "$context.responseLatency",
    "integrationStatus": "$context.integration.status",
    "trace": "$context.xrayTraceId",
}
"""No caller, no address, no payload."""


class AsyncApi(Construct):
    """POST / -> StartExecution: 202 with an id to track, or a problem that says what to do about it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        workflow: Workflow,
        body_schema: Mapping[str, Any],
        rate_limit: int,
        burst_limit: int,
        alarms_to: NotificationTopic,
    ) -> None:
        super().__init__(scope, id_)
        tier = defaults.for_environment(environment)
        access_logs = LogGroup(self, "AccessLogs", environment=environment)
        self.rest_api = apigateway.RestApi(
            self,
            "Api",
            description="Starts a workflow for each accepted request",
            # API Gateway writes no log in an account and region whose settings name no role for it. The setting is one
            # for all APIs there, so it stays when the stack that set it goes.
            cloud_watch_role=True,
            cloud_watch_role_removal_policy=cdk.RemovalPolicy.RETAIN,
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            default_method_options=apigateway.MethodOptions(authorization_type=apigateway.AuthorizationType.IAM),
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE,
                access_log_destination=apigateway.LogGroupLogDestination(access_logs),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(ACCESS_LOG)),
                # Execution logs would hold payloads; access logs and traces say enough.
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,
                metrics_enabled=True,
                tracing_enabled=True,
                throttling_rate_limit=rate_limit,
                throttling_burst_limit=burst_limit,
            ),
        )
        self._answer_problems_alike()
        self._add_method(workflow, body_schema)
        self._alarm(alarms_to)
        if tier.web_firewall:
            self._protect(environment)

    @property
    def url(self) -> str:
        """Where to POST."""
        return self.rest_api.url

    @property
    def cfn(self) -> apigateway.CfnRestApi:
        """The API as CloudFormation sees it, for overrides."""
        api = self.rest_api.node.default_child
        assert isinstance(api, apigateway.CfnRestApi)  # noqa: S101 - what every RestApi is made of
        return api

    def _answer_problems_alike(self) -> None:
        """Every refusal that API Gateway makes itself has the same shape as ours, with the request's id."""
        for answer in mapping.gateway_answers():
            response = self.rest_api.add_gateway_response(
                answer.response_type,
                type=apigateway.ResponseType.of(answer.response_type),
                status_code=None if answer.status is None else str(answer.status),
                templates={JSON: answer.template},
            )
            resource = response.node.default_child
            assert isinstance(resource, apigateway.CfnGatewayResponse)  # noqa: S101 - what it is made of
            resource.response_parameters = answer.parameters

    def _add_method(self, workflow: Workflow, body_schema: Mapping[str, Any]) -> None:
        role = Role(self, "Caller", service="apigateway.amazonaws.com")
        workflow.state_machine.grant_start_execution(role)
        integration = apigateway.AwsIntegration(
            service="states",
            action="StartExecution",
            options=apigateway.IntegrationOptions(
                credentials_role=role,
                passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                request_templates={JSON: mapping.request_template(workflow.state_machine.state_machine_arn)},
                integration_responses=[
                    apigateway.IntegrationResponse(
                        status_code=str(answer.status),
                        selection_pattern=answer.pattern,
                        response_templates={JSON: answer.template},
                        response_parameters=answer.parameters,
                    )
                    for answer in mapping.integration_answers()
                ],
                timeout=cdk.Duration.seconds(29),
            ),
        )
        self.rest_api.root.add_method(
            "POST",
            integration,
            request_models={JSON: self.rest_api.add_model("Body", content_type=JSON, schema=_json_schema(body_schema))},
            request_validator=self.rest_api.add_request_validator(
                "Validator", validate_request_body=True, validate_request_parameters=True
            ),
            request_parameters={f"method.request.header.{mapping.IDEMPOTENCY_HEADER}": False},
            method_responses=[
                apigateway.MethodResponse(
                    status_code=str(status),
                    response_parameters={
                        "method.response.header.Content-Type": True,
                        "method.response.header.Retry-After": True,
                    },
                )
                for status in mapping.answered_statuses()
            ],
        )

    def _alarm(self, alarms_to: NotificationTopic) -> None:
        minute = cdk.Duration.minutes(1)
        for name, metric, threshold in (
            ("ServerErrors", self.rest_api.metric_server_error(period=minute, statistic="Sum"), 1),
            ("ClientErrors", self.rest_api.metric_client_error(period=minute, statistic="Sum"), 100),
            ("SlowAnswers", self.rest_api.metric_latency(period=minute, statistic="p99"), 5_000),
        ):
            alarms_to.hear(
                cloudwatch.Alarm(
                    self,
                    name,
                    metric=metric,
                    threshold=threshold,
                    evaluation_periods=1 if name == "ServerErrors" else 5,
                    comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                    treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
                )
            )

    def _protect(self, environment: Environment) -> None:
        """A web ACL with AWS's managed rules, and a log of what it refused."""
        groups = ("AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet")
        acl = wafv2.CfnWebACL(
            self,
            "Firewall",
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visibility("Firewall"),
            rules=[
                wafv2.CfnWebACL.RuleProperty(
                    name=group,
                    priority=priority,
                    override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
                    statement=wafv2.CfnWebACL.StatementProperty(
                        managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                            vendor_name="AWS",
                            name=group,
                            # The rule set refuses bodies over 8 KB; ours may be up to 256 KB and are JSON by contract.
                            rule_action_overrides=[
                                wafv2.CfnWebACL.RuleActionOverrideProperty(
                                    name="SizeRestrictions_BODY",
                                    action_to_use=wafv2.CfnWebACL.RuleActionProperty(count={}),
                                )
                            ]
                            if group == groups[0]
                            else None,
                        )
                    ),
                    visibility_config=_visibility(group),
                )
                for priority, group in enumerate(groups)
            ],
        )
        wafv2.CfnWebACLAssociation(
            self,
            "FirewallAssociation",
            resource_arn=self.rest_api.deployment_stage.stage_arn,
            web_acl_arn=acl.attr_arn,
        )
        # WAF delivers to log groups of such names alone: the construct's own address makes it unique.
        log = LogGroup(
            self, "FirewallLogs", environment=environment, name=f"aws-waf-logs-{cdk.Names.unique_resource_name(self)}"
        )
        wafv2.CfnLoggingConfiguration(
            self,
            "FirewallLogging",
            resource_arn=acl.attr_arn,
            log_destination_configs=[
                # The group's own ARN ends in `:*`, which WAF does not take.
                cdk.Stack.of(self).format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name=log.log_group_name,
                    arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                )
            ],
            # What may name a person or let somebody act as one.
            redacted_fields=[
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": "authorization"}),
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(
                    single_header={"Name": mapping.IDEMPOTENCY_HEADER.lower()}
                ),
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(query_string={}),
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(uri_path={}),
            ],
        )


def _visibility(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        metric_name=name, cloud_watch_metrics_enabled=True, sampled_requests_enabled=False
    )


def _json_schema(document: Mapping[str, Any]) -> apigateway.JsonSchema:
    """A JSON schema (draft 4) as the CDK's own type, which is spelled in snake case."""
    words: dict[str, Any] = {}
    for key, value in document.items():
        if key == "type":
            words[key] = apigateway.JsonSchemaType[str(value).upper()]
        elif key == "properties":
            words[key] = {name: _json_schema(nested) for name, nested in value.items()}
        else:
            words["additional_properties" if key == "additionalProperties" else key] = value
    return apigateway.JsonSchema(schema=apigateway.JsonSchemaVersion.DRAFT4, **words)
