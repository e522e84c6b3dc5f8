"""The base of every REST API: authentication, validation, throttling, logs, alarms and error responses."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from constructs import Construct

from services.library.constructs.log_group import LogGroup
from services.library.constructs.mappings.integration import IntegrationResponse
from services.library.constructs.mappings.problem import PAYLOAD_LIMIT_BYTES, gateway_responses
from services.library.constructs.mappings.request_name import ANYBODY, IAM_CALLER, IDEMPOTENCY_HEADER
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.role import Role
from services.library.constructs.web_firewall import WebFirewall
from services.library.contract import defaults
from services.library.contract.constraints import Between
from services.library.contract.environment import Environment

RateLimit = Annotated[int, Between(1, 10_000, "API Gateway's own limit for a region")]
BurstLimit = Annotated[int, Between(1, 5_000, "API Gateway's own limit for a region")]
"""A service's settings for `ApiSettings.rate_limit` and `burst_limit`."""
JSON = "application/json"
STAGE = "v1"
LONGEST_SECONDS = 29
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"""
ACCESS_LOG = {
    "requestId": "$context.requestId",
    "method": "$context.httpMethod",
    "path": "$context.resourcePath",
    "status": "$context.status",
    "milliseconds": "$context.responseLatency",
    "integrationStatus": "$context.integration.status",
    "trace": "$context.xrayTraceId",
}
"""Fields of the access log: no caller, no address, no payload."""


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """Settings of an API."""

    rate_limit: int
    """Requests a second, for all callers together."""
    burst_limit: int
    """Requests at once."""
    body_schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "object"})
    """JSON schema (draft 4) of a payload; any object unless the service states more."""
    body_refusal: str = ""
    """What a caller is told of a payload that the schema refuses; unless the service says more, that it is invalid."""
    payload_limit_bytes: int = PAYLOAD_LIMIT_BYTES
    """What is larger is refused before a workflow is started. Leave room for what that adds to its input."""
    open_to: str = ""
    """Empty asks every caller for an IAM signature. Otherwise nobody is asked, and this says who is let in and why."""
    timeout: cdk.Duration = field(default_factory=lambda: cdk.Duration.seconds(LONGEST_SECONDS))
    """The longest that a caller waits."""
    slow: cdk.Duration = field(default_factory=lambda: cdk.Duration.seconds(5))
    """The 99th percentile of answers that raises an alarm."""

    def __post_init__(self) -> None:
        for name, value in (("rate_limit", self.rate_limit), ("burst_limit", self.burst_limit)):
            if value < 1:
                raise ValueError(
                    f"ApiSettings: {name}={value} is not allowed; give 1 or more: at 0 API Gateway refuses every"
                    " request, and to take an API away is a change of its own."
                )
        if not 1 <= self.payload_limit_bytes <= PAYLOAD_LIMIT_BYTES:
            raise ValueError(
                f"ApiSettings: payload_limit_bytes={self.payload_limit_bytes} is not allowed; give 1 to"
                f" {PAYLOAD_LIMIT_BYTES}: no workflow takes a larger input."
            )
        if self.open_to and len(self.open_to.split()) < 4:
            raise ValueError(
                f"ApiSettings: open_to={self.open_to!r} is not allowed; leave it empty for IAM signatures, or say in a"
                " sentence who is let in without any and why that is right: it is what a reviewer judges."
            )
        if not 1 <= (seconds := self.timeout.to_seconds()) <= LONGEST_SECONDS:
            raise ValueError(
                f"ApiSettings: timeout={seconds:g} s is not allowed; give 1 to {LONGEST_SECONDS} s: API Gateway"
                " ends a request then, and its caller never learns what became of it."
            )

    def require_shorter(self, setting: str, seconds: float, *, what: str) -> None:
        """Raise ValueError if `what` is behind the API may take as long as the API waits for it."""
        if seconds >= (timeout := self.timeout.to_seconds()):
            raise ValueError(
                f"{setting}={seconds:g} s is not allowed; give less than the API's timeout ({timeout:g} s): the caller"
                f" would be told of a timeout while the {what}."
            )

    @property
    def identity(self) -> str:
        """Return the Velocity expression of the caller that an idempotency key belongs to."""
        return ANYBODY if self.open_to else IAM_CALLER


class Api(Construct):
    """Signed requests, validated payloads, throttling, logs, traces, alarms, and error responses of one format."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        settings: ApiSettings,
        alarms_to: NotificationTopic,
        description: str,
    ) -> None:
        super().__init__(scope, id_)
        self.settings = settings
        tier = defaults.for_environment(environment)
        access_logs = LogGroup(self, "AccessLogs", environment=environment)
        self.rest_api = apigateway.RestApi(
            self,
            "Api",
            description=f"{description}. Open to: {settings.open_to}" if settings.open_to else description,
            # API Gateway writes no log in an account and region whose settings name no role for it. The setting is one
            # for all APIs there, so it stays when the stack that set it goes; and a branch leaves it alone.
            cloud_watch_role=not environment.prefix,
            cloud_watch_role_removal_policy=None if environment.prefix else cdk.RemovalPolicy.RETAIN,
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            default_method_options=apigateway.MethodOptions(
                authorization_type=apigateway.AuthorizationType.NONE
                if settings.open_to
                else apigateway.AuthorizationType.IAM
            ),
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE,
                access_log_destination=apigateway.LogGroupLogDestination(access_logs),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(ACCESS_LOG)),
                # Execution logs would hold payloads; access logs and traces say enough.
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,
                metrics_enabled=True,
                tracing_enabled=True,
                throttling_rate_limit=settings.rate_limit,
                throttling_burst_limit=settings.burst_limit,
            ),
        )
        if environment.prefix:
            self._keep_execution_logs(environment)
        self.validator = self.rest_api.add_request_validator(
            "Validator", validate_request_body=True, validate_request_parameters=True
        )
        self._add_gateway_responses()
        self._alarm(alarms_to)
        if tier.web_firewall:
            WebFirewall(self, "Firewall", environment=environment, stage_arn=self.rest_api.deployment_stage.stage_arn)

    @property
    def url(self) -> str:
        """Return the URL of the API's stage."""
        return self.rest_api.url

    @property
    def cfn(self) -> apigateway.CfnRestApi:
        """Return the CloudFormation resource of the API, for overrides."""
        api = self.rest_api.node.default_child
        assert isinstance(api, apigateway.CfnRestApi)  # noqa: S101 - what every RestApi is made of
        return api

    def model(self, name: str, schema: Mapping[str, Any]) -> dict[str, apigateway.IModel]:
        """Return the request models of a method whose payload has this JSON schema."""
        return {JSON: self.rest_api.add_model(name, content_type=JSON, schema=_json_schema(schema))}

    def post(
        self,
        integration: apigateway.Integration,
        *,
        statuses: Sequence[int] = (),
        at: apigateway.IResource | None = None,
        models: Mapping[str, apigateway.IModel] | None = None,
    ) -> apigateway.Method:
        """Add a POST method with a validated payload; `statuses` are those that the mapping templates respond with."""
        headers = {"method.response.header.Content-Type": True, "method.response.header.Retry-After": True}
        return (at or self.rest_api.root).add_method(
            "POST",
            integration,
            request_models=models or self.model("Body", self.settings.body_schema),
            request_validator=self.validator,
            request_parameters={f"method.request.header.{IDEMPOTENCY_HEADER}": False},
            method_responses=[
                apigateway.MethodResponse(status_code=str(status), response_parameters=headers) for status in statuses
            ],
        )

    def post_to_service(
        self,
        service: str,
        *,
        grant: Callable[[iam.IGrantable], object],
        template: str,
        responses: Sequence[IntegrationResponse],
        statuses: Sequence[int],
        action: str | None = None,
        path: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> apigateway.Method:
        """Add a POST method that API Gateway maps to a call of an AWS service, with a role that `grant` permits."""
        role = Role(self, "Caller", service="apigateway.amazonaws.com")
        grant(role)
        parameters = {f"integration.request.header.{name}": f"'{value}'" for name, value in (headers or {}).items()}
        integration = apigateway.AwsIntegration(
            service=service,
            action=action,
            path=path,
            options=apigateway.IntegrationOptions(
                credentials_role=role,
                passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                request_parameters=parameters or None,
                request_templates={JSON: template},
                integration_responses=to_cdk(responses),
                timeout=self.settings.timeout,
            ),
        )
        return self.post(integration, statuses=statuses)

    def _keep_execution_logs(self, environment: Environment) -> None:
        """Make the log group that API Gateway would make at its first error, and that would outlive a branch."""
        name = f"API-Gateway-Execution-Logs_{self.rest_api.rest_api_id}/{STAGE}"
        self.rest_api.deployment_stage.node.add_dependency(
            LogGroup(self, "ExecutionLogs", environment=environment, name=name)
        )

    def _add_gateway_responses(self) -> None:
        """Give the errors of API Gateway itself the format of all others, with the request's id."""
        responses = gateway_responses(body_refusal=self.settings.body_refusal)
        for each in responses:
            self.rest_api.add_gateway_response(
                each.response_type,
                type=apigateway.ResponseType.of(each.response_type),
                status_code=None if each.status is None else str(each.status),
                templates={JSON: each.template},
            )
        # One call for all: each would take two to find, and this is most of what an API takes to synthesise.
        made = [each for each in self.rest_api.node.find_all() if isinstance(each, apigateway.CfnGatewayResponse)]
        for resource, each in zip(made, responses, strict=True):
            resource.response_parameters = each.parameters

    def _alarm(self, alarms_to: NotificationTopic) -> None:
        server, client = self.rest_api.metric_server_error, self.rest_api.metric_client_error
        self.server_errors = alarms_to.add_alarm(self, "ServerErrors", metric=server(statistic="Sum"))
        self.client_errors = alarms_to.add_alarm(
            self, "ClientErrors", metric=client(statistic="Sum"), threshold=100, minutes=5
        )
        self.slow_responses = alarms_to.add_alarm(
            self,
            "SlowAnswers",
            metric=self.rest_api.metric_latency(statistic="p99"),
            threshold=self.settings.slow.to_milliseconds(),
            minutes=5,
        )


def to_cdk(responses: Sequence[IntegrationResponse]) -> list[apigateway.IntegrationResponse]:
    """Return a mapping's integration responses as CDK values."""
    return [
        apigateway.IntegrationResponse(
            status_code=str(each.status),
            selection_pattern=each.pattern,
            response_templates={JSON: each.template},
            response_parameters=each.parameters,
        )
        for each in responses
    ]


def _json_schema(document: Mapping[str, Any]) -> apigateway.JsonSchema:
    """Return a JSON schema (draft 4) as the CDK's type, whose names are in snake case."""
    words: dict[str, Any] = {}
    for key, value in document.items():
        if key == "type":
            words[key] = apigateway.JsonSchemaType[str(value).upper()]
        elif key == "not":
            words["not_"] = _json_schema(value)
        elif key == "properties":
            words[key] = {name: _json_schema(nested) for name, nested in value.items()}
        else:
            words["".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in key)] = value
    return apigateway.JsonSchema(schema=apigateway.JsonSchemaVersion.DRAFT4, **words)
