"""What every API has, and the settings that none of them takes."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Match, Template

from services.library.constructs.api import ApiSettings
from services.library.constructs.async_api import AsyncApi
from services.library.constructs.function import Function, FunctionSettings
from services.library.constructs.function_api import FunctionApi
from services.library.constructs.mappings import problem
from services.library.constructs.mappings.problem import gateway_responses
from services.library.constructs.queue import Queue
from services.library.constructs.queue_api import QueueApi
from services.library.constructs.sync_api import SyncApi
from services.library.constructs.tests.conftest import StackScope, stack_scope
from services.library.constructs.workflow import Workflow, WorkflowKind
from tests.testbed.runtime_code import HANDLER

OPEN_TO = "Everybody who knows the address: the page it serves is public"


def _noted(calls: list[Any], call: Callable[..., Any], *given: Any) -> Any:
    calls.append(given)
    return call(*given)


def settings(**changed: Any) -> ApiSettings:
    return ApiSettings(**{"rate_limit": 7, "burst_limit": 9} | changed)


def workflow(place: StackScope, id_: str, kind: WorkflowKind, seconds: int) -> Workflow:
    return Workflow(
        place.stack,
        id_,
        environment=place.environment,
        definition=sfn.Pass(place.stack, f"{id_}Pass"),
        timeout=cdk.Duration.seconds(seconds),
        alarms_to=place.alarms,
        kind=kind,
    )


def function(place: StackScope, id_: str, seconds: int) -> Function:
    return Function(
        place.stack,
        id_,
        environment=place.environment,
        settings=FunctionSettings(
            handler=HANDLER,
            description="Works",
            timeout=cdk.Duration.seconds(seconds),
        ),
        alarms_to=place.alarms,
    )


def sync_api(place: StackScope, id_: str, kind: WorkflowKind, seconds: int, **changed: Any) -> SyncApi:
    return SyncApi(
        place.stack,
        id_,
        environment=place.environment,
        workflow=workflow(place, f"{id_}Workflow", kind, seconds),
        settings=settings(**changed),
        alarms_to=place.alarms,
    )


@pytest.fixture(scope="module")
def template(production: StackScope) -> Template:
    common: dict[str, Any] = {"environment": production.environment, "alarms_to": production.alarms}
    stack = production.stack
    standard = workflow(production, "Standard", WorkflowKind.STANDARD, 60)
    queue = Queue(stack, "Queue", encryption_key=production.key, alarms_to=production.alarms)
    AsyncApi(stack, "Async", workflow=standard, settings=settings(), **common)
    AsyncApi(stack, "Open", workflow=standard, settings=settings(open_to=OPEN_TO), **common)
    sync_api(production, "Sync", WorkflowKind.EXPRESS, 20)
    QueueApi(stack, "Queued", queue=queue, settings=settings(timeout=cdk.Duration.seconds(3)), **common)
    FunctionApi(stack, "Called", function=function(production, "Code", 10), settings=settings(), **common)
    return production.template()


def test_gateway_responses_take_few_calls_of_the_cdk(scratch: StackScope, monkeypatch: pytest.MonkeyPatch) -> None:
    """The 21 of each API would be the largest part of a synth otherwise: each call is a message to another process."""
    calls: list[Any] = []
    for name in ("create", "get", "set", "invoke"):
        monkeypatch.setattr(jsii, name, partial(_noted, calls, getattr(jsii, name)))
    api = sync_api(scratch, "Counted", WorkflowKind.EXPRESS, 5)
    for child in api.rest_api.node.children:
        if isinstance(child, apigateway.GatewayResponse):
            api.rest_api.node.try_remove_child(child.node.id)
    calls.clear()
    api._add_gateway_responses()
    assert len(calls) <= len(gateway_responses()) + 2


def test_a_change_of_a_header_alone_is_a_new_deployment(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers see what was deployed last, and not what was changed since."""

    def deployments() -> list[str]:
        place = stack_scope(tmp_path_factory)
        common: dict[str, Any] = {"environment": place.environment, "alarms_to": place.alarms}
        FunctionApi(place.stack, "Api", function=function(place, "Answers", 9), settings=settings(), **common)
        return list(place.template().find_resources("AWS::ApiGateway::Deployment"))

    before = deployments()
    assert deployments() == before
    monkeypatch.setattr(problem, "RETRY_AFTER_SECONDS", problem.RETRY_AFTER_SECONDS + 1)
    assert deployments() != before


def test_every_api_is_throttled_traced_logged_guarded_and_watched(template: Template) -> None:
    template.resource_count_is("AWS::ApiGateway::RestApi", 5)
    template.resource_count_is("AWS::WAFv2::WebACLAssociation", 5)
    template.all_resources_properties(
        "AWS::ApiGateway::Stage",
        {
            "AccessLogSetting": {
                "DestinationArn": Match.any_value(),
                "Format": Match.not_(Match.string_like_regexp("ody")),
            },
            "MethodSettings": [
                Match.object_like({"ThrottlingRateLimit": 7, "ThrottlingBurstLimit": 9, "DataTraceEnabled": False})
            ],
            "TracingEnabled": True,
        },
    )
    for metric, count in (("5XXError", 5), ("4XXError", 5), ("Latency", 5)):
        found = template.find_resources("AWS::CloudWatch::Alarm", {"Properties": {"MetricName": metric}})
        assert len(found) == count


def test_the_web_firewall_counts_what_a_fhir_resource_matches_in_a_body_and_refuses_the_rest(
    template: Template,
) -> None:
    """https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html"""
    acls = template.find_resources("AWS::WAFv2::WebACL").values()
    for common, bad_inputs in (acl["Properties"]["Rules"] for acl in acls):
        counted = common["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]
        assert {each["Name"] for each in counted} == {
            "CrossSiteScripting_BODY",
            "GenericLFI_BODY",
            "GenericRFI_BODY",
            "SizeRestrictions_BODY",
        }
        assert all(each["ActionToUse"] == {"Count": {}} for each in counted)
        assert "RuleActionOverrides" not in bad_inputs["Statement"]["ManagedRuleGroupStatement"]
        assert common["OverrideAction"] == bad_inputs["OverrideAction"] == {"None": {}}


def test_a_refusal_of_the_web_firewall_says_that_it_is_one(template: Template) -> None:
    responses = template.find_resources("AWS::ApiGateway::GatewayResponse").values()
    by_type = {each["Properties"]["ResponseType"]: each["Properties"]["ResponseTemplates"] for each in responses}
    filtered, denied = (json.loads(by_type[each]["application/json"]) for each in ("WAF_FILTERED", "ACCESS_DENIED"))
    assert filtered["status"] == denied["status"] == 403
    assert "web firewall" in filtered["detail"]
    assert "firewall" not in denied["detail"]


def test_every_method_asks_for_a_signature_unless_it_says_who_is_let_in(template: Template) -> None:
    methods = template.find_resources("AWS::ApiGateway::Method").values()
    asked = [method["Properties"]["AuthorizationType"] for method in methods]
    assert sorted(asked) == ["AWS_IAM"] * 4 + ["NONE"]
    template.has_resource_properties(
        "AWS::ApiGateway::RestApi", {"Description": f"Starts a workflow for each accepted request. Open to: {OPEN_TO}"}
    )


def test_every_method_checks_its_payload_and_refuses_other_media_types(template: Template) -> None:
    template.all_resources_properties(
        "AWS::ApiGateway::Method",
        {
            "RequestValidatorId": Match.any_value(),
            "RequestModels": {"application/json": Match.any_value()},
            "Integration": Match.object_like({"PassthroughBehavior": "NEVER", "Type": "AWS"}),
        },
    )


def test_each_api_calls_its_own_service_within_its_timeout(template: Template) -> None:
    methods = template.find_resources("AWS::ApiGateway::Method").values()
    integrations = [method["Properties"]["Integration"] for method in methods]
    called = [
        ("".join(part for part in integration["Uri"]["Fn::Join"][1] if isinstance(part, str)), integration)
        for integration in integrations
    ]
    assert sorted((uri.rpartition("arn:")[2], integration["TimeoutInMillis"]) for uri, integration in called) == [
        (":apigateway:eu-west-1:lambda:path/2015-03-31/functions//invocations", 29_000),
        (":apigateway:eu-west-1:sqs:path//", 3_000),
        (":apigateway:eu-west-1:states:action/StartExecution", 29_000),
        (":apigateway:eu-west-1:states:action/StartExecution", 29_000),
        (":apigateway:eu-west-1:states:action/StartSyncExecution", 29_000),
    ]


def test_the_gateway_may_do_one_thing_to_one_resource(template: Template) -> None:
    policies = template.find_resources("AWS::IAM::ManagedPolicy")
    granted = {
        name: [statement["Action"] for statement in policy["Properties"]["PolicyDocument"]["Statement"]]
        for name, policy in policies.items()
        if "CallerGranted" in name
    }
    assert {name.partition("Caller")[0]: actions[0] for name, actions in granted.items()} == {
        "Async": "states:StartExecution",
        "Open": "states:StartExecution",
        "Sync": "states:StartSyncExecution",
        "Queued": "sqs:SendMessage",
    }


REFUSED: list[tuple[Callable[[StackScope], object], str]] = [
    (lambda _: settings(rate_limit=0), r"rate_limit=0 is not allowed; give 1 to 10000: .+"),
    (lambda _: settings(burst_limit=-1), r"burst_limit=-1 is not allowed; give 1 to 5000: .+"),
    (lambda _: settings(timeout=cdk.Duration.seconds(30)), r"timeout=30 s is not allowed; give 1 to 29 s: .+"),
    (lambda _: settings(open_to="public"), r"open_to='public' is not allowed; give nothing .+: .+"),
    (
        lambda place: sync_api(place, "OverStandard", WorkflowKind.STANDARD, 5),
        r"workflow.kind=STANDARD is not allowed; give WorkflowKind.EXPRESS: .+",
    ),
    (
        lambda place: sync_api(place, "TooSlow", WorkflowKind.EXPRESS, 29),
        r"workflow.timeout=29 s is not allowed; give less than the API's timeout \(29 s\): .+",
    ),
    (
        lambda place: workflow(place, "LongExpress", WorkflowKind.EXPRESS, 301),
        r"timeout=301 s is not allowed; give 1 to 300 s for WorkflowKind.EXPRESS: .+",
    ),
    (
        lambda place: FunctionApi(
            place.stack,
            "SlowFunction",
            environment=place.environment,
            function=function(place, "SlowCode", 5),
            settings=settings(timeout=cdk.Duration.seconds(5)),
            alarms_to=place.alarms,
        ),
        r"SlowCode: timeout=5 s is not allowed; give less than the API's timeout \(5 s\): .+",
    ),
]


@pytest.mark.parametrize(("build", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_a_dangerous_setting_is_refused_with_what_is_allowed_and_why(
    scratch: StackScope, build: Callable[[StackScope], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build(scratch)


def test_a_state_machine_has_the_kind_that_it_was_given(template: Template) -> None:
    types = {
        machine["Properties"].get("StateMachineType")
        for machine in template.find_resources("AWS::StepFunctions::StateMachine").values()
    }
    assert types == {"STANDARD", "EXPRESS"}
