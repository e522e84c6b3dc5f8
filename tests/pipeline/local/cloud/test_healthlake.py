"""HealthLake in the local cloud: its API, its resource type, who may call an endpoint, and what goes wrong on demand.

https://docs.aws.amazon.com/healthlake/latest/devguide/crud-healthlake.html; the FHIR API itself is tested in process,
in pipeline/local/cloud/healthlake/tests/.
"""

import hashlib
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, WaiterError

from pipeline.local.lifecycle import LocalCloud
from tests.testbed.functions import ACCOUNT, REGION
from tests.testbed.killing import kill
from tests.testbed.records import Datastore, datastore
from tests.testbed.roles import role, root

pytestmark = pytest.mark.cloud

FreshCloud = Callable[..., LocalCloud]
POLLING = {"Delay": 0.05, "MaxAttempts": 400}
OTHER = "222222222222"
JANE = {"resourceType": "Patient", "id": "jane", "name": [{"family": "Doe"}]}
_numbers = itertools.count()


@pytest.fixture(scope="module")
def records(cloud: LocalCloud) -> Datastore:
    return datastore(cloud)


def aws_error(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.json()["message"]
    code: str = answer.json()["__type"]
    assert answer.headers["x-amzn-errortype"] == code
    return code


def test_a_datastore_is_made_described_listed_tagged_and_deleted(cloud: LocalCloud) -> None:
    """https://docs.aws.amazon.com/healthlake/latest/APIReference/API_Operations.html"""
    client = cloud.client("healthlake", ACCOUNT, REGION)
    tags = [{"Key": "team", "Value": "records"}]
    made = client.create_fhir_datastore(DatastoreName="one", DatastoreTypeVersion="R4", Tags=tags, ClientToken="t")
    id_, arn = made["DatastoreId"], made["DatastoreArn"]
    assert made["DatastoreStatus"] == "CREATING"
    assert arn == f"arn:aws:healthlake:{REGION}:{ACCOUNT}:datastore/fhir/{id_}"
    assert made["DatastoreEndpoint"] == f"{cloud.endpoint}/datastore/{id_}/r4/"
    again = client.create_fhir_datastore(DatastoreName="one", DatastoreTypeVersion="R4", Tags=tags, ClientToken="t")
    assert again["DatastoreId"] == id_
    described = client.describe_fhir_datastore(DatastoreId=id_)["DatastoreProperties"]
    assert (described["DatastoreName"], described["DatastoreStatus"]) == ("one", "ACTIVE")
    listed = client.list_fhir_datastores(Filter={"DatastoreName": "one"})["DatastorePropertiesList"]
    assert [each["DatastoreId"] for each in listed] == [id_]
    assert cloud.client("healthlake", OTHER, REGION).list_fhir_datastores()["DatastorePropertiesList"] == []
    assert cloud.client("healthlake", ACCOUNT, "us-west-2").list_fhir_datastores()["DatastorePropertiesList"] == []
    client.tag_resource(ResourceARN=arn, Tags=[{"Key": "more", "Value": "1"}])
    client.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "more", "Value": "1"}]
    assert client.delete_fhir_datastore(DatastoreId=id_)["DatastoreStatus"] == "DELETING"
    for gone in (client.describe_fhir_datastore, client.delete_fhir_datastore):
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            gone(DatastoreId=id_)


def test_jobs_are_refused_by_name(cloud: LocalCloud) -> None:
    client = cloud.client("healthlake", ACCOUNT, REGION)
    with pytest.raises(ClientError, match="ListFHIRExportJobs is not emulated"):
        client.list_fhir_export_jobs(DatastoreId="x")
    with pytest.raises(ClientError, match="DatastoreTypeVersion can be R4"):
        client.create_fhir_datastore(DatastoreTypeVersion="R5")


def template(**properties: Any) -> str:
    resource = {
        "Type": "AWS::HealthLake::FHIRDatastore",
        "UpdateReplacePolicy": "Retain",
        "Properties": {"DatastoreTypeVersion": "R4", **properties},
    }
    attributes = ("DatastoreArn", "DatastoreEndpoint", "DatastoreId", "DatastoreStatus", "CreatedAt.Seconds")
    outputs = {name.replace(".", ""): {"Value": {"Fn::GetAtt": ["Store", name]}} for name in attributes}
    return json.dumps({"Resources": {"Store": resource}, "Outputs": {"Ref": {"Value": {"Ref": "Store"}}, **outputs}})


def outputs(formation: Any, stack: str, waiter: str) -> dict[str, str]:
    formation.get_waiter(waiter).wait(StackName=stack, WaiterConfig=POLLING)
    (found,) = formation.describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


def test_a_template_makes_changes_and_replaces_a_datastore(cloud: LocalCloud) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-healthlake-fhirdatastore.html"""
    formation = cloud.client("cloudformation", ACCOUNT, REGION)
    client = cloud.client("healthlake", ACCOUNT, REGION)
    stack = f"healthlake-{next(_numbers)}"
    key = {"KmsEncryptionConfig": {"CmkType": "CUSTOMER_MANAGED_KMS_KEY", "KmsKeyId": "k"}}
    formation.create_stack(StackName=stack, TemplateBody=template(SseConfiguration=key))
    made = outputs(formation, stack, "stack_create_complete")
    assert made["Ref"] == made["DatastoreId"]
    assert made["DatastoreEndpoint"] == f"{cloud.endpoint}/datastore/{made['Ref']}/r4/"
    assert made["DatastoreStatus"] == "ACTIVE"
    assert abs(int(made["CreatedAtSeconds"]) - time.time()) < 60
    assert client.describe_fhir_datastore(DatastoreId=made["Ref"])["DatastoreProperties"]["SseConfiguration"] == key
    store = Datastore(cloud=cloud, id=made["Ref"], url=made["DatastoreEndpoint"])
    assert store.put(JANE).status_code == 201

    tags = [{"Key": "a", "Value": "b"}]
    formation.update_stack(StackName=stack, TemplateBody=template(SseConfiguration=key, Tags=tags))
    assert outputs(formation, stack, "stack_update_complete")["Ref"] == made["Ref"]
    assert client.list_tags_for_resource(ResourceARN=made["DatastoreArn"])["Tags"] == tags
    assert store.call("GET", "Patient/jane").status_code == 200

    formation.update_stack(StackName=stack, TemplateBody=template())
    replaced = outputs(formation, stack, "stack_update_complete")
    assert replaced["Ref"] != made["Ref"]
    assert store.call("GET", "Patient/jane").status_code == 200, "it was to be retained on replace"
    assert store.call("GET", f"{replaced['DatastoreEndpoint']}Patient/jane").status_code == 404
    formation.delete_stack(StackName=stack)
    formation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=POLLING)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_fhir_datastore(DatastoreId=replaced["Ref"])


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ({"DatastoreTypeVersion": "R5"}, "R5"),
        ({"Colour": "blue"}, "unsupported property Colour"),
        ({"DatastoreName": []}, "DatastoreName"),
    ],
)
def test_a_template_with_a_wrong_property_fails(cloud: LocalCloud, properties: dict[str, Any], problem: str) -> None:
    formation = cloud.client("cloudformation", ACCOUNT, REGION)
    with pytest.raises(ClientError, match=problem):
        formation.create_stack(StackName=f"healthlake-{next(_numbers)}", TemplateBody=template(**properties))


def test_data_to_begin_with_are_refused(cloud: LocalCloud) -> None:
    formation = cloud.client("cloudformation", ACCOUNT, REGION)
    stack = f"healthlake-{next(_numbers)}"
    formation.create_stack(StackName=stack, TemplateBody=template(PreloadDataConfig={"PreloadDataType": "SYNTHEA"}))
    with pytest.raises(WaiterError):
        formation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig=POLLING)


def test_a_resource_is_created_read_updated_found_and_deleted(records: Datastore) -> None:
    made = records.call("POST", "Patient", content=b'{"resourceType": "Patient", "name": [{"family": "Silva"}]}')
    assert made.status_code == 201
    assert made.headers["etag"] == 'W/"1"'
    id_ = made.json()["id"]
    assert made.headers["location"] == f"{records.url}Patient/{id_}/_history/1"
    assert records.call("GET", f"Patient/{id_}").text == made.text
    (page,) = records.pages("Patient?family=silva&_total=accurate")
    assert (page["total"], page["entry"][0]["resource"]) == (1, made.json())
    body = {"resourceType": "Patient", "id": id_, "active": True}
    assert records.put(body, headers={"If-Match": 'W/"7"'}).status_code == 412
    assert records.put(body, headers={"If-Match": 'W/"1"'}).headers["etag"] == 'W/"2"'
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    found = records.call("POST", "Patient/_search", content=b"active=true", headers=form).json()
    assert id_ in [entry["resource"]["id"] for entry in found["entry"]]
    assert records.call("DELETE", f"Patient/{id_}").status_code == 204
    assert records.call("GET", f"Patient/{id_}").status_code == 410


def test_pages_are_followed_by_links_that_nobody_can_build(cloud: LocalCloud) -> None:
    store = datastore(cloud)
    for number in range(7):
        store.put({"resourceType": "Patient", "id": f"p{number}", "gender": "female"})
    pages = list(store.pages("Patient?gender=female&_count=3"))
    assert [len(page["entry"]) for page in pages] == [3, 3, 1]
    assert [entry["resource"]["id"] for page in pages for entry in page["entry"]] == [
        f"p{number}" for number in range(7)
    ]
    link = next(link["url"] for link in pages[0]["link"] if link["relation"] == "next")
    assert store.call("GET", link).status_code == 200, "a link is good more than once: an answer may get lost"
    for wrong in (link[:-1], link.replace("_count=3", "_count=4"), link.replace("Patient", "Observation")):
        assert store.call("GET", wrong).status_code == 400


SIGNED_FOR = "GET", "Patient/jane"


def test_a_request_needs_a_signature(records: Datastore) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""
    assert aws_error(httpx.get(records.url + "Patient/jane"), 403) == "MissingAuthenticationTokenException"
    foreign = {"Authorization": "Bearer abc"}
    assert aws_error(httpx.get(records.url + "Patient/jane", headers=foreign), 403) == "IncompleteSignatureException"


@pytest.mark.parametrize(
    "wrong",
    [
        {"credentials": Credentials(ACCOUNT, "not the secret")},
        {"service": "execute-api"},
        {"region": "us-west-2"},
    ],
    ids=["secret", "service", "region"],
)
def test_a_signature_for_something_else_is_refused(records: Datastore, wrong: dict[str, Any]) -> None:
    assert aws_error(records.call(*SIGNED_FOR, **wrong), 403) == "InvalidSignatureException"


def test_the_bytes_the_path_and_the_query_are_signed(records: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.testbed import records as module  # noqa: PLC0415 - its client is what is tampered with

    def tampered(change: Callable[[str, bytes], tuple[str, bytes]], path: str, content: bytes = b"") -> str:
        send = module._http.request

        def request(method: str, url: str, *, content: bytes, headers: Any) -> httpx.Response:
            url, content = change(url, content)
            return send(method, url, content=content, headers=headers)

        with monkeypatch.context() as patch:
            patch.setattr(module, "_http", type("Tampering", (), {"request": staticmethod(request)}))
            return aws_error(records.call("POST" if content else "GET", path, content=content), 403)

    refused = "InvalidSignatureException"
    assert tampered(lambda url, body: (url, body + b" "), "Patient", b'{"resourceType": "Patient"}') == refused
    assert tampered(lambda url, body: (url.replace("jane", "john"), body), "Patient/jane") == refused
    assert tampered(lambda url, body: (url + "&gender=male", body), "Patient?family=doe") == refused
    assert tampered(lambda url, body: (url.replace("%20", "+"), body), "Patient?family=van%20dam") == refused


def test_a_signed_hash_of_another_body_is_refused(records: Datastore) -> None:
    body, other = b'{"resourceType": "Patient"}', hashlib.sha256(b"{}").hexdigest()
    for declared, status in ((hashlib.sha256(body).hexdigest(), 201), (other, 403), ("UNSIGNED-PAYLOAD", 403)):
        answer = records.call("POST", "Patient", content=body, headers={"X-Amz-Content-SHA256": declared})
        assert answer.status_code == status, answer.text


def test_an_amz_header_must_be_signed(records: Datastore) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""
    header = {"x-amz-fhir-history-consistency-level": "strong"}
    assert records.call("GET", "Patient", headers=header).status_code == 200
    assert aws_error(records.call("GET", "Patient", unsigned=header), 403) == "InvalidSignatureException"


def test_odd_characters_of_a_query_are_signed_as_they_are(records: Datastore) -> None:
    assert records.call("GET", "Patient?name=a%2Bb%20%C3%A9~%2A%26&identifier=urn%3Ax%7C1").status_code == 200


def test_a_stale_signature_is_refused(records: Datastore, monkeypatch: pytest.MonkeyPatch) -> None:
    import botocore.auth  # noqa: PLC0415 - its clock is what is turned back
    from botocore.compat import get_current_datetime  # noqa: PLC0415 - as above

    earlier = get_current_datetime().timestamp() - 400
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda *_a, **_k: get_current_datetime().fromtimestamp(earlier)
    )
    answer = records.call(*SIGNED_FOR)
    assert aws_error(answer, 403) == "InvalidSignatureException"
    assert "Signature expired" in answer.json()["message"]


def test_a_role_may_do_what_its_policy_says(cloud: LocalCloud, records: Datastore) -> None:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_awshealthlake.html"""
    records.put(JANE)
    iam = cloud.client("iam", ACCOUNT, REGION)
    name = f"reader-{next(_numbers)}"
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}]}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    resource = f"arn:aws:healthlake:{REGION}:{ACCOUNT}:datastore/fhir/{records.id}"
    policy = {"Statement": [{"Effect": "Allow", "Action": "healthlake:ReadResource", "Resource": resource}]}
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    given = cloud.client("sts", ACCOUNT, REGION).assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
    session = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    assert records.call("GET", "Patient/jane", credentials=session).status_code == 200
    refused = records.call("GET", "Patient?family=doe", credentials=session)
    assert aws_error(refused, 403) == "AccessDeniedException"
    assert "healthlake:SearchWithGet" in refused.json()["message"]
    without_token = Credentials(given["AccessKeyId"], given["SecretAccessKey"])
    assert aws_error(records.call(*SIGNED_FOR, credentials=without_token), 403) == "UnrecognizedClientException"
    other_account = root(cloud, OTHER)
    assert aws_error(records.call(*SIGNED_FOR, credentials=other_account), 403) == "AccessDeniedException"


def test_a_datastore_of_ones_own_key_asks_for_that_key(cloud: LocalCloud) -> None:
    """ "kms:GenerateDataKey ... for all write operations", "kms:Decrypt ... to read or search operations"

    https://docs.aws.amazon.com/healthlake/latest/devguide/encryption-at-rest.html
    """
    key = cloud.client("kms", ACCOUNT, REGION).create_key()["KeyMetadata"]["Arn"]
    encrypted = {"KmsEncryptionConfig": {"CmkType": "CUSTOMER_MANAGED_KMS_KEY", "KmsKeyId": key}}
    client = cloud.client("healthlake", ACCOUNT, REGION)
    id_ = client.create_fhir_datastore(DatastoreTypeVersion="R4", SseConfiguration=encrypted)["DatastoreId"]
    store = Datastore(cloud=cloud, id=id_, url=f"{cloud.endpoint}/datastore/{id_}/r4/")
    through = {"StringEqualsIfExists": {"kms:ViaService": f"healthlake.{REGION}.amazonaws.com"}}

    def session(*actions: str) -> Credentials:
        name = f"keyed-{next(_numbers)}"
        arn = role(cloud, name, "lambda.amazonaws.com", principals=(ACCOUNT,), Action=actions, Condition=through)
        given = cloud.client("sts", ACCOUNT, REGION).assume_role(RoleArn=arn, RoleSessionName="session")["Credentials"]
        return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    writes = session("healthlake:*", "kms:DescribeKey", "kms:GenerateDataKey")
    assert store.put(JANE, credentials=writes).status_code == 201
    unread = store.call("GET", "Patient/jane", credentials=writes)
    assert aws_error(unread, 403) == "AccessDeniedException"
    assert f"kms:Decrypt on resource: {key}" in unread.json()["message"]
    reads = session("healthlake:*", "kms:DescribeKey", "kms:Decrypt")
    assert store.call("GET", "Patient/jane", credentials=reads).status_code == 200
    assert "kms:GenerateDataKey" in store.put(JANE, credentials=reads).json()["message"]


def test_an_unknown_datastore_is_not_found(records: Datastore) -> None:
    wrong = records.url.replace(records.id, "0" * 32)
    assert aws_error(records.call("GET", f"{wrong}Patient/jane"), 404) == "ResourceNotFoundException"


def test_a_search_lags_behind_a_write_and_a_read_does_not(cloud: LocalCloud) -> None:
    """https://docs.aws.amazon.com/healthlake/latest/devguide/searching-fhir-consistency-levels.html"""
    store = datastore(cloud)
    store.put(JANE)
    store.faults(lag_seconds=60)
    store.put({**JANE, "id": "john"})
    assert store.call("GET", "Patient/john").status_code == 200
    (page,) = store.pages("Patient")
    assert page.get("entry", []) == []
    store.faults(lag_seconds=0)
    (page,) = store.pages("Patient")
    assert len(page["entry"]) == 2


def statuses(store: Datastore, count: int) -> list[int]:
    return [store.call("GET", "Patient/jane").status_code for _ in range(count)]


def test_throttling_is_seeded(cloud: LocalCloud) -> None:
    """ThrottlingException comes as 400: https://docs.aws.amazon.com/healthlake/latest/APIReference/CommonErrors.html"""
    store = datastore(cloud)
    store.put(JANE)
    store.faults(seed=7, throttled=30, limited=10, failing=20, retry_after=1)
    first = statuses(store, 40)
    counted = store.faults(seed=7, throttled=30, limited=10, failing=20, retry_after=1)["counted"]
    assert counted == {}
    assert statuses(store, 40) == first
    assert {400, 429, 200} < set(first)
    assert {status // 100 for status in first} == {2, 4, 5}
    store.faults(throttled=100, times=2, retry_after=3)
    answer = store.call("GET", "Patient/jane")
    assert aws_error(answer, 400) == "ThrottlingException"
    assert answer.headers["retry-after"] == "3"
    assert statuses(store, 3) == [400, 200, 200]
    assert store.faults(report=True)["counted"] == {"requests": 4, "throttled": 2}
    store.faults(lag_seconds=0)  # as the other tests here find it


def test_a_connection_is_reset_after_the_work_is_done(cloud: LocalCloud) -> None:
    store = datastore(cloud)
    store.faults(resetting=100, times=1, lag_seconds=0)
    with pytest.raises(httpx.ReadError):
        store.put(JANE)
    assert store.call("GET", "Patient/jane").headers["etag"] == 'W/"1"'
    store.faults(truncated=100, times=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        store.call("GET", "Patient/jane")
    store.faults(trickled=100, seconds=0.4, times=1)
    began = time.monotonic()
    assert store.call("GET", "Patient/jane").json()["id"] == "jane"
    assert time.monotonic() - began >= 0.4
    store.faults(lag_seconds=0)  # as the other tests here find it


def test_next_links_lead_astray_on_demand(cloud: LocalCloud) -> None:
    store = datastore(cloud)
    for number in range(3):
        store.put({"resourceType": "Patient", "id": f"p{number}"})
    asked = f"{store.url}Patient?_count=2"

    def following() -> str:
        (link,) = [link for link in store.call("GET", asked).json()["link"] if link["relation"] == "next"]
        url: str = link["url"]
        return url

    store.faults(next_link="same", lag_seconds=0)
    assert following() == asked
    store.faults(next_link="elsewhere", lag_seconds=0)
    assert following().startswith("http://records.elsewhere.invalid/datastore/")
    store.faults(lag_seconds=0)  # as the other tests here find it


@pytest.mark.parametrize("wrong", [{"throtled": 5}, {"throttled": "5"}, {"failing": 60, "slow": 50}, {"seconds": -1}])
def test_faults_that_there_are_not_are_refused(cloud: LocalCloud, wrong: dict[str, Any]) -> None:
    answer = httpx.post(f"{cloud.endpoint}/_penstock/healthlake/faults", json=wrong)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_resources_survive_a_kill(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud()
    store = datastore(cloud)
    store.put(JANE)
    store.put({**JANE, "active": True})
    store.put({**JANE, "id": "john"})
    store.call("DELETE", "Patient/john")
    before = store.call("GET", "Patient/jane").text
    cloud.save()
    kill(cloud)
    again = Datastore(cloud=fresh_cloud(), id=store.id, url=store.url)
    assert again.call("GET", "Patient/jane").text == before
    assert again.call("GET", "Patient/jane/_history/1").json()["meta"]["versionId"] == "1"
    assert again.call("GET", "Patient/john").status_code == 410
    again.faults(lag_seconds=0)
    (page,) = again.pages("Patient?active=true")
    assert len(page["entry"]) == 1


def test_without_the_service_there_is_no_healthlake(fresh_cloud: FreshCloud) -> None:
    cloud = fresh_cloud(without=("healthlake",))
    with pytest.raises(ClientError):
        cloud.client("healthlake", ACCOUNT, REGION).create_fhir_datastore(DatastoreTypeVersion="R4")
    with pytest.raises(ClientError):
        cloud.client("cloudformation", ACCOUNT, REGION).create_stack(StackName="s", TemplateBody=template())
