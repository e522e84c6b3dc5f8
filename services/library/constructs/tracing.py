"""Datadog's layers and settings for the functions of a stack, without personal data in traces."""

import aws_cdk as cdk

from services.library.constructs.function import Function
from services.library.contract.environment import Environment
from services.library.contract.tracing import Datadog

EXTRACTOR = "services.library.runtime.datadog.extract"
VARIABLES = {
    # Its own and other clients' spans would be made beside ours, and their headers go to every host.
    "DD_TRACE_HTTPX_ENABLED": "false",
    "DD_TRACE_REQUESTS_ENABLED": "false",
    "DD_TRACE_URLLIB3_ENABLED": "false",
    "DD_TRACE_AIOHTTP_ENABLED": "false",
    "DD_TRACE_HTTPLIB_ENABLED": "false",
    "DD_TRACE_HTTP_CLIENT_TAG_QUERY_STRING": "false",
    "DD_TRACE_PROPAGATION_STYLE": "datadog,tracecontext",
    # It writes into records, events and inputs, whose fields are a contract; and hashes of keys into spans.
    "DD_BOTOCORE_DISTRIBUTED_TRACING": "false",
    "DD_BOTOCORE_ADD_SPAN_POINTERS": "false",
    # A hop that Datadog only infers quotes what it was inferred from.
    "DD_TRACE_MANAGED_SERVICES": "false",
    "DD_TRACE_EXTRACTOR": EXTRACTOR,
    "DD_EXCEPTION_REPLAY_ENABLED": "false",
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
}
"""Environment variables that turn off whatever of Datadog captures payloads or adds headers to calls."""


def trace(stack: cdk.Stack, datadog: Datadog, *, service: str, environment: Environment) -> None:
    """Add Datadog's layers to every function of a stack, with the settings that keep personal data out of traces."""
    # Imported where they are wanted: they cost every synth a third of a second.
    from aws_cdk import aws_secretsmanager as secretsmanager  # noqa: PLC0415 - as above
    from datadog_cdk_constructs_v2 import DatadogLambda  # noqa: PLC0415 - as above

    functions = [found.function for found in stack.node.find_all() if isinstance(found, Function)]
    if not functions:
        return
    DatadogLambda(
        stack,
        "Datadog",
        site=datadog.site,
        api_key_secret=secretsmanager.Secret.from_secret_complete_arn(
            stack, "DatadogApiKey", datadog.api_key_secret_arn
        ),
        python_layer_version=datadog.python_layer_version,
        extension_layer_version=datadog.extension_layer_version,
        service=service,
        env=environment.label,
        capture_lambda_payload=False,
        capture_cloud_service_payload=False,
        enable_datadog_logs=False,
        inject_log_context=False,
        enable_merge_xray_traces=False,
        enable_cold_start_tracing=False,
        flush_metrics_to_logs=False,
        source_code_integration=False,
        create_forwarder_permissions=False,
    ).add_lambda_functions(functions)
    for function in functions:
        for name, value in VARIABLES.items():
            function.add_environment(name, value)
