"""The API of CodeConnections, under its two names."""

import uuid
from collections.abc import Mapping, MutableMapping

from pipeline.local.cloud.emulator import AwsError, Call, Emulator, Json, Operation

STORE = "codeconnections-connections"
PROVIDERS = ("Bitbucket", "GitHub", "GitHubEnterpriseServer", "GitLab", "GitLabSelfManaged", "AzureDevOps")
PROPERTIES = {"ConnectionName", "ProviderType", "HostArn", "Tags"}
SERVICES = {
    "codeconnections": (
        "com.amazonaws.codeconnections.CodeConnections_20231201",
        "AWS::CodeConnections::Connection",
    ),
    "codestar-connections": (
        "com.amazonaws.codestar.connections.CodeStar_connections_20191201",
        "AWS::CodeStarConnections::Connection",
    ),
}
"""Each name of the API, how requests to it are marked, and its resource type."""


class Connections:
    """The connections of one of the two names."""

    def __init__(self, emulator: Emulator, service: str) -> None:
        self._emulator = emulator
        self._service = service

    def operations(self) -> Mapping[str, Operation]:
        """List every operation by its name."""
        return {
            "CreateConnection": self._create_connection,
            "GetConnection": lambda call: {"Connection": _public(self.record(call.parameters["ConnectionArn"]))},
            "ListConnections": self._list_connections,
            "DeleteConnection": self._delete_connection,
            "ListTagsForResource": lambda call: {"Tags": self.record(call.parameters["ResourceArn"])["Tags"]},
        }

    def create(self, properties: Json) -> str:
        """Make a connection and return its ARN."""
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
        arn = self.create(call.parameters)
        return {"ConnectionArn": arn, "Tags": call.parameters.get("Tags", [])}

    def _list_connections(self, call: Call) -> Json:
        wanted = call.parameters.get("ProviderTypeFilter")
        found = [_public(record) for record in self._store().values()]
        return {"Connections": [record for record in found if wanted in (None, record["ProviderType"])]}

    def _delete_connection(self, call: Call) -> Json:
        self.record(call.parameters["ConnectionArn"])
        del self._store()[call.parameters["ConnectionArn"]]
        return {}

    def tag(self, arn: str, tags: list[Json]) -> None:
        """Give a connection other tags."""
        self._store()[arn] = {**self.record(arn), "Tags": tags}

    def remove(self, arn: str) -> None:
        """Delete a connection, if it is there."""
        self._store().pop(arn, None)

    def record(self, arn: str) -> Json:
        """Return a connection as it is kept."""
        found: Json | None = self._store().get(arn)
        if found is None:
            raise AwsError("ResourceNotFoundException", f"Connection {arn} does not exist")
        return found

    def _store(self) -> MutableMapping[str, Json]:
        return self._emulator.store(STORE)


def _public(record: Json) -> Json:
    return {key: value for key, value in record.items() if key != "Tags"}
