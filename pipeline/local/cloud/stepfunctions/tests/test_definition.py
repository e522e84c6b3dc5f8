"""What is wrong with a definition, as Step Functions says it.

https://states-language.net/spec.html
https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinitionDiagnostic.html

Where a case names an issue, somebody has read the answer off AWS's own API there. AWS documents the codes, and that the
wording may change.
"""

import json
from typing import Any

import pytest

from pipeline.local.cloud.stepfunctions.definition.checks import problems

END: dict[str, Any] = {"Type": "Pass", "End": True}
CALL: dict[str, Any] = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}


def machine(start: str = "A", **states: Any) -> dict[str, Any]:
    return {"StartAt": start, "States": states}


def one(**state: Any) -> dict[str, Any]:
    """A machine of one state."""
    return machine(A=state)


def choice(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return machine(A={"Type": "Choice", "Choices": list(rules), "Default": "B", **more}, B=END)


def said(definition: Any, *, express: bool = False) -> list[str]:
    return [str(each) for each in problems(json.dumps(definition), express=express)]


SERVERLESS_250 = "https://github.com/serverless-operations/serverless-step-functions/issues/250"
LOCALSTACK_11978 = "https://github.com/localstack/localstack/issues/11978"
FLOCI_2735 = "https://github.com/floci-io/floci/issues/2735"
FLOCI_2786 = "https://github.com/floci-io/floci/pull/2786"
FLOCI_2968 = "https://github.com/floci-io/floci/issues/2968"
CFN_LINT_4076 = "https://github.com/aws-cloudformation/cfn-lint/issues/4076"
CFN_LINT_4077 = "https://github.com/aws-cloudformation/cfn-lint/issues/4077"
CFN_LINT_4078 = "https://github.com/aws-cloudformation/cfn-lint/issues/4078"
STATES_LANGUAGE_26 = "https://github.com/aws/amazon-states-language-service/issues/26"

READ_OFF_AWS: list[tuple[str, Any, list[str]]] = [
    (
        SERVERLESS_250,
        machine("other", A=END),
        [
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: other at /StartAt",
            'MISSING_TRANSITION_TARGET: State "A" is not reachable. at /States/A',
        ],
    ),
    (
        LOCALSTACK_11978,
        machine("pass1", pass1={"Type": "Pass", "Next": "pass3"}, pass2=END),
        [
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: pass3 at /States/pass1/Next",
            'MISSING_TRANSITION_TARGET: State "pass2" is not reachable. at /States/pass2',
        ],
    ),
    (
        FLOCI_2735,
        machine(A={"Type": "Pass", "Next": "B"}, B={"Type": "Pass", "Next": "A"}),
        ["MISSING_END_STATE: Workflow has no terminal state at null"],
    ),
    (
        FLOCI_2735,
        machine(A={"Type": "Pass", "Next": "B"}, B={"Type": "Pass", "Next": "A"}, C=END),
        ['MISSING_TRANSITION_TARGET: State "C" is not reachable. at /States/C'],
    ),
    (
        FLOCI_2735,
        one(Type="Parallel", Branches=[machine("X", X=END)], TimeoutSeconds=5, End=True),
        ["SCHEMA_VALIDATION_FAILED: Field 'TimeoutSeconds' is not supported at /States/A"],
    ),
    (
        FLOCI_2735,
        one(**END, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "A"}]),
        ["SCHEMA_VALIDATION_FAILED: Field 'Catch' is not supported at /States/A"],
    ),
    (
        FLOCI_2786,
        one(Type="Pass", Next="NOPE"),
        [
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Next",
            "MISSING_END_STATE: Workflow has no terminal state at null",
        ],
    ),
    (
        FLOCI_2786,
        choice({"Variable": "$.a", "IsNull": True, "Next": "NOPE"}),
        ["MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Choices[0]/Next"],
    ),
    (
        FLOCI_2786,
        choice({"Variable": "$.a", "IsNull": True, "Next": "B"}, Default="NOPE"),
        ["MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Default"],
    ),
    (
        FLOCI_2786,
        one(**CALL, Catch=[{"ErrorEquals": ["X"], "Next": "NOPE"}]),
        ["MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Catch[0]/Next"],
    ),
    (
        FLOCI_2968,
        one(**END, Output={}),
        [
            (
                "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only "
                "supported for the 'JSONata' QueryLanguage at /States/A"
            )
        ],
    ),
    (
        FLOCI_2968,
        one(**END, QueryLanguage="JSONPath") | {"QueryLanguage": "JSONata"},
        [
            (
                "SCHEMA_VALIDATION_FAILED: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state "
                "machine at /States/A"
            )
        ],
    ),
    (
        FLOCI_2968,
        one(Type="Map", ItemProcessor=machine("X", X=END) | {"QueryLanguage": "JSONPath"}, End=True),
        ["SCHEMA_VALIDATION_FAILED: Field 'QueryLanguage' is not supported at /States/A/ItemProcessor"],
    ),
    (
        CFN_LINT_4076,
        choice({"Variable": "Test", "StringMatches": "Test", "Next": "B"}),
        [
            (
                "SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: Reference path didn't start with '$' at "
                "/States/A/Choices[0]/Variable"
            )
        ],
    ),
    (
        CFN_LINT_4077,
        choice({"Variable": "$", "StringMatches": "Test"}),
        ["SCHEMA_VALIDATION_FAILED: These fields are required: [Next] at /States/A/Choices[0]"],
    ),
    (
        CFN_LINT_4078,
        one(**END, OutputPath="Test"),
        ["SCHEMA_VALIDATION_FAILED: Value must be a valid JSONPath. at /States/A/OutputPath"],
    ),
    (
        STATES_LANGUAGE_26,
        one(**CALL, Parameters={"Deep": [{"JobName.$": "foo"}]}),
        [
            (
                "SCHEMA_VALIDATION_FAILED: The value for the field 'JobName.$' must be a valid JSONPath or a valid "
                "intrinsic function call at /States/A/Parameters/Deep[0]/JobName.$"
            )
        ],
    ),
]


@pytest.mark.parametrize(("source", "definition", "answer"), READ_OFF_AWS)
def test_a_diagnostic_is_the_one_that_aws_was_seen_to_give(source: str, definition: Any, answer: list[str]) -> None:
    assert said(definition) == answer, source


REFUSED: dict[str, tuple[Any, str]] = {
    "no StartAt": ({"States": {"A": END}}, "These fields are required: [StartAt] at /"),
    "no states": ({"StartAt": "A", "States": {}}, "/States"),
    "an unknown field of the machine": (machine(A=END) | {"Start": "A"}, "Field 'Start' is not supported at /"),
    "a type that there is not": (one(Type="Tsak", End=True), "/States/A/Type"),
    "a name of 81 characters": (machine("x" * 81, **{"x" * 81: END}), "INVALID_STATE_NAME"),
    "a name in two branches": (
        one(Type="Parallel", Branches=[machine("X", X=END), machine("X", X=END)], End=True),
        "DUPLICATE_STATE_NAME: Duplicate state name: X",
    ),
    "neither Next nor End": (one(Type="Pass"), "Exactly one of these fields must be specified: [Next, End]"),
    "both Next and End": (machine(A={**END, "Next": "B"}, B=END), "[Next, End] at /States/A"),
    "a Task without a Resource": (one(Type="Task", End=True), "These fields are required: [Resource]"),
    "a Resource that is a name": (one(Type="Task", Resource="call", End=True), "not a valid resource ARN"),
    "an integration without an action": (one(**CALL | {"Resource": "arn:aws:states:::sqs"}), "valid resource ARN"),
    "an action in upper case": (
        one(**CALL | {"Resource": "arn:aws:states:::aws-sdk:s3:GetObject"}),
        "valid resource ARN",
    ),
    "a heartbeat as long as the timeout": (
        one(**CALL, TimeoutSeconds=5, HeartbeatSeconds=5),
        "HeartbeatSeconds must be smaller",
    ),
    "two timeouts": (one(**CALL, TimeoutSeconds=5, TimeoutSecondsPath="$.t"), "cannot be specified together"),
    "a timeout of nothing": (one(**CALL, TimeoutSeconds=0), "from 1 to 99999999"),
    "a path that ends with a dot": (one(**END, InputPath="$.a."), "/States/A/InputPath"),
    "a path with an open bracket": (one(**END, InputPath="$.a['b'"), "/States/A/InputPath"),
    "a result path with an operator": (one(**END, ResultPath="$.a[*]"), "not a Reference Path"),
    "an intrinsic function that there is not": (
        one(**END, Parameters={"a.$": "States.Upper($.a)"}),
        "'a.$' must be a valid JSONPath",
    ),
    "an intrinsic function that is left open": (one(**END, Parameters={"a.$": "States.UUID("}), "'a.$' must be"),
    "a rule with two operators": (
        choice({"Variable": "$.a", "IsNull": True, "IsString": True, "Next": "B"}),
        "Exactly one comparison operator must be specified: IsNull, IsString",
    ),
    "a rule with an operator that there is not": (
        choice({"Variable": "$.a", "StringLike": "x", "Next": "B"}),
        "Field 'StringLike' is not supported",
    ),
    "a number for a text": (choice({"Variable": "$.a", "StringEquals": 5, "Next": "B"}), "is of the wrong type: 5"),
    "a text for a number": (choice({"Variable": "$.a", "NumericEquals": "5", "Next": "B"}), "is of the wrong type"),
    "a day for a time": (
        choice({"Variable": "$.a", "TimestampEquals": "2026-01-01", "Next": "B"}),
        "valid timestamp",
    ),
    "a comparison without a Variable": (choice({"StringEquals": "x", "Next": "B"}), "are required: [Variable]"),
    "a Next within And": (
        choice({"And": [{"Variable": "$.a", "IsNull": True, "Next": "B"}], "Next": "B"}),
        "Field 'Next' is not supported at /States/A/Choices[0]/And[0]",
    ),
    "no rules": (choice(), "/States/A/Choices"),
    "two ways to wait": (one(Type="Wait", Seconds=1, SecondsPath="$.s", End=True), "[Seconds, SecondsPath,"),
    "a wait of less than nothing": (one(Type="Wait", Seconds=-1, End=True), "from 0 to 99999999"),
    "a Map without a processor": (one(Type="Map", End=True), "[ItemProcessor, Iterator]"),
    "a way out of a branch": (
        machine(
            A={"Type": "Parallel", "Branches": [machine("X", X={"Type": "Pass", "Next": "B"})], "Next": "B"}, B=END
        ),
        "Missing 'Next' target: B at /States/A/Branches[0]/States/X/Next",
    ),
    "a retry of nothing": (one(**CALL, Retry=[{"ErrorEquals": []}]), "Retry[0]/ErrorEquals"),
    "a retry that shrinks its pauses": (one(**CALL, Retry=[{"ErrorEquals": ["X"], "BackoffRate": 0.5}]), "BackoffRate"),
    "States.ALL beside another": (one(**CALL, Retry=[{"ErrorEquals": ["States.ALL", "X"]}]), "must appear alone"),
    "States.ALL before another": (
        one(**CALL, Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["X"]}]),
        "must be in the last element",
    ),
    "a Catch that leads nowhere": (one(**CALL, Catch=[{"ErrorEquals": ["X"]}]), "are required: [Next]"),
    "Error and ErrorPath": (one(Type="Fail", Error="a", ErrorPath="$.a"), "cannot be specified together"),
    "a JSONata rule without a Condition": (
        choice({"Variable": "$.a", "IsNull": True, "Next": "B"}) | {"QueryLanguage": "JSONata"},
        "are required: [Condition]",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_definition_is_refused(case: str) -> None:
    definition, reason = REFUSED[case]
    assert any(reason in each for each in said(definition)), said(definition)


def test_a_definition_that_is_no_json_is_refused() -> None:
    assert [each.code for each in problems("{")] == ["INVALID_JSON_DESCRIPTION"]
    assert [each.code for each in problems("[]")] == ["INVALID_JSON_DESCRIPTION"]


def test_an_express_workflow_waits_for_nobody() -> None:
    """ "Express Workflows don't support the Run a Job (.sync) or Wait for Callback (.waitForTaskToken) patterns."

    https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
    """
    waiting = one(**CALL | {"Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken"})
    assert said(waiting) == []
    assert "does not support '.waitForTaskToken' service integration" in said(waiting, express=True)[0]


TAKEN: dict[str, Any] = {
    "every kind of state": machine(
        A={
            "Type": "Map",
            "ItemsPath": "$.a[0:2]",
            "MaxConcurrency": 3,
            "ItemSelector": {"value.$": "$$.Map.Item.Value", "id.$": "States.Format('{}-[\\'x', States.UUID())"},
            "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **machine("X", X={**END, "Result": {"x.$": 1}})},
            "ResultPath": "$['a b'].c[0]",
            "Next": "B",
        },
        B={
            "Type": "Choice",
            "Choices": [
                {
                    "And": [{"Variable": "$.a", "IsPresent": True}, {"Not": {"Variable": "$.b", "IsNull": True}}],
                    "Next": "C",
                },
                {"Variable": "$", "TimestampLessThanPath": "$$.Execution.StartTime", "Next": "D"},
                {
                    "Variable": "$.t",
                    "TimestampEquals": "2026-01-01T00:00:00.5+01:00",
                    "Next": "D",
                    "Assign": {"v.$": "$.t"},
                },
            ],
        },
        C={
            "Type": "Task",
            "Resource": "arn:aws:states:::codebuild:startBuild.sync",
            "Parameters": {"ProjectName": "p", "Token.$": "$$.Task.Token", "Every.$": "$..book[?(@.price < 10)].title"},
            "ResultSelector": {"id.$": "$.Build.Id"},
            "TimeoutSecondsPath": "$.timeout",
            "HeartbeatSeconds": 5,
            "Retry": [
                {
                    "ErrorEquals": ["A"],
                    "IntervalSeconds": 1,
                    "MaxAttempts": 0,
                    "BackoffRate": 1.5,
                    "JitterStrategy": "FULL",
                },
                {"ErrorEquals": ["States.ALL"], "MaxDelaySeconds": 60},
            ],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "E"}],
            "Next": "D",
        },
        D={"Type": "Wait", "Timestamp": "2026-01-01T00:00:00Z", "OutputPath": None, "Next": "F"},
        E={"Type": "Fail", "ErrorPath": "$.error", "CausePath": "States.JsonToString($.cause)"},
        F={"Type": "Parallel", "Branches": [machine("Y", Y=CALL), machine("Z", Z={"Type": "Succeed"})], "Next": "G"},
        G={"Type": "Task", "Resource": "arn:aws:states:us-east-1:111111111111:activity:a", "Next": "H"},
        H={"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:111111111111:function:f:live", "End": True},
    ),
    "JSONata": {
        "QueryLanguage": "JSONata",
        "TimeoutSeconds": 5,
        **machine(
            A={
                **CALL,
                "Arguments": {"Payload": "{% $states.input %}"},
                "TimeoutSeconds": "{% 5 %}",
                "Output": "{% $states.result %}",
                "Assign": {"a": "{% 1 %}"},
            }
        ),
    },
    "one state in JSONata": one(**CALL, QueryLanguage="JSONata", Output={}),
    "a variable": one(**END, InputPath="$variable.a", Assign={"b.$": "$variable['a']"}),
    "a loop with a way out": machine(
        A={"Type": "Pass", "Next": "B"},
        B={"Type": "Choice", "Choices": [{"Variable": "$.a", "BooleanEquals": True, "Next": "A"}], "Default": "C"},
        C=END,
    ),
}


@pytest.mark.parametrize("case", TAKEN)
def test_a_definition_that_aws_takes_is_taken(case: str) -> None:
    assert said(TAKEN[case]) == []
