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
from services.library.constructs.mappings import cors
from services.library.constructs.mappings.body_schema import DIALECT, validate_schema
from services.library.constructs.mappings.integration import IntegrationResponse
from services.library.constructs.mappings.problem import PAYLOAD_LIMIT_BYTES, gateway_responses
from services.library.constructs.mappings.request_name import (
    ANYBODY,
    IAM_CALLER,
    IDEMPOTENCY_HEADER,
    ISSUER_CALLER,
    USER_POOL_CALLER,
)
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.role import Role
from services.library.constructs.token_authorizer import Issuer, TokenAuthorizer
from services.library.constructs.web_firewall import WebFirewall
from services.library.contract import defaults
from services.library.contract.constraints import Between, Matches, require_valid
from services.library.contract.environment import Environment

_LIMITED = "API Gateway's own limit for a region; at 0 it refuses every request"
RateLimit = Annotated[int, Between(1, 10_000, _LIMITED)]
BurstLimit = Annotated[int, Between(1, 5_000, _LIMITED)]
"""A service's settings for `ApiSettings.rate_limit` and `burst_limit`."""
JSON = "application/json"
STAGE = "v1"
LONGEST_SECONDS = 29
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"""
ORIGIN = Matches(
    r"\*|https://[a-z0-9.-]+(:\d{1,5})?|http://localhost(:\d{1,5})?",
    "an origin such as https://app.example.com, or * for pages of everybody's",
)
USER_POOL = Matches(
    r"arn:aws[a-z-]*:cognito-idp:[a-z0-9-]+:\d{12}:userpool/[A-Za-z0-9_-]+", "the whole ARN of a user pool of Cognito"
)
SCOPE = Matches(r"\S{1,256}", "the name of an OAuth scope")
CORS_HEADERS = (
    "Authorization",
    "Content-Type",
    IDEMPOTENCY_HEADER,
    "X-Amz-Content-Sha256",
    "X-Amz-Date",
    "X-Amz-Security-Token",
)
"""What a page of the origin may send beside what every page may: what signs a request, or says who signed in."""
CORS_MAX_AGE = cdk.Duration.hours(1)
"""How long a browser need not ask again."""
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

    rate_limit: RateLimit
    """Requests a second, for all callers together."""
    burst_limit: BurstLimit
    """Requests at once."""
    body_schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "object"})
    """JSON schema (draft 4) of a payload, as API Gateway gets it; any object unless the service states more."""
    body_refusal: str = ""
    """What a caller is told of a payload that the schema refuses; unless the service says more, that it is invalid."""
    payload_limit_bytes: int = PAYLOAD_LIMIT_BYTES
    """What is larger is refused before a workflow is started. Leave room for what that adds to its input."""
    open_to: str = ""
    """Empty asks every caller for an IAM signature. Otherwise nobody is asked, and this says who is let in and why."""
    user_pools: tuple[Annotated[str, USER_POOL], ...] = ()
    """User pools of Cognito whose people are let in by the token of a signed-in session, instead of IAM signatures."""
    issuer: Issuer | None = None
    """Who else than Cognito issues the tokens by which people are let in, instead of IAM signatures."""
    scopes: tuple[Annotated[str, SCOPE], ...] = ()
    """What a token must allow, one of these at least. Without any, user pools are asked for identity tokens, and an
    issuer's token is enough whatever it allows."""
    cors_origins: tuple[Annotated[str, ORIGIN], ...] = ()
    """The origins whose pages may call the API from a browser; none unless they are given."""
    timeout: cdk.Duration = field(default_factory=lambda: cdk.Duration.seconds(LONGEST_SECONDS))
    """The longest that a caller waits."""
    slow: cdk.Duration = field(default_factory=lambda: cdk.Duration.seconds(5))
    """The 99th percentile of answers that raises an alarm."""

    def __post_init__(self) -> None:
        require_valid(self)
        require_valid_schema("ApiSettings", self.body_schema)
        if not 1 <= self.payload_limit_bytes <= PAYLOAD_LIMIT_BYTES:
            raise ValueError(
                f"ApiSettings: payload_limit_bytes={self.payload_limit_bytes} is not allowed; give 1 to"
                f" {PAYLOAD_LIMIT_BYTES}: no workflow takes a larger input."
            )
        if self.open_to and len(self.open_to.split()) < 4:
            raise ValueError(
                f"ApiSettings: open_to={self.open_to!r} is not allowed; give nothing for IAM signatures, or say in a"
                " sentence who is let in without any and why that is right: it is what a reviewer judges."
            )
        self._require_one_way_in()
        if _is_ambiguous(self.cors_origins):
            raise ValueError(
                f"ApiSettings: cors_origins={self.cors_origins!r} is not allowed; give each origin once, and"
                f" {cors.ANY_ORIGIN} alone."
            )
        if not 1 <= (seconds := self.timeout.to_seconds(integral=False)) <= LONGEST_SECONDS:
            raise ValueError(
                f"ApiSettings: timeout={seconds:g} s is not allowed; give 1 to {LONGEST_SECONDS} s: API Gateway"
                " ends a request then, and its caller never learns what became of it."
            )
        if not 0 < (slow := self.slow.to_seconds(integral=False)) <= LONGEST_SECONDS:
            raise ValueError(
                f"ApiSettings: slow={slow:g} s is not allowed; give more than 0 s and at most {LONGEST_SECONDS} s: an"
                " alarm at 0 is always on, and one after the last answer never."
            )

    def _require_one_way_in(self) -> None:
        """Raise ValueError if it is not clear how a caller shows who it is."""
        if (self.user_pools or self.issuer) and self.open_to:
            raise ValueError(
                f"ApiSettings: open_to={self.open_to!r} is not allowed; give nothing beside user_pools or issuer: who"
                " signs in there is asked for a token."
            )
        if self.user_pools and self.issuer:
            raise ValueError(
                f"ApiSettings: user_pools={self.user_pools!r} is not allowed; give nothing beside issuer: a method of a"
                " REST API has one authorizer."
            )
        if self.scopes and not (self.user_pools or self.issuer):
            raise ValueError(
                f"ApiSettings: scopes={self.scopes!r} is not allowed; give user_pools or issuer with them: a signature"
                " has none."
            )

    def require_shorter(self, setting: str, seconds: float, *, what: str) -> None:
        """Raise ValueError if `what` is behind the API may take as long as the API waits for it."""
        if seconds >= (timeout := self.timeout.to_seconds(integral=False)):
            raise ValueError(
                f"{setting}={seconds:g} s is not allowed; give less than the API's timeout ({timeout:g} s): the caller"
                f" would be told of a timeout while the {what}."
            )

    def require_no_payload_limit(self, kind: str, why: str) -> None:
        """Raise ValueError if a limit is given to a kind of API that has another one."""
        if self.payload_limit_bytes != PAYLOAD_LIMIT_BYTES:
            raise ValueError(
                f"{kind}: payload_limit_bytes={self.payload_limit_bytes} is not allowed; give none, or a maxLength in"
                f" body_schema: {why}."
            )

    @property
    def identity(self) -> str:
        """Return the Velocity expression of the caller that an idempotency key belongs to."""
        if self.issuer:
            return ISSUER_CALLER
        if self.user_pools:
            return USER_POOL_CALLER
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
            default_method_options=self._authorization(environment, alarms_to),
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

    def answer_browsers(self, resource: apigateway.IResource, methods: Sequence[str]) -> None:
        """Let a browser ask whether a page of the settings' origins may call these methods; nobody's code answers."""
        origins = self.settings.cors_origins
        if not origins:
            return
        method = resource.add_cors_preflight(
            allow_origins=[origins[0]],
            allow_methods=list(methods),
            allow_headers=list(CORS_HEADERS),
            max_age=CORS_MAX_AGE,
        )
        if template := cors.origin_template(origins):
            made = method.node.default_child
            assert isinstance(made, apigateway.CfnMethod)  # noqa: S101 - what every Method is made of
            # Not the CDK's own template, which takes origins for patterns: a dot in one would match any sign.
            made.add_property_override("Integration.IntegrationResponses.0.ResponseTemplates", {JSON: template})
            self._deploy_with(origins=",".join(origins))

    def model(self, name: str, schema: Mapping[str, Any]) -> dict[str, apigateway.IModel]:
        """Return the request models of a method whose payload has this JSON schema."""
        require_valid_schema(f"{self.node.path}: {name}", schema)
        document = {"$schema": DIALECT, **schema}
        model = self.rest_api.add_model(name, content_type=JSON, schema=apigateway.JsonSchema())
        # The CDK's type of a schema has not all of draft 4, and renames what it has.
        made = model.node.default_child
        assert isinstance(made, apigateway.CfnModel)  # noqa: S101 - what every Model is made of
        made.schema = document
        self._deploy_with(**{name: json.dumps(document)})
        return {JSON: model}

    def post(
        self,
        integration: apigateway.Integration,
        *,
        statuses: Sequence[int] = (),
        at: apigateway.IResource | None = None,
        models: Mapping[str, apigateway.IModel] | None = None,
    ) -> apigateway.Method:
        """Add a POST method with a validated payload; `statuses` are those that the mapping templates respond with."""
        names = ["Content-Type", "Retry-After", *cors.answer_headers(self.settings.cors_origins)]
        headers = {f"method.response.header.{name}": True for name in names}
        resource = at or self.rest_api.root
        self.answer_browsers(resource, ["POST"])
        return resource.add_method(
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
                integration_responses=to_cdk(responses, self.settings),
                timeout=self.settings.timeout,
            ),
        )
        return self.post(integration, statuses=statuses)

    def _deploy_with(self, **what: str) -> None:
        """Have another value deploy the API anew: a stage serves what was deployed into it."""
        if deployment := self.rest_api.latest_deployment:
            deployment.add_to_logical_id(what)

    def _authorization(self, environment: Environment, alarms_to: NotificationTopic) -> apigateway.MethodOptions:
        """Return how a method asks who calls, unless it says otherwise."""
        if self.settings.issuer:
            tokens = TokenAuthorizer(
                self,
                "Tokens",
                environment=environment,
                issuer=self.settings.issuer,
                scopes=self.settings.scopes,
                alarms_to=alarms_to,
            )
            return apigateway.MethodOptions(
                authorization_type=apigateway.AuthorizationType.CUSTOM, authorizer=tokens.authorizer
            )
        if not self.settings.user_pools:
            is_open = bool(self.settings.open_to)
            kinds = apigateway.AuthorizationType
            return apigateway.MethodOptions(authorization_type=kinds.NONE if is_open else kinds.IAM)
        from aws_cdk import aws_cognito as cognito  # noqa: PLC0415 - an import that few services need to wait for

        pools = [
            cognito.UserPool.from_user_pool_arn(self, f"UserPool{number}", arn)
            for number, arn in enumerate(self.settings.user_pools)
        ]
        return apigateway.MethodOptions(
            authorization_type=apigateway.AuthorizationType.COGNITO,
            authorizer=apigateway.CognitoUserPoolsAuthorizer(self, "Authorizer", cognito_user_pools=pools),
            authorization_scopes=list(self.settings.scopes) or None,
        )

    def _keep_execution_logs(self, environment: Environment) -> None:
        """Make the log group that API Gateway would make at its first error, and that would outlive a branch."""
        name = f"API-Gateway-Execution-Logs_{self.rest_api.rest_api_id}/{STAGE}"
        self.rest_api.deployment_stage.node.add_dependency(
            LogGroup(self, "ExecutionLogs", environment=environment, name=name)
        )

    def _add_gateway_responses(self) -> None:
        """Give the errors of API Gateway itself the format of all others, with the request's id."""
        responses = gateway_responses(
            body_refusal=self.settings.body_refusal, asks_for_tokens=self.settings.issuer is not None
        )
        found = cors.gateway_headers(self.settings.cors_origins)
        allowed = {name: f"'{value}'" for name, value in found.items()}
        for each in responses:
            self.rest_api.add_gateway_response(
                each.response_type,
                type=apigateway.ResponseType.of(each.response_type),
                status_code=None if each.status is None else str(each.status),
                response_headers=each.headers | allowed,
                templates={JSON: each.template},
            )

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


def to_cdk(responses: Sequence[IntegrationResponse], settings: ApiSettings) -> list[apigateway.IntegrationResponse]:
    """Return a mapping's integration responses as CDK values, with what a browser asks for."""
    found = cors.answer_headers(settings.cors_origins)
    allowed = {f"method.response.header.{name}": f"'{value}'" for name, value in found.items()}
    template = cors.origin_template(settings.cors_origins)
    return [
        apigateway.IntegrationResponse(
            status_code=str(each.status),
            selection_pattern=each.pattern,
            response_templates={JSON: template + each.template},
            response_parameters=each.parameters | allowed,
        )
        for each in responses
    ]


def _is_ambiguous(origins: Sequence[str]) -> bool:
    return len(set(origins)) < len(origins) or (cors.ANY_ORIGIN in origins and len(origins) > 1)


def require_valid_schema(who: str, schema: Mapping[str, Any]) -> None:
    """Raise ValueError for the first part of a JSON schema that API Gateway would refuse or ignore."""
    for found in validate_schema(schema):
        raise ValueError(
            f"{who}: body_schema={found.given} at {found.path or '/'} is not allowed; give {found.allowed}."
        )
