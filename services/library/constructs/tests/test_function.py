"""What every function has, whatever a team says of it."""

from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

from services.library.constructs.function import Function, FunctionSettings
from services.library.constructs.notification_topic import NotificationTopic
from services.library.contract.environment import Environment, Tier
from services.library.contract.service import ServiceStack
from tests.testbed.runtime_code import HANDLER

KEY = {"Fn::GetAtt": [Match.string_like_regexp("^OperationsKey"), "Arn"]}


def environment(tier: Tier) -> Environment:
    return Environment(name="some", tier=tier, account="111111111111", region="eu-west-1")


def build(folder: Path, tier: Tier = Tier.SANDBOX, *, functions: int = 1, **settings: Any) -> Template:
    stack = ServiceStack(
        cdk.App(outdir=str(folder)), "Some", environment=environment(tier), description="Some functions"
    )
    alarms = NotificationTopic(stack, "Topic", environment=environment(tier))
    for number in range(functions):
        Function(
            stack,
            f"Function{number}",
            environment=environment(tier),
            settings=FunctionSettings(handler=HANDLER, description="Does something", **settings),
            alarms_to=alarms,
        )
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Template:
    folder = tmp_path_factory.mktemp("two")
    return build(
        folder, Tier.PRODUCTION, functions=2, variables={"TABLE_NAME": "t"}, memory_mib=512, reserved_concurrency=20
    )


def test_a_function_runs_its_handler_on_the_machine_it_was_packaged_for(two: Template) -> None:
    two.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Handler": HANDLER,
            "Runtime": "python3.14",
            "Architectures": ["arm64"],
            "MemorySize": 512,
            "Timeout": 10,
            "TracingConfig": {"Mode": "Active"},
            "Environment": {
                "Variables": {"TABLE_NAME": "t", "POWERTOOLS_SERVICE_NAME": "sample", "POWERTOOLS_LOG_LEVEL": "INFO"}
            },
        },
    )


def test_the_functions_of_a_stack_share_the_layers(two: Template) -> None:
    two.resource_count_is("AWS::Lambda::Function", 2)
    two.resource_count_is("AWS::Lambda::LayerVersion", 2)


def test_each_function_has_a_log_group_of_its_own_that_outlives_it_in_production(two: Template) -> None:
    two.resource_count_is("AWS::Logs::LogGroup", 2)
    two.all_resources("AWS::Logs::LogGroup", {"DeletionPolicy": "Retain", "Properties": {"RetentionInDays": 365}})
    two.all_resources_properties("AWS::Lambda::Function", {"LoggingConfig": {"LogGroup": {"Ref": Match.any_value()}}})


def test_sandbox_logs_expire_after_a_week(tmp_path: Path) -> None:
    build(tmp_path).has_resource(
        "AWS::Logs::LogGroup", {"DeletionPolicy": "Delete", "Properties": {"RetentionInDays": 7}}
    )


def test_a_role_writes_to_its_own_log_group_and_has_no_managed_policy(two: Template) -> None:
    two.all_resources_properties("AWS::IAM::Role", {"ManagedPolicyArns": Match.absent()})
    two.has_resource_properties(
        "AWS::IAM::ManagedPolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        {
                            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                            "Effect": "Allow",
                            "Resource": {"Fn::GetAtt": [Match.any_value(), "Arn"]},
                        }
                    ]
                )
            }
        },
    )


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_the_first_error_and_the_first_throttle_raise_an_alarm(two: Template, metric: str) -> None:
    two.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "Namespace": "AWS/Lambda",
            "MetricName": metric,
            "Threshold": 1,
            "Period": 60,
            "TreatMissingData": "notBreaching",
            "AlarmActions": [{"Ref": Match.string_like_regexp("Topic")}],
        },
    )


@pytest.mark.parametrize("name", ["AWS_REGION", "_HANDLER", "LAMBDA_TASK_ROOT", "TZ", "POWERTOOLS_LOG_LEVEL"])
def test_a_reserved_variable_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"variables={{'{name}': \.\.\.}} is not allowed; give it another name"):
        FunctionSettings(handler=HANDLER, description="x", variables={name: "x"})


def test_a_variable_that_looks_like_a_secret_is_refused_without_being_quoted() -> None:
    with pytest.raises(
        ValueError, match=r"variables={'DATABASE': \.\.\.}, which looks like a URL with a password"
    ) as raised:
        FunctionSettings(handler=HANDLER, description="x", variables={"DATABASE": "db://me:hunter2@host"})
    assert "hunter2" not in str(raised.value)
    FunctionSettings(handler=HANDLER, description="x", variables={"DATABASE_SECRET_NAME": "database"})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"timeout": cdk.Duration.seconds(901)}, "timeout=901 s is not allowed; give 1 s to 15 minutes"),
        ({"reserved_concurrency": 0}, "reserved_concurrency=0 is not allowed; give 1 to 900"),
    ],
)
def test_a_setting_that_lambda_refuses_or_that_stops_the_function_is_refused(
    settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        FunctionSettings(handler=HANDLER, description="x", **settings)


def test_failed_invocations_go_to_an_encrypted_dead_letter_queue_with_an_alarm(two: Template) -> None:
    queue = {"Fn::GetAtt": [Match.string_like_regexp("^Undelivered"), "Arn"]}
    two.all_resources_properties("AWS::Lambda::Function", {"DeadLetterConfig": {"TargetArn": queue}})
    two.resource_count_is("AWS::SQS::Queue", 1)
    two.has_resource_properties("AWS::SQS::Queue", {"MessageRetentionPeriod": 1_209_600, "KmsMasterKeyId": KEY})
    two.has_resource_properties("AWS::CloudWatch::Alarm", {"MetricName": "ApproximateNumberOfMessagesVisible"})


def test_logs_are_encrypted_with_the_stacks_own_key(two: Template) -> None:
    two.all_resources_properties("AWS::Logs::LogGroup", {"KmsKeyId": KEY})
    two.has_resource_properties(
        "AWS::KMS::Key",
        {
            "KeyPolicy": Match.object_like(
                {
                    "Statement": Match.array_with(
                        [
                            Match.object_like(
                                {
                                    "Principal": {"Service": Match.any_value()},
                                    "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": Match.any_value()}},
                                }
                            )
                        ]
                    )
                }
            )
        },
    )


def test_function_reserves_concurrency(two: Template) -> None:
    two.all_resources_properties("AWS::Lambda::Function", {"ReservedConcurrentExecutions": 20})


@pytest.mark.parametrize("memory_mib", [127, 10_241])
def test_memory_that_lambda_does_not_offer_is_refused(memory_mib: int) -> None:
    with pytest.raises(ValueError, match=f"memory_mib={memory_mib} is not allowed; give 128 to 10240"):
        FunctionSettings(handler=HANDLER, description="x", memory_mib=memory_mib)


def test_a_handler_outside_a_services_runtime_is_refused() -> None:
    with pytest.raises(ValueError, match=r"give services\.<service>\.runtime\.<module>\.<name>"):
        _ = FunctionSettings(handler="services.sample.service.build", description="x").service
