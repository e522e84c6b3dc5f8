"""The datastores of this cloud, and HealthLake's own API for them.

https://docs.aws.amazon.com/healthlake/latest/APIReference/Welcome.html
"""

import re
import secrets
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from pipeline.local.cloud.emulator import AwsError, Call, Emulator, Json, Operation
from pipeline.local.cloud.healthlake.faults import Misfortune
from pipeline.local.cloud.healthlake.fhir import Api
from pipeline.local.cloud.healthlake.paging import Pages
from pipeline.local.cloud.healthlake.repository import Repository, Resources

STORE, RESOURCES = "healthlake", "healthlake-resources"
REFUSED = (
    "CreateDataTransformationProfile",
    "DeleteDataTransformationProfile",
    "DescribeDataTransformationJob",
    "DescribeFHIRExportJob",
    "DescribeFHIRImportJob",
    "GetDataTransformationProfile",
    "ListDataTransformationJobs",
    "ListDataTransformationProfileVersions",
    "ListDataTransformationProfiles",
    "ListFHIRExportJobs",
    "ListFHIRImportJobs",
    "PublishDataTransformationProfile",
    "RestoreFHIRDatastore",
    "StartDataTransformationJob",
    "StartFHIRExportJob",
    "StartFHIRImportJob",
    "UpdateDataTransformationProfile",
    "UpdateProfileWithAgent",
)
CHANGEABLE = (
    "DatastoreName",
    "AnalyticsConfiguration",
    "NlpConfiguration",
    "ProfileConfiguration",
    "IdentityProviderConfiguration",
)
DESCRIBED = (
    "DatastoreId",
    "DatastoreArn",
    "DatastoreStatus",
    "CreatedAt",
    "DatastoreTypeVersion",
    "DatastoreEndpoint",
    "SseConfiguration",
    "PreloadDataConfig",
    *CHANGEABLE,
)
ANSWERED = ("DatastoreId", "DatastoreArn", "DatastoreStatus", "DatastoreEndpoint")
AWS_OWNED = {"KmsEncryptionConfig": {"CmkType": "AWS_OWNED_KMS_KEY"}}


class Datastores:
    """All of them, whatever their account and region; one instance a cloud."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._apis: dict[str, Api] = {}
        self.misfortune = Misfortune()
        self.pages = Pages()

    def create(self, properties: Json) -> Json:
        """One more, here; it is active at once."""
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
        """The record of one, here."""
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
        """Those of this account and region, the oldest first."""
        return sorted(self._emulator.store(STORE).values(), key=lambda record: record["CreatedAt"])

    def find(self, id_: str) -> tuple[str, str, Json] | None:
        """Account, region and record of one, wherever it is."""
        for account, region, key, record in self._emulator.entries(STORE):
            if key == id_:
                return account, region, record
        return None

    def api(self, account: str, region: str, id_: str) -> Api:
        """The FHIR API of one."""
        if id_ not in self._apis:
            with self._emulator.within(account, region):
                resources = self._emulator.store(RESOURCES).setdefault(id_, Resources())
            repository = Repository(resources=resources, lag=lambda: self.misfortune.lag(id_))
            endpoint = f"{self._emulator.endpoint}/datastore/{id_}/r4/"
            self._apis[id_] = Api(endpoint=endpoint, repository=repository, pages=self.pages)
        return self._apis[id_]


def operations(emulator: Emulator) -> Mapping[str, Operation]:
    """The API, in the account and region that a request was signed for."""
    control = _Control(emulator.part(Datastores))
    answered: dict[str, Callable[[Json], Json]] = {
        "CreateFHIRDatastore": control.create,
        "DescribeFHIRDatastore": control.describe,
        "ListFHIRDatastores": control.list,
        "UpdateFHIRDatastore": control.update,
        "DeleteFHIRDatastore": control.delete,
        "TagResource": control.tag,
        "UntagResource": control.untag,
        "ListTagsForResource": control.tags,
    }
    return {
        **{name: _checked(name, answer) for name, answer in answered.items()},
        **dict.fromkeys(REFUSED, _refuse),
    }


def _refuse(call: Call) -> Json:
    raise AwsError("ValidationException", f"{call.operation} is not emulated: the local HealthLake has no jobs")


def _checked(name: str, answer: Callable[[Json], Json]) -> Operation:
    def operation(call: Call) -> Json:
        report = ParamValidator().validate(call.parameters, model().shape_for(f"{name}Request"))
        if report.has_errors():
            raise AwsError("ValidationException", report.generate_report())
        return answer(call.parameters)

    return operation


@cache
def model() -> ServiceModel:
    """What HealthLake's API accepts."""
    return botocore.session.get_session().get_service_model("healthlake")


class _Control:
    def __init__(self, datastores: Datastores) -> None:
        self._datastores = datastores

    def create(self, parameters: Json) -> Json:
        _only_r4(parameters)
        return {**_part(self._datastores.create(parameters), ANSWERED), "DatastoreStatus": "CREATING"}

    def describe(self, parameters: Json) -> Json:
        return {"DatastoreProperties": _part(self._datastores.get(parameters["DatastoreId"]), DESCRIBED)}

    def list(self, parameters: Json) -> Json:
        wanted = parameters.get("Filter", {})
        found = [
            _part(record, DESCRIBED)
            for record in self._datastores.here()
            if all(record.get(name) == wanted[name] for name in ("DatastoreName", "DatastoreStatus") if name in wanted)
            and wanted.get("CreatedAfter", 0) <= record["CreatedAt"] <= wanted.get("CreatedBefore", record["CreatedAt"])
        ]
        token, size = parameters.get("NextToken", "0"), parameters.get("MaxResults", 100)
        if not re.fullmatch("[0-9]{1,9}", token):
            raise AwsError("ValidationException", "NextToken is not one of this list")
        start = int(token)
        rest = {"NextToken": str(start + size)} if start + size < len(found) else {}
        return {"DatastorePropertiesList": found[start : start + size], **rest}

    def update(self, parameters: Json) -> Json:
        changed = {name: parameters[name] for name in CHANGEABLE if name in parameters}
        return {"DatastoreProperties": _part(self._datastores.update(parameters["DatastoreId"], changed), DESCRIBED)}

    def delete(self, parameters: Json) -> Json:
        return {**_part(self._datastores.delete(parameters["DatastoreId"]), ANSWERED), "DatastoreStatus": "DELETING"}

    def tag(self, parameters: Json) -> Json:
        record = self._of(parameters)
        tags = {tag["Key"]: tag["Value"] for tag in (*record["Tags"], *parameters["Tags"])}
        self._tagged(record, tags)
        return {}

    def untag(self, parameters: Json) -> Json:
        record = self._of(parameters)
        self._tagged(
            record, {tag["Key"]: tag["Value"] for tag in record["Tags"] if tag["Key"] not in parameters["TagKeys"]}
        )
        return {}

    def tags(self, parameters: Json) -> Json:
        return {"Tags": self._of(parameters)["Tags"]}

    def _of(self, parameters: Json) -> Json:
        record = self._datastores.get(parameters["ResourceARN"].rpartition("/")[2])
        if record["DatastoreArn"] != parameters["ResourceARN"]:
            raise AwsError("ResourceNotFoundException", f"{parameters['ResourceARN']} does not exist.")
        return record

    def _tagged(self, record: Json, tags: Mapping[str, str]) -> None:
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        self._datastores.update(record["DatastoreId"], {"Tags": listed})


def _only_r4(parameters: Json) -> None:
    if parameters["DatastoreTypeVersion"] != "R4":
        raise AwsError("ValidationException", "DatastoreTypeVersion can be R4")


def _part(record: Json, names: Any) -> Json:
    return {name: record[name] for name in names if name in record}
