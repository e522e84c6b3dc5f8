"""records: reads and searches patients' FHIR resources, and owns the datastore that they are in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from services.library.constructs.api import ApiSettings, BurstLimit, RateLimit
from services.library.constructs.fhir_datastore import REGIONS, FhirDatastore
from services.library.constructs.function import Function, FunctionSettings, ReservedConcurrency
from services.library.constructs.key import Key
from services.library.constructs.notification_topic import NotificationTopic
from services.library.constructs.proxy_api import ProxyApi, Route
from services.library.contract.constraints import InvalidSetting
from services.library.contract.environment import Environment
from services.library.contract.published import Published
from services.library.contract.service import Service, ServiceStack
from services.library.contract.steps import Probe, Step

URL = "Url"
DATASTORE_ENDPOINT = Published("records/datastore-endpoint")
DATASTORE_ARN = Published("records/datastore-arn")
DATASTORE_KEY_ARN = Published("records/datastore-key-arn")
ROUTES = (("GET", "/{type}/{id}"), ("POST", "/{type}/_search"))
"""A search is never a GET: names and birth dates would stand in a URL, which is what everybody logs."""


class RecordsStack(ServiceStack):
    """API -> function -> datastore."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, settings: "Records") -> None:
        super().__init__(scope, id_, environment=environment, description="Reads and searches FHIR resources")
        self.alarms = NotificationTopic(self, "Alarms", environment=environment)
        self.key = Key(self, "Key", environment=environment, description="FHIR resources")
        self.store = FhirDatastore(self, "Store", environment=environment, encryption_key=self.key)
        self.links = Key(self, "Links", environment=environment, description="Links to next pages")
        self.query = Function(
            self,
            "Query",
            environment=environment,
            settings=FunctionSettings(
                handler="services.records.runtime.handler.handle",
                description="Reads and searches FHIR resources",
                memory_mib=1_769,  # a whole processor: a page of 100 resources is checked in the caller's time
                timeout=cdk.Duration.seconds(20),
                reserved_concurrency=settings.reserved_concurrency,
                variables={
                    "DATASTORE_ENDPOINT": self.store.endpoint,
                    "DATASTORE_REGION": environment.region,
                    "LINKS_KEY_ARN": self.links.key.key_arn,
                },
            ),
            alarms_to=self.alarms,
        )
        self.store.grant_query(self.query.function)
        iam.Grant.add_to_principal(
            grantee=self.query.function, actions=["kms:Encrypt", "kms:Decrypt"], resource_arns=[self.links.key.key_arn]
        )
        self.api = ProxyApi(
            self,
            "Api",
            environment=environment,
            routes=[Route(method=method, path=path, function=self.query) for method, path in ROUTES],
            settings=ApiSettings(rate_limit=settings.rate_limit, burst_limit=settings.burst_limit),
            alarms_to=self.alarms,
            description="Reads and searches FHIR resources",
        )
        for published, value in (
            (DATASTORE_ENDPOINT, self.store.endpoint),
            (DATASTORE_ARN, self.store.arn),
            (DATASTORE_KEY_ARN, self.key.key.key_arn),
        ):
            published.offer(self, environment, value)
        cdk.CfnOutput(self, URL, value=self.api.url, description="GET {type}/{id}, POST {type}/_search; signed")


@dataclass(frozen=True, kw_only=True)
class Records(Service[RecordsStack]):
    """Reads and searches patients' FHIR resources. Its datastore bills by the hour, used or not."""

    name: ClassVar[str] = "records"
    owner: ClassVar[str] = "@example/records"
    handles_personal_data: ClassVar[bool] = True
    offers: ClassVar[tuple[Published, ...]] = (DATASTORE_ENDPOINT, DATASTORE_ARN, DATASTORE_KEY_ARN)

    rate_limit: RateLimit = 50
    """Requests a second, for all callers together. HealthLake lets an account read and search about as often."""
    burst_limit: BurstLimit = 100
    """Requests at once."""
    reserved_concurrency: ReservedConcurrency = 20
    """Requests at the same time, at most, and always possible: taken from what the account has."""
    after: tuple[Step, ...] = (
        Probe(name="RefusesUnsigned", output=URL, path="/Patient/_search", method="POST", expect_status=403),
    )

    def validate(self, environment: Environment) -> Iterator[InvalidSetting]:
        """Yield a region that HealthLake is not in."""
        if environment.region not in REGIONS:
            yield InvalidSetting(
                field="environment.region",
                given=repr(environment.region),
                allowed=f"for Records() one of {', '.join(sorted(REGIONS))} (HealthLake is nowhere else), or list no"
                " Records() in this stage",
            )

    def build(self, scope: Construct, environment: Environment) -> RecordsStack:
        """Build the stack with these settings."""
        return RecordsStack(scope, self.name, environment=environment, settings=self)
