"""intake: accepts a payload over HTTPS, answers at once, and works on it afterwards."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from services.intake.acknowledgements import ACKNOWLEDGEMENTS
from services.intake.workflow import Steps
from services.library.constructs.api import Api, ApiSettings, BurstLimit, RateLimit
from services.library.constructs.async_api import AsyncApi
from services.library.constructs.backup_plan import BackupPlan
from services.library.constructs.dead_letter_queue import DeadLetterQueue
from services.library.constructs.function import Function, FunctionSettings, ReservedConcurrency
from services.library.constructs.function_api import function_integration
from services.library.constructs.key import TO_SEND, TO_WRITE, Key
from services.library.constructs.mappings.async_api import PayloadForm
from services.library.constructs.mappings.function_api import response_statuses
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.sync_api import SyncApi
from services.library.constructs.table import Table
from services.library.constructs.workflow import Workflow, WorkflowKind
from services.library.contract.acknowledgement import Acknowledgement
from services.library.contract.environment import Environment
from services.library.contract.published import Published
from services.library.contract.service import Service, ServiceStack
from services.library.contract.steps import Probe, Step

URL = "Url"
STREAM_NAME = Published("ingest/stream-name")
STREAM_ARN = Published("ingest/stream-arn")
STREAM_KEY_ARN = Published("ingest/stream-key-arn")
CLAIMS_BUCKET_NAME = Published("ingest/claims-bucket-name")
CLAIMS_KEY_ARN = Published("ingest/claims-key-arn")

PAYLOAD_LIMIT_BYTES = 190_464
"""In base64 253,952. Beside it, what a state is given holds its id, and once it failed why; all of it may be 256 KB."""
CLAIM_LIMIT_BYTES = 64 * 1024 * 1024
"""What ingest's functions have the memory for."""
NOTHING_MORE = "(?![\\s\\S])"
"""The end of a pattern in every dialect: `$` matches before a trailing newline in some."""
FHIR_ID = {"type": "string", "maxLength": 64, "pattern": f"^[A-Za-z0-9.-]*[A-Za-z0-9-][A-Za-z0-9.-]*{NOTHING_MORE}"}
"""Not of dots alone: in a path those would lead somewhere else."""
RESOURCE: dict[str, Any] = {
    "type": "object",
    "required": ["resourceType"],
    "properties": {
        "resourceType": {"type": "string", "pattern": f"^[A-Z][A-Za-z]{{1,63}}{NOTHING_MORE}"},
        "id": FHIR_ID,
    },
    "not": {
        "required": ["type"],
        "properties": {"resourceType": {"enum": ["Bundle"]}, "type": {"enum": ["transaction", "batch"]}},
    },
}
"""A Bundle of these types asks for its entries to be worked on, which nobody here does."""
REFUSED = (
    "The payload is not {patient, resource} in valid JSON, or the resource's type or an id is not one of FHIR's."
    " Bundles of type transaction and batch are not taken: submit each entry."
)
SUBMISSION: dict[str, Any] = {
    "type": "object",
    "required": ["patient", "resource"],
    "additionalProperties": False,
    "properties": {"patient": FHIR_ID, "resource": RESOURCE},
}
"""JSON schema of what a client posts: a FHIR resource, and the patient that it is about."""
CLAIMABLE_SUBMISSION: dict[str, Any] = {
    "type": "object",
    "required": ["patient"],
    "additionalProperties": False,
    "minProperties": 2,
    "maxProperties": 2,
    "properties": {
        "patient": FHIR_ID,
        "resource": RESOURCE,
        "claim": {"type": "string", "pattern": f"^claims/[A-Za-z0-9_-]{{1,80}}{NOTHING_MORE}"},
    },
}
"""What is posted: the submission itself, or where it was uploaded to."""
CLAIM: dict[str, Any] = {
    "type": "object",
    "required": ["bytes", "sha256"],
    "additionalProperties": False,
    "properties": {
        "bytes": {"type": "integer", "minimum": 1, "maximum": CLAIM_LIMIT_BYTES},
        "sha256": {"type": "string", "pattern": f"^[A-Za-z0-9+/]{{43}}={NOTHING_MORE}"},
    },
}
"""JSON schema of what a client says of a payload before it uploads it."""


class Variant(Enum):
    """How a submission is answered and how often it is worked on."""

    STANDARD = "STANDARD"
    """At once, and worked on under its name exactly once; retries with its key are the same submission."""
    EXPRESS = "EXPRESS"
    """At once, cheaper, and at least once: a retry with the same key is worked on again, under the same id."""
    SYNCHRONOUS = "SYNCHRONOUS"
    """Once it was handed over; at least once as well."""


class IntakeStack(ServiceStack):
    """API -> workflow -> table -> stream."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, settings: "Intake") -> None:
        super().__init__(scope, id_, environment=environment, description="Accepts payloads and works on them later")
        self.alarms = NotificationTopic(self, "Alarms", environment=environment)
        self.key = Key(self, "Key", environment=environment, description="Submissions")
        self.submissions = Table(
            self, "Submissions", environment=environment, partition_key="id", encryption_key=self.key
        )
        self.dead_letters = DeadLetterQueue(self, "DeadLetters", encryption_key=self.key, alarms_to=self.alarms)
        if environment.keeps_data:
            BackupPlan(self, "Backups", environment=environment, tables=[self.submissions], alarms_to=self.alarms)
        self.workflow = self._workflow(environment, settings)
        self.api = self._api(environment, settings)
        cdk.CfnOutput(self, URL, value=self.api.url, description="POST a submission here, signed with AWS SigV4")

    def _workflow(self, environment: Environment, settings: "Intake") -> Workflow:
        is_asynchronous = settings.variant is not Variant.SYNCHRONOUS
        self.record = self._function(
            environment,
            settings,
            "Record",
            "handler",
            "Records a submission",
            {"TABLE_NAME": self.submissions.name},
        )
        self.submissions.grant(self.record.function, "dynamodb:GetItem", "dynamodb:PutItem")
        self.hand_over = self._function(
            environment,
            settings,
            "HandOver",
            "hand_over",
            "Hands a submission over",
            {"STREAM_NAME": STREAM_NAME.read(self, environment)},
        )
        _allow(self.hand_over, "kinesis:PutRecord", STREAM_ARN.read(self, environment))
        _write_through(self.hand_over, "kinesis", STREAM_KEY_ARN.read(self, environment))
        steps = Steps(
            self,
            "Steps",
            record=self.record,
            hand_over=self.hand_over,
            dead_letters=self.dead_letters,
            attempts=10 if is_asynchronous else 2,
            has_history=settings.variant is Variant.STANDARD,
        )
        workflow = Workflow(
            self,
            "Workflow",
            environment=environment,
            definition=steps.definition,
            timeout={
                Variant.STANDARD: cdk.Duration.minutes(15),
                Variant.EXPRESS: cdk.Duration.minutes(5),
                Variant.SYNCHRONOUS: cdk.Duration.seconds(28),
            }[settings.variant],
            alarms_to=self.alarms,
            kind=WorkflowKind.STANDARD if settings.variant is Variant.STANDARD else WorkflowKind.EXPRESS,
        )
        self.key.grant_through("sqs", workflow.state_machine, *TO_SEND)
        return workflow

    def _function(
        self,
        environment: Environment,
        settings: "Intake",
        id_: str,
        module: str,
        description: str,
        variables: dict[str, str],
    ) -> Function:
        return Function(
            self,
            id_,
            environment=environment,
            settings=FunctionSettings(
                handler=f"services.intake.runtime.{module}.handle",
                description=description,
                variables=variables,
                reserved_concurrency=settings.reserved_concurrency,
            ),
            alarms_to=self.alarms,
        )

    def _api(self, environment: Environment, settings: "Intake") -> Api:
        kind = SyncApi if settings.variant is Variant.SYNCHRONOUS else AsyncApi
        api = kind(
            self,
            "Api",
            environment=environment,
            workflow=self.workflow,
            settings=ApiSettings(
                rate_limit=settings.rate_limit,
                burst_limit=settings.burst_limit,
                body_refusal=REFUSED,
                body_schema=CLAIMABLE_SUBMISSION if settings.claim_check else SUBMISSION,
                payload_limit_bytes=PAYLOAD_LIMIT_BYTES,
            ),
            alarms_to=self.alarms,
            payload_form=PayloadForm.TEXT,
        )
        if settings.claim_check:
            self._hand_out_claims(api, environment, settings)
        return api

    def _hand_out_claims(self, api: Api, environment: Environment, settings: "Intake") -> None:
        bucket = CLAIMS_BUCKET_NAME.read(self, environment)
        claims = self._function(
            environment,
            settings,
            "Claims",
            "claims",
            "Hands out uploads for payloads over the limit",
            {"CLAIMS_BUCKET_NAME": bucket},
        )
        objects = self.format_arn(service="s3", account="", region="", resource=bucket, resource_name="claims/*")
        _allow(claims, "s3:PutObject", objects)
        _write_through(claims, "s3", CLAIMS_KEY_ARN.read(self, environment))
        api.post(
            function_integration(claims, api.settings, status=201),
            statuses=response_statuses(status=201),
            at=api.rest_api.root.add_resource("claims"),
            models=api.model("Claim", CLAIM),
        )


def _allow(function: Function, action: str, resource: str) -> None:
    function.function.add_to_role_policy(iam.PolicyStatement(actions=[action], resources=[resource]))


def _write_through(function: Function, service: str, key_arn: str) -> None:
    """Let a function use another service's key for what it writes to an AWS service, and for nothing else."""
    via = f"{service}.{cdk.Stack.of(function).region}.amazonaws.com"
    function.function.add_to_role_policy(
        iam.PolicyStatement(
            actions=list(TO_WRITE), resources=[key_arn], conditions={"StringEquals": {"kms:ViaService": via}}
        )
    )


@dataclass(frozen=True, kw_only=True)
class Intake(Service[IntakeStack]):
    """Accepts a payload over HTTPS, answers at once, and works on it afterwards."""

    name: ClassVar[str] = "intake"
    owner: ClassVar[str] = "@example/intake"
    handles_personal_data: ClassVar[bool] = True
    needs: ClassVar[tuple[Published, ...]] = (
        STREAM_NAME,
        STREAM_ARN,
        STREAM_KEY_ARN,
        CLAIMS_BUCKET_NAME,
        CLAIMS_KEY_ARN,
    )
    acknowledgements: ClassVar[tuple[Acknowledgement, ...]] = ACKNOWLEDGEMENTS

    variant: Variant = Variant.STANDARD
    """STANDARD unless the price of a million submissions matters, or a client has to wait for the outcome."""
    claim_check: bool = False
    """Whether a payload over the limit may be uploaded first and then submitted by its claim."""
    rate_limit: RateLimit = 100
    """Requests a second, for all callers together."""
    burst_limit: BurstLimit = 200
    """Requests at once."""
    reserved_concurrency: ReservedConcurrency = 50
    """Executions of each function at the same time, at most, and always possible: taken from what the account has."""
    after: tuple[Step, ...] = (Probe(name="RefusesUnsigned", output=URL, method="POST", expect_status=403),)

    def build(self, scope: Construct, environment: Environment) -> IntakeStack:
        """Build the stack with these settings."""
        return IntakeStack(scope, self.name, environment=environment, settings=self)
