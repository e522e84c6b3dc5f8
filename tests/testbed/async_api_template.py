"""A small stack with the async API's mapping, written by hand: what the tests of its integrations deploy."""

import json
from typing import Any

from services.library.constructs.mappings.async_api import integration_responses, request_template, response_statuses
from services.library.constructs.mappings.problem import gateway_responses

SCHEMA = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "required": ["patient"],
    "properties": {"patient": {"type": "string"}, "fail": {"type": "boolean"}, "wait": {"type": "integer"}},
}
_MACHINE = {
    "StartAt": "Choose",
    "States": {
        "Choose": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.fail", "IsPresent": True, "Next": "Fail"},
                {"Variable": "$.wait", "IsPresent": True, "Next": "Wait"},
            ],
            "Default": "Done",
        },
        "Fail": {"Type": "Fail", "Error": "Intended", "Cause": "somebody@example.com"},
        "Wait": {"Type": "Wait", "SecondsPath": "$.wait", "Next": "Done"},
        "Done": {"Type": "Succeed"},
    },
}
ACCESS_LOG_FORMAT = json.dumps(
    {
        "requestId": "$context.requestId",
        "caller": "$context.identity.caller",
        "status": "$context.status",
        "resource": "$context.resourcePath",
        "integration": "$context.integration.status",
    }
)


def template(*, may_start: bool = True, burst: int = 10_000) -> dict[str, Any]:
    """The stack: outputs `Api`, `Machine`, `Account` (the caller's role) and `Log`."""
    return {
        "Resources": {
            "Machine": _state_machine(),
            "MachineRole": _role("states.amazonaws.com", {"Action": "logs:*", "Resource": "*"}),
            "Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}},
            "StateLog": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}},
            "StartRole": _role(
                "apigateway.amazonaws.com",
                {
                    "Action": "states:StartExecution" if may_start else "states:DescribeExecution",
                    "Resource": {"Ref": "Machine"},
                },
            ),
            "LogRole": _role("apigateway.amazonaws.com", {"Action": "logs:*", "Resource": "*"}),
            "Account": {
                "Type": "AWS::ApiGateway::Account",
                "Properties": {"CloudWatchRoleArn": {"Fn::GetAtt": ["LogRole", "Arn"]}},
                # The account's, and so every API's: no stack takes it along.
                "DeletionPolicy": "Retain",
            },
            "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "async"}},
            "Executions": {
                "Type": "AWS::ApiGateway::Resource",
                "Properties": {
                    "RestApiId": {"Ref": "Api"},
                    "ParentId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
                    "PathPart": "executions",
                },
            },
            "Payload": {
                "Type": "AWS::ApiGateway::Model",
                "Properties": {
                    "RestApiId": {"Ref": "Api"},
                    "ContentType": "application/json",
                    "Name": "payload",
                    "Schema": SCHEMA,
                },
            },
            "Validator": {
                "Type": "AWS::ApiGateway::RequestValidator",
                "Properties": {
                    "RestApiId": {"Ref": "Api"},
                    "ValidateRequestBody": True,
                    "ValidateRequestParameters": True,
                },
            },
            "Post": _method(),
            **_gateway_responses(),
            "Deployment": {
                "Type": "AWS::ApiGateway::Deployment",
                "DependsOn": ["Post", *_gateway_responses()],
                "Properties": {"RestApiId": {"Ref": "Api"}},
            },
            "Stage": {
                "Type": "AWS::ApiGateway::Stage",
                "DependsOn": ["Account"],
                "Properties": {
                    "RestApiId": {"Ref": "Api"},
                    "DeploymentId": {"Ref": "Deployment"},
                    "StageName": "v1",
                    "TracingEnabled": True,
                    "AccessLogSetting": {
                        "DestinationArn": {"Fn::GetAtt": ["Log", "Arn"]},
                        "Format": ACCESS_LOG_FORMAT,
                    },
                    "MethodSettings": [
                        {
                            "ResourcePath": "/~1executions",
                            "HttpMethod": "POST",
                            "ThrottlingRateLimit": burst,
                            "ThrottlingBurstLimit": burst,
                        }
                    ],
                },
            },
        },
        "Outputs": {
            "Api": {"Value": {"Ref": "Api"}},
            "Machine": {"Value": {"Ref": "Machine"}},
            "Log": {"Value": {"Ref": "Log"}},
            "StateLog": {"Value": {"Ref": "StateLog"}},
        },
    }


def _state_machine() -> dict[str, Any]:
    return {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "RoleArn": {"Fn::GetAtt": ["MachineRole", "Arn"]},
            "DefinitionString": json.dumps(_MACHINE),
            "LoggingConfiguration": {
                "Level": "ERROR",
                "IncludeExecutionData": False,
                "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": ["StateLog", "Arn"]}}}],
            },
        },
    }


def _role(service: str, allowed: dict[str, Any]) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **allowed}]}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [{"PolicyName": "inline", "PolicyDocument": policy}],
        },
    }


def _method() -> dict[str, Any]:
    return {
        "Type": "AWS::ApiGateway::Method",
        "Properties": {
            "RestApiId": {"Ref": "Api"},
            "ResourceId": {"Ref": "Executions"},
            "HttpMethod": "POST",
            "AuthorizationType": "AWS_IAM",
            "RequestValidatorId": {"Ref": "Validator"},
            "RequestModels": {"application/json": {"Ref": "Payload"}},
            "MethodResponses": [
                {
                    "StatusCode": str(status),
                    "ResponseParameters": {
                        "method.response.header.Content-Type": True,
                        "method.response.header.Retry-After": True,
                    },
                }
                for status in response_statuses()
            ],
            "Integration": {
                "Type": "AWS",
                "IntegrationHttpMethod": "POST",
                "Uri": {"Fn::Sub": "arn:aws:apigateway:${AWS::Region}:states:action/StartExecution"},
                "Credentials": {"Fn::GetAtt": ["StartRole", "Arn"]},
                "PassthroughBehavior": "NEVER",
                "RequestTemplates": {
                    "application/json": {"Fn::Join": ["", [*_around(request_template("MACHINE"), {"Ref": "Machine"})]]}
                },
                "IntegrationResponses": [
                    {
                        "StatusCode": str(answer.status),
                        **({"SelectionPattern": answer.pattern} if answer.pattern else {}),
                        "ResponseParameters": answer.parameters,
                        "ResponseTemplates": {"application/json": answer.template},
                    }
                    for answer in integration_responses()
                ],
            },
        },
    }


def _around(text: str, inserted: dict[str, str]) -> list[Any]:
    before, _, after = text.partition("MACHINE")
    return [before, inserted, after]


def _gateway_responses() -> dict[str, Any]:
    return {
        "On" + answer.response_type.title().replace("_", ""): {
            "Type": "AWS::ApiGateway::GatewayResponse",
            "Properties": {
                "RestApiId": {"Ref": "Api"},
                "ResponseType": answer.response_type,
                **({"StatusCode": str(answer.status)} if answer.status else {}),
                "ResponseParameters": {f"gatewayresponse.header.{name}": each for name, each in answer.headers.items()},
                "ResponseTemplates": {"application/json": answer.template},
            },
        }
        for answer in gateway_responses()
    }
