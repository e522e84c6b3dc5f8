"""What every `Api` of the library causes."""

from collections.abc import Iterator

from services.library.cloudformation.template import Resource
from services.library.guardrails.decisions.decision import Cause, Decision
from services.library.guardrails.decisions.grants import is_assumed_by

LOG_POLICY = "service-role/AmazonAPIGatewayPushToCloudWatchLogs"
STAGE = r".+/Api/DeploymentStage\.[^/]+/Resource"
ACCOUNT = "AWS::ApiGateway::Account"
SIGNED, SIGNED_IN, CUSTOM = "AWS_IAM", "COGNITO_USER_POOLS", "CUSTOM"
VERIFIES_TOKENS = "services.library.runtime.token_authorizer.handle"
WITHOUT_HTTP = frozenset({"AWS", "AWS_PROXY", "MOCK"})


def _is_signed(cause: Cause) -> bool:
    return cause.resource.properties.get("AuthorizationType") == SIGNED


def _asks_for_a_token(method: Resource, cause: Cause) -> bool:
    """Say whether the library's own function verifies a token before the method is called."""
    authorizer = cause.template.named_by(method.properties.get("AuthorizerId"))
    if method.properties.get("AuthorizationType") != CUSTOM or authorizer is None:
        return False
    match authorizer.properties:
        case {"Type": "TOKEN", "AuthorizerUri": {"Fn::Join": [_, [*parts]]}}:
            functions = [each for part in parts for each in _functions(part, cause)]
            return [each.properties.get("Handler") for each in functions] == [VERIFIES_TOKENS]
    return False


def _functions(named: object, cause: Cause) -> Iterator[Resource]:
    """Yield the function whose ARN, or whose alias, a value is."""
    found = cause.template.named_by(named)
    if found is not None and found.type == "AWS::Lambda::Alias":
        found = cause.template.named_by(found.properties.get("FunctionName"))
    if found is not None and found.type == "AWS::Lambda::Function":
        yield found


def _is_the_accounts_log_role(cause: Cause) -> bool:
    """Say whether the account's settings name it, API Gateway alone assumes it, and it can do nothing else."""
    role = cause.resource
    policies = cause.beside("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy")
    policy = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, f":iam::aws:policy/{LOG_POLICY}"]]}
    return (
        role.properties.get("ManagedPolicyArns") == [policy]
        and "Policies" not in role.properties
        and is_assumed_by(role, "apigateway.amazonaws.com")
        and not any(cause.names_it(named) for each in policies for named in _roles(each))
        and any(cause.names_it(each.properties.get("CloudWatchRoleArn")) for each in cause.beside(ACCOUNT))
    )


def _roles(policy: Resource) -> Iterator[object]:
    roles = policy.properties.get("Roles", [policy.properties.get("RoleName")])
    yield from roles if isinstance(roles, list) else [roles]


def _caches_nothing(cause: Cause) -> bool:
    properties = cause.resource.properties
    settings = properties.get("MethodSettings", [])
    return (
        properties.get("CacheClusterEnabled", False) is False
        and isinstance(settings, list)
        and all(isinstance(each, dict) and each.get("CachingEnabled", False) is False for each in settings)
    )


def _methods(cause: Cause) -> list[Resource]:
    """List the methods of the stage's API; none if the API is also made by a document."""
    api = cause.template.named_by(cause.resource.properties.get("RestApiId"))
    if api is None or {"Body", "BodyS3Location"} & api.properties.keys():
        return []
    return [
        each
        for each in cause.beside("AWS::ApiGateway::Method")
        if cause.template.named_by(each.properties.get("RestApiId")) == api
    ]


def _has_no_http_backend(cause: Cause) -> bool:
    methods = _methods(cause)
    integrations = [each.properties.get("Integration") for each in methods]
    return bool(methods) and all(isinstance(each, dict) and each.get("Type") in WITHOUT_HTTP for each in integrations)


def _asks_who_calls(method: Resource, cause: Cause) -> bool:
    """Say whether a method lets nobody in unasked; a browser's question before a call is answered by nobody's code."""
    properties = method.properties
    if properties.get("AuthorizationType") in (SIGNED, SIGNED_IN) or _asks_for_a_token(method, cause):
        return True
    match properties.get("Integration"):
        case {"Type": "MOCK"}:
            return properties.get("HttpMethod") == "OPTIONS"
    return False


def _asks_who_calls_in_a_tier_without_firewall(cause: Cause) -> bool:
    methods = _methods(cause)
    return (
        cause.place.tier is not None
        and not cause.place.tier.web_firewall
        and bool(methods)
        and all(_asks_who_calls(each, cause) for each in methods)
    )


DECISIONS = (
    Decision(
        construct="Api",
        path=r".+/Api/.+/Resource",
        rules=("AwsSolutions-COG4",),
        holds=_is_signed,
        reason="Callers are systems that sign with their AWS identities, which the method asks for; no person of a user"
        " pool signs in.",
    ),
    Decision(
        construct="Api",
        path=r".+/Api/.+/Resource",
        rules=("AwsSolutions-COG4",),
        holds=lambda cause: _asks_for_a_token(cause.resource, cause),
        reason="People sign in with another issuer than Cognito, whose tokens a function of the library verifies before"
        " the method is called.",
    ),
    Decision(
        construct="Api",
        path=r".+/Api/CloudWatchRole/Resource",
        rules=(f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{LOG_POLICY}]",),
        holds=_is_the_accounts_log_role,
        reason="AWS keeps this policy for exactly this role of an account: API Gateway writes the logs of its APIs with"
        " it, and can do nothing else.",
    ),
    Decision(
        construct="Api",
        path=STAGE,
        rules=("HIPAA.Security-APIGWCacheEnabledAndEncrypted",),
        holds=_caches_nothing,
        reason="Nothing is cached: a cache would keep what people sent and were answered beside the store that is"
        " guarded, and answer with versions that are gone.",
    ),
    Decision(
        construct="Api",
        path=STAGE,
        rules=("HIPAA.Security-APIGWSSLEnabled",),
        holds=_has_no_http_backend,
        reason="A client certificate proves API Gateway to an HTTP backend; behind this API are AWS services alone,"
        " which it calls with a role.",
    ),
    Decision(
        construct="Api",
        path=STAGE,
        rules=("AwsSolutions-APIG3",),
        holds=_asks_who_calls_in_a_tier_without_firewall,
        reason="Every method asks for an AWS signature or a verified token, and this tier asks for no web firewall:"
        " its data are invented. Where a tier asks for one, the construct has it.",
    ),
)
