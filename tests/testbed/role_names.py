"""Which names the roles and policies of an assembly have."""

import json
from collections.abc import Iterator

from tests.conftest import Assembly


def names_of_roles(assembly: Assembly) -> Iterator[tuple[str, str]]:
    """The account and the beginning of the name of each role and policy."""
    for file in assembly.folder.rglob("manifest.json"):
        for artifact_id, artifact in json.loads(file.read_text())["artifacts"].items():
            if artifact["type"] != "aws:cloudformation:stack":
                continue
            stack = artifact["properties"].get("stackName", artifact.get("displayName", artifact_id))
            template = json.loads((file.parent / artifact["properties"]["templateFile"]).read_text())
            account = artifact["environment"].split("/")[2]
            for resource in template["Resources"].values():
                if resource["Type"] in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy"):
                    properties = resource["Properties"]
                    yield account, properties.get("RoleName", properties.get("ManagedPolicyName", f"{stack}-"))
