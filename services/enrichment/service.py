"""enrichment: asks a partner what the events about patients leave out, and keeps it."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import aws_cdk as cdk
from aws_cdk import aws_events as events
from constructs import Construct

from services.enrichment.workflow import Steps
from services.library.constructs.backup_plan import BackupPlan
from services.library.constructs.dead_letter_queue import DeadLetterQueue
from services.library.constructs.event_subscriber import EventSubscriber, EventSubscription
from services.library.constructs.function import Function, FunctionSettings, ReservedConcurrency
from services.library.constructs.key import TO_SEND, Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.table import Table
from services.library.constructs.workflow import Workflow
from services.library.contract.constraints import Between, Matches
from services.library.contract.environment import Environment
from services.library.contract.published import Published
from services.library.contract.service import Service, ServiceStack

EVENT_BUS_NAME = Published("ingest/event-bus-name")

SUBSCRIPTION = EventSubscription(source="penstock.ingest", detail_types=("PatientChanged",))
TIMEOUT = cdk.Duration.hours(1)
"""More than all tasks, retries and pauses of an execution take together: after it nobody holds the change any more."""
FUNCTION_SECONDS = 30
CIRCUIT_OPEN = cdk.Duration.seconds(30)
"""How long the circuit breaker of the partner stays open; the workflow waits for longer."""


class EnrichmentStack(ServiceStack):
    """Bus -> workflow -> partner -> table."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, settings: "Enrichment") -> None:
        super().__init__(
            scope, id_, environment=environment, description="Asks a partner what the events about patients leave out"
        )
        self.alarms = NotificationTopic(self, "Alarms", environment=environment)
        self.key = Key(self, "Key", environment=environment, description="Enrichments")
        self.enrichments = Table(
            self, "Enrichments", environment=environment, partition_key="id", encryption_key=self.key
        )
        self.dead_letters = DeadLetterQueue(self, "DeadLetters", encryption_key=self.key, alarms_to=self.alarms)
        if environment.keeps_data:
            BackupPlan(self, "Backups", environment=environment, tables=[self.enrichments], alarms_to=self.alarms)
        self.enrich = self._function(
            environment,
            settings,
            "Enrich",
            "handler",
            "Asks the partner about a patient and keeps what it says",
            {
                "PARTNER_URL": settings.partner,
                "PARTNER_SEES_TRACES": str(settings.partner_sees_traces).lower(),
                "PARTNER_ATTEMPTS": str(settings.attempts),
                "PARTNER_SECONDS": str(settings.deadline_seconds),
                "PARTNER_LEFT_ALONE_SECONDS": str(int(CIRCUIT_OPEN.to_seconds())),
            },
        )
        self.compensate = self._function(
            environment, settings, "Compensate", "compensate", "Undoes what was done for a change", {}
        )
        self.workflow = self._workflow(environment, settings)
        self.subscriber = EventSubscriber(
            self,
            "Subscriber",
            bus=events.EventBus.from_event_bus_name(self, "Bus", EVENT_BUS_NAME.read(self, environment)),
            subscription=SUBSCRIPTION,
            target=self.workflow,
            encryption_key=self.key,
            alarms_to=self.alarms,
        )

    def _workflow(self, environment: Environment, settings: "Enrichment") -> Workflow:
        steps = Steps(
            self,
            "Steps",
            enrich=self.enrich,
            compensate=self.compensate,
            dead_letters=self.dead_letters,
            retries=settings.retries,
            circuit_open=CIRCUIT_OPEN,
        )
        workflow = Workflow(
            self,
            "Workflow",
            environment=environment,
            definition=steps.definition,
            timeout=TIMEOUT,
            alarms_to=self.alarms,
        )
        self.key.grant_through("sqs", workflow.state_machine, *TO_SEND)
        return workflow

    def _function(
        self,
        environment: Environment,
        settings: "Enrichment",
        id_: str,
        module: str,
        description: str,
        variables: dict[str, str],
    ) -> Function:
        function = Function(
            self,
            id_,
            environment=environment,
            settings=FunctionSettings(
                handler=f"services.enrichment.runtime.{module}.handle",
                description=description,
                timeout=cdk.Duration.seconds(FUNCTION_SECONDS),
                variables={
                    "ENRICHMENTS_TABLE_NAME": self.enrichments.name,
                    "HOLD_SECONDS": str(int(TIMEOUT.to_seconds())),
                    **variables,
                },
                reserved_concurrency=settings.reserved_concurrency,
            ),
            alarms_to=self.alarms,
        )
        self.enrichments.grant(function.function, "dynamodb:GetItem", "dynamodb:UpdateItem")
        return function


@dataclass(frozen=True, kw_only=True)
class Enrichment(Service[EnrichmentStack]):
    """Asks a partner what the events about patients leave out, and keeps it."""

    name: ClassVar[str] = "enrichment"
    owner: ClassVar[str] = "@example/enrichment"
    handles_personal_data: ClassVar[bool] = True
    needs: ClassVar[tuple[Published, ...]] = (EVENT_BUS_NAME,)

    partner: Annotated[
        str, Matches(r"https://[a-z0-9][a-z0-9.-]{0,250}(:\d{1,5})?", "https://host, with a port if it is not 443")
    ] = "https://partner.example.com"
    """Where the partner's API is."""
    partner_sees_traces: bool = True
    """Whether the partner is told, in headers, which trace a call belongs to."""
    attempts: Annotated[int, Between(1, 5, "what fails more often fails for longer than a function waits")] = 3
    """To ask, within one call of the function and its retry budget."""
    deadline_seconds: Annotated[int, Between(1, 20, "the function ends after 30 seconds")] = 10
    """For all attempts together."""
    retries: Annotated[int, Between(0, 10, "the workflow ends after an hour")] = 4
    """Of a task that failed, with pauses from seconds to a minute; after them the change is compensated. What was not
    begun, because the function was throttled or the partner's circuit is open, is tried again besides."""
    reserved_concurrency: ReservedConcurrency = 10
    """Executions of each of the two functions at the same time, at most: the load on the partner. Always possible, and
    so taken from what the account has, twice."""

    def build(self, scope: Construct, environment: Environment) -> EnrichmentStack:
        """Build the stack with these settings."""
        return EnrichmentStack(scope, self.name, environment=environment, settings=self)
