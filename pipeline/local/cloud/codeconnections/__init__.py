"""CodeConnections and its older name CodeStar Connections.

Emulated: connections by API and template, under both names. They are AVAILABLE at once: on AWS somebody confirms a new
connection in the console, and here is nobody to confirm it to.
Not emulated: hosts, repository links, Git sync.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Answer both APIs, and let CloudFormation make both resource types."""
    from pipeline.local.cloud.codeconnections import resources
    from pipeline.local.cloud.codeconnections.api import SERVICES, Connections

    for service, (target_prefix, type_name) in SERVICES.items():
        connections = Connections(emulator, service)
        emulator.serve_json_api(service, target_prefix=target_prefix, operations=connections.operations())
        emulator.provide(type_name, resources.connection(connections))
