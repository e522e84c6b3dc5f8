"""The datastores of this cloud."""

import secrets
import time

from pipeline.local.cloud.emulator import AwsError, Emulator, Json
from pipeline.local.cloud.healthlake.faults import FaultInjection
from pipeline.local.cloud.healthlake.fhir import Api
from pipeline.local.cloud.healthlake.paging import Pages
from pipeline.local.cloud.healthlake.repository import Repository, Resources
from pipeline.local.cloud.iam.decision import Request
from pipeline.local.cloud.iam.key_patches import Key

STORE, RESOURCES = "healthlake", "healthlake-resources"
CHANGEABLE = (
    "DatastoreName",
    "AnalyticsConfiguration",
    "NlpConfiguration",
    "ProfileConfiguration",
    "IdentityProviderConfiguration",
)
AWS_OWNED = {"KmsEncryptionConfig": {"CmkType": "AWS_OWNED_KMS_KEY"}}


class Datastores:
    """All of them, whatever their account and region; one instance a cloud."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._apis: dict[str, Api] = {}
        self.fault_injection = FaultInjection()
        self.pages = Pages()

    def create(self, properties: Json) -> Json:
        """Make a datastore, which is active at once."""
        account, region = self._emulator.here()
        token = properties.get("ClientToken")
        records = self._emulator.store(STORE)
        for known in list(records.values()):
            if token and known.get("ClientToken") == token:
                return dict(known)
        id_ = secrets.token_hex(16)
        record = {
            "SseConfiguration": AWS_OWNED,
            **properties,
            "DatastoreId": id_,
            "DatastoreArn": f"arn:aws:healthlake:{region}:{account}:datastore/fhir/{id_}",
            "DatastoreStatus": "ACTIVE",
            "CreatedAt": round(time.time(), 3),
            "DatastoreEndpoint": f"{self._emulator.endpoint}/datastore/{id_}/r4/",
            "Tags": properties.get("Tags", []),
        }
        records[id_] = record
        self._emulator.store(RESOURCES)[id_] = Resources()
        return dict(record)

    def get(self, id_: str) -> Json:
        """Return the record of a datastore of `here`."""
        record = self._emulator.store(STORE).get(id_)
        if record is None:
            raise AwsError("ResourceNotFoundException", f"Datastore {id_} does not exist.")
        found: Json = record
        return found

    def update(self, id_: str, properties: Json) -> Json:
        """Change what can be changed."""
        record = {**self.get(id_), **properties}
        self._emulator.store(STORE)[id_] = record
        return record

    def delete(self, id_: str) -> Json:
        """Remove it, with all that it holds."""
        record = self.get(id_)
        del self._emulator.store(STORE)[id_]
        self._emulator.store(RESOURCES).pop(id_, None)
        self._apis.pop(id_, None)
        return record

    def here(self) -> list[Json]:
        """List the datastores of `here`, the oldest first."""
        return sorted(self._emulator.store(STORE).values(), key=lambda record: record["CreatedAt"])

    def find(self, id_: str) -> tuple[str, str, Json] | None:
        """Return account, region and record of a datastore, wherever it is."""
        for account, region, key, record in self._emulator.entries(STORE):
            if key == id_:
                return account, region, record
        return None

    def key_of(self, _request: Request, resource: str) -> Key | None:
        """Return the key of a datastore of `here`, if that is its owner's. No encryption context is documented."""
        record = self._emulator.store(STORE).get(resource.rpartition("/")[2]) or {}
        of_store = (record.get("SseConfiguration") or {}).get("KmsEncryptionConfig") or {}
        return (str(of_store["KmsKeyId"]), {}) if of_store.get("KmsKeyId") else None

    def api(self, account: str, region: str, id_: str) -> Api:
        """Return the FHIR API of a datastore."""
        if id_ not in self._apis:
            with self._emulator.within(account, region):
                resources = self._emulator.store(RESOURCES).setdefault(id_, Resources())
            repository = Repository(resources=resources, lag=lambda: self.fault_injection.lag(id_))
            endpoint = f"{self._emulator.endpoint}/datastore/{id_}/r4/"
            self._apis[id_] = Api(endpoint=endpoint, repository=repository, pages=self.pages)
        return self._apis[id_]
