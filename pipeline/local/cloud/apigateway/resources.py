"""CloudFormation's API Gateway types where the emulator drops properties that a request meets."""

import json
from types import ModuleType

from pipeline.local.cloud.emulator import Emulator, Json, ResourceType


def install(emulator: Emulator, gateway: ModuleType) -> None:
    """Complete the request validator, the method and the stage."""
    emulator.provide("AWS::ApiGateway::RequestValidator", _request_validator(gateway))
    emulator.provide("AWS::ApiGateway::Method", _method(gateway, emulator.provided("AWS::ApiGateway::Method")))
    emulator.provide("AWS::ApiGateway::Stage", _stage(gateway, emulator.provided("AWS::ApiGateway::Stage")))


def _request_validator(gateway: ModuleType) -> ResourceType:
    def create(logical_id: str, properties: Json, stack: str) -> tuple[str, Json]:
        wanted = {
            "name": properties.get("Name") or f"{stack}-{logical_id}",
            "validateRequestBody": _flag(properties.get("ValidateRequestBody")),
            "validateRequestParameters": _flag(properties.get("ValidateRequestParameters")),
        }
        status, _, body = gateway._create_request_validator(properties["RestApiId"], wanted)  # noqa: SLF001 - no other seam
        if status >= 400:
            raise ValueError(f"AWS::ApiGateway::RequestValidator {logical_id}: {body!r}")
        made = json.loads(body)["id"]
        return made, {"RequestValidatorId": made}

    def update(physical_id: str, old: Json, new: Json, stack: str) -> tuple[str, Json]:
        validators = gateway._request_validators.get(new["RestApiId"], {})  # noqa: SLF001 - as above
        replaced = any(old.get(name) != new.get(name) for name in ("RestApiId", "Name"))
        if replaced or physical_id not in validators:
            return create(physical_id, new, stack)
        validators[physical_id] |= {
            "validateRequestBody": _flag(new.get("ValidateRequestBody")),
            "validateRequestParameters": _flag(new.get("ValidateRequestParameters")),
        }
        return physical_id, {"RequestValidatorId": physical_id}

    def delete(physical_id: str, properties: Json) -> None:
        gateway._request_validators.get(properties.get("RestApiId"), {}).pop(physical_id, None)  # noqa: SLF001 - as above

    return ResourceType(create=create, update=update, delete=delete)


def _method(gateway: ModuleType, own: ResourceType) -> ResourceType:
    def complete(properties: Json) -> None:
        resource = gateway._resources[properties["RestApiId"]][properties["ResourceId"]]  # noqa: SLF001 - as above
        method = resource["resourceMethods"][properties["HttpMethod"]]
        method["requestValidatorId"] = properties.get("RequestValidatorId")

    def create(logical_id: str, properties: Json, stack: str) -> tuple[str, Json]:
        made = own.create(logical_id, properties, stack)
        complete(properties)
        return made

    def update(physical_id: str, old: Json, new: Json, stack: str) -> tuple[str, Json]:
        made = own.update(physical_id, old, new, stack)
        complete(new)
        return made

    return ResourceType(create=create, update=update, delete=own.delete)


def _stage(gateway: ModuleType, own: ResourceType) -> ResourceType:
    def refuse_logs_without_a_role(properties: Json) -> None:
        # A setting of the whole account, which a first deployment easily lacks.
        settings = gateway._account_settings.get("settings") or {}  # noqa: SLF001 - as above
        levels = {setting.get("LoggingLevel", "OFF") for setting in properties.get("MethodSettings") or []}
        if (properties.get("AccessLogSetting") or levels - {"OFF"}) and not settings.get("cloudwatchRoleArn"):
            raise ValueError("CloudWatch Logs role ARN must be set in account settings to enable logging")

    def complete(properties: Json) -> None:
        stage = gateway._stages_v1[properties["RestApiId"]][properties["StageName"]]  # noqa: SLF001 - as above
        log = properties.get("AccessLogSetting") or {}
        stage["accessLogSettings"] = {
            name: log[given]
            for name, given in (("destinationArn", "DestinationArn"), ("format", "Format"))
            if given in log
        }
        # CloudFormation writes a slash inside a resource path as ~1.
        stage["methodSettings"] = {
            _setting_key(key): value for key, value in (stage.get("methodSettings") or {}).items()
        }

    def create(logical_id: str, properties: Json, stack: str) -> tuple[str, Json]:
        refuse_logs_without_a_role(properties)
        made = own.create(logical_id, properties, stack)
        complete(properties)
        return made

    def update(physical_id: str, old: Json, new: Json, stack: str) -> tuple[str, Json]:
        refuse_logs_without_a_role(new)
        made = own.update(physical_id, old, new, stack)
        complete(new)
        return made

    return ResourceType(create=create, update=update, delete=own.delete)


def _setting_key(key: str) -> str:
    return key if key == "*/*" else "/" + key.replace("~1", "/").lstrip("/")


def _flag(value: object) -> bool:
    return value is True or value == "true"
