"""API Gateway's REST APIs: whose they are, who may call them, integrations, logs.

Emulated, by the emulator: routing, request validation, models, throttling, authorizers that are functions, gateway
responses, proxy integrations. Added: AWS_IAM authorization, integrations of functions, Step Functions and SQS, mocks,
mapping templates (`velocity/`), the integration's role, time limits, access logs, templates' request validators.
Not emulated: HTTP and WebSocket APIs in templates, caches, usage plans' quotas, private APIs, execution logs, canaries.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Answer every request to a deployed API, and complete what templates say of one."""
    from pipeline.local.cloud.apigateway import patches, resources
    from pipeline.local.cloud.apigateway.api import RestApis

    patches.accept_hosts_of_outputs()
    RestApis(emulator)
    emulator.provide("AWS::ApiGateway::RequestValidator", resources.request_validator())
    emulator.provide("AWS::ApiGateway::Method", resources.method(emulator))
    emulator.provide("AWS::ApiGateway::Stage", resources.stage(emulator))
