from typing import Any

import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.finding import DeploymentLocation, Finding
from services.library.guardrails.rules import queues
from services.library.guardrails.rules.queues import DEAD_LETTERS, ENCRYPTION, VISIBILITY, check, keeps_dead_letters

PLACE = DeploymentLocation(keeps_data=False)
REDRIVE = {"RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 5}}


def template(
    queue: dict[str, Any] | None = None,
    function: dict[str, Any] | None = None,
    source: dict[str, Any] | None = None,
    **others: Any,
) -> Template:
    """A queue with its dead-letter queue, and a function that works on it."""
    resources = {
        "Work": {"Type": queues.QUEUE, "Properties": {"VisibilityTimeout": 60, **REDRIVE} if queue is None else queue},
        "Dead": {"Type": queues.QUEUE},
        "Worker": {"Type": "AWS::Lambda::Function", "Properties": {"Timeout": 10} if function is None else function},
        "Source": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": {"Fn::GetAtt": ["Work", "Arn"]},
                "FunctionName": {"Ref": "Worker"},
                **(source or {}),
            },
        },
    }
    return Template({"Resources": {**resources, **others}}, "prod/work", "work.template.json")


def found(checked: Template) -> list[Finding]:
    return list(check(checked, PLACE))


def test_queue_as_the_library_makes_it_passes() -> None:
    assert found(template()) == []


def test_consumed_queue_without_dead_letters_is_found_and_an_unconsumed_one_is_not() -> None:
    (finding,) = found(template({"VisibilityTimeout": 60}))
    assert (finding.rule, finding.logical_id) == (DEAD_LETTERS.id, "Work")
    assert found(template({"VisibilityTimeout": 60}, source={"EventSourceArn": "arn:aws:sqs:elsewhere"})) == []


def test_consumed_dead_letter_queue_needs_one_of_its_own() -> None:
    (finding,) = found(template(source={"EventSourceArn": {"Fn::GetAtt": "Dead.Arn"}}, function={"Timeout": 5}))
    assert (finding.rule, finding.logical_id) == (DEAD_LETTERS.id, "Dead")


@pytest.mark.parametrize(
    ("visibility", "timeout", "window", "passes"),
    [
        (60, 10, None, True),
        (59, 10, None, False),
        ("60", "10", None, True),
        (None, 5, None, True),  # 30 s, SQS's own
        (None, 6, None, False),
        (18, None, None, True),  # 3 s, Lambda's own
        (17, None, None, False),
        (60, 10, 1, False),
        (61, 10, 1, True),
        ({"Ref": "HowLong"}, 10, None, False),
        ("a minute", 10, None, False),
        (43_200, {"Ref": "HowLong"}, None, False),
    ],
)
def test_visibility_timeout_under_six_times_the_functions_timeout_is_found(
    visibility: Any, timeout: Any, window: Any, passes: bool
) -> None:
    queue = REDRIVE if visibility is None else {"VisibilityTimeout": visibility, **REDRIVE}
    function = {} if timeout is None else {"Timeout": timeout}
    source = {} if window is None else {"MaximumBatchingWindowInSeconds": window}
    assert [finding.rule for finding in found(template(queue, function, source))] == [VISIBILITY.id] * (not passes)


@pytest.mark.parametrize("source", [{"Fn::Sub": "${Work.Arn}"}, {"Fn::GetAtt": "Work.Arn"}])
def test_queue_is_resolved_from_every_form_of_reference(source: Any) -> None:
    assert [finding.rule for finding in found(template({}, source={"EventSourceArn": source}))] == [
        VISIBILITY.id,
        DEAD_LETTERS.id,
    ]


@pytest.mark.parametrize(
    ("given", "passes"),
    [
        ({}, True),
        ({"SqsManagedSseEnabled": True}, True),
        ({"SqsManagedSseEnabled": False, "KmsMasterKeyId": {"Ref": "Key"}}, True),
        ({"SqsManagedSseEnabled": False}, False),
        ({"SqsManagedSseEnabled": "false"}, False),
        ({"SqsManagedSseEnabled": {"Ref": "Maybe"}}, False),
    ],
)
def test_queue_whose_encryption_may_be_off_is_found(given: dict[str, Any], passes: bool) -> None:
    other = {"Other": {"Type": queues.QUEUE, "Properties": given}}
    assert [finding.rule for finding in found(template(**other))] == [ENCRYPTION.id] * (not passes)


ARN = {"Fn::GetAtt": ["Other", "Arn"]}


@pytest.mark.parametrize(
    "names_it",
    [
        {"Type": "AWS::Events::Rule", "Properties": {"Targets": [{"DeadLetterConfig": {"Arn": ARN}}]}},
        {"Type": "AWS::Lambda::Function", "Properties": {"DeadLetterConfig": {"TargetArn": ARN}}},
        {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {"DestinationConfig": {"OnFailure": {"Destination": ARN}}},
        },
        {"Type": "AWS::SNS::Subscription", "Properties": {"RedrivePolicy": {"deadLetterTargetArn": ARN}}},
        {"Type": queues.QUEUE, "Properties": {"RedrivePolicy": {"deadLetterTargetArn": ARN}}},
    ],
)
def test_queue_named_for_dead_letters_is_a_dead_letter_queue(names_it: dict[str, Any]) -> None:
    with_it = template(Other={"Type": queues.QUEUE}, Names=names_it)
    (other,) = (queue for queue in with_it.resources(queues.QUEUE) if queue.logical_id == "Other")
    assert keeps_dead_letters(other, with_it)


def test_queue_that_is_sent_to_or_consumed_is_no_dead_letter_queue() -> None:
    target = {"Type": "AWS::Events::Rule", "Properties": {"Targets": [{"Arn": ARN}]}}
    plain = template(Other={"Type": queues.QUEUE}, Names=target)
    names = {queue.logical_id: keeps_dead_letters(queue, plain) for queue in plain.resources(queues.QUEUE)}
    assert names == {"Work": False, "Dead": True, "Other": False}
    text = {"Type": "AWS::SSM::Parameter", "Properties": {"Value": "where deadLetterTargetArn points"}}
    assert found(template(Text=text)) == []
    assert keeps_dead_letters(next(iter(plain.resources(queues.QUEUE))), template(Text=text))
    worked_on = template(source={"EventSourceArn": {"Fn::GetAtt": ["Dead", "Arn"]}})
    assert not any(keeps_dead_letters(queue, worked_on) for queue in worked_on.resources(queues.QUEUE))


NO_VALUE = {"Ref": "AWS::NoValue"}
FUNCTION_OF_ALIAS = {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": {"Ref": "Worker"}}}


def only_if(value: Any, otherwise: Any = NO_VALUE) -> dict[str, Any]:
    """A value that a condition of the deployment decides about."""
    return {"Fn::If": ["Condition", value, otherwise]}


@pytest.mark.parametrize("policy", [NO_VALUE, only_if(REDRIVE["RedrivePolicy"]), {"maxReceiveCount": 5}])
def test_dead_letters_that_a_deployment_may_leave_out_are_missing(policy: Any) -> None:
    (finding,) = found(template({"VisibilityTimeout": 60, "RedrivePolicy": policy}))
    assert finding.rule == DEAD_LETTERS.id


@pytest.mark.parametrize(
    "source",
    [
        only_if({"Fn::GetAtt": ["Work", "Arn"]}),
        only_if("arn:aws:sqs:elsewhere", {"Fn::GetAtt": ["Work", "Arn"]}),
        {"Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Work.QueueName}"},
        {"Fn::Join": ["", [{"Fn::GetAtt": ["Work", "Arn"]}]]},
    ],
)
def test_queue_that_is_named_by_a_function_of_cloudformations_is_consumed(source: Any) -> None:
    rules = {finding.rule for finding in found(template({}, source={"EventSourceArn": source}))}
    assert rules == {VISIBILITY.id, DEAD_LETTERS.id}


def test_timeout_counts_of_a_function_that_is_named_by_its_alias() -> None:
    aliased = template(function={"Timeout": 11}, source={"FunctionName": {"Ref": "Live"}}, Live=FUNCTION_OF_ALIAS)
    (finding,) = found(aliased)
    assert (finding.rule, "at least 66 s" in finding.text) == (VISIBILITY.id, True)


def test_each_timeout_counts_that_a_condition_may_give() -> None:
    (finding,) = found(template(function={"Timeout": only_if(900, 10)}))
    assert "at least 5400 s" in finding.text


def test_consumer_and_dead_letters_of_one_condition_belong_together() -> None:
    consumed = template({"VisibilityTimeout": 60, "RedrivePolicy": only_if(REDRIVE["RedrivePolicy"])})
    consumed.section("Resources")["Source"]["Condition"] = "Condition"
    assert found(consumed) == []
    consumed.section("Resources")["Source"]["Condition"] = "Other"
    assert [finding.rule for finding in found(consumed)] == [DEAD_LETTERS.id]


def test_queue_with_more_conditions_than_anybody_looks_at_is_found() -> None:
    many = {f"V{number}": {"Fn::If": [f"C{number}", 1, 2]} for number in range(8)}
    assert DEAD_LETTERS.id in {each.rule for each in found(template({"VisibilityTimeout": 60, **REDRIVE, **many}))}


@pytest.mark.parametrize("key", [NO_VALUE, only_if("key")])
def test_key_that_a_deployment_may_leave_out_encrypts_nothing(key: Any) -> None:
    plain = template({"VisibilityTimeout": 60, **REDRIVE, "SqsManagedSseEnabled": False, "KmsMasterKeyId": key})
    assert ENCRYPTION.id in {finding.rule for finding in found(plain)}
