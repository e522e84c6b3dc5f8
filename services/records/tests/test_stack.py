"""records' stack: the datastore keeps its logical id and its data, and the function may read it and nothing else."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from services.library.constructs.fhir_datastore import REGIONS, FhirDatastore
from services.library.contract.environment import Environment, Tier
from services.records.service import Records

# A changed logical id is a new, empty store.
STATEFUL = {
    "AWS::HealthLake::FHIRDatastore": {"StoreDatastore95D76BF8"},
    "AWS::KMS::Key": {"AlarmsKey7F5A268D", "Key9BCD29C7", "LinksKeyEC325244", "OperationsKeyC8E359A5"},
}


def environment(tier: Tier = Tier.PRODUCTION, region: str = "eu-west-1") -> Environment:
    return Environment(name="here", tier=tier, account="111111111111", region=region)


@pytest.fixture(scope="module")
def production() -> assertions.Template:
    stack = Records(rate_limit=7).deploy(cdk.Stage(cdk.App(), "here", env=environment().to_cdk()), environment())
    return assertions.Template.from_stack(stack)


@pytest.mark.parametrize("type_", STATEFUL)
def test_what_is_stored_keeps_its_logical_id_and_outlives_the_stack(
    type_: str, production: assertions.Template
) -> None:
    assert set(production.find_resources(type_)) == STATEFUL[type_]
    production.all_resources(type_, {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"})


def test_the_store_is_r4_under_the_services_key_and_begins_empty(production: assertions.Template) -> None:
    (store,) = production.find_resources("AWS::HealthLake::FHIRDatastore").values()
    key = {"CmkType": "CUSTOMER_MANAGED_KMS_KEY", "KmsKeyId": {"Fn::GetAtt": ["Key9BCD29C7", "Arn"]}}
    properties = {name: value for name, value in store["Properties"].items() if name != "Tags"}
    assert properties == {"DatastoreTypeVersion": "R4", "SseConfiguration": {"KmsEncryptionConfig": key}}


def test_the_function_may_read_and_search_one_datastore_and_seal_links(production: assertions.Template) -> None:
    (policy,) = (
        each
        for name, each in production.find_resources("AWS::IAM::ManagedPolicy").items()
        if name.startswith("QueryRole")
    )
    allowed: dict[str, Any] = {}
    for each in policy["Properties"]["PolicyDocument"]["Statement"]:
        for action in [each["Action"]] if isinstance(each["Action"], str) else each["Action"]:
            allowed.setdefault(action, []).append(each["Resource"])
    store = {"Fn::GetAtt": ["StoreDatastore95D76BF8", "DatastoreArn"]}
    about = {action: on for action, on in allowed.items() if action.startswith("healthlake:")}
    assert about == {
        "healthlake:ReadResource": [store],
        "healthlake:SearchWithGet": [store],
        "healthlake:SearchWithPost": [store],
    }
    assert {"Fn::GetAtt": ["LinksKeyEC325244", "Arn"]} in allowed["kms:Encrypt"]


def test_callers_sign_are_throttled_and_leave_no_query_or_id_in_the_access_log(
    production: assertions.Template,
) -> None:
    production.all_resources_properties("AWS::ApiGateway::Method", {"AuthorizationType": "AWS_IAM"})
    (stage,) = production.find_resources("AWS::ApiGateway::Stage").values()
    (settings,) = stage["Properties"]["MethodSettings"]
    assert (settings["ThrottlingRateLimit"], settings["DataTraceEnabled"]) == (7, False)
    logged = stage["Properties"]["AccessLogSetting"]["Format"]
    assert "$context.resourcePath" in logged
    assert not any(name in logged for name in ("$context.path", "identity", "requestOverride", "authorizer"))
    production.resource_count_is("AWS::WAFv2::WebACLAssociation", 1)


def test_a_search_is_never_a_url(production: assertions.Template) -> None:
    methods = {
        each["Properties"]["HttpMethod"] for each in production.find_resources("AWS::ApiGateway::Method").values()
    }
    assert methods == {"GET", "POST"}
    paths = {each["Properties"]["PathPart"] for each in production.find_resources("AWS::ApiGateway::Resource").values()}
    assert paths == {"{type}", "{id}", "_search"}


def test_the_datastore_is_published(production: assertions.Template) -> None:
    names = {each["Properties"]["Name"] for each in production.find_resources("AWS::SSM::Parameter").values()}
    assert names == {f"/penstock/here/{offer.name}" for offer in Records.offers}


def test_every_alarm_reaches_the_services_topic_and_names_its_runbook(production: assertions.Template) -> None:
    (topic,) = production.find_resources("AWS::SNS::Topic")
    alarms = production.find_resources("AWS::CloudWatch::Alarm")
    assert len(alarms) >= 5
    for name, alarm in alarms.items():
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": topic}], name
        assert "docs/runbooks/records.md" in alarm["Properties"]["AlarmDescription"], name


def test_a_region_without_healthlake_is_refused_in_a_sentence() -> None:
    (wrong,) = Records().validate(environment(region="eu-central-1"))
    assert "environment.region='eu-central-1' is not allowed" in wrong.sentence
    assert "eu-west-1" in wrong.sentence
    assert not list(Records().validate(environment(region="us-east-1")))


def test_fhir_datastore_refuses_a_region_without_healthlake() -> None:
    there = environment(region="eu-central-1")
    stack = cdk.Stack(cdk.App(), "Some")
    with pytest.raises(ValueError, match="HealthLake is nowhere else"):
        FhirDatastore(stack, "Store", environment=there, encryption_key=None)  # type: ignore[arg-type] # not reached
    assert "eu-west-1" in REGIONS
