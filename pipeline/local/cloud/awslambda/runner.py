"""Runs Python functions as Lambda does: in sandboxes, with the function's own environment and role."""

import hashlib
import json
import os
import secrets
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pipeline.local.cloud import traces
from pipeline.local.cloud.awslambda import patches
from pipeline.local.cloud.awslambda.package import HostBuildError, Packages, Unpacked, search_path
from pipeline.local.cloud.awslambda.pool import Pool, Version
from pipeline.local.cloud.awslambda.sandbox import Invocation, InvocationOutcome, Sandbox
from pipeline.local.cloud.awslambda.variables import sandbox_variables
from pipeline.local.cloud.emulator import AwsError, Emulator, Json, LayerStub
from pipeline.local.cloud.iam.permissions import Permissions

SERVICE = "lambda.amazonaws.com"
UNTRUSTED = "The role defined for the function cannot be assumed by Lambda."

SHAPING = (
    "CodeSha256",
    "Environment",
    "Handler",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "Role",
    "Runtime",
    "Timeout",
    "Version",
)  # fmt: skip - one list
"""What of a function's configuration a sandbox is made from."""

SANDBOXES = "sandboxes"


class Runner:
    """Executes one invocation, in the account and region of the function."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.folder = emulator.folder / "lambda"
        shutil.rmtree(self.folder / SANDBOXES, ignore_errors=True)  # an emulator that was killed left them
        self.packages = Packages(
            folder=self.folder,
            prepared=Path(sys.prefix).resolve().parent / "functions",
            lock=threading.Lock(),
        )
        self.pool = Pool(comfortable=4 * (os.cpu_count() or 1))
        self.original = patches.replace_execution(self.execute)

    def execute(self, function: Json, event: Any, request_id: str) -> Json:
        """Run a function as the emulator asks: a body and a log, and for a failure the error as the body."""
        config: Json = function.get("config") or function
        code: bytes | None = function.get("code_zip")
        if code is None or not str(config.get("Runtime", "")).startswith("python"):
            return self.original(function, event, request_id)
        shape = json.dumps({key: config.get(key) for key in SHAPING}, sort_keys=True, default=str)
        version = Version(
            function_arn=f"{':'.join(self.emulator.here())}:{config['FunctionName']}:{config.get('Version')}",
            digest=hashlib.sha256(shape.encode()).hexdigest(),
        )
        try:
            sandbox = self.pool.take(version, lambda: self._make(config, code))
        except HostBuildError as error:
            return _failed("Runtime.InitError", str(error))
        except AwsError as error:
            return _failed(f"{error.code}Exception", f"{UNTRUSTED} {error.message}")
        try:
            return _answer(self._run(sandbox, config, event, request_id))
        finally:
            self.pool.give_back(version, sandbox)

    def _run(self, sandbox: Sandbox, config: Json, event: Any, request_id: str) -> InvocationOutcome:
        start = sandbox.start() if sandbox.is_new else InvocationOutcome()
        if start.error is not None:
            return start
        call = Invocation(
            id=request_id,
            event=event,
            function_arn=str(config.get("FunctionArn", "")),
            variables={"_X_AMZN_TRACE_ID": patches.trace_id(config, traces.for_invocation())},
        )
        outcome = sandbox.invoke(call, seconds=float(config.get("Timeout", 3)))
        return InvocationOutcome(
            result=outcome.result, error=outcome.error, log="\n".join(filter(None, (start.log, outcome.log)))
        )

    def _make(self, config: Json, code: bytes) -> Sandbox:
        _, region = self.emulator.here()
        function = self.packages.unpack(code)
        day = time.strftime("%Y/%m/%d", time.gmtime())
        variables = sandbox_variables(
            config,
            region=region,
            endpoint=self.emulator.endpoint,
            credentials=self._credentials(config),
            task_root=str(function.folder),
            stream=f"{day}/[{config.get('Version', '$LATEST')}]{secrets.token_hex(16)}",
            function_environment=self.emulator.function_environment,
        )
        inits = [each.init(variables) for each in map(self._stub, config.get("Layers") or []) if each]
        return Sandbox(
            path=search_path(function, self._layers(config)),
            handler=str(config.get("Handler", "")),
            variables=variables | {name: value for each in inits for name, value in each.variables.items()},
            folder=self.folder / SANDBOXES,
            log="\n".join(each.log for each in inits if each.log),
        )

    def _layers(self, config: Json) -> list[Unpacked]:
        found = []
        for layer in config.get("Layers") or []:
            if (stub := self._stub(layer)) is not None:
                found.append(self.packages.prepared_group(stub.group))
            elif content := patches.layer_content(layer):
                found.append(self.packages.unpack(content))
        return found

    def _stub(self, layer: Json | str) -> LayerStub | None:
        arn = str(layer["Arn"] if isinstance(layer, dict) else layer)
        return next((found for pattern, found in self.emulator.layers.items() if pattern.fullmatch(arn)), None)

    def _credentials(self, config: Json) -> dict[str, str]:
        """Begin a session of the function's role, as Lambda assumes it; the function's name is the session's."""
        role, name = str(config.get("Role", "")), str(config["FunctionName"])
        session = self.emulator.part(Permissions).start_session(role, name, service=SERVICE)
        return {
            "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
            "AWS_SESSION_TOKEN": session["SessionToken"],
        }


def _failed(error_type: str, message: str) -> Json:
    """Return what an invocation comes to that has begun no sandbox."""
    return _answer(InvocationOutcome(error={"errorType": error_type, "errorMessage": message}, log=message))


def _answer(outcome: InvocationOutcome) -> Json:
    if outcome.error is None:
        return {"body": json.loads(outcome.result), "log": outcome.log}
    return {"body": outcome.error, "error": True, "function_error": "Unhandled", "log": outcome.log}
