"""Every kind of API of the library, synthesised, deployed to the local cloud and called over real sockets.

Where a test quotes, it quotes AWS's documentation.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from pipeline.local.lifecycle import LocalCloud
from services.library.constructs.api import Api, ApiSettings
from services.library.constructs.async_api import AsyncApi
from services.library.constructs.function import Function
from services.library.constructs.function_api import FunctionApi
from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.queue import Queue
from services.library.constructs.queue_api import QueueApi
from services.library.constructs.sync_api import SyncApi
from services.library.constructs.workflow import Workflow, WorkflowKind
from services.library.contract.service import ServiceStack
from tests.testbed.functions import until
from tests.testbed.signed import SignedApi, a_key, problem
from tests.testbed.stacks import HERE, Deployed, deploy

pytestmark = pytest.mark.cloud

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["patient"],
    "properties": {"patient": {"type": "string"}, "do": {"type": "string"}},
}
SETTINGS = ApiSettings(rate_limit=10_000, burst_limit=5_000, body_schema=SCHEMA)
CODE = """
import time

class Silent(Exception):
    pass

def handle(event, context):
    do = event["payload"].get("do")
    if do == "fail":
        raise ValueError("about somebody@example.com")
    if do == "fail silently":
        raise Silent()
    if do == "time out":
        time.sleep(60)
    return {"id": event["id"], "patient": event["payload"]["patient"]}
"""
PROXY = """
import time

ANSWERS = {
    "made": {"statusCode": 201, "headers": {"Content-Type": "application/fhir+json"}, "body": "{}"},
    "no envelope": {"patient": "p"},
    "text": "hello",
    "body of another type": {"statusCode": 200, "body": {"a": 1}},
}

def handle(event, context):
    do = __import__("json").loads(event["body"])["do"]
    if do == "fail":
        raise ValueError("about somebody@example.com")
    if do == "wait":
        time.sleep(4)
        do = "made"
    return ANSWERS[do]
"""


class Inline(Function):
    """A function of the test's own, in place of a packaged handler."""

    def __init__(self, scope: Construct, id_: str, code: str, seconds: int = 1) -> None:
        Construct.__init__(self, scope, id_)
        self.function = lambda_.Function(
            self,
            "Function",
            code=lambda_.InlineCode(code),
            handler="index.handle",
            runtime=lambda_.Runtime.PYTHON_3_13,
            timeout=cdk.Duration.seconds(seconds),
        )
        self.target = self.function


class ProxyApi(Api):
    """A function that answers for itself: what a service builds on `Api` with the CDK's own integration."""

    def __init__(self, scope: Construct, id_: str, function: Function, alarms_to: NotificationTopic) -> None:
        super().__init__(
            scope, id_, environment=HERE, settings=SETTINGS, alarms_to=alarms_to, description="Hands requests on"
        )
        integration = cdk.aws_apigateway.LambdaIntegration(function.function, timeout=cdk.Duration.seconds(2))
        self.post(integration)


def workflow(scope: Construct, id_: str, kind: WorkflowKind, alarms: NotificationTopic, seconds: int) -> Workflow:
    start = sfn.Choice(scope, f"{id_}Choose")
    done = sfn.Pass(scope, f"{id_}Done", parameters={"name.$": "$$.Execution.Name", "patient.$": "$.patient"})
    start.when(
        sfn.Condition.string_equals("$.do", "fail"),
        sfn.Fail(scope, f"{id_}Fail", error="Intended", cause="about somebody@example.com"),
    )
    start.when(
        sfn.Condition.string_equals("$.do", "time out"),
        sfn.Wait(scope, f"{id_}Wait", time=sfn.WaitTime.duration(cdk.Duration.seconds(60))),
    )
    return Workflow(
        scope,
        id_,
        environment=HERE,
        definition=start.otherwise(done),
        timeout=cdk.Duration.seconds(seconds),
        alarms_to=alarms,
        kind=kind,
    )


def build(stage: cdk.Stage) -> None:
    stack = ServiceStack(stage, "Apis", environment=HERE, description="Every kind of API")
    key = Key(stack, "Key", environment=HERE, description="Messages")
    alarms = NotificationTopic(stack, "Alarms", environment=HERE)
    common: dict[str, Any] = {"environment": HERE, "alarms_to": alarms}
    express = workflow(stack, "Express", WorkflowKind.EXPRESS, alarms, 1)
    open_ = ApiSettings(
        rate_limit=9_999, burst_limit=4_999, body_schema=SCHEMA, open_to="Everybody on this machine, for a test"
    )
    standard = workflow(stack, "Standard", WorkflowKind.STANDARD, alarms, 900)
    queue = Queue(stack, "Queue", encryption_key=key, alarms_to=alarms)
    apis = {
        "Async": AsyncApi(stack, "Async", workflow=standard, settings=SETTINGS, **common),
        "Open": AsyncApi(stack, "Open", workflow=standard, settings=open_, **common),
        "Express": AsyncApi(stack, "ExpressApi", workflow=express, settings=SETTINGS, **common),
        "Sync": SyncApi(stack, "Sync", workflow=express, settings=SETTINGS, **common),
        "Queued": QueueApi(stack, "Queued", queue=queue, settings=SETTINGS, **common),
        "Called": FunctionApi(stack, "Called", function=Inline(stack, "Code", CODE), settings=SETTINGS, **common),
        "Proxy": ProxyApi(stack, "Proxy", Inline(stack, "ProxyCode", PROXY, 20), alarms),
    }
    for name, api in apis.items():
        cdk.CfnOutput(stack, f"{name}Url", value=api.url)
    cdk.CfnOutput(stack, "QueueUrl", value=queue.queue.queue_url)
    cdk.CfnOutput(stack, "Machine", value=standard.state_machine.state_machine_arn)


@pytest.fixture(scope="module")
def apis(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    return deploy(cloud, tmp_path_factory.mktemp("apis"), build)["Apis"]


@pytest.fixture(scope="module")
def api(apis: Deployed) -> Callable[[str], SignedApi]:
    return lambda name: SignedApi(cloud=apis.cloud, url=apis.outputs[f"{name}Url"])


GetApi = Callable[[str], SignedApi]
ALL = ("Async", "Open", "Express", "Sync", "Queued", "Called")


class TestEveryKind:
    @pytest.mark.parametrize("name", ALL)
    def test_refuses_a_payload_that_the_model_refuses(self, api: GetApi, name: str) -> None:
        for content in (b"", b"{", b"[]", b'{"patient": 1}', b'{"patient": "a"} x'):
            problem(api(name).post(content=content), 400)

    @pytest.mark.parametrize("name", ALL)
    def test_refuses_another_media_type(self, api: GetApi, name: str) -> None:
        problem(api(name).post({"patient": "p"}, headers={"Content-Type": "text/plain"}), 415)

    @pytest.mark.parametrize("name", [name for name in ALL if name != "Open"])
    def test_refuses_an_unsigned_request(self, api: GetApi, name: str) -> None:
        problem(api(name).post({"patient": "p"}, signed=False), 403)

    @pytest.mark.parametrize("name", [*ALL, "Proxy"])
    def test_refuses_what_is_not_there(self, api: GetApi, name: str) -> None:
        problem(api(name).post({"patient": "p"}, path="more"), 403)


class TestAsync:
    def test_it_starts_a_workflow(self, api: GetApi, apis: Deployed) -> None:
        name = api("Async").post({"patient": "p"}).json()["id"]
        arn = f"{apis.outputs['Machine'].replace(':stateMachine:', ':execution:')}:{name}"
        states = apis.client("stepfunctions")
        until(lambda: states.describe_execution(executionArn=arn)["status"], lambda status: status == "SUCCEEDED")

    def test_an_open_one_asks_nobody_and_its_callers_share_their_keys(self, api: GetApi) -> None:
        key = a_key()
        first = api("Open").post({"patient": "p", "do": "time out"}, signed=False, key=key)
        second = api("Open").post({"patient": "p", "do": "time out"}, signed=False, key=key)
        assert (first.status_code, first.json()) == (202, {"id": f"anybody-{key}"})
        assert second.json() == first.json()
        problem(api("Open").post({"patient": "q"}, signed=False, key=key), 409)

    def test_a_key_of_an_express_workflow_is_a_name_and_no_more(self, api: GetApi) -> None:
        """ "StartExecution is not idempotent for EXPRESS workflows."

        https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
        """
        key = a_key()
        for patient in ("p", "q"):
            answer = api("Express").post({"patient": patient}, key=key)
            assert (answer.status_code, answer.json()) == (202, {"id": f"111111111111-{key}"})


class TestSync:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html"""

    def test_it_answers_with_the_output(self, api: GetApi) -> None:
        answer = api("Sync").post({"patient": 'it\'s "é" \\ 😀'})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["patient"] == 'it\'s "é" \\ 😀'

    def test_a_failed_execution_is_a_500_that_quotes_nothing(self, api: GetApi) -> None:
        """ "StartSyncExecution will return a 200 OK response, even if your execution fails" """
        answer = api("Sync").post({"patient": "p", "do": "fail"})
        assert problem(answer, 500)["title"] == "Failed"
        assert "somebody" not in answer.text

    def test_one_that_takes_too_long_is_a_504(self, api: GetApi) -> None:
        problem(api("Sync").post({"patient": "p", "do": "time out"}), 504)

    def test_every_request_is_an_execution_of_its_own(self, api: GetApi) -> None:
        key = a_key()
        names = {api("Sync").post({"patient": "p"}, key=key).json()["name"] for _ in range(2)}
        assert len(names) == 2


class TestQueue:
    """ "SendMessage ... MessageBody: ... A message can include only XML, JSON, and unformatted text."

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    """

    def received(self, apis: Deployed, name: str) -> dict[str, Any]:
        """The message of one name; those of other tests are put aside."""
        sqs = apis.client("sqs")

        def look() -> list[dict[str, Any]]:
            found = sqs.receive_message(
                QueueUrl=apis.outputs["QueueUrl"], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            )
            return [
                message
                for message in found.get("Messages", [])
                if message["MessageAttributes"]["name"]["StringValue"] == name
            ]

        message: dict[str, Any] = until(look, bool)[0]
        return message

    def test_the_payload_is_the_message_byte_for_byte(self, api: GetApi, apis: Deployed) -> None:
        body = '{ "patient" : "it\'s é 😀 100% & a=b+c", "amount": 10.00 }'
        answer = api("Queued").post(content=body.encode(), key=(key := a_key()))
        assert (answer.status_code, answer.json()) == (202, {"id": f"111111111111-{key}"})
        assert self.received(apis, answer.json()["id"])["Body"] == body

    def test_a_malformed_key_is_refused(self, api: GetApi) -> None:
        """ "MissingParameter: A required parameter for the specified action is not supplied."

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
        """
        assert "Idempotency-Key" in problem(api("Queued").post({"patient": "p"}, key="short"), 400)["detail"]

    def test_a_payload_over_the_limit_of_a_message_is_413(self, api: GetApi) -> None:
        """ "The maximum message size is 1,048,576 bytes (1 MiB)."

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
        """
        assert "1048576" in problem(api("Queued").post({"patient": "p" * 1_048_576}), 413)["detail"]

    def test_signs_that_no_message_may_hold_are_400(self, api: GetApi) -> None:
        """ "InvalidMessageContents: The message contains characters outside the allowed set." """
        problem(api("Queued").post(content='{"patient": "\uffff"}'.encode()), 400)


class TestFunction:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/handle-errors-in-lambda-integration.html"""

    def test_it_answers_with_what_the_function_returns(self, api: GetApi) -> None:
        answer = api("Called").post({"patient": "it's"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["patient"] == "it's"
        assert answer.json()["id"].startswith("111111111111_")

    @pytest.mark.parametrize("do", ["fail", "fail silently"])
    def test_an_error_is_a_500_that_quotes_nothing(self, api: GetApi, do: str) -> None:
        """ "Otherwise, Lambda errors are returned as 200 OK responses by default": of custom integrations."""
        answer = api("Called").post({"patient": "p", "do": do})
        assert problem(answer, 500)["title"] == "Failed"
        assert "somebody" not in answer.text

    def test_one_that_takes_too_long_is_a_504(self, api: GetApi) -> None:
        problem(api("Called").post({"patient": "p", "do": "time out"}), 504)


class TestProxy:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway-errors.html"""

    def test_the_functions_own_answer_is_handed_on(self, api: GetApi) -> None:
        answer = api("Proxy").post({"patient": "p", "do": "made"})
        assert (answer.status_code, answer.headers["content-type"]) == (201, "application/fhir+json")

    @pytest.mark.parametrize("do", ["fail", "no envelope", "text", "body of another type"])
    def test_errors_and_answers_of_another_format_are_502(self, api: GetApi, do: str) -> None:
        """ "If the function runs but returns an error, or returns a response in the wrong format, API Gateway returns
        a 502."
        """
        answer = api("Proxy").post({"patient": "p", "do": do})
        problem(answer, 502)
        assert "somebody" not in answer.text

    def test_more_time_than_the_integration_has_is_504(self, api: GetApi) -> None:
        """INTEGRATION_TIMEOUT: 504 "for an integration timed out error".

        https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
        """
        problem(api("Proxy").post({"patient": "p", "do": "wait"}), 504)


def test_without_the_service_this_contract_is_broken(fresh_cloud: Callable[..., LocalCloud], tmp_path: Path) -> None:
    apis = deploy(fresh_cloud(without=("apigateway",)), tmp_path, build)["Apis"]
    answers = {
        name: SignedApi(cloud=apis.cloud, url=apis.outputs[f"{name}Url"]).post({"patient": "p", "do": do}).status_code
        for name, do in (("Sync", "fail"), ("Called", "fail"), ("Proxy", "no envelope"))
    }
    assert (answers["Sync"], answers["Called"], answers["Proxy"]) != (500, 500, 502)
    assert answers["Called"] != 500
