"""HealthLake: datastores by API and template, and a FHIR R4 server on loopback for each.

On AWS a datastore's endpoint is `https://healthlake.<region>.amazonaws.com/datastore/<id>/r4/`; here it has the same
path below this cloud's own address. Whoever takes it from `DatastoreEndpoint`, as one does, finds it in both.

Emulated, as a table in docs/local-green.md has it: reads, writes, versions, search, bundles, signatures, permissions,
and faults on demand. Not emulated: validation, import and export, patch, operations, chained search.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.local.cloud.emulator import Emulator


def install(emulator: "Emulator") -> None:
    """Answer the API, deploy the resource type, open the endpoints, and fail on demand."""
    from pipeline.local.cloud.healthlake import api, resources
    from pipeline.local.cloud.healthlake.datastores import Datastores
    from pipeline.local.cloud.healthlake.endpoint import FhirEndpoint
    from pipeline.local.cloud.iam.permissions import Permissions

    emulator.serve_json_api("healthlake", target_prefix="HealthLake", operations=api.operations(emulator))
    emulator.provide("AWS::HealthLake::FHIRDatastore", resources.datastore(emulator))
    emulator.routes.append(FhirEndpoint(emulator))
    emulator.part(Permissions).find_keys("healthlake", emulator.part(Datastores).key_of)
    emulator.serve_path(api.FAULTS_PATH, api.control_faults(emulator.part(Datastores).fault_injection))
