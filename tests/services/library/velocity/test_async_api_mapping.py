"""The async API's mapping templates under Apache Velocity 1.7, beside the local cloud's own engine."""

import base64
import json
import os
import random
from typing import Any

import boto3
import botocore.session
import pytest

from pipeline.local.cloud.apigateway.variables import mapped
from services.library.constructs.mappings.async_api import (
    TEXT_LIMIT_BYTES,
    PayloadForm,
    integration_responses,
    request_template,
)
from services.library.constructs.mappings.problem import PAYLOAD_LIMIT_BYTES
from services.library.constructs.mappings.request_name import IDEMPOTENCY_HEADER, execution_name
from tests.services.library.velocity.oracle import Job, Rendered, Velocity
from tests.services.library.velocity.payloads import payload, text

MACHINE = "arn:aws:states:us-east-1:111111111111:stateMachine:intake"
KEY = "5f0c1a9e-0000-4000-8000-0123456789ab"
PAYLOADS = 20_000


def context(caller: str = "AROAEXAMPLEEXAMPLE1:session", **more: object) -> dict[str, Any]:
    return {
        "identity": {"caller": caller},
        "extendedRequestId": "EYB1YHKYIAMFzjA=",
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "responseOverride": {"header": {}},
        **more,
    }


def started(
    velocity: Velocity,
    *,
    body: str = "{}",
    headers: dict[str, str] | None = None,
    template: str = request_template(MACHINE),
    **of_context: Any,
) -> dict[str, Any]:
    """The StartExecution request that a post becomes, the same under both engines."""
    parameters = {"path": {}, "querystring": {}, "header": headers or {}}
    written = velocity.render(Job(template=template, body=body, params=parameters, context=context(**of_context))).text
    ours = mapped(template, body=body, parameters=parameters, context=context(**of_context), stage_variables={})
    assert ours == written
    request: dict[str, Any] = json.loads(written)
    assert request["stateMachineArn"] == MACHINE
    return request


def test_any_payload_becomes_the_input_digit_for_digit(velocity: Velocity) -> None:
    seed = int(os.environ.get("PENSTOCK_SEED", random.SystemRandom().getrandbits(32)))
    chance = random.Random(seed)  # noqa: S311 - not a secret
    differences = 0
    for _ in range(PAYLOADS):
        body = payload(chance)
        differences += started(velocity, body=body)["input"] != body
    assert differences == 0, f"try again with PENSTOCK_SEED={seed}"


class TestText:
    """A payload that travels as text."""

    LIMIT = 999
    TEMPLATE = request_template(MACHINE, limit_bytes=LIMIT, form=PayloadForm.TEXT)

    def input(self, velocity: Velocity, body: str, template: str = TEMPLATE) -> str:
        found: str = started(velocity, body=body, template=template)["input"]
        return found

    def test_any_payload_is_in_the_input_byte_for_byte(self, velocity: Velocity) -> None:
        seed = int(os.environ.get("PENSTOCK_SEED", random.SystemRandom().getrandbits(32)))
        chance = random.Random(seed)  # noqa: S311 - not a secret
        template = request_template(MACHINE, form=PayloadForm.TEXT)
        for _ in range(PAYLOADS // 10):
            body = payload(chance)
            content = json.loads(self.input(velocity, body, template))
            assert content.keys() == {"base64"}
            assert base64.b64decode(content["base64"]).decode() == body, f"try again with PENSTOCK_SEED={seed}"

    @pytest.mark.parametrize(
        "escape",
        [
            r"\ud800",
            r"\uDFFF",
            r"\ud83dx\ude00",
            r"\ude00\ud83d",
            r"\ud83d\ud83d\ude00",
            r"\ud83d\\\ude00",
            r"\\\ud800",
            r"\ud83d\n\ude00",
        ],
    )
    def test_half_of_a_surrogate_pair_is_not_taken(self, velocity: Velocity, escape: str) -> None:
        """ "InvalidExecutionInput: The provided JSON input data is not valid." """
        assert self.input(velocity, f'{{"a":\n"{escape}"}}') == "*"

    @pytest.mark.parametrize("escape", [r"\ud83d\uDE00", r"\\ud800", r"\\\\ud800", r"\ud7ff\ue000", r"\u00e4", "ud800"])
    def test_whole_characters_are_taken(self, velocity: Velocity, escape: str) -> None:
        assert self.input(velocity, f'{{"a":\n"{escape}"}}') != "*"

    @pytest.mark.parametrize(("sign", "bytes_"), [("a", 1), ("é", 2), ("漢", 3), ("😀", 4)])
    def test_the_limit_is_one_of_bytes_whatever_a_header_says(self, velocity: Velocity, sign: str, bytes_: int) -> None:
        room = self.LIMIT - len('{"a":""}')
        fits = f'{{"a":"{sign * (room // bytes_)}{"a" * (room % bytes_)}"}}'
        assert len(fits.encode()) == self.LIMIT
        assert self.input(velocity, fits) != "*"
        assert self.input(velocity, fits.replace("}", " }")) == "*"

    def test_the_longest_payload_fits_in_an_input_and_none_over_it_is_taken(self, velocity: Velocity) -> None:
        template = request_template(MACHINE, limit_bytes=TEXT_LIMIT_BYTES, form=PayloadForm.TEXT)
        longest = '"' * TEXT_LIMIT_BYTES
        assert PAYLOAD_LIMIT_BYTES - 4 < len(self.input(velocity, longest, template)) <= PAYLOAD_LIMIT_BYTES
        assert self.input(velocity, longest + "a", template) == "*"

    def test_what_is_not_taken_is_told_in_a_sentence(self, velocity: Velocity) -> None:
        answers = integration_responses(limit_bytes=self.LIMIT, form=PayloadForm.TEXT)
        (refused,) = [answer for answer in answers if answer.status == 400]
        for length, status, said in (("10", None, "surrogate"), (str(self.LIMIT + 1), "413", "999 bytes")):
            path = {"$.__type": "InvalidExecutionInput", "$.message": "", "$.Message": ""}
            params = {"header": {"content-length": length}}
            rendered = velocity.render(Job(template=refused.template, path=path, params=params, context=context()))
            assert rendered.context.get("responseOverride/status", "400") == (status or "400")
            assert said in json.loads(rendered.text)["detail"]


def test_the_payload_does_not_reach_any_other_field(velocity: Velocity) -> None:
    request = started(velocity, body='{"a": 1}", "name": "mine')
    assert request["input"] == '{"a": 1}", "name": "mine'
    assert set(request) == {"stateMachineArn", "name", "input"}


class TestTheName:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html

    "name: ... Length Constraints: Minimum length of 1. Maximum length of 80."
    """

    def test_it_is_the_callers_stable_id_and_the_key(self, velocity: Velocity) -> None:
        name = started(velocity, headers={IDEMPOTENCY_HEADER: KEY})["name"]
        assert name == f"AROAEXAMPLEEXAMPLE1-{KEY}" == execution_name("AROAEXAMPLEEXAMPLE1:session", KEY)

    def test_another_session_of_the_same_role_has_the_same_name(self, velocity: Velocity) -> None:
        names = {
            started(velocity, headers={IDEMPOTENCY_HEADER: KEY}, caller=f"AROAEXAMPLEEXAMPLE1:{session}")["name"]
            for session in ("one", "two")
        }
        assert len(names) == 1

    def test_two_callers_with_one_key_never_meet(self, velocity: Velocity) -> None:
        names = {
            started(velocity, headers={IDEMPOTENCY_HEADER: KEY}, caller=caller)["name"]
            for caller in ("AROAEXAMPLEEXAMPLE1:s", "AROAEXAMPLEEXAMPLE2:s", "AIDAEXAMPLE", "111111111111")
        }
        assert len(names) == 4

    @pytest.mark.parametrize("header", ["idempotency-key", "IDEMPOTENCY-KEY", "Idempotency-key"])
    def test_the_header_counts_whatever_its_case(self, velocity: Velocity, header: str) -> None:
        """ "Header names and query parameters are processed in a case-sensitive way."

        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
        """
        assert started(velocity, headers={header: KEY})["name"].endswith(f"-{KEY}")

    def test_without_a_key_it_is_the_request_of_this_caller(self, velocity: Velocity) -> None:
        """ "$context.requestId: ... Clients can override this request ID." So it is the extended one.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
        """
        assert started(velocity)["name"] == "AROAEXAMPLEEXAMPLE1_EYB1YHKYIAMFzjA"

    def test_the_longest_key_of_the_longest_caller_fits(self, velocity: Velocity) -> None:
        assert len(started(velocity, headers={IDEMPOTENCY_HEADER: "k" * 43}, caller="A" * 36)["name"]) == 80

    @pytest.mark.parametrize(
        "key",
        ["short", "k" * 15, "k" * 44, "with space in it here", "k" * 20 + "\n", "é" * 20, '"' * 20, "k" * 16 + ":"],
    )
    def test_a_bad_key_makes_a_name_that_the_service_refuses(self, velocity: Velocity, key: str) -> None:
        """ "A name must not contain: ... wildcard characters (? *)" """
        assert started(velocity, headers={IDEMPOTENCY_HEADER: key})["name"] == "*"

    def test_no_hostile_key_or_caller_makes_another_name(self, velocity: Velocity) -> None:
        chance = random.Random(7)  # noqa: S311 - not a secret
        for _ in range(500):
            assert started(velocity, headers={IDEMPOTENCY_HEADER: "k" + text(chance)})["name"] == "*"
            assert started(velocity, caller="'" + text(chance))["name"] == "*"

    def test_a_caller_without_identity_starts_nothing(self, velocity: Velocity) -> None:
        assert started(velocity, headers={IDEMPOTENCY_HEADER: KEY}, identity={})["name"] == "*"


@pytest.mark.parametrize("given", ["1-5759e988-bd862e3fe1be46a994272793", "Root=1-5759e988-bd862e3fe1be46a994272793"])
def test_the_trace_is_handed_on(velocity: Velocity, given: str) -> None:
    """ "traceHeader: Passes the AWS X-Ray trace header." """
    assert started(velocity, xrayTraceId=given)["traceHeader"] == "Root=1-5759e988-bd862e3fe1be46a994272793"


def test_nothing_of_one_request_is_in_the_input(velocity: Velocity) -> None:
    first = started(velocity, body='{"a":1}', headers={IDEMPOTENCY_HEADER: KEY}, extendedRequestId="a")
    retry = started(
        velocity, body='{"a":1}', headers={IDEMPOTENCY_HEADER: KEY, "x-forwarded-for": "::1"}, extendedRequestId="b"
    )
    assert first == retry


def answered(
    velocity: Velocity, type_: str, message: str = "", *, length: str = "10", status: int = 400
) -> tuple[int, Rendered]:
    """The status and the answer to one error of the service, the same under both engines."""
    (chosen,) = [one for one in integration_responses() if one.status == status]
    error = {"__type": type_, "message": message}
    parameters = {"path": {}, "querystring": {}, "header": {"content-length": length}}
    rendered = velocity.render(
        Job(
            template=chosen.template,
            path={f"$.{name}": value for name, value in error.items()} | {"$.Message": ""},
            params=parameters,
            context=context(),
        )
    )
    ours = context()
    body = mapped(chosen.template, body=json.dumps(error), parameters=parameters, context=ours, stage_variables={})
    override = ours["responseOverride"]
    assert body == rendered.text
    assert str(override.get("status", "")) == rendered.context.get("responseOverride/status", "")
    return int(override.get("status", chosen.status)), rendered


STATUSES = {
    "ExecutionLimitExceeded": 429,
    "ThrottlingException": 429,
    "InvalidExecutionInput": 400,
    "InvalidName": 400,
    "ExecutionAlreadyExists": 409,
    "InvalidArn": 500,
    "StateMachineDoesNotExist": 500,
    "StateMachineDeleting": 500,
    "KmsAccessDeniedException": 500,
    "KmsInvalidStateException": 500,
    "KmsThrottlingException": 500,
    "AccessDeniedException": 500,
    "ValidationException": 500,
    "UnrecognizedClientException": 500,
    "NeverHeardOf": 500,
    "": 500,
}
"""The status table. https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html#API_StartExecution_Errors"""


class TestErrors:
    def test_every_documented_error_is_in_the_table(self) -> None:
        session = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
        client = boto3.Session(botocore_session=session, region_name="us-east-1").client("stepfunctions")
        operation = client.meta.service_model.operation_model("StartExecution")
        documented = {shape.name for shape in operation.error_shapes}
        assert documented
        assert documented <= STATUSES.keys()

    @pytest.mark.parametrize("namespace", ["", "com.amazonaws.swf.service.v2.model#"])
    @pytest.mark.parametrize(("type_", "status"), STATUSES.items())
    def test_the_type_decides_the_status(self, velocity: Velocity, type_: str, status: int, namespace: str) -> None:
        answer, rendered = answered(velocity, namespace + type_, "arn:aws:states:us-east-1:111111111111:secret")
        problem = json.loads(rendered.text)
        assert answer == problem["status"] == status
        assert problem["requestId"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
        assert "arn:" not in rendered.text
        assert ("responseOverride/header/Retry-After" in rendered.context) == (status == 429)

    @pytest.mark.parametrize("type_", ["InvalidExecutionInput", "ValidationException", ""])
    def test_a_payload_known_to_be_too_large_is_413(self, velocity: Velocity, type_: str) -> None:
        assert answered(velocity, type_, length=str(PAYLOAD_LIMIT_BYTES + 1))[0] == 413
        assert answered(velocity, type_, length="1000000")[0] == 413
        assert answered(velocity, type_, length=str(PAYLOAD_LIMIT_BYTES))[0] != 413
        assert answered(velocity, type_, length="")[0] != 413

    def test_a_payload_that_the_service_finds_too_large_is_413(self, velocity: Velocity) -> None:
        message = (
            "1 validation error detected: Value at 'input' failed to satisfy constraint: "
            "Member must have length less than or equal to 262144"
        )
        assert answered(velocity, "ValidationException", message)[0] == 413

    @pytest.mark.parametrize("size", ["1001", "2000", "10000", "262145"])
    def test_a_lower_limit_takes_the_name_away_and_is_413(self, velocity: Velocity, size: str) -> None:
        template = request_template(MACHINE, limit_bytes=1_000)
        for length, name in (
            (size, "*"),
            ("1000", "111111111111_EYB1YHKYIAMFzjA"),
            ("999", "111111111111_EYB1YHKYIAMFzjA"),
        ):
            job = Job(
                template=template,
                body="{}",
                params={"header": {"content-length": length}},
                context=context("111111111111"),
            )
            assert json.loads(velocity.render(job).text)["name"] == name
        (refused,) = [answer for answer in integration_responses(limit_bytes=1_000) if answer.status == 400]
        rendered = velocity.render(
            Job(
                template=refused.template,
                path={"$.__type": "InvalidName", "$.message": "", "$.Message": ""},
                params={"header": {"content-length": size}},
                context=context(),
            )
        )
        assert rendered.context["responseOverride/status"] == "413"
        assert "1000 bytes" in rendered.text

    def test_a_throttled_large_payload_is_429(self, velocity: Velocity) -> None:
        assert answered(velocity, "ThrottlingException", length="1000000")[0] == 429

    @pytest.mark.parametrize("type_", STATUSES)
    @pytest.mark.parametrize("status", sorted({answer.status for answer in integration_responses()}))
    def test_no_error_is_ever_a_success(self, velocity: Velocity, type_: str, status: int) -> None:
        assert answered(velocity, type_, status=status)[0] >= 400


def test_a_success_that_names_no_execution_is_none(velocity: Velocity) -> None:
    (started_answer,) = [one for one in integration_responses() if one.status == 202]
    rendered = velocity.render(Job(template=started_answer.template, context=context()))
    assert rendered.context["responseOverride/status"] == "502"
    assert rendered.context["responseOverride/header/Content-Type"] == "application/problem+json"


def test_a_started_execution_is_answered_with_its_name_alone(velocity: Velocity) -> None:
    (started_answer,) = [one for one in integration_responses() if one.status == 202]
    arn = f"arn:aws:states:us-east-1:111111111111:execution:intake:AROAEXAMPLEEXAMPLE1-{KEY}"
    rendered = velocity.render(Job(template=started_answer.template, path={"$.executionArn": arn}, context=context()))
    assert json.loads(rendered.text) == {"id": f"AROAEXAMPLEEXAMPLE1-{KEY}"}
    assert "responseOverride/status" not in rendered.context
