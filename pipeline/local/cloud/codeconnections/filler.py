"""CodeConnections and its older name CodeStar Connections: connections here are always AVAILABLE.

On AWS somebody confirms a new connection in the console; there is nobody to confirm it to here.
"""

import uuid
from collections.abc import Mapping, MutableMapping

from pipeline.local.cloud.emulator import AwsError, Call, Emulator, Json, Operation, ResourceType

STORE = "codeconnections-connections"
PROVIDERS = ("Bitbucket", "GitHub", "GitHubEnterpriseServer", "GitLab", "GitLabSelfManaged", "AzureDevOps")
PROPERTIES = {"ConnectionName", "ProviderType", "HostArn", "Tags"}
SERVICES = {
    "codeconnections": "com.amazonaws.codeconnections.CodeConnections_20231201",
    "codestar-connections": "com.amazonaws.codestar.connections.CodeStar_connections_20191201",
}
"""The API under both names, and how requests to each are marked."""


def install(emulator: Emulator) -> None:
    """Answer both APIs, and let CloudFormation make both resource types."""
    for service, prefix in SERVICES.items():
        connections = _Connections(emulator, service)
        emulator.serve_json_api(service, target_prefix=prefix, operations=connections.operations())
    emulator.provide("AWS::CodeConnections::Connection", _Connections(emulator, "codeconnections").resource())
    emulator.provide("AWS::CodeStarConnections::Connection", _Connections(emulator, "codestar-connections").resource())


class _Connections:
    def __init__(self, emulator: Emulator, service: str) -> None:
        self._emulator = emulator
        self._service = service

    def operations(self) -> Mapping[str, Operation]:
        return {
            "CreateConnection": self._create_connection,
            "GetConnection": lambda call: {"Connection": self._get(call.parameters["ConnectionArn"])},
            "ListConnections": self._list_connections,
            "DeleteConnection": self._delete_connection,
            "ListTagsForResource": lambda call: {"Tags": self._record(call.parameters["ResourceArn"])["Tags"]},
        }

    def resource(self) -> ResourceType:
        def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
            del logical_id, stack_name
            arn = self._create(properties)
            return arn, _attributes(arn)

        def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
            del stack_name
            if {**old, "Tags": []} != {**new, "Tags": []}:
                arn = self._create(new)
                return arn, _attributes(arn)
            self._store()[physical_id] = {**self._record(physical_id), "Tags": new.get("Tags", [])}
            return physical_id, _attributes(physical_id)

        def delete(physical_id: str, _properties: Json) -> None:
            self._store().pop(physical_id, None)

        return ResourceType(create=create, update=update, delete=delete)

    def _create(self, properties: Json) -> str:
        if unknown := properties.keys() - PROPERTIES:
            raise AwsError("ValidationException", f"A connection has no {', '.join(sorted(unknown))}")
        if "ConnectionName" not in properties:
            raise AwsError("ValidationException", "A connection needs a ConnectionName")
        if properties.get("ProviderType", "GitHub") not in PROVIDERS:
            raise AwsError("ValidationException", f"ProviderType can be {', '.join(PROVIDERS)}")
        account, region = self._emulator.here()
        arn = f"arn:aws:{self._service}:{region}:{account}:connection/{uuid.uuid4()}"
        record = {
            "ConnectionName": properties["ConnectionName"],
            "ConnectionArn": arn,
            "ProviderType": properties.get("ProviderType", "GitHub"),
            "OwnerAccountId": account,
            "ConnectionStatus": "AVAILABLE",
            "Tags": properties.get("Tags", []),
        }
        if "HostArn" in properties:
            record["HostArn"] = properties["HostArn"]
        self._store()[arn] = record
        return arn

    def _create_connection(self, call: Call) -> Json:
        arn = self._create(call.parameters)
        return {"ConnectionArn": arn, "Tags": call.parameters.get("Tags", [])}

    def _list_connections(self, call: Call) -> Json:
        wanted = call.parameters.get("ProviderTypeFilter")
        found = [_public(record) for record in self._store().values()]
        return {"Connections": [record for record in found if wanted in (None, record["ProviderType"])]}

    def _delete_connection(self, call: Call) -> Json:
        self._record(call.parameters["ConnectionArn"])
        del self._store()[call.parameters["ConnectionArn"]]
        return {}

    def _get(self, arn: str) -> Json:
        return _public(self._record(arn))

    def _record(self, arn: str) -> Json:
        found: Json | None = self._store().get(arn)
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Connection {arn} does not exist")
        return found

    def _store(self) -> MutableMapping[str, Json]:
        return self._emulator.store(STORE)


def _public(record: Json) -> Json:
    return {key: value for key, value in record.items() if key != "Tags"}


def _attributes(arn: str) -> Json:
    account = arn.split(":")[4]
    return {"ConnectionArn": arn, "ConnectionStatus": "AVAILABLE", "OwnerAccountId": account}
