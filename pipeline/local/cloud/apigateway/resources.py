"""CloudFormation's API Gateway types where the emulator drops properties that a request meets."""

from pipeline.local.cloud.apigateway import patches
from pipeline.local.cloud.emulator import Emulator, Json, ResourceType


def request_validator() -> ResourceType:
    """Make request validators, which check what they are told to."""

    def create(logical_id: str, properties: Json, stack: str) -> tuple[str, Json]:
        wanted = {
            "name": properties.get("Name") or f"{stack}-{logical_id}",
            "validateRequestBody": _flag(properties.get("ValidateRequestBody")),
            "validateRequestParameters": _flag(properties.get("ValidateRequestParameters")),
        }
        made = patches.create_request_validator(properties["RestApiId"], wanted)
        return made, {"RequestValidatorId": made}

    def update(physical_id: str, old: Json, new: Json, stack: str) -> tuple[str, Json]:
        validators = patches.request_validators(new["RestApiId"])
        replaced = any(old.get(name) != new.get(name) for name in ("RestApiId", "Name"))
        if replaced or physical_id not in validators:
            return create(physical_id, new, stack)
        validators[physical_id] |= {
            "validateRequestBody": _flag(new.get("ValidateRequestBody")),
            "validateRequestParameters": _flag(new.get("ValidateRequestParameters")),
        }
        return physical_id, {"RequestValidatorId": physical_id}

    def delete(physical_id: str, properties: Json) -> None:
        patches.request_validators(properties["RestApiId"]).pop(physical_id, None)

    return ResourceType(create=create, update=update, delete=delete)


def method(emulator: Emulator) -> ResourceType:
    """Complete the emulator's methods with their request validators."""
    own = emulator.provided("AWS::ApiGateway::Method")

    def complete(properties: Json) -> None:
        made = patches.method(properties["RestApiId"], properties["ResourceId"], properties["HttpMethod"])
        made["requestValidatorId"] = properties.get("RequestValidatorId")

    def create(logical_id: str, properties: Json, stack: str) -> tuple[str, Json]:
        made = own.create(logical_id, properties, stack)
        complete(properties)
        return made

    def update(physical_id: str, old: Json, new: Json, stack: str) -> tuple[str, Json]:
        made = own.update(physical_id, old, new, stack)
        complete(new)
        return made

    return ResourceType(create=create, update=update, delete=own.delete)


def stage(emulator: Emulator) -> ResourceType:
    """Complete the emulator's stages with their access logs and the settings of nested paths."""
    own = emulator.provided("AWS::ApiGateway::Stage")

    def refuse_logs_without_a_role(properties: Json) -> None:
        # A setting of the whole account, which a first deployment easily lacks.
        levels = {setting.get("LoggingLevel", "OFF") for setting in properties.get("MethodSettings") or []}
        if (properties.get("AccessLogSetting") or levels - {"OFF"}) and not patches.account_settings().get(
            "cloudwatchRoleArn"
        ):
            raise ValueError("CloudWatch Logs role ARN must be set in account settings to enable logging")

    def complete(properties: Json) -> None:
        stage = patches.stage(properties["RestApiId"], properties["StageName"])
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
