"""HealthLake's own API for datastores, and what a test asks of their faults.

https://docs.aws.amazon.com/healthlake/latest/APIReference/Welcome.html
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from pipeline.local.cloud.emulator import AwsError, Call, Emulator, Json, Operation
from pipeline.local.cloud.healthlake.datastores import CHANGEABLE, Datastores
from pipeline.local.cloud.healthlake.faults import FaultInjection, Faults, FaultsError

FAULTS_PATH = "/_penstock/healthlake/faults"
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


def operations(emulator: Emulator) -> Mapping[str, Operation]:
    """List every operation by its name."""
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


def control_faults(injection: FaultInjection) -> Callable[[Json], Json]:
    """Return what answers a POST to `FAULTS_PATH`."""

    def answer(document: Json) -> Json:
        if document != {"report": True}:
            try:
                injection.set(Faults.of(document))
            except FaultsError as error:
                raise AwsError("ValidationException", str(error)) from None
        return injection.report()

    return answer


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
    """Read what HealthLake's API accepts."""
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
