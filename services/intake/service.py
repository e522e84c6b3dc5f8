"""intake: accepts a payload over HTTPS, answers at once, and works on it afterwards."""

from dataclasses import dataclass
from typing import Any, ClassVar

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from services.intake import overrides
from services.library.api import ApiSettings
from services.library.async_api import AsyncApi
from services.library.backup_plan import BackupPlan
from services.library.contract import Service, ServiceStack
from services.library.environment import Environment
from services.library.function import Function, FunctionSettings
from services.library.guardrails.acknowledgements import Acknowledgement
from services.library.key import Key
from services.library.notification_topic import NotificationTopic
from services.library.steps import Probe, Step
from services.library.table import Table
from services.library.workflow import Workflow

URL = "Url"
SUBMISSION: dict[str, Any] = {
    "type": "object",
    "required": ["patient", "resource"],
    "additionalProperties": False,
    "properties": {
        "patient": {"type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}$"},
        "resource": {
            "type": "object",
            "required": ["resourceType"],
            "properties": {"resourceType": {"type": "string", "pattern": "^[A-Za-z]{1,64}$"}},
        },
    },
}
"""JSON schema of what a client posts: a FHIR resource, and the patient that it is about."""


class IntakeStack(ServiceStack):
    """API -> workflow -> task -> table."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, settings: "Intake") -> None:
        super().__init__(scope, id_, environment=environment, description="Accepts payloads and works on them later")
        self.alarms = NotificationTopic(self, "Alarms", environment=environment)
        self.key = Key(self, "Key", environment=environment, description="Submissions")
        self.submissions = Table(
            self, "Submissions", environment=environment, partition_key="id", encryption_key=self.key
        )
        self.record = Function(
            self,
            "Record",
            environment=environment,
            settings=FunctionSettings(
                handler="services.intake.runtime.handler.handle",
                description="Records a submission",
                variables={"TABLE_NAME": self.submissions.table.table_name},
                reserved_concurrency=settings.recorded_at_once,
            ),
            alarms_to=self.alarms,
        )
        self.submissions.grant(self.record.function, "dynamodb:PutItem")
        if environment.keeps_data:
            BackupPlan(self, "Backups", environment=environment, tables=[self.submissions], alarms_to=self.alarms)
        self.workflow = Workflow(
            self,
            "Workflow",
            environment=environment,
            definition=self._definition(),
            timeout=cdk.Duration.minutes(15),
            alarms_to=self.alarms,
        )
        self.api = AsyncApi(
            self,
            "Api",
            environment=environment,
            workflow=self.workflow,
            settings=ApiSettings(
                rate_limit=settings.rate_limit, burst_limit=settings.burst_limit, body_schema=SUBMISSION
            ),
            alarms_to=self.alarms,
        )
        cdk.CfnOutput(self, URL, value=self.api.url, description="POST a submission here, signed with AWS SigV4")

    def _definition(self) -> sfn.IChainable:
        record = tasks.LambdaInvoke(
            self,
            "RecordSubmission",
            lambda_function=self.record.function,
            payload=sfn.TaskInput.from_object(
                {"id": sfn.JsonPath.string_at("$$.Execution.Name"), "payload": sfn.JsonPath.object_at("$")}
            ),
            payload_response_only=True,
            retry_on_service_exceptions=True,
        )
        record.add_catch(
            sfn.Fail(self, "Rejected", error="InvalidSubmission", cause="The payload does not pass the checks."),
            errors=["InvalidSubmission"],
        )
        return record.next(sfn.Succeed(self, "Recorded"))


@dataclass(frozen=True, kw_only=True)
class Intake(Service[IntakeStack]):
    """Accepts a payload over HTTPS, answers at once, and works on it afterwards."""

    name: ClassVar[str] = "intake"
    owner: ClassVar[str] = "@example/intake"
    handles_personal_data: ClassVar[bool] = True
    acknowledgements: ClassVar[tuple[Acknowledgement, ...]] = overrides.ACKNOWLEDGEMENTS

    rate_limit: int = 100
    """Requests a second, for all callers together."""
    burst_limit: int = 200
    """Requests at once."""
    recorded_at_once: int = 50
    """Submissions that are recorded at the same time, at most; set aside from what the account has."""
    after: tuple[Step, ...] = (Probe(name="RefusesUnsigned", output=URL, method="POST", expect_status=403),)

    def build(self, scope: Construct, environment: Environment) -> IntakeStack:
        """Build the stack with these settings."""
        return IntakeStack(scope, self.name, environment=environment, settings=self)
