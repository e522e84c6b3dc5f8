"""Secrets are rotated by the function that they name, which the emulator only notes.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

import json
import logging
import threading
import time
import uuid

from ministack.services import lambda_svc, secretsmanager

from pipeline.local.cloud.emulator import AwsError, Emulator, HttpResponse, Json, error_response, json_response, replace
from pipeline.local.cloud.iam.permissions import Permissions

logger = logging.getLogger("penstock.secretsmanager")

PRINCIPAL = "secretsmanager.amazonaws.com"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
NO_ACCESS = (
    "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the"
    " principal secretsmanager.amazonaws.com."
)


class Rotations:
    """Rotates secrets."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self._permissions = emulator.part(Permissions)
        self._read = replace(secretsmanager, "_get_secret_value", self._value)
        replace(secretsmanager, "_rotate_secret", self._rotate)

    def begin(self, secret_id: str, *, function: str, rules: Json | None = None, immediately: bool = True) -> Json:
        """Note who rotates a secret and, unless it can wait, begin: the steps go on by themselves.

        Raises:
            AwsError: if there is no such secret or function, or its policy does not let Secrets Manager call it.
        """
        secret = _secret(secret_id)
        function = function or str(secret.get("RotationLambdaARN") or "")
        record, configuration, _ = lambda_svc._get_func_record_for_ref(function)  # noqa: SLF001 - the emulator offers no other way
        source = {"aws:sourcearn": secret["ARN"], "aws:sourceaccount": self.emulator.here()[0]}
        calls = self._permissions.call_as_service(PRINCIPAL)
        if record is None or configuration is None:
            raise AwsError("InvalidRequestException", f"There is no function {function!r} to rotate the secret")
        if calls.refusal("lambda:InvokeFunction", str(configuration["FunctionArn"]), keys=source):
            raise AwsError("AccessDeniedException", NO_ACCESS)
        secret |= {"RotationEnabled": True, "RotationLambdaARN": function}
        secret |= {"RotationRules": rules} if rules else {}
        if not immediately:
            return {"ARN": secret["ARN"], "Name": secret["Name"]}
        token = str(uuid.uuid4())
        secret["Versions"][token] = {"CreatedDate": int(time.time()), "Stages": ["AWSPENDING"]}
        rotation = (*self.emulator.here(), function, {"SecretId": secret["ARN"], "ClientRequestToken": token})
        threading.Thread(target=self._steps, args=rotation, name="penstock-rotation", daemon=True).start()
        return {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token}

    def end(self, secret_id: str) -> None:
        """Rotate a secret no more, if it is there."""
        _, secret = secretsmanager._resolve(secret_id)  # noqa: SLF001 - as above
        if secret is not None:
            secret |= {"RotationEnabled": False, "RotationRules": None}

    def _rotate(self, request: Json) -> HttpResponse:
        """RotateSecret."""
        try:
            return json_response(
                self.begin(
                    str(request.get("SecretId", "")),
                    function=str(request.get("RotationLambdaARN") or ""),
                    rules=request.get("RotationRules"),
                    immediately=request.get("RotateImmediately", True),
                )
            )
        except AwsError as error:
            return error_response(error.code, error.message, error.status)

    def _steps(self, account: str, region: str, function: str, event: Json) -> None:
        with self.emulator.within(account, region):
            for step in STEPS:
                record, configuration, _ = lambda_svc._get_func_record_for_ref(function)  # noqa: SLF001 - as above
                if record is None or configuration is None:
                    return
                run = lambda_svc._execution_record_for_config(record, configuration)  # noqa: SLF001 - as above
                result = lambda_svc._execute_function(run, {**event, "Step": step})  # noqa: SLF001 - as above
                if result.get("error"):
                    logger.warning("%s did not %s of %s", function, step, event["SecretId"])
                    return
            _secret(event["SecretId"])["LastRotatedDate"] = int(time.time())

    def _value(self, request: Json) -> HttpResponse:
        """GetSecretValue, which finds no version without a value."""
        answer: HttpResponse = self._read(request)
        status, _, body = answer
        if status < 400 and not {"SecretString", "SecretBinary"} & json.loads(body).keys():
            message = "Secrets Manager can't find the specified secret value for VersionId: "
            return error_response("ResourceNotFoundException", f"{message}{request.get('VersionId')}")
        return answer


def name_of(secret_id: str) -> str:
    """Return the name of a secret; the id itself if there is none."""
    _, secret = secretsmanager._resolve(secret_id)  # noqa: SLF001 - as above
    return secret_id if secret is None else str(secret["Name"])


def _secret(secret_id: str) -> Json:
    _, secret = secretsmanager._resolve(secret_id)  # noqa: SLF001 - as above
    if secret is None:
        raise AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    found: Json = secret
    return found
