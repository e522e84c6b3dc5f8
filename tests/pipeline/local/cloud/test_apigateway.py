"""REST APIs of the local cloud, deployed by CloudFormation and called over real sockets.

Where a test quotes, it quotes AWS's documentation.
"""

import itertools
import json
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pipeline.local.lifecycle import LocalCloud
from services.library.constructs.mappings.problem import PAYLOAD_LIMIT_BYTES
from services.library.constructs.mappings.request_name import execution_name
from tests.testbed.async_api_template import template
from tests.testbed.roles import root

pytestmark = pytest.mark.cloud

ACCOUNT, OTHER_ACCOUNT, REGION = "111111111111", "222222222222", "eu-west-1"
PAYLOAD = {"patient": 'it\'s "é" \\ 😀 ${x} #end', "amount": 10.0}
PROBLEM = "application/problem+json"
# One client for all: making one costs far more than a request.
_http = httpx.Client(trust_env=False, timeout=60, limits=httpx.Limits(max_connections=100))
_names = (f"async-{number}" for number in itertools.count())


@dataclass(frozen=True)
class Api:
    """One deployed copy of the stack."""

    cloud: LocalCloud
    stack: str
    outputs: dict[str, str]

    @property
    def url(self) -> str:
        return f"{self.cloud.endpoint}/_aws/execute-api/{self.outputs['Api']}/v1/executions"

    def client(self, service: str) -> Any:
        return self.cloud.client(service, ACCOUNT, REGION)

    def post(
        self,
        payload: object = PAYLOAD,
        *,
        key: str | None = None,
        credentials: Credentials | None = None,
        signed: bool = True,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        region: str = REGION,
        service: str = "execute-api",
    ) -> httpx.Response:
        body = json.dumps(payload, ensure_ascii=False).encode() if content is None else content
        sent = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {}), **(headers or {})}
        if signed:
            request = AWSRequest("POST", self.url, headers=sent, data=body)
            SigV4Auth(credentials or root(self.cloud), service, region).add_auth(request)
            sent = dict(request.headers.items())
        return _http.post(self.url, content=body, headers=sent)

    def executions(self) -> list[dict[str, Any]]:
        pages = self.client("stepfunctions").get_paginator("list_executions")
        return [
            found for page in pages.paginate(stateMachineArn=self.outputs["Machine"]) for found in page["executions"]
        ]

    def execution(self, name: str) -> dict[str, Any]:
        arn = self.outputs["Machine"].replace(":stateMachine:", ":execution:")
        found: dict[str, Any] = self.client("stepfunctions").describe_execution(executionArn=f"{arn}:{name}")
        return found

    def closed(self, name: str) -> dict[str, Any]:
        until(lambda: self.execution(name)["status"] != "RUNNING")
        return self.execution(name)

    def log_lines(self, output: str) -> list[dict[str, Any]]:
        found = self.client("logs").filter_log_events(logGroupName=self.outputs[output])
        return [json.loads(event["message"]) for event in found["events"]]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 30 seconds"


def deploy(cloud: LocalCloud, **settings: Any) -> Api:
    stack = next(_names)
    cloudformation = cloud.client("cloudformation", ACCOUNT, REGION)
    cloudformation.create_stack(
        StackName=stack, TemplateBody=json.dumps(template(**settings)), Capabilities=["CAPABILITY_IAM"]
    )

    def described() -> dict[str, Any]:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        return found

    until(lambda: not described()["StackStatus"].endswith("IN_PROGRESS"))
    assert described()["StackStatus"] == "CREATE_COMPLETE"
    return Api(cloud, stack, {found["OutputKey"]: found["OutputValue"] for found in described()["Outputs"]})


@pytest.fixture(scope="module")
def api(cloud: LocalCloud) -> Api:
    return deploy(cloud)


@pytest.fixture
def key() -> str:
    return f"key-{next(_names):_>20}"


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem in an answer, in the one shape that every failure has."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    found: dict[str, Any] = response.json()
    assert found["requestId"] == response.headers["x-amzn-requestid"]
    assert found["status"] == status
    assert "arn:" not in response.text
    return found


class TestStarting:
    def test_a_post_starts_an_execution_with_the_payload_digit_for_digit(self, api: Api) -> None:
        body = b'{ "patient" : "it\'s", "amount": 10.00, "ids": [12345678901234567890] }'
        response = api.post(content=body)
        assert response.status_code == 202, response.text
        assert response.headers["content-type"] == "application/json"
        finished = api.closed(response.json()["id"])
        assert (finished["status"], finished["input"]) == ("SUCCEEDED", body.decode())

    def test_a_signed_curl_line_works_as_printed(self, api: Api) -> None:
        """The curl of Debian 12 signs as well as the SDKs do; SigV4 and no Docker, no AWS CLI."""
        command = [
            *("curl", "-sS", "--fail-with-body", "--aws-sigv4", f"aws:amz:{REGION}:execute-api"),
            *("--user", f"{ACCOUNT}:{api.cloud.root_secret}", "-H", "Content-Type: application/json"),
            *("-d", json.dumps(PAYLOAD), api.url),
        ]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert json.loads(api.closed(json.loads(answer)["id"])["input"]) == PAYLOAD

    def test_the_trace_is_handed_on(self, api: Api) -> None:
        started = api.execution(api.post().json()["id"])
        assert started["traceHeader"].startswith("Root=1-")

    def test_posts_without_a_key_are_executions_of_their_own(self, api: Api) -> None:
        assert api.post().json()["id"] != api.post().json()["id"]


class TestIdempotency:
    """ "StartExecution is idempotent for STANDARD workflows. For a STANDARD workflow, if you call StartExecution with
    the same name and input as a running execution, the call succeeds and return the same response as the original
    request. If the execution is closed or if the input is different, it returns a 400 ExecutionAlreadyExists error."

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
    """

    WAITING = PAYLOAD | {"wait": 600}

    def test_the_same_post_while_running_is_the_same_execution(self, api: Api, key: str) -> None:
        first, second = api.post(self.WAITING, key=key), api.post(self.WAITING, key=key)
        assert (first.status_code, second.status_code) == (202, 202)
        assert first.json() == second.json() == {"id": execution_name(ACCOUNT, key)}

    def test_another_body_under_the_same_key_is_a_conflict(self, api: Api, key: str) -> None:
        assert api.post(self.WAITING, key=key).status_code == 202
        problem(api.post(self.WAITING | {"more": 1}, key=key), 409)

    def test_after_completion_any_body_is_a_conflict(self, api: Api, key: str) -> None:
        api.closed(api.post(key=key).json()["id"])
        problem(api.post(key=key), 409)
        problem(api.post(PAYLOAD | {"more": 1}, key=key), 409)

    def test_headers_are_no_difference(self, api: Api, key: str) -> None:
        assert api.post(self.WAITING, key=key).status_code == 202
        again = api.post(self.WAITING, key=key, headers={"X-Amzn-Trace-Id": "Root=1-0-0", "User-Agent": "other"})
        assert again.status_code == 202

    def test_a_thousand_posts_at_once_with_one_key_are_one_execution(self, api: Api, key: str) -> None:
        with ThreadPoolExecutor(max_workers=50) as pool:
            answers = list(pool.map(lambda _: api.post(self.WAITING, key=key), range(1000)))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert [found["name"] for found in api.executions() if key in found["name"]] == [execution_name(ACCOUNT, key)]

    def test_two_callers_with_one_key_have_an_execution_each(self, api: Api, key: str) -> None:
        user = a_user(api, "execute-api:Invoke")
        ours, theirs = api.post(key=key), api.post(key=key, credentials=user)
        assert (ours.status_code, theirs.status_code) == (202, 202)
        assert ours.json() != theirs.json()

    @pytest.mark.parametrize("bad", ["short", "k" * 44, "spaces are not allowed", "star*star*star*star"])
    def test_a_malformed_key_is_refused(self, api: Api, bad: str) -> None:
        assert "Idempotency-Key" in problem(api.post(key=bad), 400)["detail"]


def a_user(api: Api, action: str) -> Credentials:
    """A new IAM user with an access key, who may do one thing."""
    iam = api.client("iam")
    name = next(_names)
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="one", PolicyDocument=policy)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return Credentials(made["AccessKeyId"], made["SecretAccessKey"])


def a_role(api: Api, action: str) -> Credentials:
    """A session of a new role that may do one thing."""
    iam, name = api.client("iam"), next(_names)
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}
    iam.put_role_policy(RoleName=name, PolicyName="one", PolicyDocument=json.dumps(policy))
    made = api.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="session")["Credentials"]
    return Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])


class TestCallers:
    """AWS_IAM: "API Gateway verifies the caller's signature on the request".

    https://docs.aws.amazon.com/apigateway/latest/developerguide/permissions.html
    https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
    """

    def test_an_unsigned_call_is_forbidden(self, api: Api) -> None:
        """MISSING_AUTHENTICATION_TOKEN: 403 "for a missing authentication token error"."""
        problem(api.post(signed=False), 403)

    def test_a_wrong_secret_is_forbidden(self, api: Api) -> None:
        """INVALID_SIGNATURE: 403 "for an invalid AWS signature error"."""
        problem(api.post(credentials=Credentials(ACCOUNT, "wrong")), 403)

    def test_a_changed_body_is_forbidden(self, api: Api) -> None:
        request = AWSRequest("POST", api.url, headers={"Content-Type": "application/json"}, data=b'{"patient": "a"}')
        SigV4Auth(root(api.cloud), "execute-api", REGION).add_auth(request)
        response = _http.post(api.url, content=b'{"patient": "b"}', headers=dict(request.headers.items()))
        problem(response, 403)

    @pytest.mark.parametrize("scope", [{"region": "us-east-1"}, {"service": "s3"}])
    def test_a_signature_for_elsewhere_is_forbidden(self, api: Api, scope: dict[str, str]) -> None:
        problem(api.post(**scope), 403)  # type: ignore[arg-type]  # two of its named parameters

    def test_an_unknown_key_is_forbidden(self, api: Api) -> None:
        assert api.post(credentials=Credentials("AKIAIOSFODNN7EXAMPLE", "secret")).status_code == 403

    def test_another_scheme_is_forbidden(self, api: Api) -> None:
        assert api.post(signed=False, headers={"Authorization": "Bearer token"}).status_code == 403

    def test_another_account_is_forbidden(self, api: Api) -> None:
        problem(api.post(credentials=root(api.cloud, OTHER_ACCOUNT)), 403)

    def test_a_user_with_the_permission_may_call(self, api: Api) -> None:
        assert api.post(credentials=a_user(api, "execute-api:Invoke")).status_code == 202

    def test_a_user_without_the_permission_may_not(self, api: Api) -> None:
        problem(api.post(credentials=a_user(api, "s3:GetObject")), 403)

    def test_a_role_with_the_permission_may_call_and_keys_belong_to_the_role(self, api: Api, key: str) -> None:
        started = api.post(credentials=a_role(api, "execute-api:Invoke"), key=key).json()["id"]
        assert started.startswith("AROA")
        assert started.endswith(f"-{key}")
        assert ":" not in started

    def test_a_role_whose_token_is_missing_may_not(self, api: Api) -> None:
        role = a_role(api, "execute-api:Invoke")
        assert api.post(credentials=Credentials(role.access_key, role.secret_key)).status_code == 403


class TestRefusals:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html"""

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"patient": 1}', b'{"patient": "a"} x', b"null"])
    def test_a_payload_that_the_model_refuses_is_400(self, api: Api, content: bytes) -> None:
        """BAD_REQUEST_BODY: "when the request body cannot be validated according to an enabled request validator"."""
        assert problem(api.post(content=content), 400)["detail"] == "Invalid request body"

    @pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/json5"])
    def test_another_media_type_is_415(self, api: Api, media_type: str) -> None:
        """ "NEVER ... rejects the method request with an HTTP 415 Unsupported Media Type response".

        https://docs.aws.amazon.com/apigateway/latest/developerguide/integration-passthrough-behaviors.html
        """
        problem(api.post(headers={"Content-Type": media_type}), 415)

    def test_a_charset_is_no_other_media_type(self, api: Api) -> None:
        assert api.post(headers={"Content-Type": "application/json; charset=utf-8"}).status_code == 202

    def test_the_largest_input_starts_and_one_byte_more_is_413(self, api: Api) -> None:
        """ "Maximum input or result size for a task, state, or execution: 262,144 bytes of data as a UTF-8 ... string"

        https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
        """
        empty = len(json.dumps({"patient": ""}))
        largest = {"patient": "é" * ((PAYLOAD_LIMIT_BYTES - empty) // 2) + "e" * ((PAYLOAD_LIMIT_BYTES - empty) % 2)}
        assert api.post(largest).status_code == 202
        problem(api.post({"patient": largest["patient"] + "e"}), 413)

    def test_what_the_gateway_does_not_even_read_is_413(self, api: Api) -> None:
        """REQUEST_TOO_LARGE; "Payload size: 10 MB".

        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
        """
        problem(api.post({"patient": "e" * (10 * 1024 * 1024)}), 413)

    def test_another_path_or_method_is_403(self, api: Api) -> None:
        """MISSING_AUTHENTICATION_TOKEN: also "when the client attempts to invoke an unsupported API method"."""
        assert _http.get(api.url).status_code == 403
        assert _http.post(api.url + "/more").status_code == 403

    def test_more_than_the_burst_is_429(self, cloud: LocalCloud) -> None:
        """THROTTLED: "when usage plan-, method-, stage-, or account-level throttling limits exceeded".

        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
        """
        api = deploy(cloud, burst=2)
        with ThreadPoolExecutor(max_workers=20) as pool:
            answers = list(pool.map(lambda _: api.post(), range(20)))
        throttled = [answer for answer in answers if answer.status_code == 429]
        assert {answer.status_code for answer in answers} == {202, 429}
        assert problem(throttled[0], 429)["title"] == "Too many requests"
        assert throttled[0].headers["retry-after"] == "1"


class TestBrokenIntegrations:
    """Nothing that failed to start is ever a 2xx."""

    def test_a_role_that_may_not_start_is_500(self, cloud: LocalCloud) -> None:
        problem(deploy(cloud, may_start=False).post(), 500)

    def test_a_state_machine_that_is_gone_is_500(self, cloud: LocalCloud) -> None:
        api = deploy(cloud)
        api.client("stepfunctions").delete_state_machine(stateMachineArn=api.outputs["Machine"])
        until(
            lambda: (
                not api.client("stepfunctions").list_state_machines()["stateMachines"] or api.post().status_code != 202
            )
        )
        problem(api.post(), 500)


def test_each_answer_is_in_the_access_log(api: Api) -> None:
    """ "$context.integration.status: For Lambda proxy integration, the status code ...", "- " where nothing is known.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """
    good, bad = api.post(), api.post(signed=False)
    lines = {line["requestId"]: line for line in api.log_lines("Log")}
    assert lines[good.headers["x-amzn-requestid"]] == {
        "requestId": good.headers["x-amzn-requestid"],
        "caller": ACCOUNT,
        "status": "202",
        "resource": "/executions",
        "integration": "200",
    }
    assert lines[bad.headers["x-amzn-requestid"]]["status"] == "403"
    assert lines[bad.headers["x-amzn-requestid"]]["caller"] == "-"


def test_a_stage_with_logs_needs_the_accounts_log_role(cloud: LocalCloud) -> None:
    """ "To enable CloudWatch Logs for all or only some of the methods, you must also specify the ARN of an IAM role
    that enables API Gateway to write information to CloudWatch Logs" in the account's settings.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """
    bare = template()
    bare["Resources"].pop("Account")
    bare["Resources"]["Stage"].pop("DependsOn")
    cloudformation = cloud.client("cloudformation", OTHER_ACCOUNT, REGION)
    cloudformation.create_stack(
        StackName="bare", TemplateBody=json.dumps(bare), Capabilities=["CAPABILITY_IAM"], OnFailure="DO_NOTHING"
    )

    def failure() -> list[str]:
        events = cloudformation.describe_stack_events(StackName="bare")["StackEvents"]
        return [event["ResourceStatusReason"] for event in events if event["ResourceStatus"] == "CREATE_FAILED"]

    until(failure)
    assert "CloudWatch Logs role ARN must be set in account settings to enable logging" in failure()[-1]


def test_two_apis_of_two_accounts_are_told_apart(api: Api, cloud: LocalCloud) -> None:
    items = cloud.client("apigateway", OTHER_ACCOUNT, REGION).get_rest_apis()["items"]
    assert api.outputs["Api"] not in {found["id"] for found in items}
    assert api.post().status_code == 202


def test_a_new_deployment_of_another_validator_and_stage_is_served(cloud: LocalCloud) -> None:
    api = deploy(cloud)
    assert api.post({}).status_code == 400
    changed = template(burst=5)
    changed["Resources"]["Validator"]["Properties"]["ValidateRequestBody"] = False
    changed["Resources"]["Redeployment"] = changed["Resources"].pop("Deployment")
    changed["Resources"]["Stage"]["Properties"]["DeploymentId"] = {"Ref": "Redeployment"}
    changed["Resources"]["Stage"]["Properties"].pop("AccessLogSetting")
    cloudformation = api.client("cloudformation")
    cloudformation.update_stack(StackName=api.stack, TemplateBody=json.dumps(changed), Capabilities=["CAPABILITY_IAM"])
    until(lambda: cloudformation.describe_stacks(StackName=api.stack)["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE")
    assert api.post({}).status_code == 202
    stage = api.client("apigateway").get_stage(restApiId=api.outputs["Api"], stageName="v1")
    assert not stage.get("accessLogSettings")
    assert stage["methodSettings"]["/executions/POST"]["throttlingBurstLimit"] == 5


@pytest.mark.parametrize("without", ["apigateway", "stepfunctions"])
def test_without_the_service_the_contract_is_broken(fresh_cloud: Callable[..., LocalCloud], without: str) -> None:
    api = deploy(fresh_cloud(without=(without,)))
    key = "k" * 20
    waiting = PAYLOAD | {"wait": 600}
    answers = [api.post(waiting, key=key).status_code, api.post(waiting, key=key).status_code]
    assert answers != [202, 202]
