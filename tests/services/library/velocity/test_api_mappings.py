"""The mapping templates of the synchronous, the queue and the function API under Apache Velocity 1.7 and our engine."""

import json
import random
import urllib.parse
from typing import Any

import pytest

from pipeline.local.cloud.apigateway.variables import mapped
from services.library.constructs.mappings import cors, function_api, queue_api, sync_api
from services.library.constructs.mappings.integration import IntegrationResponse
from services.library.constructs.mappings.request_name import ANYBODY, IDEMPOTENCY_HEADER, ISSUER_CALLER, name_template
from tests.services.library.velocity.oracle import Job, Rendered, Velocity
from tests.services.library.velocity.payloads import payload

KEY = "5f0c1a9e-0000-4000-8000-0123456789ab"
PAYLOADS = 2_000


def context() -> dict[str, Any]:
    return {
        "identity": {"caller": "AROAEXAMPLEEXAMPLE1:session"},
        "extendedRequestId": "EYB1YHKYIAMFzjA=",
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "responseOverride": {"header": {}},
    }


def success(answers: tuple[IntegrationResponse, ...]) -> IntegrationResponse:
    (found,) = [answer for answer in answers if answer.status < 300]
    return found


def answered(
    velocity: Velocity, answer: IntegrationResponse, body: dict[str, Any], path: dict[str, str], key: str = ""
) -> Rendered:
    """One rendered answer, the same under both engines; `path` is what `$input.path` selects of the body."""
    headers = {IDEMPOTENCY_HEADER: key} if key else {}
    parameters = {"path": {}, "querystring": {}, "header": headers}
    text = json.dumps(body, ensure_ascii=False)
    job = Job(template=answer.template, body=text, path=path, params=parameters, context=context())
    rendered, ours = velocity.render(job), context()
    assert mapped(answer.template, body=text, parameters=parameters, context=ours, stage_variables={}) == rendered.text
    return rendered


def status(rendered: Rendered, otherwise: int) -> int:
    return int(rendered.context.get("responseOverride/status", otherwise))


class TestSync:
    ANSWER = success(sync_api.integration_responses())

    def test_the_output_is_the_answer(self, velocity: Velocity) -> None:
        output = '{"a": "it\'s \\"é\\" 😀", "n": 10.00}'
        body = {"status": "SUCCEEDED", "output": output}
        rendered = answered(velocity, self.ANSWER, body, {"$.status": "SUCCEEDED", "$.output": output})
        assert (rendered.text.strip(), status(rendered, 200)) == (output, 200)

    @pytest.mark.parametrize(
        ("state", "expected"), [("FAILED", 500), ("TIMED_OUT", 504), ("ABORTED", 502), ("", 502), ("RUNNING", 502)]
    )
    def test_nothing_else_is_a_success(self, velocity: Velocity, state: str, expected: int) -> None:
        body = {"status": state, "error": "E", "cause": "arn:aws:secret"}
        rendered = answered(velocity, self.ANSWER, body, {"$.status": state})
        problem = json.loads(rendered.text)
        assert status(rendered, 200) == problem["status"] == expected
        assert rendered.context["responseOverride/header/Content-Type"] == "application/problem+json"
        assert "arn:" not in rendered.text


class TestQueue:
    TEMPLATE = queue_api.request_template()
    ANSWER = success(queue_api.integration_responses())
    SENT = "$.SendMessageResponse.SendMessageResult.MessageId"

    def form(self, velocity: Velocity, body: str, key: str = KEY, template: str = TEMPLATE) -> dict[str, str]:
        parameters = {"path": {}, "querystring": {}, "header": {IDEMPOTENCY_HEADER: key}}
        job = Job(template=template, body=body, params=parameters, context=context())
        written = velocity.render(job).text
        assert mapped(template, body=body, parameters=parameters, context=context(), stage_variables={}) == written
        return dict(urllib.parse.parse_qsl(written, keep_blank_values=True, strict_parsing=True))

    def test_any_payload_becomes_the_message_byte_for_byte(self, velocity: Velocity) -> None:
        chance = random.Random(7)  # noqa: S311 - not a secret
        for _ in range(PAYLOADS):
            body = payload(chance)
            form = self.form(velocity, body)
            assert form["MessageBody"] == body
            assert (form["Action"], len(form)) == ("SendMessage", 6)
        assert form["MessageAttribute.1.Value.StringValue"] == f"AROAEXAMPLEEXAMPLE1-{KEY}"

    def test_a_malformed_key_sends_no_message(self, velocity: Velocity) -> None:
        assert "MessageBody" not in self.form(velocity, "{}", key="k&MessageBody=x")

    def test_an_open_one_has_one_caller(self, velocity: Velocity) -> None:
        form = self.form(velocity, "{}", template=queue_api.request_template(identity=ANYBODY))
        assert form["MessageAttribute.1.Value.StringValue"] == f"{ANYBODY}-{KEY}"

    def test_a_message_is_answered_with_its_name(self, velocity: Velocity) -> None:
        sent = {"SendMessageResponse": {"SendMessageResult": {"MessageId": "5fea7756-0ea4-451a-a703-a558b933e274"}}}
        path = {self.SENT: "5fea7756-0ea4-451a-a703-a558b933e274"}
        rendered = answered(velocity, self.ANSWER, sent, path, KEY)
        assert json.loads(rendered.text) == {"id": f"AROAEXAMPLEEXAMPLE1-{KEY}"}
        assert status(rendered, 202) == 202

    def test_a_success_without_a_message_is_none(self, velocity: Velocity) -> None:
        assert status(answered(velocity, self.ANSWER, {"SendMessageResponse": None}, {self.SENT: ""}, KEY), 202) == 502

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            ("RequestThrottled", 429),
            ("KMS.ThrottlingException", 429),
            ("InvalidMessageContents", 400),
            ("MissingParameter", 400),
            ("AWS.SimpleQueueService.NonExistentQueue", 500),
            ("AccessDenied", 500),
            ("KMS.AccessDeniedException", 500),
            ("NeverHeardOf", 500),
        ],
    )
    def test_every_error_is_told_by_its_type(self, velocity: Velocity, code: str, expected: int) -> None:
        (refused,) = [answer for answer in queue_api.integration_responses() if answer.status == 400]
        body = {"Error": {"Code": code, "Message": "arn:aws:sqs:secret"}}
        path = {"$.Error.Code": code, "$.Error.Message": "arn:aws:sqs:secret", "$.Message": ""}
        rendered = answered(velocity, refused, body, path)
        assert status(rendered, 400) == json.loads(rendered.text)["status"] == expected
        assert "arn:" not in rendered.text


class TestFunction:
    ANSWER = success(function_api.integration_responses())

    def test_any_payload_is_handed_on(self, velocity: Velocity) -> None:
        chance, template = random.Random(7), function_api.request_template()  # noqa: S311 - not a secret
        for _ in range(PAYLOADS):
            body = payload(chance)
            job = Job(template=template, body=body, params={"header": {}}, context=context())
            written = velocity.render(job).text
            assert json.loads(written) == {
                "id": "AROAEXAMPLEEXAMPLE1_EYB1YHKYIAMFzjA",
                "payload": json.loads(body),
            }

    def test_an_answer_is_handed_on_and_an_error_without_a_message_is_none(self, velocity: Velocity) -> None:
        made = answered(velocity, self.ANSWER, {"made": "it's"}, {"$.errorType": ""})
        assert json.loads(made.text) == {"made": "it's"}
        failed = answered(velocity, self.ANSWER, {"errorType": "Silent", "errorMessage": ""}, {"$.errorType": "Silent"})
        assert status(failed, 200) == 500


class TestOrigins:
    ORIGINS = ("https://a.example.com", "http://localhost:3000")

    @pytest.mark.parametrize(
        ("name", "origin", "named"),
        [
            ("Origin", "https://a.example.com", True),
            ("origin", "http://localhost:3000", True),
            ("Origin", "https://a-example.com", False),
            ("Origin", "https://a.example.com.evil.com", False),
            ("Origin", "null", False),
            ("Other", "https://a.example.com", False),
        ],
    )
    def test_an_answer_names_the_requests_origin_if_it_is_one_of_several(
        self, velocity: Velocity, name: str, origin: str, named: bool
    ) -> None:
        template = cors.origin_template(self.ORIGINS)
        parameters = {"path": {}, "querystring": {}, "header": {name: origin}}
        rendered = velocity.render(Job(template=template, body="{}", params=parameters, context=context()))
        ours = context()
        assert mapped(template, body="{}", parameters=parameters, context=ours, stage_variables={}) == rendered.text
        found = rendered.context.get("responseOverride/header/Access-Control-Allow-Origin")
        assert found == (origin if named else None)
        assert ours["responseOverride"]["header"].get("Access-Control-Allow-Origin") == found
        assert rendered.text.strip() == ""


def test_a_request_of_whom_an_issuer_names_has_a_name_with_the_callers_digest(velocity: Velocity) -> None:
    template = name_template(ISSUER_CALLER) + '{"name": "$execution"}'
    parameters = {"path": {}, "querystring": {}, "header": {IDEMPOTENCY_HEADER: KEY}}
    for caller, expected in (("0f" * 16, f"{'0f' * 16}-{KEY}"), ("", "*"), ("auth0|ann", "*")):
        known = {**context(), "authorizer": {"principalId": caller}}
        rendered = velocity.render(Job(template=template, body="{}", params=parameters, context=known))
        assert json.loads(rendered.text) == {"name": expected}
