"""`AWS::CodeConnections::Connection` and `AWS::CodeStarConnections::Connection`.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-codeconnections-connection.html
"""

from pipeline.local.cloud.codeconnections.api import Connections
from pipeline.local.cloud.emulator import Json, ResourceType


def connection(connections: Connections) -> ResourceType:
    """Make connections; all but the tags of one is fixed when it is made."""

    def create(logical_id: str, properties: Json, stack_name: str) -> tuple[str, Json]:
        del logical_id, stack_name
        arn = connections.create(properties)
        return arn, _attributes(arn)

    def update(physical_id: str, old: Json, new: Json, stack_name: str) -> tuple[str, Json]:
        if {**old, "Tags": []} != {**new, "Tags": []}:
            return create(physical_id, new, stack_name)  # CloudFormation deletes the one that is replaced
        connections.tag(physical_id, new.get("Tags", []))
        return physical_id, _attributes(physical_id)

    def delete(physical_id: str, properties: Json) -> None:
        del properties
        connections.remove(physical_id)

    return ResourceType(create=create, update=update, delete=delete)


def _attributes(arn: str) -> Json:
    account = arn.split(":")[4]
    return {"ConnectionArn": arn, "ConnectionStatus": "AVAILABLE", "OwnerAccountId": account}
