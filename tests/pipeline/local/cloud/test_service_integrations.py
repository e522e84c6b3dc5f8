"""AWS service integrations of REST APIs beyond the async API's: other actions, and every kind of mapping."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pipeline.local.lifecycle import LocalCloud
from pipeline.local.permissions import denials
from tests.testbed.functions import Functions
from tests.testbed.roles import role as make_role

pytestmark = pytest.mark.cloud

ACCOUNT = "111111111111"
DEFINITION = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
MACHINE = "arn:aws:states:us-east-1:111111111111:stateMachine:integrated"
SYNC = f"""{{"stateMachineArn": "{MACHINE}", "input": "$util.escapeJavaScript($input.json('$.inner'))"}}"""
AUTHORIZER = """
    def handle(event, context):
        allow = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
        return {"principalId": "x", "policyDocument": {"Version": "2012-10-17", "Statement": [allow]}}
"""
_names = (f"integration-{number}" for number in itertools.count())
_http = httpx.Client(trust_env=False, timeout=60)

Call = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def role(cloud: LocalCloud) -> str:
    iam = cloud.client("iam")
    services = ["apigateway.amazonaws.com", "states.amazonaws.com"]
    trust = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}
    allowed = {"Effect": "Allow", "Action": "states:*", "Resource": "*"}
    name = next(_names)
    made = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName=name, PolicyName="states", PolicyDocument=policy)
    cloud.client("stepfunctions").create_state_machine(
        name="integrated", roleArn=made["Role"]["Arn"], definition=json.dumps(DEFINITION), type="EXPRESS"
    )
    return str(made["Role"]["Arn"])


@pytest.fixture
def api(cloud: LocalCloud, role: str) -> Callable[..., Call]:
    """Deploys one method without authorization, and answers a function that calls it."""

    def deploy(*, action: str, responses: list[dict[str, Any]], credentials: str = role, **integration: Any) -> Call:
        gateway = cloud.client("apigateway")
        api_id = gateway.create_rest_api(name=next(_names))["id"]
        (root,) = gateway.get_resources(restApiId=api_id)["items"]
        where = {"restApiId": api_id, "resourceId": root["id"], "httpMethod": "POST"}
        gateway.put_method(**where, authorizationType="NONE")
        gateway.put_integration(
            **where,
            type="AWS",
            integrationHttpMethod="POST",
            uri=f"arn:aws:apigateway:us-east-1:states:action/{action}",
            credentials=credentials,
            **integration,
        )
        for response in responses:
            gateway.put_method_response(**where, statusCode=response["statusCode"])
            gateway.put_integration_response(**where, **response)
        gateway.create_deployment(restApiId=api_id, stageName="v1", variables={"colour": "blue"})
        url = f"{cloud.endpoint}/_aws/execute-api/{api_id}/v1"

        def call(body: str = "{}", *, query: str = "", **headers: str) -> httpx.Response:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return _http.post(url + query, content=body, headers={"Content-Type": "application/json"} | named)

        return call

    return deploy


GOOD: dict[str, Any] = {"statusCode": "200", "selectionPattern": "200"}
DEFAULT: dict[str, Any] = {"statusCode": "500", "responseTemplates": {"application/json": '{"default": true}'}}


def test_a_synchronous_execution_is_answered_with_its_output(api: Callable[..., Call]) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html"""
    good = {
        "statusCode": "200",
        "selectionPattern": "200",
        "responseTemplates": {"application/json": "$input.path('$.status') $input.path('$.output')"},
    }
    call = api(action="StartSyncExecution", requestTemplates={"application/json": SYNC}, responses=[good, DEFAULT])
    response = call('{"inner": {"a": [1, "é"]}}')
    assert (response.status_code, response.text) == (200, 'SUCCEEDED {"a": [1, "\\u00e9"]}')


def test_headers_are_mapped_from_everywhere(api: Callable[..., Call]) -> None:
    """Mappings from the integration's body and headers, `$context`, stage variables and static values.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html
    """
    mapped = {
        "method.response.header.X-Static": "'yes'",
        "method.response.header.X-Status": "integration.response.body.status",
        "method.response.header.X-Type": "integration.response.header.Content-Type",
        "method.response.header.X-Stage": "context.stage",
        "method.response.header.X-Variable": "stageVariables.colour",
        "method.response.header.X-Absent": "integration.response.body.nothing",
    }
    good = {"statusCode": "201", "selectionPattern": r"2\d{2}", "responseParameters": mapped}
    call = api(action="StartSyncExecution", requestTemplates={"application/json": SYNC}, responses=[good, DEFAULT])
    response = call('{"inner": {}}')
    assert response.status_code == 201
    assert response.headers["x-static"] == "yes"
    assert response.headers["x-status"] == "SUCCEEDED"
    assert response.headers["x-type"].startswith("application/")
    assert response.headers["x-stage"] == "v1"
    assert response.headers["x-variable"] == "blue"
    assert "x-absent" not in response.headers


def test_the_template_of_the_accepted_type_is_used(api: Callable[..., Call]) -> None:
    templates = {"application/json": "json", "text/plain": "plain"}
    good = {"statusCode": "200", "selectionPattern": "200", "responseTemplates": templates}
    call = api(action="StartSyncExecution", requestTemplates={"application/json": SYNC}, responses=[good, DEFAULT])
    plain, other = call('{"inner": 1}', Accept="text/plain"), call('{"inner": 1}', Accept="image/png")
    assert (plain.text, plain.headers["content-type"]) == ("plain", "text/plain")
    assert (other.text, other.headers["content-type"]) == ("json", "application/json")


class TestPassthrough:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/integration-passthrough-behaviors.html"""

    REQUEST = json.dumps({"stateMachineArn": MACHINE, "input": "{}"})

    @pytest.mark.parametrize(
        ("behavior", "templates", "status"),
        [
            ("WHEN_NO_MATCH", {"text/plain": "x"}, 200),
            ("WHEN_NO_TEMPLATES", {"text/plain": "x"}, 415),
            ("WHEN_NO_TEMPLATES", {}, 200),
            ("NEVER", {"text/plain": "x"}, 415),
            ("NEVER", {}, 415),
        ],
    )
    def test_a_body_passes_as_its_behavior_says(
        self, api: Callable[..., Call], behavior: str, templates: dict[str, str], status: int
    ) -> None:
        call = api(
            action="StartSyncExecution",
            passthroughBehavior=behavior,
            requestTemplates=templates,
            responses=[GOOD, DEFAULT],
        )
        assert call(self.REQUEST).status_code == status


class TestFailures:
    def test_what_no_pattern_takes_is_the_default(self, api: Callable[..., Call]) -> None:
        template = {"application/json": '{"stateMachineArn": "arn:aws:states:us-east-1:1:x"}'}
        call = api(action="StartSyncExecution", requestTemplates=template, responses=[GOOD, DEFAULT])
        assert (call().status_code, call().json()) == (500, {"default": True})

    def test_a_pattern_matches_the_whole_status(self, api: Callable[..., Call]) -> None:
        template = {"application/json": '{"stateMachineArn": "arn:aws:states:us-east-1:1:x"}'}
        partial = {"statusCode": "404", "selectionPattern": "4"}
        call = api(action="StartSyncExecution", requestTemplates=template, responses=[GOOD, partial, DEFAULT])
        assert call().status_code == 500

    def test_without_a_default_it_is_a_500(self, api: Callable[..., Call]) -> None:
        template = {"application/json": '{"stateMachineArn": "arn:aws:states:us-east-1:1:x"}'}
        call = api(action="StartSyncExecution", requestTemplates=template, responses=[GOOD])
        assert call().status_code == 500

    def test_a_body_that_a_template_cannot_read_is_400(self, api: Callable[..., Call]) -> None:
        call = api(action="StartSyncExecution", requestTemplates={"application/json": SYNC}, responses=[GOOD])
        assert call("{").status_code == 400

    @pytest.mark.parametrize("template", ["#if(true)", "#set($x = )"])
    def test_a_broken_template_is_500(self, api: Callable[..., Call], template: str) -> None:
        call = api(action="StartSyncExecution", requestTemplates={"application/json": template}, responses=[GOOD])
        assert call().status_code == 500

    def test_a_response_that_overrides_twice_is_500(self, api: Callable[..., Call]) -> None:
        """ "If you try to override the same parameter multiple times, API Gateway returns a 5XX response."

        https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-override-request-response-parameters.html
        """
        status = "#set($context.responseOverride.status = 201)"
        good = GOOD | {"responseTemplates": {"application/json": status * 2}}
        call = api(action="StartSyncExecution", requestTemplates={"application/json": SYNC}, responses=[good])
        assert call('{"inner": 1}').status_code == 500

    @pytest.mark.parametrize("credentials", ["arn:aws:iam::111111111111:role/nobody", "arn:aws:iam::1:role/bad"])
    def test_a_role_that_the_gateway_cannot_assume_is_500(self, api: Callable[..., Call], credentials: str) -> None:
        call = api(
            action="StartSyncExecution",
            credentials=credentials,
            requestTemplates={"application/json": SYNC},
            responses=[GOOD],
        )
        assert call('{"inner": 1}').status_code == 500


@pytest.mark.parametrize(("account", "status"), [("222222222222", 500), (ACCOUNT, 200)])
def test_a_role_of_another_account_is_not_assumed(
    cloud: LocalCloud, api: Callable[..., Call], role: str, account: str, status: int
) -> None:
    """ "You can only use the PassRole permission to pass an IAM role to a service that shares the same AWS account."

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    del role  # with it comes the workflow
    trusting = make_role(cloud, next(_names), "apigateway.amazonaws.com", account=account)
    template = {"application/json": SYNC}
    call = api(action="StartSyncExecution", credentials=trusting, requestTemplates=template, responses=[GOOD])
    assert call('{"inner": 1}').status_code == status


def test_a_method_without_authorization_needs_the_apis_policy_if_there_is_one(
    cloud: LocalCloud, api: Callable[..., Call]
) -> None:
    """ "If the API has a resource policy, it must allow": an explicit Deny or no Allow denies everybody.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html
    """
    call = api(action="StartSyncExecution", requestTemplates={"application/json": SYNC}, responses=[GOOD])
    assert call('{"inner": 1}').status_code == 200
    gateway = cloud.client("apigateway")
    ours = [each for each in gateway.get_rest_apis(limit=500)["items"] if each["name"].startswith("integration-")]
    newest = max(ours, key=lambda each: int(each["name"].rpartition("-")[2]))["id"]
    of_policy = {"op": "replace", "path": "/policy"}
    allow = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    for network, status in (("127.0.0.1", 200), ("10.0.0.0/8", 403)):
        condition = {"IpAddress": {"aws:SourceIp": network}}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{**allow, "Condition": condition}]})
        gateway.update_rest_api(restApiId=newest, patchOperations=[{**of_policy, "value": policy}])
        assert call('{"inner": 1}').status_code == status
    assert any(each["who"] == "anonymous" and newest in each["resource"] for each in denials(cloud.port).found)


@pytest.mark.parametrize(("permitted", "status"), [(True, 200), (False, 500)])
def test_an_authorizer_needs_its_functions_policy(cloud: LocalCloud, permitted: bool, status: int) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html

    AUTHORIZER_CONFIGURATION_ERROR: 500, "The gateway response for failing to connect to a custom ... authorizer."
    """
    functions, gateway = Functions(cloud), cloud.client("apigateway")
    function = functions.make(AUTHORIZER)
    arn = functions.lambda_.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    if permitted:
        functions.permit(function, "apigateway.amazonaws.com")
    api_id = gateway.create_rest_api(name=next(_names))["id"]
    (root,) = gateway.get_resources(restApiId=api_id)["items"]
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    authorizer = gateway.create_authorizer(
        restApiId=api_id,
        name="who",
        type="TOKEN",
        authorizerUri=uri,
        identitySource="method.request.header.Authorization",
    )["id"]
    where = {"restApiId": api_id, "resourceId": root["id"], "httpMethod": "POST"}
    gateway.put_method(**where, authorizationType="CUSTOM", authorizerId=authorizer)
    gateway.put_integration(**where, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    gateway.put_method_response(**where, statusCode="200")
    gateway.put_integration_response(**where, statusCode="200")
    gateway.create_deployment(restApiId=api_id, stageName="v1")
    headers = {"Authorization": "token", "Content-Type": "application/json"}
    url = f"{cloud.endpoint}/_aws/execute-api/{api_id}/v1"
    assert _http.post(url, content="{}", headers=headers).status_code == status


def test_without_the_service_these_integrations_fail(fresh_cloud: Callable[..., LocalCloud]) -> None:
    gateway = fresh_cloud(without=("apigateway",)).client("apigateway")
    api_id = gateway.create_rest_api(name="bare")["id"]
    (root,) = gateway.get_resources(restApiId=api_id)["items"]
    where = {"restApiId": api_id, "resourceId": root["id"], "httpMethod": "POST"}
    gateway.put_method(**where, authorizationType="NONE")
    uri = "arn:aws:apigateway:us-east-1:states:action/StartSyncExecution"
    gateway.put_integration(**where, type="AWS", integrationHttpMethod="POST", uri=uri)
    gateway.put_integration_response(**where, statusCode="200", selectionPattern="200")
    gateway.create_deployment(restApiId=api_id, stageName="v1")
    endpoint = gateway.meta.endpoint_url
    assert _http.post(f"{endpoint}/_aws/execute-api/{api_id}/v1", content="{}").status_code != 200
