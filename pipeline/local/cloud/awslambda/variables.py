"""The environment variables of a sandbox: the function's own and those that AWS documents.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
"""

from collections.abc import Mapping
from typing import Any

RUNTIME_FOLDER = "/var/runtime"


def sandbox_variables(
    config: Mapping[str, Any],
    *,
    region: str,
    endpoint: str,
    credentials: Mapping[str, str],
    task_root: str,
    stream: str,
    function_environment: Mapping[str, str],
) -> dict[str, str]:
    """Make the whole environment of a handler, for one sandbox. Nothing of this machine's is in it."""
    name = str(config["FunctionName"])
    logging = config.get("LoggingConfig") or {}
    own: Mapping[str, str] = (config.get("Environment") or {}).get("Variables") or {}
    return {
        # A function may set these itself.
        "AWS_ENDPOINT_URL": endpoint,
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        **function_environment,
        # The local cloud has one host for everything: `sync-states.` and the like do not resolve in front of it.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        **{key: str(value) for key, value in own.items()},
        # These are reserved: a function cannot.
        "_HANDLER": str(config.get("Handler", "")),
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": str(config.get("Version", "$LATEST")),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": str(logging.get("LogGroup") or f"/aws/lambda/{name}"),
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "LAMBDA_TASK_ROOT": task_root,
        "LAMBDA_RUNTIME_DIR": RUNTIME_FOLDER,
        **credentials,
    }
