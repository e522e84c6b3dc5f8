from typing import Any

import pytest

from services.library.cloudformation.template import Template
from services.library.guardrails.finding import DeploymentLocation
from services.library.guardrails.rules.datastores import KEY, SAMPLES, VERSION, check

OWN = {"CmkType": "CUSTOMER_MANAGED_KMS_KEY", "KmsKeyId": {"Fn::GetAtt": ["Key", "Arn"]}}
STORE: dict[str, Any] = {"DatastoreTypeVersion": "R4", "SseConfiguration": {"KmsEncryptionConfig": OWN}}
SYNTHEA = {"PreloadDataConfig": {"PreloadDataType": "SYNTHEA"}}


def found(properties: dict[str, Any], *, keeps_data: bool = True) -> list[str]:
    resources = {"Store": {"Type": "AWS::HealthLake::FHIRDatastore", "Properties": properties}}
    template = Template({"Resources": resources}, "prod/records", "t.json")
    return [finding.rule for finding in check(template, DeploymentLocation(keeps_data=keeps_data))]


def test_datastore_of_r4_under_its_own_key_passes() -> None:
    assert found(STORE) == []


@pytest.mark.parametrize(
    "encryption",
    [
        None,
        {},
        {"KmsEncryptionConfig": {"CmkType": "AWS_OWNED_KMS_KEY"}},
        {"KmsEncryptionConfig": {"CmkType": "CUSTOMER_MANAGED_KMS_KEY"}},
        {"KmsEncryptionConfig": {**OWN, "KmsKeyId": "alias/aws/healthlake"}},
        {"KmsEncryptionConfig": {**OWN, "CmkType": {"Ref": "Kind"}}},
        {"KmsEncryptionConfig": {**OWN, "KmsKeyId": {"Ref": "AWS::NoValue"}}},
        {"KmsEncryptionConfig": {**OWN, "KmsKeyId": {"Fn::Sub": "arn:aws:kms:${AWS::Region}:1:alias/aws/healthlake"}}},
        {"Fn::If": ["C", {"KmsEncryptionConfig": OWN}, {"Ref": "AWS::NoValue"}]},
    ],
)
def test_datastore_without_a_key_of_the_services_own_is_found(encryption: Any) -> None:
    assert found(STORE | {"SseConfiguration": encryption}) == [KEY.id]


@pytest.mark.parametrize("version", ["R4B", "STU3", "", {"Ref": "Version"}, None])
def test_datastore_of_another_fhir_version_is_found(version: Any) -> None:
    assert found(STORE | {"DatastoreTypeVersion": version}) == [VERSION.id]


def test_datastore_with_sample_data_is_found_in_production_alone() -> None:
    assert found(STORE | SYNTHEA) == [SAMPLES.id]
    assert found(STORE | SYNTHEA, keeps_data=False) == []
