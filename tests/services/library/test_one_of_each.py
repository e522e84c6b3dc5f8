"""One of each construct of the library: no guardrail finds anything in it in production, and each does its work."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import httpx
import pytest
from aws_cdk import assertions

from pipeline.accounts.execution_policies import DeploymentAccounts
from pipeline.local.lifecycle import LocalCloud
from services.library.cloudformation.template import Template
from services.library.constructs.key import Key
from services.library.contract import deployment
from services.library.contract.environment import Environment, Tier
from services.library.contract.release import Canary
from services.library.contract.service import ServiceStack
from services.library.guardrails import nag, not_applicable, platform_rules
from services.library.guardrails.decisions import library
from services.library.guardrails.decisions.decision import Cause, decide
from services.library.guardrails.deployment.execution_policy import PolicyStatement
from services.library.guardrails.finding import DeploymentLocation, Finding
from services.library.operations.consumer import DeployedConsumer, choose
from services.library.operations.records import RedriveVerdict
from services.library.operations.redrive import Redrive, RedriveRequest
from services.library.runtime.token_authorizer import principal
from tests.testbed.functions import until
from tests.testbed.issuer import LocalIssuer, published
from tests.testbed.one_of_each import ORIGIN, OTHER_ORIGIN, PARTNER, Given, OneOfEach
from tests.testbed.roles import letting_in, role
from tests.testbed.signed import SignedApi, a_key, problem
from tests.testbed.stacks import HERE, Deployed, deploy

PRODUCTION = Environment(name="prod", tier=Tier.PRODUCTION, account="111111111111", region="eu-west-1")
ACCOUNTS = DeploymentAccounts(tools="9" * 12, keep_data=frozenset({PRODUCTION.account}))
SHIFTED = Canary(percent=10, minutes=7)
ROOT = Path(__file__).parents[3]
CORS = "access-control-allow-origin"


def findings(app: cdk.App, template: Template) -> Iterator[Finding]:
    place = DeploymentLocation(
        keeps_data=True, account=PRODUCTION.account, execution=ACCOUNTS.policy(PRODUCTION.account)
    )
    for _, finding in nag.findings(app):
        (resource,) = (each for each in template.resources() if each.path == finding.path)
        cause = Cause(finding=finding, resource=resource, template=template, place=place)
        if not not_applicable.is_not_applicable(finding, resource, template) and not decide(cause, library.DECISIONS):
            yield finding
    yield from platform_rules.findings(template, place)


Synthesised = tuple[cdk.App, Template]


def synthesise(folder: Path, environment: Environment) -> Synthesised:
    app = cdk.App(outdir=str(folder), context={"aws:cdk:enable-path-metadata": True})
    boundary = cdk.PermissionsBoundary.from_name(deployment.permissions_boundary(environment))
    stage = cdk.Stage(app, "prod", env=environment.to_cdk(), permissions_boundary=boundary)
    stack = OneOfEach(stage, environment=environment, given=Given())
    return app, Template(assertions.Template.from_stack(stack).to_json(), stack.node.path)


@pytest.fixture(scope="module")
def unshifted(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    return synthesise(tmp_path_factory.mktemp("unshifted"), PRODUCTION)


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    return synthesise(tmp_path_factory.mktemp("shifted"), replace(PRODUCTION, traffic=SHIFTED))


@pytest.mark.parametrize("traffic", ["unshifted", "shifted"])
def test_production_leaves_nothing_to_acknowledge_and_every_call_is_allowed(
    traffic: str, request: pytest.FixtureRequest
) -> None:
    """HIPAA.Security among the packs."""
    assert [(each.rule, each.path) for each in findings(*request.getfixturevalue(traffic))] == []


def test_shifting_traffic_adds_resources_and_keeps_the_others(unshifted: Synthesised, shifted: Synthesised) -> None:
    before, after = ({each.logical_id: each for each in side.resources()} for _, side in (unshifted, shifted))
    # A deployment of an API is another one with each change of a method; permissions are the alias's own.
    gone = {before[logical_id].type for logical_id in before.keys() - after.keys()}
    assert gone == {"AWS::ApiGateway::Deployment", "AWS::IAM::ManagedPolicy", "AWS::Lambda::Permission"}
    added = {after[logical_id].type for logical_id in after.keys() - before.keys()} - gone
    assert added == {
        "AWS::CloudWatch::Alarm",
        "AWS::CodeDeploy::Application",
        "AWS::CodeDeploy::DeploymentConfig",
        "AWS::CodeDeploy::DeploymentGroup",
        "AWS::IAM::Role",
        "AWS::Lambda::Alias",
        "AWS::Lambda::Version",
        "AWS::StepFunctions::StateMachineAlias",
        "AWS::StepFunctions::StateMachineVersion",
    }


def test_functions_are_shifted_but_for_consumers_of_streams_and_rotations(shifted: Synthesised) -> None:
    _, template = shifted
    paths = {each.path.removeprefix("prod/Each/") for each in template.resources("AWS::Lambda::Alias")}
    functions = {each.path.removeprefix("prod/Each/") for each in template.resources("AWS::Lambda::Function")}
    unshifted = {each for each in functions if each.replace("/Function/Resource", "/Live/Alias/Resource") not in paths}
    assert {each for each in unshifted if each.endswith("/Function/Resource")} == {
        "Changes/Consumer/Function/Resource",
        "Records/Consumer/Function/Resource",
        "Password/Rotation/Function/Resource",
    }


def not_offered(stage: cdk.Stage, environment: Environment) -> ServiceStack:
    """The example of docs/constructs/not-offered.md in a stack."""
    stack = ServiceStack(stage, "Images", environment=environment, description="What the library does not offer")
    given = {
        "stack": stack,
        "environment": environment,
        "key": Key(stack, "Key", environment=environment, description="Images"),
    }
    page = (ROOT / "docs/constructs/not-offered.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    exec(example, given)  # noqa: S102 - our own page
    return stack


def test_what_is_not_offered_is_what_the_foundation_has_to_allow(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path))
    stack = not_offered(cdk.Stage(app, "prod", env=PRODUCTION.to_cdk()), PRODUCTION)
    template = Template(assertions.Template.from_stack(stack).to_json(), stack.node.path)
    policy = ACCOUNTS.policy(PRODUCTION.account)
    allowing = PolicyStatement(sid="Images", allows=True, actions=("ecr:*",), resources=("*",))
    for execution, refused in ((policy, 13), (replace(policy, statements=(*policy.statements, allowing)), 0)):
        place = DeploymentLocation(keeps_data=True, account=PRODUCTION.account, execution=execution)
        found = "".join(each.text for each in platform_rules.findings(template, place))
        assert found.count(" ecr:") == refused


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notes") / "notes"


@pytest.fixture(scope="module")
def token(cloud: LocalCloud) -> dict[str, str]:
    """The identity token of somebody who signed in with a user pool, the pool's ARN, and who that is."""
    cognito = cloud.client("cognito-idp", HERE.account, HERE.region)
    pool = cognito.create_user_pool(PoolName="people")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="web", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    cognito.admin_create_user(UserPoolId=pool, Username="ann", TemporaryPassword="First-1234")
    cognito.admin_set_user_password(UserPoolId=pool, Username="ann", Password="Other-1234", Permanent=True)
    signed_in = cognito.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=client,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ann", "PASSWORD": "Other-1234"},
    )
    user = cognito.admin_get_user(UserPoolId=pool, Username="ann")
    (sub,) = (each["Value"] for each in user["UserAttributes"] if each["Name"] == "sub")
    arn = f"arn:aws:cognito-idp:{HERE.region}:{HERE.account}:userpool/{pool}"
    return {"arn": arn, "token": signed_in["AuthenticationResult"]["IdToken"], "sub": sub}


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    """Another issuer of tokens than Cognito."""
    with published() as made:
        made.add("first")
        yield made


@pytest.fixture(scope="module")
def each(
    cloud: LocalCloud,
    notes: Path,
    token: dict[str, str],
    issuer: LocalIssuer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Deployed:
    """Each construct, whose functions are called by their aliases."""
    given = Given(notes=str(notes), user_pool=token["arn"], issuer=issuer.url)
    folder, environment = tmp_path_factory.mktemp("each"), replace(HERE, traffic=SHIFTED)
    return deploy(cloud, folder, lambda stage: OneOfEach(stage, environment=environment, given=given))["Each"]


def bearer(token: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **more}


def noted(notes: Path, what: str, count: int = 1, *, seconds: float = 30) -> list[Any]:
    """What functions noted of one kind, once there are so many."""

    def found() -> list[Any]:
        lines = notes.read_text().splitlines() if notes.exists() else []
        return [line["value"] for line in map(json.loads, lines) if line["what"] == what]

    values: list[Any] = until(found, lambda values: len(values) >= count, seconds)
    return values


@pytest.mark.cloud
class TestAtWork:
    def test_each_route_has_its_function_its_parameters_and_its_index(self, each: Deployed) -> None:
        dynamodb = each.client("dynamodb")
        dynamodb.put_item(TableName=each.outputs["Table"], Item={"id": {"S": "7"}, "customer": {"S": "ann"}})
        api = SignedApi(cloud=each.cloud, url=each.outputs["ProxyUrl"])
        answer = api.get("orders/7?page=1")
        assert answer.json() == {"route": "/orders/{id}", "path": {"id": "7"}, "found": 1}
        assert answer.headers[CORS] == ORIGIN
        assert api.get("orders").json()["route"] == "/orders"
        assert "page" in problem(api.get("orders/7"), 400)["detail"]

    def test_a_payload_is_checked_against_all_of_its_schema(self, each: Deployed) -> None:
        """By another implementation of draft 4 than the one that checks the schema itself."""
        api = SignedApi(cloud=each.cloud, url=each.outputs["ProxyUrl"])
        line, order = {"sku": "AB-1", "count": 1}, {"id": "7", "lines": [{"sku": "AB-1"}]}
        fine: list[dict[str, Any]] = [
            order,
            {**order, "note": None, "state": "paid"},
            {**order, "labels": {"x-a": "b"}, "prices": {"eur": 10.25}, "pair": ["a", 1]},
            {**order, "weight": 4.9, "to": {"box": 1}, "any": None, "tags": ["a", "b"], "empty": [1]},
        ]
        wrong: list[object] = [
            {**order, "lines": []},
            {**order, "lines": [line] * 4},
            {**order, "lines": [{"sku": "ab-1"}]},
            {**order, "lines": [{**line, "count": 0}]},
            {**order, "note": None},
            {**order, "labels": {"y": "b"}},
            {**order, "prices": {"eur": "10"}},
            {**order, "pair": ["a", 1, 2]},
            {**order, "state": "lost"},
            {**order, "weight": 5},
            {**order, "to": {"box": 1, "street": 2}},
            {**order, "tags": ["a", "a"]},
            {**order, "until": "2026-01-01T00:00:00Z"},
            {**order, "more": 1},
            [order],
        ]
        assert [api.post(payload, path="orders").status_code for payload in fine] == [202] * len(fine)
        assert [api.post(payload, path="orders").status_code for payload in wrong] == [400] * len(wrong)

    @pytest.mark.parametrize(
        ("origin", "named"),
        [(ORIGIN, ORIGIN), (OTHER_ORIGIN, OTHER_ORIGIN), (OTHER_ORIGIN.replace(".", "-"), ORIGIN), ("null", ORIGIN)],
    )
    def test_a_browser_may_ask_for_pages_of_each_origin_and_of_no_other(
        self, each: Deployed, issuer: LocalIssuer, origin: str, named: str
    ) -> None:
        """By a mock, by a function that makes its whole response, and by a mapping."""
        called = SignedApi(cloud=each.cloud, url=each.outputs["CalledUrl"])
        proxy = SignedApi(cloud=each.cloud, url=each.outputs["ProxyUrl"])
        url = str(proxy.get("orders").request.url)
        asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        allowed = httpx.options(url, headers=asked, trust_env=False)
        assert allowed.status_code == 204
        assert "Authorization" in allowed.headers["access-control-allow-headers"]
        answers = [allowed, proxy.get("orders", headers={"Origin": origin})]
        answers.append(called.post({}, headers=bearer(issuer.token("first"), origin=origin), signed=False))
        assert [(answer.headers[CORS], answer.headers["vary"]) for answer in answers] == [(named, "Origin")] * 3

    def test_any_page_reads_what_api_gateway_refused(self, each: Deployed) -> None:
        url = str(SignedApi(cloud=each.cloud, url=each.outputs["ProxyUrl"]).get("orders").request.url)
        refused = httpx.get(url, headers={"Origin": OTHER_ORIGIN}, trust_env=False)
        assert (refused.status_code, refused.headers[CORS]) == (403, "*")

    def test_a_token_is_verified_and_names_the_request(self, each: Deployed, token: dict[str, str]) -> None:
        api = SignedApi(cloud=each.cloud, url=each.outputs["AsyncUrl"])
        with_token = {"Authorization": token["token"]}
        answer = api.post({"a": 1}, headers=with_token, signed=False, key=(key := a_key()))
        assert (answer.status_code, answer.headers[CORS]) == (202, ORIGIN), answer.text
        assert answer.json() == {"id": f"{token['sub'].replace('-', '')}-{key}"}
        head, claims, signature = token["token"].split(".")
        forged = {"Authorization": f"{head}.{claims}.{signature[::-1]}"}
        assert api.post({"a": 1}, headers=forged, signed=False).headers[CORS] == "*"
        problem(api.post({"a": 1}, headers=forged, signed=False), 401)
        problem(api.post({"a": 1}, signed=False), 401)

    def test_a_function_in_a_network_is_called_by_whom_an_issuer_names(
        self, each: Deployed, issuer: LocalIssuer
    ) -> None:
        api = SignedApi(cloud=each.cloud, url=each.outputs["CalledUrl"])
        answer = api.post({}, headers=bearer(issuer.token("first")), signed=False)
        assert answer.json()["id"].startswith(f"{principal(issuer.url, 'auth0|ann')}_"), answer.text
        refused = [issuer.token("first", **claims) for claims in ({"exp": 1}, {"aud": "x"}, {"iss": "x"})]
        for headers in (*map(bearer, refused), bearer("none"), {}):
            problem(api.post({}, headers=headers, signed=False), 401)

    def test_an_object_triggers(self, each: Deployed, notes: Path) -> None:
        s3 = each.client("s3")
        for key in ("out/a", "in/b"):
            s3.put_object(Bucket=each.outputs["Bucket"], Key=key, Body=b"content")
        (event,) = noted(notes, "object")
        assert (event["detail-type"], event["detail"]["object"]["key"]) == ("Object Created", "in/b")

    def test_changes_of_a_table_are_consumed(self, each: Deployed, notes: Path) -> None:
        item = {"id": {"S": "changed"}, "customer": {"S": "bob"}}
        each.client("dynamodb").put_item(TableName=each.outputs["Table"], Item=item)
        until(
            lambda: noted(notes, "change"),
            lambda changes: any(each["keys"] == {"id": {"S": "changed"}} for each in changes),
        )
        (change,) = (each for each in noted(notes, "change") if each["keys"]["id"]["S"] == "changed")
        assert (change["event"], change["new"]) == ("INSERT", item)

    def test_a_change_that_was_quarantined_is_mended_and_sent_again(
        self, each: Deployed, notes: Path, tmp_path: Path
    ) -> None:
        item = {"id": {"S": "pill"}, "customer": {"S": "eve"}, "poison": {"BOOL": True}}
        for put in ({"id": {"S": "fine"}}, item):
            each.client("dynamodb").put_item(TableName=each.outputs["Table"], Item=put)
        consumer = choose(each.outputs, named="RedriveChanges", stack=each.name)
        assert isinstance(consumer, DeployedConsumer)
        redrive = Redrive(consumer, client=each.client)
        (pill,) = until(redrive.quarantined, bool, 30)
        assert [line.verdict for line in redrive.run(RedriveRequest(applies=True))] == [RedriveVerdict.QUARANTINED]
        (file,) = redrive.save(tmp_path)
        del item["poison"]
        file.write_text(json.dumps({"event": "INSERT", "keys": {"id": item["id"]}, "new": item}))
        mended = RedriveRequest(mended={file.name: file.read_bytes()})
        assert [line.verdict for line in redrive.run(mended)] == [RedriveVerdict.WOULD_SEND]
        for verdict in (RedriveVerdict.SENT, RedriveVerdict.ALREADY):
            assert [line.verdict for line in redrive.run(replace(mended, applies=True))] == [verdict]
        assert [change["new"] for change in noted(notes, "change") if change["keys"] == {"id": item["id"]}] == [item]

        # What Lambda gave up without its payload is read from the table's stream, as long as that has it.
        streams, since = each.client("dynamodbstreams"), datetime.now(UTC) - timedelta(minutes=5)
        shard = streams.describe_stream(StreamArn=consumer.stream)["StreamDescription"]["Shards"][0]["ShardId"]
        for name, place in (("there", shard), ("gone", "shardId-00000000000000000001-00000000")):
            batch = {"shardId": place, "batchSize": 1, "endSequenceNumber": pill.record.sequence}
            body = json.dumps({"DDBStreamBatchInfo": {**batch, "startSequenceNumber": pill.record.sequence}})
            each.client("s3").put_object(Bucket=consumer.failures, Key=f"aws/lambda/{name}", Body=body.encode())
        assert sorted(line.verdict for line in redrive.run(RedriveRequest())) == ["ALREADY", "EXPIRED"]
        assert RedriveVerdict.WOULD_SEND in {line.verdict for line in redrive.run(RedriveRequest(since=since))}

    def test_records_of_a_stream_are_consumed(self, each: Deployed, notes: Path) -> None:
        each.client("kinesis").put_record(StreamName=each.outputs["StreamName"], Data=b'{"n": 1}', PartitionKey="k")
        assert noted(notes, "record") == [{"n": 1}]

    def test_messages_of_a_group_keep_their_order_behind_one_that_failed(self, each: Deployed, notes: Path) -> None:
        for number, (group, fails) in enumerate([("a", True), ("a", False), ("b", False)]):
            each.client("sqs").send_message(
                QueueUrl=each.outputs["FifoUrl"],
                MessageBody=json.dumps({"n": number, "fails": fails}),
                MessageGroupId=group,
                MessageDeduplicationId=str(number),
            )
        found = noted(notes, "fifo", 3, seconds=60)
        assert [each["n"] for each in found if each["group"] == "a"] == [0, 1]
        assert [each["n"] for each in found if each["group"] == "b"] == [2]

    def test_a_topic_delivers_what_a_queue_subscribed_to(self, each: Deployed, notes: Path) -> None:
        for kind in ("lost", "placed"):
            each.client("sns").publish(
                TopicArn=each.outputs["Topic"],
                Message=json.dumps({"kind": kind}),
                MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}},
            )
        assert noted(notes, "mail") == [{"group": "", "kind": "placed"}]

    def test_a_secret_is_rotated_and_read_when_it_was_tried(self, each: Deployed, notes: Path) -> None:
        secrets = each.client("secretsmanager")

        def stages() -> list[str]:
            versions = secrets.describe_secret(SecretId=each.outputs["Secret"])["VersionIdsToStages"]
            return [stage for names in versions.values() for stage in names]

        until(stages, lambda found: "AWSPREVIOUS" in found)
        before = secrets.get_secret_value(SecretId=each.outputs["Secret"])["SecretString"]
        secrets.rotate_secret(SecretId=each.outputs["Secret"])
        after = until(
            lambda: secrets.get_secret_value(SecretId=each.outputs["Secret"])["SecretString"],
            lambda value: value != before,
        )
        assert noted(notes, "take", 2) == [[40, True], [40, True]]
        assert len(after) == 40

    def test_events_go_to_and_come_from_another_account(self, each: Deployed, notes: Path) -> None:
        partner = each.cloud.client("events", PARTNER, HERE.region)
        queues = each.cloud.client("sqs", PARTNER, HERE.region)
        partner.create_event_bus(Name="partner")
        partner.put_permission(
            EventBusName="partner", StatementId="Us", Action="events:PutEvents", Principal=HERE.account
        )
        arn = f"arn:aws:sqs:{HERE.region}:{PARTNER}:inbox"
        policy = letting_in("events.amazonaws.com", action="sqs:SendMessage", resource=arn)
        url = queues.create_queue(QueueName="inbox", Attributes={"Policy": policy})["QueueUrl"]
        partner.put_rule(EventBusName="partner", Name="all", EventPattern='{"source": ["orders"]}')
        partner.put_targets(EventBusName="partner", Rule="all", Targets=[{"Id": "inbox", "Arn": arn}])
        entry = {
            "EventBusName": each.outputs["Bus"],
            "Source": "orders",
            "DetailType": "OrderPlaced",
            "Detail": '{"n": 1}',
        }
        assert each.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

        def received() -> list[Any]:
            def look() -> list[Any]:
                found = queues.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
                for message in found:
                    queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                return list(found)

            messages: list[Any] = until(look, bool)
            return messages

        (message,) = received()
        assert json.loads(message["Body"])["detail"] == {"n": 1}
        partner.put_rule(EventBusName="partner", Name="ours", EventPattern='{"source": ["partner", "others"]}')
        caller = role(each.cloud, "forwarder", "events.amazonaws.com", account=PARTNER)
        target = {"Id": "ours", "Arn": each.outputs["Bus"], "RoleArn": caller, "DeadLetterConfig": {"Arn": arn}}
        partner.put_targets(EventBusName="partner", Rule="ours", Targets=[target])
        for source in ("others", "partner"):
            paid = {"EventBusName": "partner", "Source": source, "DetailType": "Paid", "Detail": '{"n": 2}'}
            assert partner.put_events(Entries=[paid])["FailedEntryCount"] == 0
        (refused,) = received()
        assert json.loads(refused["Body"])["source"] == "others"
        (event,) = noted(notes, "paid")
        assert (event["account"], event["detail"]) == (PARTNER, {"n": 2})

    def test_what_is_not_offered_is_deployed_too(self, each: Deployed, tmp_path: Path) -> None:
        images = deploy(each.cloud, tmp_path, lambda stage: not_offered(stage, HERE))["Images"]
        assert len(images.ids("AWS::ECR::Repository")) == 1

    @pytest.mark.usefixtures("each")
    def test_a_schedule_fires(self, notes: Path) -> None:
        assert noted(notes, "schedule", seconds=70)[0] == {"task": "look"}
