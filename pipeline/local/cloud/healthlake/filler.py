"""HealthLake: datastores by API and template, and a FHIR R4 server on loopback for each.

On AWS a datastore's endpoint is `https://healthlake.<region>.amazonaws.com/datastore/<id>/r4/`; here it has the same
path below this cloud's own address. Whoever takes it from `DatastoreEndpoint`, as one does, finds it in both.
"""

from pipeline.local.cloud.emulator import AwsError, Emulator, Json
from pipeline.local.cloud.healthlake import resources
from pipeline.local.cloud.healthlake.datastores import Datastores, operations
from pipeline.local.cloud.healthlake.endpoint import FhirEndpoint
from pipeline.local.cloud.healthlake.faults import Faults, FaultsError

FAULTS_PATH = "/_penstock/healthlake/faults"


def install(emulator: Emulator) -> None:
    """Answer the API, deploy the resource type, open the endpoints, and fail on demand."""
    emulator.serve_json_api("healthlake", target_prefix="HealthLake", operations=operations(emulator))
    emulator.provide("AWS::HealthLake::FHIRDatastore", resources.datastore(emulator))
    emulator.routes.append(FhirEndpoint(emulator))
    misfortune = emulator.part(Datastores).misfortune

    def set_faults(document: Json) -> Json:
        if document != {"report": True}:
            try:
                misfortune.set(Faults.of(document))
            except FaultsError as error:
                raise AwsError("ValidationException", str(error)) from None
        return misfortune.report()

    emulator.serve_path(FAULTS_PATH, set_faults)
